"""Which of our errors an answer is that did not give what was asked for.

RunComfy documents codes of its own, which come as ``error_code`` with any HTTP status, also 200. The code
decides, then the status. A 404 without a code comes from something on the way, such as a gateway.

A code that is not documented decides as far as it can be read: its first three digits are an HTTP status. What
neither it nor the status proves is not certain, so that nothing is bought again without a word.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ...words.remarks import Remark, Value, joined, remark
from .account import Account, source_words, way_to_sign_in, way_to_that_account
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
# In a code of letters: it speaks of a fault of the service's own. Too many words only ask the user once more.
_OWN_FAULT = re.compile("internal|server|upstream|gateway|unavailable|time_?out|timed_?out", re.IGNORECASE)
_HOSTED = "acestep-ai/"


@dataclass(frozen=True)
class Refusal:
    """how: status and code, for a sentence. passing: it may go away by itself. certain: it was not done."""

    error: RunComfyError
    how: Remark
    passing: bool
    certain: bool


def code_in(answer: Mapping | None) -> int | None:
    """The number in ``error_code``, which may come as text; None when there is none."""
    code = answer.get("error_code") if answer else None
    if isinstance(code, str) and code.isascii() and code.isdecimal() and len(code) <= _MOST_DIGITS:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def refusal_in(status: int, answer: Mapping | None, what: Remark, account: Account) -> Refusal | None:
    """Why ``what``, as in "the price of …", was not given; None for an answer that gives it.

    An unreadable answer with HTTP 2xx is the caller's to judge.
    """
    given, words = answer.get("error_code") if answer else None, explanation(answer, account.token)
    how = remark("http_status", status=status)
    if given:
        how = remark("http_error", status=status, error=said(given, account.token))
    code = code_in(answer)
    known = _BY_CODE.get(code) if code is not None else None
    if known is not None:
        passing = known is ServiceUnavailable
        return Refusal(_error(known, what, how, words, account), how, passing, certain=not passing)
    against = [each for each in (_status_meant(given), status) if each is not None and not 200 <= each < 300]
    if not against:  # HTTP says that it went well, and a code that cannot be read that it did not
        refused = Refusal(_error(RequestRefused, what, how, words, account), how, passing=False, certain=False)
        return refused if given else None
    on_the_way = status in (404, 410)  # whatever it knows, it is not RunComfy's word on a request
    kinds = [_kind_of(each) for each in against]
    kind = ServiceUnavailable if ServiceUnavailable in kinds or (on_the_way and answer is None) else kinds[0]
    passing = on_the_way or kind in (ServiceUnavailable, TryLater)
    certain = kind is not ServiceUnavailable and all(400 <= each < 500 and each != 408 for each in against)
    return Refusal(_error(kind, what, how, words, account), how, passing, certain)


def _status_meant(given: object) -> int | None:
    """The HTTP status that an undocumented code stands for, as 422001 does for 422; None where it cannot be read."""
    code = code_in({"error_code": given})
    if code is None:
        return 500 if _OWN_FAULT.search(str(given)) else None
    meant = int(str(code)[:3])
    return meant if 400 <= meant < 600 else None


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


def _error(kind: type[RunComfyError], what: Remark, how: Remark, words: Value, account: Account) -> RunComfyError:
    source, thing = source_words(account.source), _thing(what)
    if kind is NotSignedIn:
        rejected = remark("token_rejected", source=source, what=what, how=how, words=words)
        return kind(joined(rejected, way_to_sign_in(account.source)))
    if kind is OtherAccount:
        theirs = remark("of_another_account", thing=thing, source=source, how=how, words=words)
        return kind(joined(theirs, way_to_that_account(account.source)))
    if kind is BalanceExhausted:
        return kind(remark("balance_exhausted", how=how, words=words))
    if kind is NoSuchThing:
        unknown = remark("not_known_there", thing=thing, how=how, words=words)
        is_hosted_model = isinstance(thing, str) and thing.startswith(_HOSTED)
        return kind(joined(unknown, remark("later_or_update")) if is_hosted_model else unknown)
    if kind is TryLater:
        return kind(remark("too_busy", what=what, how=how, words=words))
    if kind is ServiceUnavailable:
        return kind(remark("has_a_problem", what=what, how=how, words=words))
    if kind is UnusableAnswer:
        return kind(remark("not_followed", what=what, how=how))
    return kind(remark("request_refused", what=what, how=how, words=words))


def _thing(what: Remark) -> Value:
    """The request or the model that was asked about."""
    values = dict(what.values)
    return remark("the_request", id=values["id"]) if "id" in values else values.get("model", what)
