"""Brings the results of a run to the output folder: sounds, reports, pictures.

Nothing there is ever overwritten: a second run of the same workflow gets the next free number. Every file is
written under a temporary name and renamed, so a run that is cut short leaves nothing half-written.
"""

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from . import picture, sound
from .client import Run
from .errors import RunError, Unavailable
from .graph import RENDERING_NODES, Graph, nodes_of, title, upstream
from .workspace import Workspace

REPORT_KEY = "acestep"


@dataclass(frozen=True)
class SoundFile:
    """One sound in the output folder and its picture."""

    audio: Path
    picture: Path
    sound: sound.Outline


@dataclass(frozen=True)
class ReportFile:
    """The report of one rendering node, in the output folder."""

    path: Path
    report: dict


def deliver(
    run: Run,
    graph: Graph,
    name: str,
    workspace: Workspace,
    folder: Path,
    outline: Callable[[Path], sound.Outline] = sound.outline,
) -> tuple[list[SoundFile], list[ReportFile]]:
    """Bring every saved sound, with a picture, and every report of a run to the folder. Raises RunError.

    outline: measures a sound before anything of it is brought.
    """
    saved = saved_sounds(run)
    if not saved:
        raise RunError("The graph ran but saved no sound; end it with a SaveAudioAdvanced node.")
    try:
        return _bring(saved, reports(run), graph, name, workspace, folder, outline)
    except OSError as error:
        raise Unavailable(
            f"The results cannot be written to {folder} ({error.strerror}): make room there, or give another folder "
            "with --out, and run the same command again."
        ) from error


def _bring(
    saved: dict[str, list[dict]],
    reports: dict[str, dict],
    graph: Graph,
    name: str,
    workspace: Workspace,
    folder: Path,
    outline: Callable[[Path], sound.Outline],
) -> tuple[list[SoundFile], list[ReportFile]]:
    folder.mkdir(parents=True, exist_ok=True)
    stem = _free_stem(folder, name)
    report_files = _write_reports(reports, graph, folder, stem)
    sounds = []
    for node_id, entries in saved.items():
        for number, entry in enumerate(entries, 1):
            parts = [stem]
            parts += [_slug(graph, node_id, saved)] if len(saved) > 1 else []
            parts += [str(number)] if len(entries) > 1 else []
            report = next((reports[above] for above in upstream(graph, node_id) if above in reports), None)
            source = path_of(entry, workspace)
            sounds.append(_deliver_one(source, outline(source), folder / "_".join(parts), report, number - 1))
    return sounds, report_files


def saved_sounds(run: Run) -> dict[str, list[dict]]:
    """Node id → its saved files; previews (in temp) count only when nothing else was saved."""
    for place in ("output", "temp"):
        found = {
            node_id: [entry for entry in ui.get("audio", []) if entry.get("type") == place]
            for node_id, ui in run.outputs.items()
        }
        found = {node_id: entries for node_id, entries in sorted(found.items()) if entries}
        if found:
            return found
    return {}


def path_of(entry: dict, workspace: Workspace) -> Path:
    """Where a file that ComfyUI names lies."""
    return workspace.folder / entry["type"] / entry.get("subfolder", "") / entry["filename"]


def reports(run: Run) -> dict[str, dict]:
    return {
        node_id: ui[REPORT_KEY][0]
        for node_id, ui in run.outputs.items()
        if ui.get(REPORT_KEY) and isinstance(ui[REPORT_KEY][0], dict) and "backend" in ui[REPORT_KEY][0]
    }


def _write_reports(reports: dict[str, dict], graph: Graph, folder: Path, stem: str) -> list[ReportFile]:
    files = []
    for node_id, report in sorted(reports.items()):
        middle = f"_{_slug(graph, node_id, reports)}" if len(reports) > 1 else ""
        path = folder / f"{stem}{middle}_report.json"
        with _whole(path) as temporary:
            temporary.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        files.append(ReportFile(path, report))
    return files


def _deliver_one(source: Path, heard: sound.Outline, stem: Path, report: dict | None, index: int) -> SoundFile:
    audio = stem.with_name(stem.name + source.suffix)
    drawing = stem.with_name(stem.name + "_waveform.png")
    with _whole(audio) as temporary:
        shutil.copyfile(source, temporary)
    with _whole(drawing) as temporary:
        marks = marks_of(report, index, heard.seconds) if report else picture.Marks()
        picture.draw(heard, stem.name, _origin(report), marks).save(temporary, format="PNG")
    return SoundFile(audio, drawing, heard)


def marks_of(report: dict, index: int, seconds: float) -> picture.Marks:
    """The ranges, context and seams of the index-th sound, ``seconds`` long, of the batch that a report is about."""
    windows = report.get("windows", [])
    made = sorted({(seam.get("item"), seam.get("take")) for seam in report.get("seams", [])})
    own = made[index] if index < len(made) else None
    return picture.Marks(
        new=tuple(piece for window in windows for span in window["ranges"] for piece in _pieces(*span, seconds)),
        context=tuple(piece for window in windows for piece in _pieces(window["start"], window["end"], seconds)),
        seams=tuple(
            (seam["time_seconds"], seam["verdict"])
            for seam in report.get("seams", [])
            if (seam.get("item"), seam.get("take")) == own
        ),
    )


def _pieces(start: float, end: float, seconds: float) -> list[picture.Span]:
    """A span as it lies on the sound: of a loop, one that does not end after it starts goes on across the end."""
    return [(start, end)] if start < end else [(start, seconds), (0.0, end)]


def _origin(report: dict | None) -> str:
    """Who rendered it, for the picture."""
    if report is None:
        return ""
    if report["backend"] == "sketch":
        return "sketch, not ACE-Step"
    return " · ".join(str(report[key]) for key in ("model", "backend") if report.get(key))


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that takes its place when the block ends well, and vanishes otherwise."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".unfinished-", suffix=path.suffix)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _free_stem(folder: Path, name: str) -> str:
    """`name`, or `name-2`, `name-3` …: the first that no file in the folder starts with."""
    taken = {path.name for path in folder.iterdir()}
    number = 1
    while True:
        stem = name if number == 1 else f"{name}-{number}"
        if not any(re.match(re.escape(stem) + r"[._]", other) for other in taken):
            return stem
        number += 1


def _slug(graph: Graph, node_id: str, among: dict) -> str:
    """A file-name part that tells a node from the others: its title, that of what renders for it, or its id."""
    for naming in (title, _renderer_title):
        own = naming(graph, node_id)
        slug = re.sub(r"[^a-z0-9]+", "-", own.lower()).strip("-")
        if slug and [naming(graph, other) for other in among].count(own) == 1:
            return slug
    return node_id


def _renderer_title(graph: Graph, node_id: str) -> str:
    renderers = nodes_of(graph, *RENDERING_NODES)
    return next((title(graph, above) for above in upstream(graph, node_id) if above in renderers), "")
