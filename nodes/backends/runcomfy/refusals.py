"""Which of our errors an answer is that did not give what was asked for.

RunComfy documents codes of its own, which come as ``error_code`` with any HTTP status, also 200. The code
decides, then the status. A 404 without a code comes from something on the way, such as a gateway.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from .account import Account, way_to_sign_in, way_to_that_account
from .answers import explanation, said
from .errors import (
    BalanceExhausted,
    NoSuchThing,
    NotSignedIn,
    OtherAccount,
    RequestRefused,
    RunComfyError,
    ServiceUnavailable,
    TryLater,
    UnusableAnswer,
)

RETRIED_STATUSES = (408, 429)

# Of the Model API, and of deployments where that has others for the same.
_BY_CODE: dict[int, type[RunComfyError]] = {
    400001: RequestRefused,  # not an identifier
    400002: BalanceExhausted,
    400004: NotSignedIn,  # token missing or expired, account inactive
    403001: OtherAccount,
    404001: NoSuchThing,  # deleted, expired, never there
    401001: NotSignedIn,
    403003: OtherAccount,
    422001: RequestRefused,
    500001: ServiceUnavailable,
    10001: BalanceExhausted,
    10002: RequestRefused,  # the deployment is switched off
    10003: NoSuchThing,  # … or deleted
}
_MOST_DIGITS = 9
_THE_ANSWER_OF = re.compile(r"^the (status|result|price|submission|cancel) (of|to) ")
_OF_A_MODEL = re.compile(r"^the (price of|submission to) acestep-ai/")


@dataclass(frozen=True)
class Refusal:
    """how: status and code, for a sentence. passing: it may go away by itself. certain: it was not done."""

    error: RunComfyError
    how: str
    passing: bool
    certain: bool


def code_in(answer: Mapping | None) -> int | None:
    """The number in ``error_code``, which may come as text; None when there is none."""
    code = answer.get("error_code") if answer else None
    if isinstance(code, str) and code.isascii() and code.isdecimal() and len(code) <= _MOST_DIGITS:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def refusal_in(status: int, answer: Mapping | None, what: str, account: Account) -> Refusal | None:
    """Why ``what``, as in "the price of …", was not given; None for an answer that gives it.

    An unreadable answer with HTTP 2xx is the caller's to judge.
    """
    given, words = answer.get("error_code") if answer else None, explanation(answer, account.token)
    how = f"HTTP {status}" + (f", error {said(given, account.token)}" if given else "")
    code = code_in(answer)
    kind = _BY_CODE.get(code) if code is not None else None
    if kind is not None:
        passing = kind is ServiceUnavailable
        return Refusal(_error(kind, what, how, words, account), how, passing, certain=not passing)
    if 200 <= status < 300:
        refused = Refusal(_error(RequestRefused, what, how, words, account), how, passing=False, certain=True)
        return refused if given else None
    on_the_way = status in (404, 410)  # without a code: whatever it knows, it is not RunComfy's word on a request
    kind = (RequestRefused if answer is not None else ServiceUnavailable) if on_the_way else _kind_of(status)
    passing = on_the_way or kind in (ServiceUnavailable, TryLater)
    certain = kind not in (ServiceUnavailable, UnusableAnswer) and status != 408
    return Refusal(_error(kind, what, how, words, account), how, passing, certain)


def _kind_of(status: int) -> type[RunComfyError]:
    if status in (401, 403):
        return NotSignedIn
    if status == 402:
        return BalanceExhausted
    if status in RETRIED_STATUSES:
        return TryLater
    if status >= 500:
        return ServiceUnavailable
    return RequestRefused if 400 <= status < 500 else UnusableAnswer


def _error(kind: type[RunComfyError], what: str, how: str, words: str, account: Account) -> RunComfyError:
    if kind is NotSignedIn:
        return kind(
            f"RunComfy rejected the token ({account.source}) when asked for {what} ({how}){words}. "
            f"{way_to_sign_in(account.source)}"
        )
    thing = _THE_ANSWER_OF.sub("", what)
    if kind is OtherAccount:
        return kind(
            f"RunComfy says that {thing} belongs to another account than the token in use ({account.source}; "
            f"{how}){words}. {way_to_that_account(account.source)}"
        )
    if kind is BalanceExhausted:
        return kind(f"Your RunComfy balance is exhausted ({how}){words}. Add funds on runcomfy.com and queue again.")
    if kind is NoSuchThing:
        newer = " Try again later; if it stays so, this pack needs an update." if _OF_A_MODEL.match(what) else ""
        return kind(f"RunComfy does not know {thing} ({how}){words}.{newer}")
    if kind is TryLater:
        return kind(f"RunComfy is too busy for {what} ({how}){words}. Queue again in a moment.")
    if kind is ServiceUnavailable:
        return kind(f"RunComfy has a problem with {what} ({how}){words}. Try again later.")
    if kind is UnusableAnswer:
        return kind(f"RunComfy answered {what} with {how}, which is not followed.")
    return kind(f"RunComfy refused {what} ({how}){words}.")
