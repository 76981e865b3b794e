"""The record of paid requests on disk: written before money is spent, read before it is spent again.

One private JSON file, replaced whole under a lock that other ComfyUI processes respect. While a request
is being submitted, a lock file of its own shows whether the submitting process is still alive.
"""

import errno
import time
from collections.abc import Iterator, Set
from contextlib import contextmanager
from dataclasses import replace

from ...request.requests import Call
from ...words.remarks import remark
from .entries import FETCHABLE, OPEN, Content, Entry, Run, State
from .errors import JournalError
from .files import FileLock, write_private
from .journal_text import JOURNAL_TEXT, NewerJournal
from .place import JOURNAL_FILE, Place
from .remembered import REMEMBERED, VANISHED

# The file is written anew at each step of a request, with that many entries and as many runs.
KEPT_SETTLED = 2000
KEPT_REFUSED = 50
# What the newest runs were rendered by is kept whatever its number.
KEPT_RUNS = 10
MAX_OPEN = 200
_NOT_TO_BE_WRITTEN = (errno.EROFS, errno.EACCES, errno.EPERM)


class Journal:
    """The journal of one place. Every method is one transaction. Raises JournalError."""

    def __init__(self, place: Place):
        self.path = place.directory / JOURNAL_FILE
        self._patience = place.patience
        self._sending: dict[str, FileLock] = {}

    def read(self) -> Content:
        """What is on disk now. What a process left in the sending state when it died becomes unknown."""
        with self._transaction() as edit:
            for entry in edit.content.entries:
                self._without_dead_sender(edit, entry)
            return edit.content

    def look_up(self, run: Run, wanted: Entry) -> Entry | None:
        """The request that already asked for what ``wanted`` of ``run`` would ask, or None when it is to be submitted.

        Newest first: one that can be fetched, one being sent, one of those that the user must be told about first
        and was not told before the run was queued. One left in the sending state by a process that died becomes
        unknown.
        """
        with self._transaction() as edit:
            return self._match(edit, run, wanted)

    def begin(self, run: Run, call: Call, entry: Entry) -> Entry:
        """Record that ``entry`` is about to be submitted for ``call``, or give back the one that already was.

        The given entry itself comes back when it may be submitted now.
        """
        try:
            with self._transaction() as edit:
                earlier = self._match(edit, run, entry)
                if earlier is not None:
                    return earlier
                REMEMBERED.check(self.path, edit.content, run.created)
                self._check_room(edit.content)
                lock = FileLock(self._lock_path(entry.key))
                if not lock.try_acquire():
                    raise JournalError(remark("file_locked", path=str(self._lock_path(entry.key))))
                self._sending[entry.key] = lock
                edit.content = _with_call(edit.content.with_entry(entry), run, call, entry)
        except BaseException:  # not recorded, so nothing will be sent
            self._end_sending(entry.key)
            raise
        return entry

    def _check_room(self, content: Content) -> None:
        count = sum(1 for old in content.entries if old.state in OPEN)
        if count >= MAX_OPEN:
            raise JournalError(remark("journal_full", path=str(self.path), count=count))

    def attach(self, run: Run, call: Call, entry: Entry) -> None:
        """Record that ``call`` of ``run`` is rendered by ``entry``, which exists already."""
        with self._transaction() as edit:
            latest = _latest(edit.content, run)
            if latest.entry_key(call) != entry.key or latest not in edit.content.runs:
                edit.content = _with_call(edit.content, run, call, entry)

    def update(self, entry: Entry, **changes) -> Entry:
        """Change fields of an entry, which ends its sending; the result is what is on disk."""
        try:
            with self._transaction() as edit:
                known = edit.content.entry(entry.key) or entry
                updated = replace(known, **changes, updated=time.time())
                edit.content = edit.content.with_entry(updated)
        finally:
            self._end_sending(entry.key)
        return updated

    def note_shown(self, keys: Set[str], at: float | None = None) -> None:
        """Record that the user was told about these entries, or that the journal has vanished: just now, or ``at``."""
        at = time.time() if at is None else at
        if VANISHED in keys:
            REMEMBERED.note_shown(self.path, at)
        with self._transaction() as edit:
            for entry in edit.content.entries:
                if entry.key in keys:
                    edit.content = edit.content.with_entry(replace(entry, shown=at))

    def take_back_shown(self, keys: set[str]) -> None:
        """Record that the user has not been told about these entries after all."""
        if keys:
            with self._transaction() as edit:
                for entry in edit.content.entries:
                    if entry.key in keys:
                        edit.content = edit.content.with_entry(replace(entry, shown=None))

    def strike_off(self, keys: set[str]) -> int:
        """Settle open entries at the user's word, so that they no longer count. Returns how many."""
        struck = 0
        with self._transaction() as edit:
            for entry in edit.content.entries:
                if entry.key in keys and entry.state in OPEN and not self._is_being_sent(entry):
                    struck_off = replace(entry, state=State.GONE, shown=0.0, updated=time.time())
                    edit.content = edit.content.with_entry(struck_off)
                    struck += 1
        return struck

    # One transaction

    def _match(self, edit: "_Edit", run: Run, wanted: Entry) -> Entry | None:
        for entry in reversed(edit.content.entries):
            if not entry.asks_for_the_same(wanted):
                continue
            entry = self._without_dead_sender(edit, entry)
            if entry.state in FETCHABLE or entry.state is State.SENDING:
                return entry
            if entry.is_to_be_told:
                if not entry.was_shown_before(run.created):
                    return entry
            elif entry.state is State.UNKNOWN:  # with an id to ask about
                return entry
        return None

    def _without_dead_sender(self, edit: "_Edit", entry: Entry) -> Entry:
        if entry.state is not State.SENDING or self._is_being_sent(entry):
            return entry
        entry = replace(entry, state=State.UNKNOWN, updated=time.time())
        edit.content = edit.content.with_entry(entry)
        return entry

    def _is_being_sent(self, entry: Entry) -> bool:
        if entry.state is not State.SENDING:
            return False
        if entry.key in self._sending:
            return True
        path = self._lock_path(entry.key)
        if not path.exists():
            return False
        lock = FileLock(path)
        if not lock.try_acquire():
            return True
        lock.release_and_remove()
        return False

    def _end_sending(self, key: str) -> None:
        lock = self._sending.pop(key, None)
        if lock is not None:
            lock.release_and_remove()

    def _lock_path(self, key: str):
        return self.path.with_name(f"sending-{key}.lock")

    @contextmanager
    def _transaction(self) -> Iterator["_Edit"]:
        """Read, let the caller change ``edit.content``, write when it changed: all under the lock.

        Where that cannot be made the file may still be read, as it is only ever replaced whole; a change is refused.
        """
        lock = FileLock(self.path.with_name("journal.lock"))
        try:
            read_only = self._take(lock)
            try:
                edit = _Edit(self._load())
                before = edit.content
                yield edit
                if edit.content != before:
                    if read_only:
                        raise read_only
                    self._store(edit.content)
                REMEMBERED.saw(self.path, edit.content, full=len(_settled(edit.content)) >= KEPT_SETTLED)
            finally:
                lock.release()
        except OSError as error:
            why = str(error.strerror)
            raise JournalError(remark("journal_unwritable", path=str(self.path), why=why)) from None

    def _take(self, lock: FileLock) -> OSError | None:
        """Take the lock of the journal. An error is returned where the folder is one that may only be read."""
        try:
            if lock.acquire(self._patience.lock):
                return None
        except OSError as error:
            if error.errno in _NOT_TO_BE_WRITTEN:
                return error
            raise
        waited = f"{self._patience.lock:g}"
        raise JournalError(remark("journal_locked", path=str(self.path), waited=waited))

    def _load(self) -> Content:
        try:
            return JOURNAL_TEXT.read(self.path.read_bytes())
        except FileNotFoundError:
            return Content()
        except NewerJournal:
            raise JournalError(remark("journal_newer", path=str(self.path))) from None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise JournalError(remark("journal_unreadable", path=str(self.path))) from None

    def _store(self, content: Content) -> None:
        write_private(self.path, JOURNAL_TEXT.written(content))


