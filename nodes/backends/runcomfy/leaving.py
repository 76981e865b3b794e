"""What a call leaves behind when Stop ends it: nothing that is not recorded, and a word about what happened."""

import logging
import time

from ...words.remarks import remark
from . import wording
from .client import Submission
from .desk import Desk
from .entries import Entry
from .errors import JournalError
from .live import Live
from .sending import Sending, cancel_and_record
from .stopping import wait_briefly

log = logging.getLogger(__name__)


def leave(desk: Desk, live: Live, sending: Sending | None, entry: Entry | None) -> None:
    """Await a submission's answer, cancel what was accepted, say what happened; all within a few seconds.

    sending: a submission that had no answer when Stop came. entry: the request that the call was following.
    """
    deadline = time.monotonic() + desk.client.place.patience.after_stop
    is_recorded = True
    if sending is not None:
        wait_briefly(sending.answer, deadline - time.monotonic())
        if sending.abandon(desk.run.seed):
            words = remark("left_alone")
            live.say(words, state="unknown")
            log.warning("%s: %s", desk.node, words.sentence())
            return
        try:
            submission, entry = sending.answer.result()
        except JournalError as error:
            live.say(error.said, state="unknown")
            if error.request_id is None:
                return
            submission, entry = Submission(error.request_id), sending.accepted_as(error.request_id)
            is_recorded = False
        if submission.error is not None and entry.request_id is None:
            state = "stopped" if submission.refused else "unknown"
            live.say(wording.with_advice(submission.error, desk), state=state)
            return
    if entry is None:
        live.say(remark("stopped_before"), state="stopped")
        return
    live.show(request_id=entry.request_id)
    if live.finished.is_set():
        live.say(remark("complete_already", id=entry.accepted_id, seed=desk.run.seed), state="charged")
    else:
        cancel_and_record(desk.client, desk.journal, entry, desk.run.seed, live, deadline, is_recorded)
