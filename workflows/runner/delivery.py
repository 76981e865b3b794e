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
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import picture, sound
from .client import Run
from .errors import RunError
from .graph import Graph, title, upstream
from .workspace import Workspace

REPORT_KEY = "acestep"


@dataclass(frozen=True)
class Delivered:
    """One sound file in the output folder, with what belongs to it."""

    audio: Path
    picture: Path
    sound: sound.Sound
    report: dict | None


def deliver(run: Run, graph: Graph, name: str, workspace: Workspace,
            folder: Path) -> tuple[list[Delivered], list[Path]]:
    """Copy every saved sound and every report of a run; the sounds with their pictures, and the report files."""
    saved = _saved_sounds(run)
    if not saved:
        raise RunError("The graph ran but saved no sound; end it with a SaveAudio node.")
    reports = _reports(run)
    folder.mkdir(parents=True, exist_ok=True)
    stem = _free_stem(folder, name)
    report_files = _write_reports(reports, graph, folder, stem)
    several_savers = len(saved) > 1
    delivered = []
    for node_id, entries in saved.items():
        for number, entry in enumerate(entries, 1):
            parts = [stem]
            parts += [_slug(graph, node_id, saved)] if several_savers else []
            parts += [str(number)] if len(entries) > 1 else []
            report = next((reports[above] for above in upstream(graph, node_id) if above in reports), None)
            delivered.append(_deliver_one(workspace, entry, folder / "_".join(parts), report, number - 1))
    return delivered, report_files


def _saved_sounds(run: Run) -> dict[str, list[dict]]:
    """Node id → its saved files; previews (in temp) count only when nothing else was saved."""
    for place in ("output", "temp"):
        found = {node_id: [entry for entry in ui.get("audio", []) if entry.get("type") == place]
                 for node_id, ui in run.outputs.items()}
        found = {node_id: entries for node_id, entries in sorted(found.items()) if entries}
        if found:
            return found
    return {}


def _reports(run: Run) -> dict[str, dict]:
    return {node_id: ui[REPORT_KEY][0] for node_id, ui in run.outputs.items() if ui.get(REPORT_KEY)
            and isinstance(ui[REPORT_KEY][0], dict) and "backend" in ui[REPORT_KEY][0]}


def _write_reports(reports: dict[str, dict], graph: Graph, folder: Path, stem: str) -> list[Path]:
    files = []
    for node_id, report in sorted(reports.items()):
        middle = f"_{_slug(graph, node_id, reports)}" if len(reports) > 1 else ""
        path = folder / f"{stem}{middle}_report.json"
        with _whole(path) as temporary:
            temporary.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        files.append(path)
    return files


def _deliver_one(workspace: Workspace, entry: dict, stem: Path, report: dict | None, index: int) -> Delivered:
    source = workspace.folder / entry["type"] / entry.get("subfolder", "") / entry["filename"]
    audio = stem.with_name(stem.name + source.suffix)
    drawing = stem.with_name(stem.name + "_waveform.png")
    with _whole(audio) as temporary:
        shutil.copyfile(source, temporary)
    heard = sound.read(audio)
    with _whole(drawing) as temporary:
        marks = marks_of(report, index) if report else picture.Marks()
        picture.draw(heard, stem.name, _origin(report), marks).save(temporary, format="PNG")
    return Delivered(audio, drawing, heard, report)


def marks_of(report: dict, index: int) -> picture.Marks:
    """The ranges, context and seams of the index-th sound of the batch that a report is about."""
    windows = report.get("windows", [])
    made = sorted({(seam.get("item"), seam.get("take")) for seam in report.get("seams", [])})
    own = made[index] if index < len(made) else None
    return picture.Marks(
        new=tuple((start, end) for window in windows for start, end in window["ranges"]),
        context=tuple((window["start"], window["end"]) for window in windows),
        seams=tuple((seam["time_seconds"], seam["verdict"]) for seam in report.get("seams", [])
                    if (seam.get("item"), seam.get("take")) == own))


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
    """A file-name part for a node: its title where that tells it apart, else its id."""
    titles = [title(graph, other) for other in among]
    own = title(graph, node_id)
    text = own if titles.count(own) == 1 else node_id
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or node_id
