"""Which ACE-Step parts the files in ComfyUI's model folders hold, told from their safetensors headers.

Only headers are read (some hundred kilobytes of JSON at the start of each file), once for each state of a
file; names decide nothing except turbo, base or sft, which no header tells.
"""

import json
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from .family import V1, V15, Family

CHECKPOINTS, DIFFUSION_MODELS, TEXT_ENCODERS, VAE_FOLDER = "checkpoints", "diffusion_models", "text_encoders", "vae"
FOLDERS = (CHECKPOINTS, DIFFUSION_MODELS, TEXT_ENCODERS, VAE_FOLDER)
_SUFFIXES = (".safetensors", ".sft")
# Formats that cannot be looked into; only names tell what they hold.
_OTHER_SUFFIXES = (".gguf", ".ckpt", ".pt", ".pth", ".bin")
_NAMED_ACE_STEP = re.compile(r"ace[-_ .]?step|ace[-_ .]?(?:v?1\.?5|15)", re.IGNORECASE)
_SHARD = re.compile(r"(?P<number>\d+)-of-(?P<total>\d+)\.", re.IGNORECASE)

# What a file can hold. TEXT and LM are the two halves of a split 1.5 text encoder, CLIP is a whole one.
MODEL, CLIP, TEXT, LM, VAE = "model", "clip", "text", "lm", "vae"

# The format allows 100 MB; no real header comes near it, and a file that claims more is not one.
_MAX_HEADER_BYTES = 100_000_000
# A tensor, or what the names of some begin with, of every part of each network, and of what no other network has.
_V1_NETWORK = (
    "genre_embedder.weight", "lyric_embs.", "lyric_encoder.", "transformer_blocks.0.", "proj_in.", "final_layer."
)  # fmt: skip
_V1_ONLY = ("genre_embedder.weight", "lyric_embs.", "speaker_embedder.")
_V15_NETWORK = (
    "encoder.lyric_encoder.layers.0.input_layernorm.weight", "encoder.timbre_encoder.", "encoder.text_projector.",
    "decoder.layers.0.self_attn_norm.weight", "decoder.proj_in.", "decoder.proj_out.", "tokenizer.", "detokenizer.",
    "null_condition_emb",
)  # fmt: skip
_V15_ONLY = ("encoder.lyric_encoder.", "encoder.timbre_encoder.", "decoder.time_embed_r.", "detokenizer.")
_MODEL_PREFIXES = ("model.diffusion_model.", "model.model.", "net.", "model.", "")
# Size of the vocabularies of 1.5's text encoder and language models; other Qwen3 files have 151 936.
_TEXT_VOCABULARY, _LM_VOCABULARY = 151_669, 217_204
XL_WIDTH = 2560


@dataclass(frozen=True)
class Part:
    """One part of ACE-Step in a file. size: of an LM in billions of parameters, "1.7B" or "4B"; xl: of a MODEL.

    whole: nothing of it is missing.
    """

    kind: str
    family: Family
    xl: bool = False
    size: str = ""
    whole: bool = True


@dataclass(frozen=True)
class ModelFile:
    """A file in a model folder. ``name`` is its path below the folder; size in bytes."""

    folder: str
    name: str
    path: str
    size: int
    modified_ns: int
    parts: tuple[Part, ...]

    @property
    def identity(self) -> tuple[str, int, int]:
        """Changes when the file is replaced."""
        return self.path, self.modified_ns, self.size

    @property
    def flavour(self) -> str | None:
        """turbo, base or sft when the name says so."""
        return flavour_of(self.name)

    @property
    def shard(self) -> tuple[int, int] | None:
        """(number, total) of a file whose name says that it is one of several."""
        found = _SHARD.search(self.name)
        return (int(found["number"]), int(found["total"])) if found and int(found["total"]) > 1 else None

    @property
    def is_whole(self) -> bool:
        return self.shard is None and all(part.whole for part in self.parts)

    def part(self, kind: str, family: Family) -> Part | None:
        """The part of this kind and family, if the file holds it."""
        return next((p for p in self.parts if p.kind == kind and p.family is family), None)


