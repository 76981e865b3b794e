"""The one download of this process: start, pause, go on, cancel, and what pages are told of it."""

import logging
import shutil
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import partial as bound
from pathlib import Path

from ....words.remarks import Remark, in_words, remark
from .. import catalogue, installed
from ..catalogue import Entry, OfficialFile
from ..folders import standard_folder
from ..missing import Lack
from . import fetching, partial, problems
from .hub import Hub, Stopped

TOLD_EVERY_SECONDS = 0.5
_RATE_SECONDS = 5.0

IDLE, RUNNING, CHECKING, PAUSED, DONE, FAILED = "idle", "running", "checking", "paused", "done", "failed"


@dataclass(frozen=True)
class State:
    """id, title: of the entry. done_bytes, total_bytes: over all the files it brings. file: the one being brought.

    bytes_per_second: over the last seconds, None when not running or not known yet. said: when failed or done.
    """

    id: str | None = None
    title: str | None = None
    phase: str = IDLE
    file: str | None = None
    done_bytes: int = 0
    total_bytes: int = 0
    bytes_per_second: float | None = None
    said: Remark | None = None

    @property
    def message(self) -> str | None:
        return self.said.sentence() if self.said else None

    def as_dict(self) -> dict:
        """For JSON, with the sentence beside its code and values."""
        return asdict(self) | in_words(self.said)


@dataclass
class _Job:
    """A download. stopped: it is to end at the next bytes; cancelled: and to remove what has arrived; ended: it has
    said its last word, and its thread is done or about to be."""

    entry: Entry
    files: list[tuple[OfficialFile, Path]]
    stopped: bool = False
    cancelled: bool = False
    ended: bool = False
    placed_bytes: int = 0
    thread: threading.Thread | None = None
    # (seconds, bytes) of the last writes.
    marks: deque[tuple[float, int]] = field(default_factory=deque)


