"""The catalogue with files of a few megabytes in the place of the real ones: same names, told by the same tensors."""

import json
import struct
from dataclasses import replace
from functools import cache

import numpy as np
from acestep_nodes.nodes.backends.local import catalogue
from acestep_nodes.nodes.backends.local.catalogue import Entry, OfficialFile
from hub_server import HubServer, sha256
from local_models import checkpoints as made
from runner.client import Client

MEGABYTE = 2**20
# huggingface_hub hands on 10 MiB at a time, so only in a larger one does anything arrive before the end.
LARGE, SMALL = 24 * MEGABYTE, 2 * MEGABYTE


def content(shapes, size: int, seed: int) -> bytes:
    """A whole safetensors file of ``size`` bytes with these tensors in its header, and noise for weights."""
    names = list(shapes)
    header = _header(shapes, names, 0)
    header = _header(shapes, names, size - 8 - len(header))
    return struct.pack("<Q", len(header)) + header + np.random.default_rng(seed).bytes(size - 8 - len(header))


def _header(shapes, names, data: int) -> bytes:
    entries = {
        name: {"dtype": "F16", "shape": list(shapes[name]), "data_offsets": [0, data if name == names[-1] else 0]}
        for name in names
    }
    return json.dumps(entries).encode().ljust(8192)


@cache
def content_of(file: OfficialFile) -> bytes:
    """What stands in for an official file."""
    shapes = next(shapes for part, shapes in _SHAPES if part in file.name)
    return content(shapes, LARGE if file is catalogue.TURBO_WHOLE or "xl" in file.name else SMALL, len(file.path))


_SHAPES = (
    ("turbo_aio", made.V15_AIO),
    ("v1_3.5b", made.V1_AIO),
    ("_xl_", made.XL_NETWORK),
    ("acestep_v1.5_", made.V15_NETWORK),
    ("qwen_0.6b", made.TEXT_06B),
    ("qwen_1.7b", made.LM_17B),
    ("vae", made.V15_VAE),
)


def small(file: OfficialFile) -> OfficialFile:
    """The official file with the size and the digest of what stands in for it."""
    return replace(file, bytes=len(content_of(file)), sha256=sha256(content_of(file)))


@cache
def entries() -> tuple[Entry, ...]:
    """The catalogue of the small files."""
    return tuple(
        replace(entry, parts=tuple(map(small, entry.parts)), whole=small(entry.whole) if entry.whole else None)
        for entry in catalogue.CATALOGUE
    )


def files() -> list[OfficialFile]:
    """Every official file, once."""
    found = {file.path: file for e in catalogue.CATALOGUE for file in (*e.parts, e.whole) if file}
    return list(found.values())


def serve(hub: HubServer) -> HubServer:
    """The hub with all the small files on it."""
    hub.files = {f"{file.repo}/{file.path}": content_of(file) for file in files()}
    return hub


def put_into(url: str) -> None:
    """Let the server at ``url``, which has the probe nodes, offer the small files."""
    sizes = {file.path: {"bytes": small(file).bytes, "sha256": small(file).sha256} for file in files()}
    Client(url).post("/acestep_probe/catalogue", sizes)


def environment(hub: HubServer) -> dict[str, str]:
    """The variables with which a server asks ``hub``."""
    return {"HF_ENDPOINT": hub.url, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
