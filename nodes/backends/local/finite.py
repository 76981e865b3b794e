"""A network whose numbers are none, as of half a file or at too low a precision: which one, and what may help."""

from typing import Any

import torch

from ...errors import RenderError
from .files import CLIP, MODEL, VAE
from .installed import Chosen
from .loading import Loaded

_NAMES = {MODEL: "The network", CLIP: "The text encoder", VAE: "The VAE"}
_FULL_PRECISION = {MODEL: "--fp32-unet", CLIP: "--fp32-text-enc", VAE: "--fp32-vae"}


def checked(made: torch.Tensor, kind: str, chosen: Chosen, loaded: Loaded) -> torch.Tensor:
    """``made`` by the part of that kind (MODEL, CLIP or VAE). Raises RenderError when not all of it is numbers."""
    if bool(torch.isfinite(made).all()):
        return made
    dtype = _COMPUTES_IN[kind](getattr(loaded, kind))
    files = {MODEL: chosen.model, CLIP: chosen.clip, VAE: chosen.vae}[kind]
    source = "of " + " + ".join(file.name for file in files) if files else "that is connected"
    broken = "the file is damaged, incomplete or not what its name says: get it again, or another one"
    if not files:
        broken = "its file or what was done to it is at fault: connect another one"
    remedy = broken[0].upper() + broken[1:]
    if dtype is not torch.float32:
        remedy = f"Start ComfyUI with {_FULL_PRECISION[kind]} to run it in float32; if that is no better, {broken}"
    precision = str(dtype).removeprefix("torch.")
    raise RenderError(
        f"{_NAMES[kind]} {source} made values that are not numbers, in {precision}; nothing was changed. {remedy}. "
        "Another seed does not help."
    )


def _network_dtype(model: Any) -> torch.dtype:
    # Weights may be stored in one precision and computed with in another.
    return getattr(model.model, "manual_cast_dtype", None) or model.model_dtype()


def _text_dtype(clip: Any) -> torch.dtype:
    return next(clip.cond_stage_model.parameters()).dtype


def _vae_dtype(vae: Any) -> torch.dtype:
    return vae.vae_dtype


_COMPUTES_IN = {MODEL: _network_dtype, CLIP: _text_dtype, VAE: _vae_dtype}
