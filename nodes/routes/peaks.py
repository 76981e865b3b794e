"""What a file in one of ComfyUI's folders is drawn from, beyond what the browser can tell.

    /acestep/peaks  {"filename": "mix.wav", "subfolder": "", "type": "input" | "output" | "temp"} → see audio/peaks.py,
                    for tracks too long to decode in the browser
    /acestep/beats  the same and "bpm": 0 or 30 to 300 → {"beats": null or see audio/beats.py}

Who may ask and how is in same_origin.py. HTTP 404: there is no such file; 422: it holds no sound that can be read.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

from ..audio.beats import find_beats
from ..audio.outline import Outline, outline_of_file
from ..errors import InputError
from ..words.vocabulary import MAX_BPM, MIN_BPM
from .same_origin import BadInput, register

_KEPT = 16


class OutlinesOfFiles:
    """Outlines by path, measured once for each version of a file and one file at a time."""

    def __init__(self, kept: int = _KEPT):
        self._kept = kept
        self._outlines: OrderedDict[tuple, Outline] = OrderedDict()
        self._lock = asyncio.Lock()

    async def of(self, path: Path) -> Outline:
        """Raises InputError when the file holds no sound, OSError when it cannot be opened."""
        facts = path.stat()
        key = (str(path), facts.st_mtime_ns, facts.st_size)
        async with self._lock:
            if key not in self._outlines:
                self._outlines[key] = await asyncio.to_thread(outline_of_file, path)
            self._outlines.move_to_end(key)
            while len(self._outlines) > self._kept:
                self._outlines.popitem(last=False)
            return self._outlines[key]


def file_inside(folder: Path, subfolder: str, filename: str) -> Path | None:
    """The file ``subfolder/filename`` when it lies in ``folder``, else None.

    Links inside the folder are followed, as ComfyUI's own loaders follow them.
    """
    if "\0" in subfolder + filename:
        return None
    relative = PurePath(subfolder, filename)
    if relative.drive or relative.root or ".." in relative.parts:
        return None
    path = folder / relative
    try:
        return path if path.is_file() else None
    except (OSError, ValueError):  # no file can have such a name
        return None


async def outline(outlines: OutlinesOfFiles, folders: Mapping[str, Callable[[], str]], question: dict) -> Outline:
    """The outline of the file that ``question`` names. Raises BadInput."""
    names = [question.get("subfolder", ""), question.get("filename", "")]
    if not all(isinstance(name, str) for name in names):
        raise BadInput("subfolder and filename must be text.")
    kind = question.get("type", "input")
    if not isinstance(kind, str) or kind not in folders:
        raise BadInput(f"type is {kind!r}; choose one of {', '.join(folders)}.")
    path = file_inside(Path(folders[kind]()), *names)
    if path is None:
        raise BadInput(f"the {kind} folder has no such file.", 404)
    try:
        return await outlines.of(path)
    except InputError as error:
        raise BadInput(str(error), 422) from None
    except OSError:
        raise BadInput("it cannot be opened.", 422) from None


def tempo(question: dict) -> float:
    bpm = question.get("bpm", 0)
    if isinstance(bpm, bool) or not isinstance(bpm, (int, float)) or (bpm and not MIN_BPM <= bpm <= MAX_BPM):
        raise BadInput(f"bpm is {bpm!r}; it must be 0 or a number from {MIN_BPM} to {MAX_BPM}.")
    return bpm


def register_routes(routes=None) -> None:
    """Add the routes to ComfyUI's server. ``routes`` is for tests."""
    import folder_paths

    outlines = OutlinesOfFiles()
    folders = {
        "input": folder_paths.get_input_directory,
        "output": folder_paths.get_output_directory,
        "temp": folder_paths.get_temp_directory,
    }

    async def peaks(question: dict) -> tuple[int, dict]:
        return 200, (await outline(outlines, folders, question)).peaks.as_dict()

    async def beats(question: dict) -> tuple[int, dict]:
        bpm = tempo(question)
        onsets = (await outline(outlines, folders, question)).onsets
        found = await asyncio.to_thread(find_beats, onsets, bpm)
        return 200, {"beats": found and found.as_dict()}

    register("/acestep/peaks", peaks, routes)
    register("/acestep/beats", beats, routes)