class Downloads:
    """Downloads of ``entries``, one at a time. Every method may be called from any thread.

    tell: called with each new state, at most about twice a second while bytes arrive.
    """

    def __init__(
        self,
        tell: Callable[[State], None],
        entries: Callable[[], Sequence[Entry]] | None = None,
        hub: Hub | None = None,
    ):
        self._tell = tell
        self._entries = entries or (lambda: catalogue.CATALOGUE)
        self._hub = hub or Hub()
        self._lock = threading.RLock()
        self._job: _Job | None = None
        self._state: State | None = None
        self._told_at = 0.0

    # What there is

    def models(self) -> list[dict]:
        """The entries with their files, what is there of them and what is still to come; see routes/models.py."""
        return [self._described(entry) for entry in self._entries()]

    def _described(self, entry: Entry) -> dict:
        rows = [(file, standard_folder(file.folder), missing) for file, missing in _files_of(entry)]
        to_bring = [(file, folder) for file, folder, missing in rows if missing]
        return {
            "id": entry.id,
            "title": entry.title,
            "licence": entry.licence,
            "site": entry.site,
            "files": [
                {"name": file.name, "folder": str(folder), "bytes": file.bytes, "there": not missing}
                for file, folder, missing in rows
            ],
            "bytes": sum(file.bytes for file, _, _ in rows),
            "missing_bytes": _missing_bytes(to_bring),
            "free_bytes": min(
                (_free_bytes(folder) for _, folder in to_bring or [row[:2] for row in rows]), default=None
            ),
        }

    def state(self) -> State:
        """How it stands. What an earlier process left half-done is paused."""
        with self._lock:
            if self._state is None:
                self._state = self._left_behind()
            return self._with_rate(self._state)

    def _left_behind(self) -> State:
        found = [(sum(partial.size_of(*row) for row in rows), entry, rows) for entry, rows in self._to_bring()]
        size, entry, rows = max(found, key=lambda one: one[0], default=(0, None, []))
        if entry is None or size == 0:
            return State()
        return _state_of(entry, rows, PAUSED)

    def _to_bring(self) -> list[tuple[Entry, list[tuple[OfficialFile, Path]]]]:
        return [
            (entry, [(file, standard_folder(file.folder)) for file, missing in _files_of(entry) if missing])
            for entry in self._entries()
        ]

    # What may be done

    def get(self, entry_id: str) -> State:
        """Start the download of an entry, or go on with it. Raises KeyError, and OtherDownloadRuns.

        Whatever else goes wrong becomes the state's message.
        """
        entry = next((entry for entry in self._entries() if entry.id == entry_id), None)
        if entry is None:
            raise KeyError(entry_id)
        with self._lock:
            job, state = self._job, self.state()
            if job and not job.ended and not job.stopped:
                if job.entry.id == entry_id:
                    return state
                titles = {"running": job.entry.title, "wanted": entry.title}
                raise problems.OtherDownloadRuns(remark("other_download", **titles))
            if job and not job.ended and not job.cancelled and job.entry.id == entry_id:
                job.stopped = False  # it has not noticed yet that it was paused
                job.marks.clear()
                return self._set(replace(state, phase=RUNNING))
            return self._start(entry, job)

    def _start(self, entry: Entry, previous: _Job | None) -> State:
        rows = [(file, standard_folder(file.folder)) for file, missing in _files_of(entry) if missing]
        if not rows:
            return self._set(State(entry.id, entry.title, DONE, said=remark("model_installed", title=entry.title)))
        job = _Job(entry, rows)
        # Not waited for when ComfyUI ends: what has arrived is on the disk, and goes on from there.
        job.thread = threading.Thread(target=self._run, args=(job, previous), daemon=True, name="acestep-download")
        self._job = job
        state = self._set(_state_of(entry, rows, RUNNING))
        job.thread.start()
        return state

    def pause(self) -> State:
        """Stop, and keep what has arrived. The page need not wait until the line notices."""
        return self._stop(PAUSED)

    def cancel(self) -> State:
        """Stop, and remove what has arrived of the unfinished file."""
        return self._stop(IDLE)

    def _stop(self, phase: str) -> State:
        with self._lock:
            job, state = self._job, self.state()
            if job and not job.ended:
                job.stopped, job.cancelled = True, phase == IDLE
            elif phase == IDLE:
                self._remove_left_behind(state)
            if phase == IDLE:
                return self._set(State())
            return self._set(replace(state, phase=PAUSED)) if state.phase in (RUNNING, CHECKING) else state

    def _remove_left_behind(self, state: State) -> None:
        for entry, rows in self._to_bring():
            for file, folder in rows if entry.id == state.id else []:
                partial.discard(file, folder)

    def wait(self, seconds: float | None = None) -> State:
        """Until the download has ended, however it does, or so many seconds have passed."""
        if self._job and self._job.thread:
            self._job.thread.join(seconds)
        return self.state()

    # The thread

    def _run(self, job: _Job, previous: _Job | None) -> None:
        if previous and previous.thread:
            previous.thread.join()  # it may still be reading from the line, and hold what both would write to
        try:
            _check_disk(job.files)
            for file, folder in job.files:
                self._note(job, file, partial.size_of(file, folder))
                arrived = bound(self._note, job, file)
                fetching.fetch(file, folder, self._hub, arrived, bound(self._check, job))
                job.placed_bytes += file.bytes
        except Stopped:
            pass  # said when it was asked for
        except problems.DownloadFailed as error:
            self._fail(job, error.said)
        except Exception as error:  # nobody else would see what happens in this thread
            logging.exception("ACE-Step: the download of %s failed", job.entry.title)
            self._fail(job, remark("download_failed", error=f"{type(error).__name__}: {error}"))
        else:
            self._finish(job)
        if job.cancelled:
            for file, folder in job.files:
                partial.discard(file, folder)
            with self._lock:
                if self._job is job:
                    self._set(self.state())  # told again, as more is to come now than when it was cancelled

    def _note(self, job: _Job, file: OfficialFile, size: int) -> None:
        """So much of ``file`` is there. Raises Stopped when no more is wanted."""
        with self._lock:
            self._end_if_stopped(job)
            now, done, before = time.monotonic(), job.placed_bytes + size, self.state()
            job.marks.append((now, done))
            while len(job.marks) > 2 and job.marks[1][0] < now - _RATE_SECONDS:
                job.marks.popleft()
            self._state = replace(before, phase=RUNNING, file=file.name, done_bytes=done)
            if before.phase != RUNNING or now - self._told_at >= TOLD_EVERY_SECONDS:
                self._set(self._state)

    def _check(self, job: _Job) -> None:
        with self._lock:
            self._end_if_stopped(job)
            self._set(replace(self.state(), phase=CHECKING))

    def _end_if_stopped(self, job: _Job) -> None:
        if job.stopped:
            job.ended = True
            raise Stopped()

    def _fail(self, job: _Job, said: Remark) -> None:
        with self._lock:
            job.ended = True
            if not job.stopped:  # a paused one stays paused, whatever the line does
                done = job.placed_bytes + sum(partial.size_of(*row) for row in job.files)
                self._set(replace(self.state(), phase=FAILED, done_bytes=done, said=said))

    def _finish(self, job: _Job) -> None:
        total = sum(file.bytes for file, _ in job.files)
        with self._lock:
            job.ended = True
            said = remark("model_installed", title=job.entry.title)
            self._set(State(job.entry.id, job.entry.title, DONE, None, total, total, None, said))

    def _set(self, state: State) -> State:
        with self._lock:
            self._state = state
            self._told_at = time.monotonic()
            shown = self._with_rate(state)
            self._tell(shown)
            return shown

    def _with_rate(self, state: State) -> State:
        marks = self._job.marks if self._job and state.phase == RUNNING else ()
        if len(marks) < 2:
            return replace(state, bytes_per_second=None)
        seconds = time.monotonic() - marks[0][0]
        return replace(state, bytes_per_second=(marks[-1][1] - marks[0][1]) / seconds if seconds > 0 else None)


