"""Reading what the service answers: ids, costs, how long it asks to wait, what text may be shown."""

import json
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from ...words.remarks import Value, remark
from .blotting import blotted

REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
# What a request's ``status`` may be.
WAITING = frozenset({"in_queue", "pending", "waiting"})
RUNNING = frozenset({"in_progress", "starting", "processing"})
DONE = frozenset({"completed", "succeeded"})
FAILED = frozenset({"failed", "error", "expired", "timed_out"})
CANCELLED = frozenset({"cancelled", "canceled"})
STATES = WAITING | RUNNING | DONE | FAILED | CANCELLED
MAX_ANSWER_BYTES = 4 * 1024 * 1024
_MAX_SHOWN_CHARACTERS = 300
_MOST_USD = 1e6
_LONGEST_QUEUE = 1_000_000
_MAX_READ_CHARACTERS = 20_000


def retry_after_seconds(header: str | None, now: datetime | None = None) -> float | None:
    """The wait a Retry-After header asks for, in seconds from now, or None when it says nothing readable."""
    if header is None:
        return None
    text = header.strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text, re.ASCII):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return max(0.0, (moment - (now or datetime.now(timezone.utc))).total_seconds())


def parsed(data: bytes) -> dict | None:
    """A JSON object, or None for anything else."""
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def request_id_in(answer: Mapping | None) -> str | None:
    """The well-formed ``request_id`` of an answer, or None."""
    value = answer.get("request_id") if answer else None
    return value if isinstance(value, str) and REQUEST_ID.fullmatch(value) else None


def state_in(answer: Mapping) -> str:
    """The state of a request in lower case, or nothing."""
    state = answer.get("status")
    return state.strip().lower() if isinstance(state, str) else ""


def cost_in(answer: Mapping) -> float | None:
    """The reported cost in US dollars, or None."""
    cost = answer.get("cost")
    if isinstance(cost, bool) or not isinstance(cost, (int, float, str)):
        return None
    try:
        usd = float(cost)
    except (ValueError, OverflowError):
        return None
    return usd if 0 <= usd <= _MOST_USD else None


def position_in(answer: Mapping) -> int | None:
    """The place in the queue, or None."""
    position = answer.get("queue_position")
    is_one = isinstance(position, int) and not isinstance(position, bool) and 0 <= position < _LONGEST_QUEUE
    return position if is_one else None


def explanation(answer: Mapping | None, token: str) -> Value:
    """What the service says about an error, as the rest of a sentence: ` (it says: …)`, or nothing."""
    words = own_words(answer, token)
    return remark("it_says", words=words) if words else ""


def own_words(answer: Mapping | None, token: str) -> str:
    """What the service says about an error, or nothing."""
    for key in ("error_message", "message", "detail", "error"):
        if answer and answer.get(key):
            return said(answer[key], token)
    return ""


def said(text, token: str) -> str:
    """Text of the service as one short, printable line. A token in it is blotted out."""
    if not isinstance(text, str):
        try:
            text = json.dumps(text, ensure_ascii=False, default=str)
        except (RecursionError, ValueError):
            text = "more than can be shown"
    text = text[:_MAX_READ_CHARACTERS]
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    text = blotted(text, token)
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else text[: _MAX_SHOWN_CHARACTERS - 1] + "…"
