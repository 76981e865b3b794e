"""Reading what the service answers: which error a status code is, how long it asks to wait, what text may be shown."""

import json
import math
import re
from collections.abc import Mapping
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from .errors import (
    BalanceExhausted,
    NoSuchThing,
    NotSignedIn,
    RequestRefused,
    RunComfyError,
    ServiceUnavailable,
    TryLater,
    UnusableAnswer,
)

REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
MAX_ANSWER_BYTES = 4 * 1024 * 1024
RETRIED_STATUSES = (408, 429)
_MAX_SHOWN_CHARACTERS = 300
_BLOT = "[token]"
_OF = re.compile(r"^the (status|result|price) of ")


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


def cost_in(answer: Mapping) -> float | None:
    """The reported cost in US dollars, or None."""
    cost = answer.get("cost")
    if isinstance(cost, bool) or not isinstance(cost, (int, float, str)):
        return None
    try:
        usd = float(cost)
    except (ValueError, OverflowError):
        return None
    return usd if math.isfinite(usd) and usd >= 0 else None


def signalled_error(answer: Mapping, token: str) -> str | None:
    """The words of an error that came with HTTP 200, or None when there is none."""
    if not answer.get("error_code"):
        return None
    return f"{said(answer['error_code'], token)}: {said(answer.get('error_message') or 'no message', token)}"


def explanation(answer: Mapping | None, token: str) -> str:
    """What the service says about an error, as the rest of a sentence: ` (it says: …)`, or nothing."""
    for key in ("error_message", "message", "detail", "error"):
        if answer and answer.get(key):
            return f" (it says: {said(answer[key], token)})"
    return ""


def said(text, token: str) -> str:
    """Text of the service as one short, printable line. A token in it is blotted out."""
    if not isinstance(text, str):
        text = json.dumps(text, ensure_ascii=False, default=str).replace(json.dumps(token)[1:-1], _BLOT)
    text = text.replace(token, _BLOT)
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= _MAX_SHOWN_CHARACTERS else text[: _MAX_SHOWN_CHARACTERS - 1] + "…"


def error_for(status: int, what: str, answer: Mapping | None, token: str) -> RunComfyError:
    """The error for an HTTP status that is not 2xx. ``what`` was asked for, as in "the price of …"."""
    words = explanation(answer, token)
    if status in (401, 403):
        return NotSignedIn(
            f"RunComfy rejected the token when asked for {what} (HTTP {status}){words}. Save a valid one in "
            "the account dialog."
        )
    if status == 402:
        return BalanceExhausted(
            f"Your RunComfy balance is exhausted (HTTP 402){words}. Add funds on runcomfy.com and queue again."
        )
    if status in (404, 410):
        return NoSuchThing(f"RunComfy does not know {_OF.sub('', what)} (HTTP {status}){words}.")
    if status in RETRIED_STATUSES:
        return TryLater(f"RunComfy is too busy for {what} (HTTP {status}){words}. Queue again in a moment.")
    if 400 <= status < 500:
        return RequestRefused(f"RunComfy refused {what} (HTTP {status}){words}.")
    if status >= 500:
        return ServiceUnavailable(f"RunComfy has a problem with {what} (HTTP {status}){words}. Try again later.")
    return UnusableAnswer(f"RunComfy answered {what} with HTTP {status}, which is not followed.")
