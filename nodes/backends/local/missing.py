"""The one message for a model that is not installed: what to put where, how big it is, and the other ways."""

from dataclasses import dataclass

from . import catalogue
from .catalogue import Entry, base_name
from .family import V1, V15, Family
from .files import (
    CHECKPOINTS,
    DIFFUSION_MODELS,
    LM,
    MODEL,
    TEXT_ENCODERS,
    ModelFile,
    incomplete_files,
    misplaced_files,
    other_formats,
)
from .folders import standard_folder

# List prices in USD a second, for a sentence; the price that counts is fetched before every paid run.
_LIST_PRICES = {V1.version: 0.0002, V15.version: 0.0003}


@dataclass(frozen=True)
class Lack:
    """What is not there for one generation and variant.

    kinds: of MODEL, VAE and the text encoder, which is TEXT and LM in 1.5 and CLIP in v1, those that no file of
    ``available`` has. xl: the network wanted or connected is XL.
    """

    family: Family
    variant: str
    kinds: frozenset[str]
    available: tuple[ModelFile, ...]
    xl: bool = False

    @property
    def entry(self) -> Entry | None:
        """What would make it run, where that is offered."""
        return catalogue.entry_for(self.family, self.variant)


def message(lack: Lack, version: str) -> str:
    """What is missing, where it goes, and the ways that need no file. version: as the node's input says."""
    family, entry = lack.family, lack.entry
    title = catalogue.title(family, lack.variant.replace("auto", ""))
    listed = "; ".join(
        f"{name} ({size}) in {standard_folder(folder)}{_in_its_place(name, folder)}"
        for name, size, folder in _files(lack)
    )
    ways = "let Get the model on the node download them, or put" if entry else "put"
    there = _without_lm(lack) + _larger_lm(lack) + _to_move(family) + _pieces(family) + _unread()
    price = _LIST_PRICES[V1.version if version == "auto" else family.version]
    return (
        f"{title} is not installed{_installed(lack)}. Two ways forward: {ways} these files in place, free but for the "
        f"download, and press R in ComfyUI: {listed}. ComfyUI's own ACE-Step templates offer them; they are at "
        f"{catalogue.site(family)}.{there} Or set backend to runcomfy, which needs no GPU and costs about "
        f"${price:g} a second of audio (${price * 60:g} a minute, list price). To try the graph for free without "
        "ACE-Step, set backend to sketch."
    )


def _files(lack: Lack) -> list[tuple[str, str, str]]:
    """(name, size, folder) of each file that would make it run."""
    if lack.entry:
        files = [file for file, is_missing in lack.entry.files(lack.kinds, lack.available) if is_missing]
        return [(file.name, file.size, file.folder) for file in files]
    # The finder goes by the name.
    network = (f"a file with {lack.variant} in its name", "about 5 GB; ComfyUI offers xl_sft ready-made")
    files = [file for file in catalogue.SHARED_PARTS if file.kinds <= lack.kinds]
    own = [(*network, DIFFUSION_MODELS)] if MODEL in lack.kinds else []
    return own + [(file.name, file.size, file.folder) for file in files]


def _installed(lack: Lack) -> str:
    names = [file.name for file in lack.available if any(part.family is lack.family for part in file.parts)]
    return f" completely (found only {', '.join(names)})" if names else ""


def _in_its_place(name: str, folder: str) -> str:
    """For a file that is there under its name and yet was not taken: a broken download, or something else."""
    import folder_paths

    there = {base_name(listed) for listed in folder_paths.get_filename_list(folder)}
    return ", in place of the one there, which is incomplete or something else" if name in there else ""


def _to_move(family: Family) -> str:
    moves = [
        f" You have {name} already, but ComfyUI cannot load it all from where it is: move it from {here} to {there}."
        for name, here, there in (
            (file.name, standard_folder(file.folder), standard_folder(folder))
            for file, folder in misplaced_files()
            if any(part.family is family for part in file.parts)
        )
    ]
    return "".join(moves)


def _without_lm(lack: Lack) -> str:
    """With what is there a song can be made unplanned; the hint for the node that has the setting."""
    if lack.kinds != {LM}:
        return ""
    return " Or set planning to off, which needs no language model: all else is there."


def _larger_lm(lack: Lack) -> str:
    if not (lack.xl and LM in lack.kinds):
        return ""
    return (
        " ComfyUI's templates run XL with qwen_4b_ace15.safetensors (about 8.4 GB in "
        f"{standard_folder(TEXT_ENCODERS)}), which is taken before the 1.7B one when it is there."
    )


def _pieces(family: Family) -> str:
    pieces = [file for file in incomplete_files() if any(part.family is family for part in file.parts)]
    return "".join(
        f" {file.name} in {standard_folder(file.folder)} is {_piece(file)}; ComfyUI needs one file with all of it."
        for file in pieces
    )


def _piece(file: ModelFile) -> str:
    return "part {} of {}".format(*file.shard) if file.shard else "only a part of a network"


def _unread() -> str:
    """The files that a loader node has to bring, and into which socket."""
    sockets = {CHECKPOINTS: MODEL, DIFFUSION_MODELS: MODEL, TEXT_ENCODERS: "clip"}
    said = []
    for name, folder in other_formats():
        is_gguf = name.lower().endswith(".gguf")
        loader = "a GGUF loader, such as those of the pack ComfyUI-GGUF," if is_gguf else "ComfyUI's loader for it"
        socket = sockets.get(folder, "vae")
        said.append(
            f" You have {name}, which only other loaders read: load it with {loader} and connect that to {socket}."
        )
    return "".join(said)
