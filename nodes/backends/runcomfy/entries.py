"""What the journal remembers: paid requests, and the runs they belong to."""

import math
import uuid
from dataclasses import asdict, dataclass, field, fields, replace
from enum import Enum
from typing import Any

from ...request import Call
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


OPEN = frozenset({State.SENDING, State.UNKNOWN, State.ACCEPTED})
FETCHABLE = frozenset({State.ACCEPTED, State.DELIVERED})


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One paid request. Times are Unix seconds, ``body_sha256`` identifies what was asked.

    descent: of a later part of a chain, see Body.descent_from.
    warned: the user has been told that the outcome is unknown, or that the file is missing.
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
    warned: bool = False

    def asks_for_the_same(self, other: "Entry") -> bool:
        """Whether both are requests of one account for the same music."""
        if (self.account, self.model) != (other.account, other.model):
            return False
        return self.body_sha256 == other.body_sha256 or (self.descent is not None and self.descent == other.descent)

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

    def as_json(self) -> dict:
        return asdict(self) | {"state": self.state.value, "where": list(self.where)}

    @classmethod
    def from_json(cls, data: dict) -> "Entry":
        """Raises ValueError, KeyError or TypeError for what this pack cannot have written."""
        known = _known(cls, data)
        known["state"], known["where"] = State(data["state"]), tuple(data.get("where", ()))
        entry = cls(**known)
        texts = (entry.key, entry.account, entry.model, entry.body_sha256)
        numbers = (entry.created, entry.updated, entry.seconds, entry.estimate_usd, entry.seed, entry.cost_usd or 0)
        _require(all(isinstance(text, str) for text in texts))
        _require(all(isinstance(number, (int, float)) and math.isfinite(number) for number in numbers))
        if entry.request_id is None:
            _require(entry.state not in FETCHABLE)
        else:
            _require(REQUEST_ID.fullmatch(entry.request_id) is not None)
        return entry


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of one node: which entry rendered which call. Enough to put the run together again.

    calls: "item/take/part" → entry key. sources: a hash of each item of the source.
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

    def with_call(self, call: Call, entry: Entry) -> "Run":
        return replace(self, calls=self.calls | {call_key(call): entry.key})

    def entry_key(self, call: Call) -> str | None:
        return self.calls.get(call_key(call))

    @property
    def is_complete(self) -> bool:
        return len(self.calls) == self.items * self.takes * self.parts

    def repeats(self, other: "Run") -> bool:
        """Whether this run renders exactly what ``other`` did, by the same requests."""
        return replace(self, key=other.key, created=other.created) == other

    def as_json(self) -> dict:
        return asdict(self) | {"sources": list(self.sources)}

    @classmethod
    def from_json(cls, data: dict) -> "Run":
        """Raises ValueError, KeyError or TypeError for what this pack cannot have written."""
        known = _known(cls, data)
        known["sources"] = tuple(data.get("sources", ()))
        run = cls(**known)
        _require(all(isinstance(count, int) for count in (run.seed, run.items, run.takes, run.parts)))
        _require(isinstance(run.node, str) and all(isinstance(key, str) for key in run.calls.values()))
        return run


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


def _require(sound: bool) -> None:
    if not sound:
        raise ValueError("not a line of a journal")


def _known(cls, data: dict) -> dict[str, Any]:
    """What of ``data`` this version of the pack has a field for."""
    return {each.name: data[each.name] for each in fields(cls) if each.name in data}
