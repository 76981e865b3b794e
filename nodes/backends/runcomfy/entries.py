"""What the journal remembers: paid requests, and the runs they belong to."""

import time
import uuid
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any

from ...request.requests import Call
from .answers import REQUEST_ID


class State(str, Enum):
    """Where a paid request stands, as far as is known here."""

    SENDING = "sending"  # being submitted right now, or by a process that died doing it
    REFUSED = "refused"  # an answer proved that nothing was accepted
    UNKNOWN = "unknown"  # submitted, no usable answer
    ACCEPTED = "accepted"  # has an id; not delivered yet
    DELIVERED = "delivered"  # its sound has arrived here at least once
    FAILED = "failed"  # RunComfy says it failed
    CANCELLED = "cancelled"  # RunComfy says it was cancelled
    GONE = "gone"  # RunComfy no longer has it


_TOO_MUCH = 1e12
_YEAR_10000 = 253_402_300_800

OPEN = frozenset({State.SENDING, State.UNKNOWN, State.ACCEPTED})
FETCHABLE = frozenset({State.ACCEPTED, State.DELIVERED})
# Nothing like these is asked for again before the user has been told what became of them.
TOLD_FIRST = frozenset({State.UNKNOWN, State.FAILED, State.CANCELLED, State.GONE})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One paid request. Times are Unix seconds, ``body_sha256`` identifies what was asked.

    descent: of a later part of a chain, see Body.descent_from.
    shown: when the user was last told that its outcome is unknown, that it failed, was cancelled or is gone, or that
    its file is missing; None: not yet; 0: nothing to be told, as the user did it. A sentence counts once it is known
    that it was shown, see told.py.
    """

    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = State.SENDING
    request_id: str | None = None
    account: str
    model: str
    seed: int
    seconds: float
    body_sha256: str
    descent: str | None = None
    window_sha256: str | None = None
    where: tuple[float, ...] = ()
    estimate_usd: float
    cost_usd: float | None = None
    created: float
    updated: float
    shown: float | None = None

    def asks_for_the_same(self, other: "Entry") -> bool:
        """Whether both are requests of one account for the same music."""
        if (self.account, self.model) != (other.account, other.model):
            return False
        return self.body_sha256 == other.body_sha256 or (self.descent is not None and self.descent == other.descent)

    @property
    def is_to_be_told(self) -> bool:
        """Whether the user must be told about it before the same is asked for again. One with an id may be asked."""
        return self.state in TOLD_FIRST and not (self.state is State.UNKNOWN and self.request_id)

    def was_shown_before(self, queued_at: float) -> bool:
        """Whether the user could read about it before queueing a run at ``queued_at``."""
        return self.shown is not None and self.shown < queued_at

    @property
    def is_typed_in(self) -> bool:
        """Whether all that is known of it is an id that the user typed in: it was not bought by this journal."""
        return not self.body_sha256

    @property
    def accepted_id(self) -> str:
        """``request_id`` of an entry that has one."""
        if self.request_id is None:
            raise ValueError(f"entry {self.key} has no request id")
        return self.request_id

    @property
    def when(self) -> str:
        """When it was sent, for a sentence."""
        return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(self.created))

    def as_json(self) -> dict:
        return vars(self) | {"state": self.state.value}

    @classmethod
    def from_json(cls, data: dict) -> "Entry":
        """Raises ValueError, KeyError or TypeError for what this pack cannot have written."""
        known = _known(cls, data)
        known["state"], known["where"] = State(data["state"]), tuple(data.get("where", ()))
        entry = cls(**known)
        texts = (entry.key, entry.account, entry.model, entry.body_sha256)
        _require(all(isinstance(text, str) for text in texts))
        _require(all(text is None or isinstance(text, str) for text in (entry.descent, entry.window_sha256)))
        _require(is_whole(entry.seed))
        _require(all(_is_moment(time) for time in (entry.created, entry.updated, entry.shown or 0)))
        _require(all(is_amount(number) for number in (entry.seconds, entry.estimate_usd, *entry.where)))
        _require(entry.cost_usd is None or is_amount(entry.cost_usd))
        if entry.request_id is None:
            _require(entry.state not in FETCHABLE)
        else:
            _require(REQUEST_ID.fullmatch(entry.request_id) is not None)
        return entry


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one node: which entry rendered which call. Enough to put the run together again.

    calls: "item/take/part" → entry key. sources: a hash of each item of the source. created: when it was queued.
    workflow_id and node_id: whose it was, see Queued; node is the class of that node.
    """

    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    node: str
    model: str
    seed: int
    items: int
    takes: int
    parts: int
    sources: tuple[str, ...] = ()
    created: float
    calls: dict[str, str] = field(default_factory=dict)
    workflow_id: str | None = None
    node_id: str | None = None

    def with_call(self, call: Call, entry: Entry) -> "Run":
        return replace(self, calls=self.calls | {call_key(call): entry.key})

    def without(self, keys: set[str]) -> "Run":
        """Without the calls that the entries of these keys were to render."""
        if keys.isdisjoint(self.calls.values()):
            return self
        return replace(self, calls={call: key for call, key in self.calls.items() if key not in keys})

    def entry_key(self, call: Call) -> str | None:
        return self.calls.get(call_key(call))

    @property
    def is_complete(self) -> bool:
        return len(self.calls) == self.items * self.takes * self.parts

    def repeats(self, other: "Run") -> bool:
        """Whether this run renders exactly what ``other`` did, by the same requests."""
        return replace(self, key=other.key, created=other.created) == other

    def as_json(self) -> dict:
        return dict(vars(self))

    @classmethod
    def from_json(cls, data: dict) -> "Run":
        """Raises ValueError, KeyError or TypeError for what this pack cannot have written."""
        known = _known(cls, data)
        known["sources"] = tuple(data.get("sources", ()))
        run = cls(**known)
        _require(all(isinstance(text, str) for text in (run.key, run.node, run.model, *run.sources)))
        _require(all(text is None or isinstance(text, str) for text in (run.workflow_id, run.node_id)))
        _require(all(is_whole(count) for count in (run.seed, run.items, run.takes, run.parts)))
        _require(_is_moment(run.created) and all(isinstance(key, str) for key in run.calls.values()))
        return run


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


def call_key(call: Call) -> str:
    return f"{call.item}/{call.take}/{call.part}"


def call_words(call: Call, run: Run) -> str:
    """``take 2``, ``item 1, take 2, part 3`` …: only what there are several of, counted from 1."""
    words = [
        f"{name} {index + 1}"
        for name, index, count in (
            ("item", call.item, run.items),
            ("take", call.take, run.takes),
            ("part", call.part, run.parts),
        )
        if count > 1
    ]
    return ", ".join(words)


def is_whole(value) -> bool:
    """Whether it is an int that a seed or a count may be."""
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53


def is_amount(value) -> bool:
    """Whether it is a number of dollars or seconds."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < _TOO_MUCH


def _is_moment(value) -> bool:
    return is_amount(value) and value < _YEAR_10000


def _require(sound: bool) -> None:
    if not sound:
        raise ValueError("not a line of a journal")


def _known(cls, data: dict) -> dict[str, Any]:
    """What of ``data`` this version of the pack has a field for."""
    return {each.name: data[each.name] for each in fields(cls) if each.name in data}
