"""What /acestep/peaks and /acestep/beats answer, see peaks.py."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path, PurePath

from ..audio import crossings
from ..audio.beats import find_beats
from ..audio.outline import FileReading, Outline
from ..errors import InputError
from ..words.remarks import remark
from ..words.vocabulary import MAX_BPM, MIN_BPM
from .same_origin import BadInput, chosen

_KEPT = 16
# How often a waveform grows while its file is read.
_PATIENCE_SECONDS = 0.5


class OutlinesOfFiles:
    """Outlines by path, measured once for each version of a file and one file at a time."""

    def __init__(self, kept: int = _KEPT):
        self._kept = kept
        self._readings: OrderedDict[tuple, tuple[FileReading, asyncio.Task[Outline]]] = OrderedDict()
        self._lock = asyncio.Lock()

    async def of(self, path: Path) -> Outline:
        """Raises InputError when the file holds no sound, OSError when it cannot be opened."""
        found = await self.within(path, None)
        assert isinstance(found, Outline)
        return found

    async def within(self, path: Path, seconds: float | None) -> Outline | FileReading:
        """The outline, or the reading that goes on when it takes longer. Raises as ``of`` does."""
        facts = path.stat()
        key = (str(path), facts.st_mtime_ns, facts.st_size)
        started, task = self._started(key, path)
        done, _ = await asyncio.wait([task], timeout=seconds)
        if not done:
            return started
        if task.exception() and self._readings.get(key) == (started, task):
            del self._readings[key]  # who asks again has it read again
        return task.result()

    def _started(self, key: tuple, path: Path) -> tuple[FileReading, asyncio.Task[Outline]]:
        if key not in self._readings:
            started = FileReading(path)
            # A task of its own: it goes on for the others when one who waits for it has left.
            task = asyncio.create_task(self._read(started))
            task.add_done_callback(asyncio.Task.exception)  # nobody may be there any more to be told
            self._readings[key] = (started, task)
        self._readings.move_to_end(key)
        ended = [each for each, (_, task) in self._readings.items() if task.done() and each != key]
        for each in ended[: max(0, len(self._readings) - self._kept)]:
            del self._readings[each]
        return self._readings[key]

    async def _read(self, started: FileReading) -> Outline:
        async with self._lock:
            return await asyncio.to_thread(started.outline)


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


def asked_file(folders: Mapping[str, Callable[[], str]], question: dict) -> Path:
    """The file that ``question`` names. Raises BadInput."""
    names = [question.get("subfolder", ""), question.get("filename", "")]
    if not all(isinstance(name, str) for name in names):
        raise BadInput(remark("names_no_text"))
    kind = chosen(question, "type", list(folders), "input")
    path = file_inside(Path(folders[kind]()), *names)
    if path is None:
        raise BadInput(remark("no_such_file", folder=kind), 404)
    return path


async def outline(outlines: OutlinesOfFiles, folders: Mapping[str, Callable[[], str]], question: dict) -> Outline:
    """The outline of the file that ``question`` names. Raises BadInput."""
    return await _readable(outlines.of(asked_file(folders, question)))


async def growing(outlines: OutlinesOfFiles, folders: Mapping[str, Callable[[], str]], question: dict):
    """The same, or the reading that goes on when it takes long."""
    return await _readable(outlines.within(asked_file(folders, question), _PATIENCE_SECONDS))


async def _readable(found: Awaitable):
    try:
        return await found
    except InputError as error:
        raise BadInput(error.said, 422) from None
    except OSError:
        raise BadInput(remark("file_unopened"), 422) from None


def whole_or_growing(found: Outline | FileReading) -> tuple[int, dict]:
    """What /acestep/peaks answers."""
    if isinstance(found, Outline):
        return 200, {**found.peaks.as_dict(), "crossings": crossings.as_dict(found.crossings)}
    part = found.so_far()
    return 202, {"peaks": part[0].as_dict(), "seconds": part[1]} if part else {}


def tempo(question: dict) -> float:
    bpm = question.get("bpm", 0)
    if isinstance(bpm, bool) or not isinstance(bpm, (int, float)) or (bpm and not MIN_BPM <= bpm <= MAX_BPM):
        raise BadInput(remark("bpm_unusable", value=repr(bpm), least=MIN_BPM, most=MAX_BPM))
    return bpm


class Answers:
    """What the routes answer. folders: where a file may lie, by ``type``."""

    def __init__(self, folders: Mapping[str, Callable[[], str]]):
        self._folders = folders
        self._outlines = OutlinesOfFiles()

    async def peaks(self, question: dict) -> tuple[int, dict]:
        """Raises BadInput, as ``beats`` does."""
        read = growing if question.get("growing") is True else outline
        return whole_or_growing(await read(self._outlines, self._folders, question))

    async def beats(self, question: dict) -> tuple[int, dict]:
        bpm = tempo(question)
        onsets = (await outline(self._outlines, self._folders, question)).onsets
        found = await asyncio.to_thread(find_beats, onsets, bpm)
        return 200, {"beats": found and found.as_dict()}
