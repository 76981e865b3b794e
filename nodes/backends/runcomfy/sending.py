"""The one moment money is spent: a POST in a thread of its own, that Stop may leave behind but never abandons."""

import logging
import threading
import time
from dataclasses import replace

from ...words.remarks import joined
from . import wording
from .client import THREAD_NAME, Cancel, Client, Submission
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

    def __init__(self, client: Client, journal: Journal, entry: Entry, body: Body):
        self._client, self._journal, self._entry, self._body = client, journal, entry, body
        self._lock = threading.Lock()
        self._abandoned = self._answered = False
        self._seed = 0
        # A ComfyUI that is being closed waits a moment for the answer too. If none comes, the next look at the journal
        # finds that the sender has died, and the outcome is unknown.
        at_exit = client.place.patience.after_stop
        self.answer = start_thread(self._send, f"{THREAD_NAME}-submit", at_exit)

    def abandon(self, seed: int) -> bool:
        """Leave the thread to itself. False when the answer is there already and is the caller's to deal with.

        seed: of the run, to say how the request is found again.
        """
        with self._lock:
            self._abandoned, self._seed = not self._answered, seed
            return self._abandoned

    def accepted_as(self, request_id: str) -> Entry:
        """The entry with its id, which the journal may not hold."""
        return replace(self._entry, state=State.ACCEPTED, request_id=request_id)

    def _send(self) -> tuple[Submission, Entry]:
        submission = self._client.submit(self._body.model, self._body.data)
        problem = None
        try:
            entry = self._recorded(submission)
        except JournalError as error:
            problem, entry = error, self._entry
            if submission.request_id is not None:
                entry = self.accepted_as(submission.request_id)
        finally:
            with self._lock:
                self._answered = True
                alone = self._abandoned
        if alone:
            self._finish_alone(submission, entry, is_recorded=problem is None)
        if problem is not None:
            raise problem
        return submission, entry

    def _recorded(self, submission: Submission) -> Entry:
        state = State.ACCEPTED
        if submission.error is not None:
            state = State.REFUSED if submission.refused else State.UNKNOWN
        try:
            return self._journal.update(self._entry, state=state, request_id=submission.request_id)
        except JournalError as error:
            if submission.request_id is None:
                raise JournalError(wording.unrecorded(submission.error, error)) from None
            said = wording.accepted_unrecorded(submission.request_id, error)
            log.error("%s", said)
            raise JournalError(said, submission.request_id) from None

    def _finish_alone(self, submission: Submission, entry: Entry, is_recorded: bool) -> None:
        if entry.request_id is not None:  # also of an error that names one: it can be asked about
            deadline = time.monotonic() + self._client.place.patience.after_stop
            cancel_and_record(self._client, self._journal, entry, self._seed, Live(), deadline, is_recorded)
        else:
            log.warning("A submission that was under way when you pressed Stop ended so: %s", submission.error)


def cancel_and_record(
    client: Client, journal: Journal, entry: Entry, seed: int, live: Live, deadline: float, is_recorded: bool
) -> None:
    """Cancel an accepted request of a run of ``seed``; its outcome goes to the journal, the log and ``live``.

    Returns at ``deadline`` (monotonic seconds) at the latest; a slower answer is still recorded and logged.
    is_recorded: whether the journal holds the request's id, without which queueing again does not find it.
    """
    live.show(state="cancelling")

    def cancel_it() -> None:
        cancel = client.cancel(entry.accepted_id)
        outcome, words = cancel.outcome, wording.after_cancel(cancel, entry, seed, is_recorded)
        try:
            if outcome == "cancelled":
                journal.update(entry, state=State.CANCELLED, shown=0.0)  # as asked for
        except JournalError as error:
            words = joined(words, error.said)
        live.say(words, state=outcome)
        log.info("%s", words.sentence())

    future = start_thread(cancel_it, f"{THREAD_NAME}-cancel", client.place.patience.after_stop)
    if not wait_briefly(future, max(0.0, deadline - time.monotonic())):
        live.say(wording.after_cancel(Cancel("unknown"), entry, seed, is_recorded), state="unknown")