def _files_of(entry: Entry) -> list[tuple[OfficialFile, bool]]:
    """The entry's files, each with whether it is missing."""
    found = installed.find(installed.Wanted((entry.family,), entry.variant))
    if isinstance(found, Lack):
        return entry.files(found.kinds, found.available)
    return entry.files((), (*found.model, *found.clip, *found.vae))


def _state_of(entry: Entry, rows: Sequence[tuple[OfficialFile, Path]], phase: str) -> State:
    sizes = [(partial.size_of(file, folder), file.name) for file, folder in rows]
    done = sum(size for size, _ in sizes)
    current = next((name for size, name in sizes if size), rows[0][0].name if rows else None)
    return State(entry.id, entry.title, phase, current, done, sum(file.bytes for file, _ in rows))


def _missing_bytes(rows: Sequence[tuple[OfficialFile, Path]]) -> int:
    return sum(max(0, file.bytes - partial.size_of(file, folder)) for file, folder in rows)


def _check_disk(rows: Sequence[tuple[OfficialFile, Path]]) -> None:
    """Raise DownloadFailed when a disk cannot hold what is to come to it."""
    by_disk: dict[int, list[tuple[OfficialFile, Path]]] = {}
    for file, folder in rows:
        by_disk.setdefault(_existing(folder).stat().st_dev, []).append((file, folder))
    for on_disk in by_disk.values():
        wanted, folder = _missing_bytes(on_disk), on_disk[0][1]
        if _free_bytes(folder) < wanted:
            raise problems.disk_is_full(folder, wanted, _free_bytes(folder))


def _free_bytes(folder: Path) -> int:
    return shutil.disk_usage(_existing(folder)).free


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    return next(path for path in (folder, *folder.parents) if path.exists())
