"""The sound files of a deployment's result: fetched, looked through and measured before any goes to the output folder.

Names, addresses and contents come from outside. No name is used as a path, and a file that cannot be had or used costs
only itself.
"""

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from . import pack, sound  # noqa: F401  (pack: makes the imports below possible)
from .errors import RunError, RunFailed, Unavailable
from .terminal import complain

# pyright: reportMissingImports=false
# isort: split
from acestep_nodes.nodes.audio.codec import DecodeLimits, Undecodable, decoded_blocks, sniff
from acestep_nodes.nodes.backends.runcomfy.client import Client
from acestep_nodes.nodes.backends.runcomfy.download import checked_address, fetch_file
from acestep_nodes.nodes.backends.runcomfy.errors import RunComfyError, UnusableAnswer

MAX_FILES = 100
AUDIO_SUFFIXES = (".flac", ".mp3", ".wav", ".opus", ".ogg", ".m4a", ".aac", ".webm")
_SUFFIX_OF_KIND = {"mp4": ".m4a", "matroska": ".webm"}
# Looked through and not held: two hours of stereo at 48 kHz.
LIMITS = DecodeLimits(max_seconds=7200.0, max_channels=8, max_values=700_000_000)


@dataclass(frozen=True)
class Named:
    """A sound that a result names. node: of the graph, fit for a file name. label: for a sentence."""

    node: str
    address: str
    suffix: str
    label: str


@dataclass
class Found:
    """outputs: as ComfyUI's history has them. outlines: by file name. problem: of the first file that is not here."""

    outputs: dict[str, dict] = field(default_factory=dict)
    outlines: dict[str, sound.Outline] = field(default_factory=dict)
    problem: RunError | None = None


def fetched(client: Client, result: Mapping, request_id: str, folder: Path) -> Found:
    """Fetch what can be had into ``folder``. Each file that cannot is said; ``problem`` is the first of them."""
    named = list(_named(client, result, request_id))
    if not named:
        raise RunError(f"Request {request_id} ran but saved no sound; end its workflow with a SaveAudioAdvanced node.")
    found = Found()
    for number, each in enumerate(named[:MAX_FILES]):
        try:
            data = fetch_file(client, checked_address(each.address, client.place))
            outline, suffix = _looked_through(data, each.suffix)
        except RunComfyError as error:
            _failed(found, client, each, request_id, error)
            continue
        name = f"{number}{suffix}"
        try:
            (folder / name).write_bytes(data)
        except OSError as error:
            raise Unavailable(
                f"The files of request {request_id} cannot be written to {folder} ({error.strerror}): make room there "
                "and run the same command again; it fetches them, and nothing is run again."
            ) from None
        found.outlines[name] = outline
        found.outputs.setdefault(each.node, {"audio": []})["audio"].append({"filename": name, "type": "output"})
    if len(named) > MAX_FILES:
        complain(f"Request {request_id} saved {len(named)} sounds; only the first {MAX_FILES} are fetched.")
    return found


def _failed(found: Found, client: Client, each: Named, request_id: str, error: RunComfyError) -> None:
    problem = RunFailed(
        f"Of request {request_id}, {each.label} is not here: {client.said(str(error))} The same command "
        "fetches it again, and nothing is run again.",
        type(error).__name__,
    )
    if found.problem is None:
        found.problem = problem
    else:
        complain(str(problem))


def _looked_through(data: bytes, suffix: str) -> tuple[sound.Outline, str]:
    """The outline of a file and the suffix that it gets. Raises UnusableAnswer for one that is broken or no sound."""
    try:
        blocks = decoded_blocks(data, LIMITS)
        rate, first = next(blocks)
        outline = sound.measure(itertools.chain([first], (block for _, block in blocks)), rate)
    except Undecodable as error:
        raise UnusableAnswer(f"what RunComfy delivered ({len(data)} bytes) is {error}.") from None
    kind = sniff(data)
    return outline, suffix if suffix in AUDIO_SUFFIXES else _SUFFIX_OF_KIND.get(kind, f".{kind}")


def _named(client: Client, result: Mapping, request_id: str) -> Iterator[Named]:
    outputs = result.get("outputs")
    if not isinstance(outputs, Mapping):
        raise UnusableAnswer(f"RunComfy's result of request {request_id} has no list of outputs that can be read.")
    for node, channels in outputs.items():
        entries = channels.get("audio") if isinstance(channels, Mapping) else None
        for number, entry in enumerate(entries if isinstance(entries, list) else (), 1):
            address = entry.get("url") if isinstance(entry, Mapping) else entry
            if isinstance(address, str):
                name = client.said(entry.get("filename") or "") if isinstance(entry, Mapping) else ""
                shown = client.said(node)[:64]
                label = f"file {number} of node {shown}" + (f" ({name[:64]})" if name else "")
                yield Named(re.sub(r"[^A-Za-z0-9-]", "-", shown), address, PurePosixPath(name).suffix.lower(), label)
