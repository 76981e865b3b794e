"""Loading through ComfyUI's own loaders, and keeping what was loaded until ComfyUI frees memory.

ComfyUI manages where loaded models live but cannot drop one that somebody still holds. So what is kept here
is let go when ComfyUI unloads models outside of a node: its buttons to free memory, or after running out of it.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ...errors import BackendUnavailable
from ...request import Request
from .files import CHECKPOINTS, CLIP, MODEL, VAE, ModelFile
from .installed import Chosen

# The last model loaded, part by part: kind → (identity of its files, part). A node class cannot hold it, as
# ComfyUI makes a new one for every run.
_kept: dict[str, tuple[tuple, object]] = {}


@dataclass(frozen=True)
class Loaded:
    """ComfyUI's MODEL, CLIP and VAE."""

    model: object
    clip: object
    vae: object


def load(chosen: Chosen, request: Request) -> Loaded:
    """The parts of ``chosen``: those connected to the node, those kept, and the rest from their files."""
    sources = {MODEL: chosen.model, CLIP: chosen.clip, VAE: chosen.vae}
    connected = {MODEL: request.model, CLIP: request.clip, VAE: request.vae}
    identities = {kind: tuple(file.identity for file in source) for kind, source in sources.items()}
    wanted = [kind for kind, part in connected.items() if part is None]
    # Before anything is loaded, so that two models never stand side by side in memory.
    for kind in wanted:
        if kind in _kept and _kept[kind][0] != identities[kind]:
            del _kept[kind]
    for kind in wanted:
        if kind not in _kept:
            _load_from(sources[kind], [k for k in wanted if sources[k] == sources[kind] and k not in _kept], identities)
    return Loaded(**{kind: connected[kind] if kind not in wanted else _kept[kind][1] for kind in sources})


def forget() -> None:
    """Let go of everything kept."""
    _kept.clear()


def _load_from(source: tuple[ModelFile, ...], kinds: list[str], identities: dict[str, tuple]) -> None:
    """Load ``kinds`` out of one source: an all-in-one file gives several at once."""
    import comfy.model_management

    try:
        if source[0].folder == CHECKPOINTS:
            parts = _checkpoint(source[0], kinds)
        else:
            parts = {kind: _LOADERS[kind](source) for kind in kinds}
    except (RuntimeError, UnboundLocalError, KeyError, ValueError) as error:
        if comfy.model_management.is_oom(error):
            raise
        names = " and ".join(file.name for file in source)
        raise BackendUnavailable(
            f"ComfyUI could not load {names} ({type(error).__name__}: {error}). The file may be damaged or incomplete: "
            "compare its size with the one where you got it, and download it again."
        ) from error
    for kind, part in parts.items():
        _patcher(part).add_callback_with_key(_detached(), "acestep.kept", _on_detach)
        _kept[kind] = (identities[kind], part)


def _checkpoint(file: ModelFile, kinds: list[str]) -> dict[str, object]:
    import comfy.sd
    import folder_paths

    model, clip, vae, *_ = comfy.sd.load_checkpoint_guess_config(
        file.path,
        output_vae=VAE in kinds,
        output_clip=CLIP in kinds,
        output_model=MODEL in kinds,
        embedding_directory=folder_paths.get_folder_paths("embeddings"),
    )
    parts = {MODEL: model, CLIP: clip, VAE: vae}
    return {kind: parts[kind] for kind in kinds}


def _diffusion_model(source: tuple[ModelFile, ...]):
    import comfy.sd

    return comfy.sd.load_diffusion_model(source[0].path)


def _text_encoder(source: tuple[ModelFile, ...]):
    import comfy.sd
    import folder_paths

    return comfy.sd.load_clip(
        [file.path for file in source],
        embedding_directory=folder_paths.get_folder_paths("embeddings"),
        clip_type=comfy.sd.CLIPType.ACE,
    )


def _vae(source: tuple[ModelFile, ...]):
    import comfy.sd
    import comfy.utils

    weights, metadata = comfy.utils.load_torch_file(source[0].path, return_metadata=True)
    vae = comfy.sd.VAE(sd=weights, metadata=metadata)
    vae.throw_exception_if_invalid()
    return vae


_LOADERS: dict[str, Callable] = {MODEL: _diffusion_model, CLIP: _text_encoder, VAE: _vae}


def _patcher(part):
    return getattr(part, "patcher", part)


def _detached() -> str:
    from comfy.patcher_extension import CallbacksMP

    return CallbacksMP.ON_DETACH


def _on_detach(_patcher, unpatch_all: bool) -> None:
    """ComfyUI took a kept model off its device. Within a node that is to make room and it will be wanted again."""
    from comfy_execution.utils import get_executing_context

    if unpatch_all and get_executing_context() is None:
        forget()
