"""The one moment money is spent: a POST in a thread of its own, that Stop may leave behind but never abandons."""

import logging
import threading
import time

from .client import THREAD_NAME, Client, Submission
from .endpoints import Body
from .entries import Entry, State
from .errors import JournalError
from .journal import Journal
from .live import Live
from .stopping import start_thread, wait_briefly

log = logging.getLogger(__name__)


class Sending:
    """A submission on its way. ``answer`` gives (Submission, entry as recorded) or raises JournalError.

    The id is in the journal before ``answer`` is done. When the node has left meanwhile, the thread goes on
    alone: it records the answer and then cancels the request.
    """

    words_when_abandoned = (
        "Stopped while a paid request was being submitted; its answer is awaited in the background, "
        "recorded, and the request is then cancelled. Whether it is charged is not known yet: see ComfyUI's "
        "log."
    )

    def __init__(self, client: Client, journal: Journal, entry: Entry, body: Body):
        self._client, self._journal, self._entry, self._body = client, journal, entry, body
        self._lock = threading.Lock()
        self._abandoned = self._answered = False
        # Not a daemon: leaving ComfyUI waits for the answer too, at most as long as a submission may take.
        self.answer = start_thread(self._send, f"{THREAD_NAME}-submit", daemon=False)

    def abandon(self) -> bool:
        """Leave the thread to itself. False when the answer is there already and is the caller's to deal with."""
        with self._lock:
            self._abandoned = not self._answered
            return self._abandoned

    def _send(self) -> tuple[Submission, Entry]:
        submission = self._client.submit(self._body.model, self._body.data)
        try:
            entry = self._recorded(submission)
        finally:
            with self._lock:
                self._answered = True
                alone = self._abandoned
        if alone:
            self._finish_alone(submission, entry)
        return submission, entry

    def _recorded(self, submission: Submission) -> Entry:
        state = State.ACCEPTED
        if submission.error is not None:
            state = State.REFUSED if submission.refused else State.UNKNOWN
        try:
            return self._journal.update(self._entry, state=state, request_id=submission.request_id)
        except JournalError as error:
            if submission.request_id is None:
                raise JournalError(f"{submission.error} That could not be recorded either. {error}") from None
            words = (
                f"RunComfy accepted request {submission.request_id}, which may be charged, but it could not "
                f"be recorded. Write the id down: resume_request_id fetches it without a new charge. {error}"
            )
            log.error("%s", words)
            raise JournalError(words, submission.request_id) from None

    def _finish_alone(self, submission: Submission, entry: Entry) -> None:
        if submission.error is None:
            deadline = time.monotonic() + self._client.place.patience.after_stop
            cancel_and_record(self._client, self._journal, entry, Live(), deadline)
        else:
            log.warning("A submission that was under way when you pressed Stop ended so: %s", submission.error)


def cancel_and_record(client: Client, journal: Journal, entry: Entry, live: Live, deadline: float) -> None:
    """Cancel an accepted request; its outcome goes to the journal, the log and ``live``.

    Returns at ``deadline`` (monotonic seconds) at the latest; a slower answer is still recorded and logged.
    """
    live.show(state="cancelling")

    def cancel() -> None:
        outcome = client.cancel(entry.accepted_id)
        if outcome == "cancelled":
            journal.update(entry, state=State.CANCELLED)
        words = _OUTCOME_WORDS[outcome].format(id=entry.request_id, seed=entry.seed)
        live.show(state=outcome, message=words)
        log.info("%s", words)

    future = start_thread(cancel, f"{THREAD_NAME}-cancel", daemon=False)
    if not wait_briefly(future, max(0.0, deadline - time.monotonic())):
        live.show(state="unknown", message=_OUTCOME_WORDS["unknown"].format(id=entry.request_id, seed=entry.seed))


_OUTCOME_WORDS = {
    "cancelled": "Request {id} was cancelled while it was still waiting.",
    "charged": "Request {id} is already running or complete: it cannot be cancelled any more and will be charged. Set "
    "resume_request_id to {id}, or queue again with seed {seed}, to fetch it without a new charge.",
    "unknown": "It is not known whether request {id} was cancelled: it may complete and be charged. Set "
    "resume_request_id to {id}, or queue again with seed {seed}, to fetch it without a new charge.",
}
