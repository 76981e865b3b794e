"""The one message for a model that is not installed: what to put where, how big it is, and the other ways."""

from collections.abc import Sequence
from pathlib import Path

from ...request import Request
from .family import V1, V15, Family
from .files import (
    CHECKPOINTS,
    CLIP,
    DIFFUSION_MODELS,
    LM,
    MODEL,
    TEXT,
    TEXT_ENCODERS,
    VAE,
    VAE_FOLDER,
    ModelFile,
    misplaced_files,
)

# Where ComfyUI's own templates point to, and the sizes of the files there.
_V15_SITE = "https://huggingface.co/Comfy-Org/ace_step_1.5_ComfyUI_files"
_V1_SITE = "https://huggingface.co/Comfy-Org/ACE-Step_ComfyUI_repackaged"
# List prices in USD a second, for a sentence; the price that counts is fetched before every paid run.
_LIST_PRICES = {V1.version: 0.0002, V15.version: 0.0003}

_V1_AIO = ("ace_step_v1_3.5b.safetensors", "7.7 GB", CHECKPOINTS)
_TURBO_AIO = ("ace_step_1.5_turbo_aio.safetensors", "10 GB", CHECKPOINTS)
_TEXT_FILE = ("qwen_0.6b_ace15.safetensors", "1.2 GB", TEXT_ENCODERS)
_LM_FILE = ("qwen_1.7b_ace15.safetensors", "3.7 GB", TEXT_ENCODERS)
_VAE_FILE = ("ace_1.5_vae.safetensors", "0.3 GB", VAE_FOLDER)
_NETWORKS = {
    "turbo": ("acestep_v1.5_turbo.safetensors", "4.8 GB"),
    "base": ("acestep_v1.5_base.safetensors", "about 5 GB"),
    # Not among ComfyUI's files, which have sft as XL only; the finder goes by the name.
    "sft": ("a file with sft in its name", "about 5 GB; ComfyUI offers xl_sft ready-made"),
    "xl_turbo": ("acestep_v1.5_xl_turbo_bf16.safetensors", "10 GB"),
    "xl_base": ("acestep_v1.5_xl_base_bf16.safetensors", "10 GB"),
    "xl_sft": ("acestep_v1.5_xl_sft_bf16.safetensors", "10 GB"),
}


def message(request: Request, families: Sequence[Family], available: Sequence[ModelFile]) -> str:
    """What is missing for ``request``, where it goes, and the ways that need no file."""
    family = families[0]
    wanted = _missing_files(family, request, available)
    title = family.title
    if family is V15 and request.variant != "auto":
        title += f" {request.variant.replace('xl_', 'XL ')}"
    listed = "; ".join(
        f"{name} ({size}) in {_folder(folder)}{_in_its_place(name, folder)}" for name, size, folder in wanted
    )
    site = _V1_SITE if family is V1 else _V15_SITE
    have = _installed(family, available)
    price = _LIST_PRICES[V1.version if request.version == "auto" else family.version]
    return (
        f"{request.node}: {title} is not installed{have}. Two ways forward: put these files in place, free but for the "
        f"download, and press R in ComfyUI: {listed}. ComfyUI's own ACE-Step templates offer them; they are at {site}."
        f"{_to_move(family)} Or set backend to runcomfy, which needs no GPU and costs about ${price:g} a second of "
        f"audio (${price * 60:g} a minute, list price). To try the graph for free without ACE-Step, set backend to "
        "sketch."
    )


def _missing_files(family: Family, request: Request, available) -> list[tuple[str, str, str]]:
    held = {part.kind for file in available for part in file.parts if part.family is family}
    if family is V1:
        return [_V1_AIO]
    needs_model = request.model is None and (request.variant != "auto" or MODEL not in held)
    needs_clip = request.clip is None and CLIP not in held and not {TEXT, LM} <= held
    needs_vae = request.vae is None and VAE not in held
    if needs_model and needs_clip and needs_vae and request.variant in ("auto", "turbo"):
        return [_TURBO_AIO]
    network = _NETWORKS["turbo" if request.variant == "auto" else request.variant]
    wanted = [(*network, DIFFUSION_MODELS)] if needs_model else []
    if needs_clip:
        wanted += [file for file, kind in ((_TEXT_FILE, TEXT), (_LM_FILE, LM)) if kind not in held]
    return wanted + ([_VAE_FILE] if needs_vae else [])


def _installed(family: Family, available) -> str:
    names = [file.name for file in available if any(part.family is family for part in file.parts)]
    return f" completely (found only {', '.join(names)})" if names else ""


def _in_its_place(name: str, folder: str) -> str:
    """For a file that is there under its name and yet was not taken: a broken download, or something else."""
    import folder_paths

    there = {Path(listed.replace("\\", "/")).name for listed in folder_paths.get_filename_list(folder)}
    return ", in place of the one there, which is incomplete or something else" if name in there else ""


def _to_move(family: Family) -> str:
    moves = [
        f" You have {name} already, but ComfyUI cannot load it all from where it is: move it from {here} to {there}."
        for name, here, there in (
            (file.name, _folder(file.folder), _folder(folder))
            for file, folder in misplaced_files()
            if any(part.family is family for part in file.parts)
        )
    ]
    return "".join(moves)


def _folder(folder: str) -> str:
    """The folder on this machine a file belongs in."""
    import folder_paths

    paths = folder_paths.get_folder_paths(folder)
    return next((path for path in paths if Path(path).name == folder), paths[0])
