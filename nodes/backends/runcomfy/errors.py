"""What can go wrong between this pack and RunComfy, with the exit codes of RunComfy's command line.

RunComfyError                 base
├── CostRefused      (64)     the estimate is above a limit the user set; stopped before submitting
├── RequestRefused   (65)     RunComfy refused the request: HTTP 400, 404, 422 and other 4xx
│   ├── BalanceExhausted      HTTP 402: the account has no money left
│   └── NoSuchThing           HTTP 404, 410: RunComfy does not know the model, the request or the file
├── ServiceUnavailable (69)   RunComfy could not be reached or answered HTTP 5xx
├── UnusableAnswer   (69)     an answer or a file that cannot be used
├── RenderFailed     (69)     RunComfy accepted the request and reports that it failed or was cancelled
├── OutcomeUnknown   (69)     a paid submission got no answer; it is never repeated by itself
├── NothingToFetch   (69)     a part of a run being fetched does not exist at RunComfy
├── JournalError     (74)     the record of paid requests cannot be read or written
├── TryLater         (75)     HTTP 408 or 429, after the allowed attempts
├── NotSignedIn      (77)     no token, or RunComfy rejects it: HTTP 401, 403
└── SomeFailed                some takes of a run failed; carries the code of the first that did
"""

from ...errors import ACEStepError


class RunComfyError(ACEStepError):
    """Base. ``request_id`` is the paid request it is about, when there is one."""

    exit_code = 69

    def __init__(self, sentence: str, request_id: str | None = None):
        super().__init__(sentence)
        self.request_id = request_id


class CostRefused(RunComfyError):
    """The estimate is above max_cost_usd or the account's ceiling; raised before submitting."""

    exit_code = 64


class RequestRefused(RunComfyError):
    """RunComfy refused the request as it stands: HTTP 400, 404, 422 and other 4xx."""

    exit_code = 65


class BalanceExhausted(RequestRefused):
    """HTTP 402: the account has no money left."""


class NoSuchThing(RequestRefused):
    """HTTP 404 or 410: RunComfy does not know the model, the request or the file."""


class ServiceUnavailable(RunComfyError):
    """RunComfy could not be reached, or answered HTTP 5xx."""


class UnusableAnswer(RunComfyError):
    """RunComfy's answer, or the file it delivered, cannot be used."""


class RenderFailed(RunComfyError):
    """RunComfy accepted the request and reports that it failed or was cancelled."""


class OutcomeUnknown(RunComfyError):
    """A paid submission was sent and no usable answer came; it is never repeated by itself."""


class NothingToFetch(RunComfyError):
    """A part of a run being fetched was never submitted, or RunComfy no longer has it."""


class JournalError(RunComfyError):
    """The record of paid requests cannot be read or written."""

    exit_code = 74


class TryLater(RunComfyError):
    """RunComfy asks to wait: HTTP 408 or 429, after the allowed attempts."""

    exit_code = 75


class NotSignedIn(RunComfyError):
    """No token, or RunComfy rejects it: HTTP 401, 403."""

    exit_code = 77


class SomeFailed(RunComfyError):
    """Some takes failed and the others are paid for and can be fetched."""

    def __init__(self, sentence: str, first: ACEStepError):
        super().__init__(sentence, getattr(first, "request_id", None))
        self.exit_code = first.exit_code
