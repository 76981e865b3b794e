"""Every way a run can end early, and the exit code a script sees.

    RunError
    ├── Refused        64  bad arguments or refused input: change what was asked for
    ├── Unavailable    69  no network, no disk space, a server that does not start
    └── RunFailed       *  ComfyUI reported an error while it ran the graph; the code tells of what kind

Codes are those of the RunComfy CLI, so that scripts which know it recognise them.
"""

INTERRUPTED = 130

# Exit codes of the exceptions that the pack raises inside ComfyUI (nodes/errors.py and what builds on it), by
# class name: the server sends the name of the class and the sentence, not the object.
EXIT_CODE_OF_EXCEPTION = {
    "InputError": 64,
    "CostRefused": 64,
    "ExecutionBlocked": 64,  # ComfyUI's own: a node had nothing to give, and its message says why
    "RequestRefused": 65,
    "BalanceExhausted": 65,
    "NoSuchThing": 65,
    "FileMissing": 65,
    "BackendUnavailable": 69,
    "RenderError": 69,
    "ServiceUnavailable": 69,
    "UnusableAnswer": 69,
    "RenderFailed": 69,
    "Cancelled": 69,
    "OutcomeUnknown": 69,
    "AskedBefore": 69,
    "NothingToFetch": 69,
    "UnknownId": 69,
    "SomeFailed": 69,
    "JournalError": 74,
    "TryLater": 75,
    "NotSignedIn": 77,
    "OtherAccount": 77,
}
OTHER_FAILURE = 1


class RunError(Exception):
    """Ends the run. The message is one sentence for the user: what is wrong and what to do next."""

    exit_code = OTHER_FAILURE


class Refused(RunError):
    """The arguments, the graph or the input file cannot be used as they are."""

    exit_code = 64


class Unavailable(RunError):
    """Something outside is missing: network, disk space, a port, a server that starts."""

    exit_code = 69


class RunFailed(RunError):
    """ComfyUI ran the graph and a node failed. `kind`: the exception's class name, which `exit_code` follows."""

    def __init__(self, sentence: str, exception_type: str):
        super().__init__(sentence)
        self.kind = exception_type.rpartition(".")[2]
        self.exit_code = exit_code_of(exception_type)


def exit_code_of(exception_type: str) -> int:
    """Exit code for an exception class as the server names it (`module.path.ClassName`)."""
    return EXIT_CODE_OF_EXCEPTION.get(exception_type.rpartition(".")[2], OTHER_FAILURE)
