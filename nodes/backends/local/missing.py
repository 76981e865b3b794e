"""The one message for a model that is not installed: what to put where, how big it is, and the other ways."""

from dataclasses import dataclass

from ...words.remarks import Remark, joined, remark
from . import catalogue
from .catalogue import Entry, OfficialFile, base_name
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


def said(lack: Lack, version: str) -> Remark:
    """What is missing, where it goes, and the ways that need no file. version: as the node's input says."""
    price = _LIST_PRICES[V1.version if version == "auto" else lack.family.version]
    return joined(
        _not_installed(lack),
        remark("files_to_get" if lack.entry else "files_to_put", files=joined(*_files(lack), by="listed")),
        remark("files_at", site=catalogue.site(lack.family)),
        *_without_lm(lack),
        *_larger_lm(lack),
        *_to_move(lack.family),
        *_pieces(lack.family),
        *_unread(),
        remark("or_runcomfy", price=f"${price:g}", minute_price=f"${price * 60:g}"),
        remark("or_sketch"),
    )


def _not_installed(lack: Lack) -> Remark:
    title = catalogue.title(lack.family, lack.variant.replace("auto", ""))
    names = [file.name for file in lack.available if any(part.family is lack.family for part in file.parts)]
    if names:
        return remark("model_incomplete", title=title, names=", ".join(names))
    return remark("model_missing", title=title)


def _files(lack: Lack) -> list[Remark]:
    """Each file that would make it run."""
    if lack.entry:
        files = [file for file, is_missing in lack.entry.files(lack.kinds, lack.available) if is_missing]
        return [_file(file) for file in files]
    # The finder goes by the name.
    own = remark("own_file_to_put", variant=lack.variant, folder=_path(DIFFUSION_MODELS))
    files = [file for file in catalogue.SHARED_PARTS if file.kinds <= lack.kinds]
    return [own] * (MODEL in lack.kinds) + [_file(file) for file in files]


def _file(file: OfficialFile) -> Remark:
    """Also of one that is there under its name and yet was not taken: a broken download, or something else."""
    import folder_paths

    there = {base_name(listed) for listed in folder_paths.get_filename_list(file.folder)}
    code = "file_to_replace" if file.name in there else "file_to_put"
    return remark(code, name=file.name, size=file.size, folder=_path(file.folder))


def _path(folder: str) -> str:
    return str(standard_folder(folder))


def _to_move(family: Family) -> list[Remark]:
    return [
        remark("file_to_move", name=file.name, here=_path(file.folder), there=_path(folder))
        for file, folder in misplaced_files()
        if any(part.family is family for part in file.parts)
    ]


def _without_lm(lack: Lack) -> list[Remark]:
    """With what is there a song can be made unplanned; the hint for the node that has the setting."""
    return [remark("or_unplanned")] if lack.kinds == {LM} else []


def _larger_lm(lack: Lack) -> list[Remark]:
    return [remark("lm_of_xl", folder=_path(TEXT_ENCODERS))] if lack.xl and LM in lack.kinds else []


def _pieces(family: Family) -> list[Remark]:
    return [_piece(file) for file in incomplete_files() if any(part.family is family for part in file.parts)]


def _piece(file: ModelFile) -> Remark:
    folder = _path(file.folder)
    if not file.shard:
        return remark("file_is_piece", name=file.name, folder=folder)
    number, count = file.shard
    return remark("file_is_part", name=file.name, folder=folder, number=number, count=count)


def _unread() -> list[Remark]:
    """The files that a loader node has to bring, and into which socket."""
    sockets = {CHECKPOINTS: MODEL, DIFFUSION_MODELS: MODEL, TEXT_ENCODERS: "clip"}
    return [
        remark(
            "needs_gguf_loader" if name.lower().endswith(".gguf") else "needs_other_loader",
            name=name,
            socket=sockets.get(folder, "vae"),
        )
        for name, folder in other_formats()
    ]