def flavour_of(path: str) -> str | None:
    """turbo, base or sft when the file name in ``path`` says so as a word, and says only one of them."""
    name = path.replace("\\", "/").rsplit("/", 1)[-1]
    words = (word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name))
    # The model's name may be grown together with it: acestepturbo, xlbase.
    found = {re.sub(r"^(?:ace)?(?:step)?v?(?:xl)?", "", word) for word in words} & {"turbo", "base", "sft"}
    return found.pop() if len(found) == 1 else None


def installed_files() -> tuple[ModelFile, ...]:
    """Every file in ComfyUI's model folders, extra model paths included, with a part of ACE-Step to load from there."""
    usable = [replace(file, parts=_usable(file)) for file in _all_files()]
    return tuple(file for file in usable if file.parts)


def misplaced_files() -> tuple[tuple[ModelFile, str], ...]:
    """The files ComfyUI can load nothing or not all from where they are, each with the folder it belongs in."""
    wrong = [(file, _folder_for(file)) for file in _all_files() if file.is_whole and _usable(file) != file.parts]
    return tuple((file, folder) for file, folder in wrong if folder != file.folder)


def incomplete_files() -> tuple[ModelFile, ...]:
    """The files that hold only a piece of a network, as large ones are cut on the hub."""
    return tuple(file for file in _all_files() if not file.is_whole)


def other_formats() -> tuple[tuple[str, str], ...]:
    """(name, folder) of the files named after ACE-Step in formats that only other loaders read."""
    import folder_paths

    found = {}
    for folder in FOLDERS:
        for top in folder_paths.get_folder_paths(folder):
            for _, _, names in os.walk(top, followlinks=True):
                for name in sorted(names):
                    if name.lower().endswith(_OTHER_SUFFIXES) and _NAMED_ACE_STEP.search(name):
                        found.setdefault(name, folder)
    return tuple(found.items())


def _all_files() -> list[ModelFile]:
    import folder_paths

    found = []
    for folder in FOLDERS:
        for name in sorted(folder_paths.get_filename_list(folder)):
            path = folder_paths.get_full_path(folder, name)
            if path is None or not name.lower().endswith(_SUFFIXES):
                continue
            try:
                state = Path(path).stat()
            except OSError:
                continue  # removed since the folder was listed
            parts = _parts(path, state.st_mtime_ns, state.st_size)
            if parts:
                found.append(ModelFile(folder, name, path, state.st_size, state.st_mtime_ns, parts))
    return found


def _usable(file: ModelFile) -> tuple[Part, ...]:
    kinds = {part.kind for part in file.parts}
    # A checkpoint without a network is none.
    here = _BELONGS[file.folder] if file.folder != CHECKPOINTS or MODEL in kinds else set()
    return tuple(part for part in file.parts if part.kind in here) if file.is_whole else ()


def _folder_for(file: ModelFile) -> str:
    kinds = {part.kind for part in file.parts}
    if len(kinds) > 1:
        return CHECKPOINTS
    return next(
        folder for folder in (DIFFUSION_MODELS, TEXT_ENCODERS, VAE_FOLDER, CHECKPOINTS) if kinds <= _BELONGS[folder]
    )


# Which parts ComfyUI's loaders can take out of a file in each folder.
_BELONGS = {
    CHECKPOINTS: {MODEL, CLIP, VAE},
    DIFFUSION_MODELS: {MODEL},
    TEXT_ENCODERS: {TEXT, LM},
    VAE_FOLDER: {VAE},
}


@lru_cache(maxsize=4096)
def _parts(path: str, modified_ns: int, size: int) -> tuple[Part, ...]:
    """The parts in one state of a file; () for a file that is not safetensors or cannot be read."""
    try:
        return parts_of(read_header(path))
    except (OSError, ValueError):
        return ()


