"""What this process has seen in a journal, so that one that vanishes meanwhile is noticed before anything is bought."""

import threading
from collections.abc import Mapping
from pathlib import Path

from ...words.remarks import Remark, remark
from .entries import Content, State
from .errors import JournalError

# Stands for the vanished journal where an error says what it tells of.
VANISHED = "the journal"
_MOST_IDS_SHOWN = 10


class Remembered:
    """By the journal's path. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._entries: dict[Path, dict[str, str | None]] = {}
        self._shown: dict[Path, float] = {}

    def saw(self, path: Path, content: Content, full: bool) -> None:
        """``content`` stands in the journal now. What is missing from it stays remembered, unless it is ``full``:

        then what is missing was pruned. What was refused is not: nobody paid for it, and few of those are kept.
        """
        refused = {entry.key for entry in content.entries if entry.state is State.REFUSED}
        found = {entry.key: entry.request_id for entry in content.entries}
        with self._lock:
            known = found if full else self._entries.get(path, {}) | found
            self._entries[path] = {key: request_id for key, request_id in known.items() if key not in refused}

    def check(self, path: Path, content: Content, queued_at: float) -> None:
        """Raises JournalError when entries are missing, unless the user was told before queueing the run."""
        held = {entry.key for entry in content.entries}
        with self._lock:
            known = self._entries.get(path, {})
            lost = {key: request_id for key, request_id in known.items() if key not in held}
            if lost and self._shown.get(path, queued_at) < queued_at:
                for key in lost:
                    del known[key]
                lost = {}
        if lost:
            raise _vanished(path, lost)

    def problem(self, path: Path, content: Content) -> Remark | None:
        """What ``check`` says of entries that are missing, for a list of what there is."""
        held = {entry.key for entry in content.entries}
        with self._lock:
            lost = {key: request_id for key, request_id in self._entries.get(path, {}).items() if key not in held}
        return _vanished(path, lost).said if lost else None

    def note_shown(self, path: Path, at: float) -> None:
        """The user was told at that time."""
        with self._lock:
            self._shown[path] = at


def _vanished(path: Path, lost: Mapping[str, str | None]) -> JournalError:
    ids = [request_id for request_id in lost.values() if request_id]
    said = remark("journal_vanished", path=str(path), count=len(lost))
    if ids:
        shown = ", ".join(ids[-_MOST_IDS_SHOWN:])
        said = remark("journal_vanished_with_ids", path=str(path), count=len(lost), ids=shown)
    error = JournalError(said)
    error.tells_of = VANISHED
    return error


# One for the process, whichever run looks.
REMEMBERED = Remembered()