class _Edit:
    """What a transaction changes."""

    def __init__(self, content: Content):
        self.content = content


def _latest(content: Content, run: Run) -> Run:
    return next((known for known in content.runs if known.key == run.key), run)


def _with_call(content: Content, run: Run, call: Call, entry: Entry) -> Content:
    """``content`` with ``call`` of ``run`` rendered by ``entry``.

    Only the first call of a run makes room: a run that is queued again must find the later takes of the earlier one
    that it has not come to yet, also where those are the oldest of all.
    """
    is_new = all(known.key != run.key for known in content.runs)
    content = content.with_run(_latest(content, run).with_call(call, entry))
    return _pruned(content) if is_new else content


def _pruned(content: Content) -> Content:
    """Without the oldest settled and refused entries beyond those kept, and without runs none of whose are left.

    A run forgets the calls that were refused, so that what it names and the journal lacks was accepted once.
    """
    newest = {key for run in content.runs[-KEPT_RUNS:] for key in run.calls.values()}
    settled = _settled(content)
    old = [entry for entry in settled if entry.key not in newest]
    refused = [entry for entry in content.entries if entry.state is State.REFUSED]
    forgotten = {entry.key for entry in _oldest(refused, len(refused) - KEPT_REFUSED)}
    dropped = forgotten | {entry.key for entry in _oldest(old, len(settled) - KEPT_SETTLED)}
    kept = tuple(entry for entry in content.entries if entry.key not in dropped)
    keys = {entry.key for entry in kept}
    open_keys = {entry.key for entry in kept if entry.state in OPEN}
    runs = [run.without(forgotten) for run in content.runs if keys.intersection(run.calls.values())]
    # Many runs may share few entries; the oldest that owe nothing go first.
    surplus = len(runs) - (KEPT_SETTLED + MAX_OPEN)
    for run in list(runs):
        if surplus > 0 and not open_keys.intersection(run.calls.values()):
            runs.remove(run)
            surplus -= 1
    return Content(kept, tuple(runs))


def _settled(content: Content) -> list[Entry]:
    """What was accepted once and is over; of what was refused nothing can be lost."""
    return [entry for entry in content.entries if entry.state not in OPEN and entry.state is not State.REFUSED]


def _oldest(entries: list[Entry], count: int) -> list[Entry]:
    return sorted(entries, key=lambda entry: entry.updated)[: max(0, count)]
