"""The record of paid requests on disk: written before money is spent, read before it is spent again.

One private JSON file, replaced whole under a lock that other ComfyUI processes respect. While a request
is being submitted, a lock file of its own shows whether the submitting process is still alive.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from ...request import Call
from .entries import FETCHABLE, OPEN, Entry, Run, State
from .errors import JournalError
from .files import FileLock, write_private
from .place import Place

SCHEMA = 1
KEPT_SETTLED = 200
MAX_OPEN = 200
_FILE = "journal.json"


@dataclass(frozen=True)
class Content:
    """Everything in the journal, oldest first."""

    entries: tuple[Entry, ...] = ()
    runs: tuple[Run, ...] = ()

    def entry(self, key: str | None) -> Entry | None:
        return next((entry for entry in self.entries if entry.key == key), None)

    def by_request_id(self, request_id: str) -> Entry | None:
        return next((entry for entry in reversed(self.entries) if entry.request_id == request_id), None)

    def with_entry(self, entry: Entry) -> "Content":
        """``entry`` added, or put in the place of the one with its key."""
        if self.entry(entry.key) is None:
            return replace(self, entries=(*self.entries, entry))
        return replace(self, entries=tuple(entry if old.key == entry.key else old for old in self.entries))

    def with_run(self, run: Run) -> "Content":
        """``run`` as the newest, instead of its earlier state and of a run it merely repeats."""
        others = [old for old in self.runs if old.key != run.key and not run.repeats(old)]
        return replace(self, runs=(*others, run))


class Journal:
    """The journal of one place. Every method is one transaction. Raises JournalError."""

    def __init__(self, place: Place):
        self.path = place.directory / _FILE
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

        Newest first: one that can be fetched, one being sent, one whose outcome is unknown and was not
        shown before the run began. One left in the sending state by a process that died becomes unknown.
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
                self._check_room(edit.content)
                lock = FileLock(self._lock_path(entry.key))
                if not lock.try_acquire():
                    raise JournalError(f"The file {self._lock_path(entry.key)} is locked by another process.")
                self._sending[entry.key] = lock
                now = _latest(edit.content, run).with_call(call, entry)
                edit.content = edit.content.with_entry(entry).with_run(now)
        except BaseException:  # not recorded, so nothing will be sent
            self._end_sending(entry.key)
            raise
        return entry

    def _check_room(self, content: Content) -> None:
        count = sum(1 for old in content.entries if old.state in OPEN)
        if count >= MAX_OPEN:
            raise JournalError(
                f"The journal {self.path} holds {count} paid requests that were never fetched, and no "
                "more are submitted until some are. Fetch them by queueing their workflows again or by "
                "resume_request_id, or strike them off in the account dialog."
            )

    def attach(self, run: Run, call: Call, entry: Entry) -> None:
        """Record that ``call`` of ``run`` is rendered by ``entry``, which exists already."""
        with self._transaction() as edit:
            latest = _latest(edit.content, run)
            if latest.entry_key(call) != entry.key or latest not in edit.content.runs:
                edit.content = edit.content.with_run(latest.with_call(call, entry))

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

    def strike_off(self, keys: set[str]) -> int:
        """Settle open entries at the user's word, so that they no longer count. Returns how many."""
        struck = 0
        with self._transaction() as edit:
            for entry in edit.content.entries:
                if entry.key in keys and entry.state in OPEN and not self._is_being_sent(entry):
                    edit.content = edit.content.with_entry(replace(entry, state=State.GONE, updated=time.time()))
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
            # What was shown while this run was under way already, to another take or node, nobody has read yet.
            unread = not entry.warned or entry.updated > run.created
            if entry.state is State.UNKNOWN and (entry.request_id or unread):
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
        """Read, let the caller change ``edit.content``, write when it changed: all under the lock."""
        lock = FileLock(self.path.with_name("journal.lock"))
        try:
            if not lock.acquire(self._patience.lock):
                raise JournalError(
                    f"The journal {self.path} has been locked by another process for {self._patience.lock:g} "
                    "s; queue again in a moment."
                )
            try:
                edit = _Edit(self._load())
                before = edit.content
                yield edit
                if edit.content != before:
                    self._store(_pruned(edit.content))
            finally:
                lock.release()
        except OSError as error:
            raise JournalError(
                f"The journal of paid requests {self.path} cannot be written ({error.strerror}). Make that "
                "folder writable for ComfyUI and see that its disk is not full, then queue again."
            ) from None

    def _load(self) -> Content:
        try:
            data = json.loads(self.path.read_bytes())
            if data["schema"] != SCHEMA:
                raise JournalError(
                    f"The journal {self.path} was written by a newer version of this pack; update the pack."
                )
            return Content(
                tuple(Entry.from_json(entry) for entry in data["entries"]),
                tuple(Run.from_json(run) for run in data["runs"]),
            )
        except FileNotFoundError:
            return Content()
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise JournalError(
                f"The journal of paid requests {self.path} cannot be read, so it cannot be checked what is "
                "already paid for and nothing more is submitted. Repair the file, or move it away to start "
                "a new one (the ids in it stay fetchable by resume_request_id)."
            ) from None

    def _store(self, content: Content) -> None:
        data = {
            "schema": SCHEMA,
            "entries": [entry.as_json() for entry in content.entries],
            "runs": [run.as_json() for run in content.runs],
        }
        write_private(self.path, json.dumps(data, indent=1).encode())


class _Edit:
    """What a transaction changes."""

    def __init__(self, content: Content):
        self.content = content


def _latest(content: Content, run: Run) -> Run:
    return next((known for known in content.runs if known.key == run.key), run)


def _pruned(content: Content) -> Content:
    """Without the oldest settled entries beyond those kept, and without runs none of whose entries is left."""
    settled = sorted((e for e in content.entries if e.state not in OPEN), key=lambda e: e.updated)
    dropped = {entry.key for entry in settled[: max(0, len(settled) - KEPT_SETTLED)]}
    kept = tuple(entry for entry in content.entries if entry.key not in dropped)
    keys = {entry.key for entry in kept}
    open_keys = {entry.key for entry in kept if entry.state in OPEN}
    runs = [run for run in content.runs if keys.intersection(run.calls.values())]
    # Many runs may share few entries; the oldest that owe nothing go first.
    surplus = len(runs) - (KEPT_SETTLED + MAX_OPEN)
    for run in list(runs):
        if surplus > 0 and not open_keys.intersection(run.calls.values()):
            runs.remove(run)
            surplus -= 1
    return Content(kept, tuple(runs))
