"""Which ACE-Step parts the files in ComfyUI's model folders hold, told from their safetensors headers.

Only headers are read (some hundred kilobytes of JSON at the start of each file), once for each state of a
file; names decide nothing except turbo, base or sft, which no header tells.
"""

import json
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

# What a file can hold. TEXT and LM are the two halves of a split 1.5 text encoder, CLIP is a whole one.
MODEL, CLIP, TEXT, LM, VAE = "model", "clip", "text", "lm", "vae"

# The format allows 100 MB; no real header comes near it, and a file that claims more is not one.
_MAX_HEADER_BYTES = 100_000_000
_MODEL_PREFIXES = ("model.diffusion_model.", "model.model.", "net.", "model.", "")
# Size of the vocabularies of 1.5's text encoder and language models; other Qwen3 files have 151 936.
_TEXT_VOCABULARY, _LM_VOCABULARY = 151_669, 217_204
XL_WIDTH = 2560


@dataclass(frozen=True)
class Part:
    """One part of ACE-Step in a file. size: of an LM in billions of parameters, "1.7B" or "4B"; xl: of a MODEL."""

    kind: str
    family: Family
    xl: bool = False
    size: str = ""


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

    def part(self, kind: str, family: Family) -> Part | None:
        """The part of this kind and family, if the file holds it."""
        return next((p for p in self.parts if p.kind == kind and p.family is family), None)


def flavour_of(path: str) -> str | None:
    """turbo, base or sft when the file name in ``path`` says so, and says only one of them."""
    words = set(re.findall(r"turbo|sft|base", path.replace("\\", "/").rsplit("/", 1)[-1].lower()))
    return words.pop() if len(words) == 1 else None


def installed_files() -> tuple[ModelFile, ...]:
    """Every file in ComfyUI's model folders, extra model paths included, with a part of ACE-Step to load from there."""
    usable = [replace(file, parts=_usable(file)) for file in _all_files()]
    return tuple(file for file in usable if file.parts)


def misplaced_files() -> tuple[tuple[ModelFile, str], ...]:
    """The files ComfyUI can load nothing or not all from where they are, each with the folder it belongs in."""
    wrong = [(file, _folder_for(file)) for file in _all_files() if _usable(file) != file.parts]
    return tuple((file, folder) for file, folder in wrong if folder != file.folder)


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
    return tuple(part for part in file.parts if part.kind in here)


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
        entries = json.loads(file.read(length))
    if not isinstance(entries, dict):
        raise ValueError(f"{path} is not a safetensors file")
    tensors = {
        name: entry
        for name, entry in entries.items()
        if name != "__metadata__" and isinstance(entry, dict) and {"shape", "data_offsets"} <= entry.keys()
    }
    ends = (entry["data_offsets"][1] for entry in tensors.values())
    if Path(path).stat().st_size < 8 + length + max(ends, default=0):
        raise ValueError(f"{path} is only a part of a safetensors file")
    return {name: tuple(entry["shape"]) for name, entry in tensors.items()}


def parts_of(header: Mapping[str, tuple[int, ...]]) -> tuple[Part, ...]:
    """The ACE-Step parts among a file's tensors, by the keys ComfyUI's own loaders go by."""
    found = [_model_part(header), _clip_part(header), _language_part(header), _vae_part(header)]
    return tuple(part for part in found if part)


def _model_part(header) -> Part | None:
    for prefix in _MODEL_PREFIXES:
        if f"{prefix}genre_embedder.weight" in header:
            return Part(MODEL, V1)
        if f"{prefix}encoder.lyric_encoder.layers.0.input_layernorm.weight" in header:
            width = header.get(f"{prefix}decoder.layers.0.self_attn_norm.weight", (0,))[0]
            return Part(MODEL, V15, xl=width >= XL_WIDTH)
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
    vocabulary = header.get("model.embed_tokens.weight", (0,))[0]
    if not norm or "model.layers.0.self_attn.k_proj.bias" in header:
        return None
    if vocabulary == _TEXT_VOCABULARY and norm[0] == 1024:
        return Part(TEXT, V15)
    if vocabulary == _LM_VOCABULARY and norm[0] in (2048, 2560):
        return Part(LM, V15, size="1.7B" if norm[0] == 2048 else "4B")
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
