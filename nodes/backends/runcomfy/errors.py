"""What can go wrong between this pack and RunComfy, with the exit codes of RunComfy's command line.

RunComfyError                 base
├── CostRefused      (64)     the estimate is above a limit the user set; stopped before submitting
├── RequestRefused   (65)     RunComfy refused the request: HTTP 400, 422 and other 4xx
│   ├── BalanceExhausted      error 400002, HTTP 402: the account has no money left
│   └── NoSuchThing           error 404001: RunComfy does not know the model, the request or the file
├── ServiceUnavailable (69)   RunComfy could not be reached or has a problem: HTTP or a code 5xx, 404 in other words
├── UnusableAnswer   (69)     an answer or a file that cannot be used
├── RenderFailed     (69)     RunComfy accepted the request and reports that it failed or was cancelled
├── OutcomeUnknown   (69)     a paid submission got no answer; it is never repeated by itself
│   └── AskedBefore           the same was submitted before and it is not known, or bad, what became of it; stopped
├── NothingToFetch   (69)     a part of a run being fetched does not exist at RunComfy
│   └── UnknownId             … by an id that the user typed in, or with another account's token
├── JournalError     (74)     the record of paid requests cannot be read or written
├── TryLater         (75)     HTTP 408 or 429, after the allowed attempts
├── NotSignedIn      (77)     no token, or RunComfy rejects it: error 400004, HTTP 401, 403
│   └── OtherAccount          error 403001: the request was bought with another account's token
└── SomeFailed                some takes of a run failed; carries the code of the first that did
"""

from ...errors import ACEStepError
from ...request.requests import Call
from ...words.remarks import Remark


class RunComfyError(ACEStepError):
    """Base. ``request_id`` is the paid request it is about, when there is one.

    call and advice are added where they are known: which call of the run it ended, and what to do about it.
    tells_of: the key of the journal's entry that the user has been told about once this has been shown.
    """

    exit_code = 69
    call: Call | None = None
    advice: Remark | None = None
    tells_of: str | None = None

    def __init__(self, said: Remark | str, request_id: str | None = None):
        super().__init__(said)
        self.request_id = request_id


class CostRefused(RunComfyError):
    """The estimate is above max_cost_usd or the account's ceiling; raised before submitting."""

    exit_code = 64


class RequestRefused(RunComfyError):
    """RunComfy refused the request as it stands: HTTP 400, 422 and other 4xx."""

    exit_code = 65


class BalanceExhausted(RequestRefused):
    """The account has no money left."""


class NoSuchThing(RequestRefused):
    """RunComfy itself says that it does not know the model or the request, or a file is not at its address."""


class ServiceUnavailable(RunComfyError):
    """RunComfy could not be reached, or answered HTTP 5xx or a code of that kind."""


class UnusableAnswer(RunComfyError):
    """RunComfy's answer, or the file it delivered, cannot be used."""


class RenderFailed(RunComfyError):
    """RunComfy accepted the request and reports that it failed or was cancelled."""


class OutcomeUnknown(RunComfyError):
    """A paid submission was sent and no usable answer came; it is never repeated by itself."""


class AskedBefore(OutcomeUnknown):
    """The same was submitted before, and the user has to know what became of it before it is submitted again."""


class NothingToFetch(RunComfyError):
    """A part of a run being fetched was never submitted, or RunComfy no longer has it."""


class UnknownId(NothingToFetch):
    """RunComfy does not know an id that the user typed in, or a request that another account bought."""


class JournalError(RunComfyError):
    """The record of paid requests cannot be read or written."""

    exit_code = 74


class TryLater(RunComfyError):
    """RunComfy asks to wait: HTTP 408 or 429, after the allowed attempts."""

    exit_code = 75


class NotSignedIn(RunComfyError):
    """No token, or RunComfy rejects it."""

    exit_code = 77


class OtherAccount(NotSignedIn):
    """The token is good, and the request belongs to another account."""


class SomeFailed(RunComfyError):
    """Some takes failed and the others are paid for and can be fetched."""

    def __init__(self, said: Remark, first: ACEStepError):
        super().__init__(said, getattr(first, "request_id", None))
        self.exit_code = first.exit_code