def read_header(path: str) -> dict[str, tuple[int, ...]]:
    """Tensor names and shapes of a safetensors file. Raises OSError or ValueError when it is not one, or not all."""
    with Path(path).open("rb") as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        if not 2 <= length <= _MAX_HEADER_BYTES:
            raise ValueError(f"{path} is not a safetensors file")
        try:
            entries = json.loads(file.read(length))
        except RecursionError:
            entries = None
    if not isinstance(entries, dict):
        raise ValueError(f"{path} is not a safetensors file")
    tensors = {name: entry for name, entry in entries.items() if name != "__metadata__" and _is_tensor(entry)}
    ends = (entry["data_offsets"][1] for entry in tensors.values())
    if Path(path).stat().st_size < 8 + length + max(ends, default=0):
        raise ValueError(f"{path} is only a part of a safetensors file")
    return {name: tuple(entry["shape"]) for name, entry in tensors.items()}


def _is_tensor(entry) -> bool:
    if not isinstance(entry, dict):
        return False
    numbers = [entry.get("shape"), entry.get("data_offsets")]
    whole = all(isinstance(each, list) and all(type(number) is int for number in each) for each in numbers)
    return whole and len(entry["data_offsets"]) == 2


def _size(header: Mapping[str, tuple[int, ...]], name: str, axis: int = 0) -> int:
    """Of a tensor along one axis; 0 where it is not there or has none."""
    return (header.get(name) or (0,))[axis]


def parts_of(header: Mapping[str, tuple[int, ...]]) -> tuple[Part, ...]:
    """The ACE-Step parts among a file's tensors, by the keys ComfyUI's own loaders go by."""
    found = [_model_part(header), _clip_part(header), _language_part(header), _vae_part(header)]
    return tuple(part for part in found if part)


def _model_part(header) -> Part | None:
    def has(start: str) -> bool:
        return any(name.startswith(start) for name in header)

    for prefix in _MODEL_PREFIXES:
        if any(has(prefix + own) for own in _V1_ONLY):
            return Part(MODEL, V1, whole=all(has(prefix + part) for part in _V1_NETWORK))
        if any(has(prefix + own) for own in _V15_ONLY):
            width = _size(header, f"{prefix}decoder.layers.0.self_attn_norm.weight")
            whole = all(has(prefix + part) for part in _V15_NETWORK)
            return Part(MODEL, V15, xl=width >= XL_WIDTH, whole=whole)
    return None


def _clip_part(header) -> Part | None:
    """A whole text encoder inside a checkpoint. 1.5's needs one of the language models to be loaded at all."""
    has = {name.split(".", 2)[1] for name in header if name.startswith("text_encoders.") and name.count(".") >= 2}
    if "umt5base" in has:
        return Part(CLIP, V1)
    if "qwen3_06b" in has and has & {"qwen3_2b", "qwen3_4b"}:
        return Part(CLIP, V15, size="1.7B" if "qwen3_2b" in has else "4B")
    return None


def _language_part(header) -> Part | None:
    norm = header.get("model.layers.0.post_attention_layernorm.weight") or header.get("model.norm.weight")
    whole = "model.norm.weight" in header and "model.layers.0.post_attention_layernorm.weight" in header
    vocabulary = _size(header, "model.embed_tokens.weight")
    if not norm or "model.layers.0.self_attn.k_proj.bias" in header:
        return None
    if vocabulary == _TEXT_VOCABULARY and norm[0] == 1024:
        return Part(TEXT, V15, whole=whole)
    if vocabulary == _LM_VOCABULARY and norm[0] in (2048, 2560):
        return Part(LM, V15, size="1.7B" if norm[0] == 2048 else "4B", whole=whole)
    return None


def _vae_part(header) -> Part | None:
    for prefix in ("vae.", ""):
        if f"{prefix}vocoder.backbone.channel_layers.0.0.bias" in header:
            return Part(VAE, V1)
        if f"{prefix}decoder.layers.1.layers.0.beta" in header:
            layer = f"{prefix}decoder.layers.2.layers.1."
            filters = header.get(f"{layer}weight_v") or header.get(f"{layer}parametrizations.weight.original1")
            # A stride of 6 (12 taps) there is what 1.5's hop of 1920 has and Stable Audio's of 2048 has not.
            if filters and filters[-1] == 12:
                return Part(VAE, V15)
    return None
