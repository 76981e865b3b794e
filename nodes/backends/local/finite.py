"""A network whose numbers are none, as of half a file or at too low a precision: which one, and what may help."""

from typing import Any

import torch

from ...errors import RenderError
from ...words.remarks import remark
from .files import CLIP, MODEL, VAE
from .installed import Chosen
from .loading import Loaded

_NAMES = {MODEL: remark("part_network"), CLIP: remark("part_text_encoder"), VAE: remark("part_vae")}
_FULL_PRECISION = {MODEL: "--fp32-unet", CLIP: "--fp32-text-enc", VAE: "--fp32-vae"}


def checked(made: torch.Tensor, kind: str, chosen: Chosen, loaded: Loaded) -> torch.Tensor:
    """``made`` by the part of that kind (MODEL, CLIP or VAE). Raises RenderError when not all of it is numbers."""
    if bool(torch.isfinite(made).all()):
        return made
    dtype = _COMPUTES_IN[kind](getattr(loaded, kind))
    files = {MODEL: chosen.model, CLIP: chosen.clip, VAE: chosen.vae}[kind]
    source = remark("of_files", files=" + ".join(file.name for file in files)) if files else remark("of_connected")
    remedy = remark("get_file_again" if files else "connect_another")
    if dtype is not torch.float32:
        remedy = remark("float32_or_file" if files else "float32_or_another", option=_FULL_PRECISION[kind])
    said = {"source": source, "precision": str(dtype).removeprefix("torch."), "remedy": remedy}
    raise RenderError(remark("part_not_numbers", part=_NAMES[kind], **said))


def _network_dtype(model: Any) -> torch.dtype:
    # Weights may be stored in one precision and computed with in another.
    return getattr(model.model, "manual_cast_dtype", None) or model.model_dtype()


def _text_dtype(clip: Any) -> torch.dtype:
    return next(clip.cond_stage_model.parameters()).dtype


def _vae_dtype(vae: Any) -> torch.dtype:
    return vae.vae_dtype


_COMPUTES_IN = {MODEL: _network_dtype, CLIP: _text_dtype, VAE: _vae_dtype}
