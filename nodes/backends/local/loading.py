"""Loading the chosen model's parts through ComfyUI's own loaders."""

from collections.abc import Callable
from dataclasses import dataclass

from ...errors import BackendUnavailable
from ...request.requests import Request
from ...words.remarks import joined, remark
from .family import V15
from .files import CHECKPOINTS, CLIP, MODEL, TEXT, VAE, ModelFile
from .installed import Chosen
from .kept import Shelf

# One for the process: ComfyUI makes a new node for every run, so a node cannot keep anything itself.
SHELF = Shelf()


@dataclass(frozen=True)
class Loaded:
    """ComfyUI's MODEL, CLIP and VAE."""

    model: object
    clip: object
    vae: object


def load(chosen: Chosen, request: Request) -> Loaded:
    """The parts of ``chosen``: those connected to the node, those kept, and the rest from their files."""
    connected = {MODEL: request.model, CLIP: request.clip, VAE: request.vae}
    sources = {MODEL: chosen.model, CLIP: chosen.clip, VAE: chosen.vae}
    sources = {kind: source for kind, source in sources.items() if connected[kind] is None}
    identities = {kind: tuple(file.identity for file in source) for kind, source in sources.items()}
    SHELF.begin(identities, request.node)
    for kind, source in sources.items():
        if SHELF.get(kind) is None:
            # An all-in-one file gives all that is wanted of it at once.
            together = [other for other in sources if sources[other] == source and SHELF.get(other) is None]
            for loaded, part in _load_from(source, together).items():
                SHELF.put(loaded, identities[loaded], part)
    return Loaded(**{kind: SHELF.get(kind) if kind in sources else part for kind, part in connected.items()})


def _load_from(source: tuple[ModelFile, ...], kinds: list[str]) -> dict[str, object]:
    import comfy.model_management

    try:
        if source[0].folder == CHECKPOINTS:
            return _checkpoint(source[0], kinds)
        return {kind: _LOADERS[kind](source) for kind in kinds}
    # UnboundLocalError: what ComfyUI's loader raises for an all-in-one file without a language model.
    except (RuntimeError, UnboundLocalError, KeyError, ValueError) as error:
        if comfy.model_management.is_oom(error):
            raise
        names = joined(*(remark("text", text=file.name) for file in source), by="both")
        reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise BackendUnavailable(remark("not_loaded", names=names, error=reason)) from error


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

    if len(source) == 1 and source[0].part(TEXT, V15):
        return _text_encoder_alone(source[0])
    return comfy.sd.load_clip(
        [file.path for file in source],
        embedding_directory=folder_paths.get_folder_paths("embeddings"),
        clip_type=comfy.sd.CLIPType.ACE,
    )


def _text_encoder_alone(file: ModelFile):
    import comfy.utils

    return text_encoder_of([comfy.utils.load_torch_file(file.path, safe_load=True)])


def text_encoder_of(weights: list[dict]):
    """1.5's CLIP without a language model, whose single file ComfyUI's loader takes for another model's."""
    import comfy.sd
    import comfy.supported_models_base
    import comfy.utils
    import folder_paths
    from comfy.text_encoders import ace15

    # A name that is no language model's: the class then makes none.
    encoder = ace15.te(lm_model="none")
    return comfy.sd.CLIP(
        comfy.supported_models_base.ClipTarget(ace15.ACE15Tokenizer, encoder),
        embedding_directory=folder_paths.get_folder_paths("embeddings"),
        parameters=sum(map(comfy.utils.calculate_parameters, weights)),
        state_dict=weights,
    )


def _vae(source: tuple[ModelFile, ...]):
    import comfy.sd
    import comfy.utils

    weights, metadata = comfy.utils.load_torch_file(source[0].path, return_metadata=True)
    vae = comfy.sd.VAE(sd=weights, metadata=metadata)
    vae.throw_exception_if_invalid()
    return vae


_LOADERS: dict[str, Callable] = {MODEL: _diffusion_model, CLIP: _text_encoder, VAE: _vae}
