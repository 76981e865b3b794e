"""One call of a run, from the journal's look-up to its sound. Blocking: it runs in a thread.

    look up ─── nobody asked for it yet ───► admit ───► send ───► follow ───► deliver
       │                                                            ▲
       └──────── asked for before ──────────────────────────────────┘

What its entry in the journal goes through, and what the next call that asks for the same then does:

    SENDING ──┬──► REFUSED                     asks anew
              ├──► UNKNOWN                     stops, then asks anew
              └──► ACCEPTED ──┬──► DELIVERED   fetches it
                              ├──► CANCELLED   asks anew when the user did it, else stops, then asks anew
                              ├──► FAILED      stops, then asks anew
                              └──► GONE        stops, then asks anew

"Stops, then": with a sentence, and only a run that was queued after the sentence was shown asks anew. A file
that is missing is treated like GONE, but asked for once more. An entry that is UNKNOWN and has an id is followed.

Nothing here is a sentence: those are in wording.py.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import replace

from ...audio.value import Sound
from ...request.requests import Call
from ...words.remarks import Remark, joined, remark
from . import wording
from .client import Submission
from .desk import Desk, Outcome
from .endpoints import Body
from .entries import Entry, State
from .errors import AskedBefore, JournalError, NoSuchThing, NothingToFetch, RenderFailed, RunComfyError, UnknownId
from .following import Cancelled, Delivery, FileMissing, follow
from .leaving import leave
from .live import Live
from .sending import Sending
from .stopping import Stopped, wait_briefly

MAX_RETRIES = 3
# How often the journal is asked whether another run has finished submitting the same body.
_SAME_BODY_POLL_SECONDS = 0.2

log = logging.getLogger(__name__)


class Purchase:
    """One call. ``perform`` it in a thread; read ``live`` meanwhile and ``outcome`` and ``warnings`` afterwards."""

    def __init__(self, desk: Desk, call: Call, live: Live):
        self._desk, self._call, self.live = desk, call, live
        self._sending: Sending | None = None
        self._entry: Entry | None = None  # the accepted request that this call is about
        self.outcome: Outcome | None = None
        self.warnings: list[Remark] = []

    def perform(self, body_of: Callable[[], Body], fetch: Entry | None) -> Sound:
        """The sound of the call: of the entry to ``fetch``, or of the body, bought if it has not been yet.

        Raises ACEStepError, a RunComfyError with its call and advice; Stopped.
        """
        try:
            self._desk.client.stop.check()
            body = body_of()
            delivery = self._resumed(fetch, body) if fetch else self._obtained(body)
            return delivery.sound
        except Stopped:
            leave(self._desk, self.live, self._sending, self._entry)
            self._record_cost()
            raise
        except RunComfyError as error:
            if self._entry is not None:
                if self.live.finished.is_set():
                    self.live.show(state="charged")
                error.request_id = self._entry.request_id
            self._record_cost()
            error.call, error.advice = self._call, wording.advice(error, self._entry, self._desk)
            raise

    def _obtained(self, body: Body) -> Delivery:
        desk = self._desk
        while True:
            desk.client.stop.check()
            wanted = self._entry_for(body)
            entry = desk.journal.look_up(desk.run, wanted) or self._submitted(wanted, body)
            bought = entry.key == wanted.key
            if entry.state is State.SENDING:
                self.live.say(remark("shared"), state="waiting")
                desk.client.stop.sleep(_SAME_BODY_POLL_SECONDS)
                continue
            if entry.is_to_be_told:
                self.live.show(before_usd=entry.estimate_usd)  # of another run, so that it is no estimate of this one
                raise _telling(entry, AskedBefore(wording.asked_before(entry, desk.run)))
            try:
                return self._delivered(entry, self._followed(entry, bought), bought)
            except FileMissing:
                if bought or not entry.was_shown_before(desk.queued_at):
                    raise
                log.info("The file of request %s is still missing; it is rendered anew.", entry.request_id)
                self._record_cost()
                desk.journal.update(entry, state=State.GONE)
                self._entry = None
                self.live.finished.clear()  # that was the old request, as were its id and its cost
                self.live.show(request_id=None, cost_usd=None)

    def _resumed(self, entry: Entry, body: Body) -> Delivery:
        """A call of a run that is being fetched: nothing is bought."""
        wanted = self._entry_for(body)
        if not entry.is_typed_in and not entry.asks_for_the_same(replace(wanted, account=entry.account)):
            self.warnings.append(wording.made_from_another(entry, body))
        try:
            return self._delivered(entry, self._followed(entry, bought=False), bought=False)
        except NoSuchThing as error:
            ours = entry.account == self._desk.account
            kind = NothingToFetch if ours and not entry.is_typed_in else UnknownId
            said = joined(error.said, wording.why_not(entry, error, ours))
            raise _telling(entry, kind(said, entry.request_id)) from None

    # Admit and send

    def _submitted(self, wanted: Entry, body: Body) -> Entry:
        """``wanted``, accepted; or the entry of another call that asked for the same meanwhile."""
        desk, patience = self._desk, self._desk.client.place.patience
        pause = patience.first_backoff
        for attempts_left in range(MAX_RETRIES, -1, -1):
            entry = self._admitted(wanted, body)
            if entry.key != wanted.key:
                return entry
            self.live.say(None, state="submitting")
            submission, sent = self._sent(entry, body)
            if submission.error is None:
                return sent
            if not submission.refused:
                self.live.show(state="unknown")
                if sent.request_id is not None:  # the answer was an error, but it named an id to ask about
                    self._entry = sent
                    self.live.show(request_id=sent.request_id)
                raise submission.error
            self.live.show(estimate_usd=None)  # nothing was accepted
            plainer = body.as_wav() if attempts_left and submission.unreadable else None
            if plainer is not None:  # nothing was accepted, and RunComfy documents WAV before FLAC
                body = plainer
                self.warnings.append(remark("sent_as_wav", why=submission.error.said))
                continue
            wait = max(pause, submission.retry_after or 0.0)
            if not submission.retry or not attempts_left or wait > patience.longest_retry_after:
                desk.budget.settle(self._call, 0.0)
                raise submission.error
            self.live.say(remark("sent_again", wait=f"{wait:.0f}"), state="retrying")
            desk.client.stop.sleep(wait)
            pause = min(2 * pause, patience.longest_backoff)
        raise AssertionError("unreachable")

    def _admitted(self, wanted: Entry, body: Body) -> Entry:
        """``wanted`` as it stands in the journal, about to be sent; or what another call asked for meanwhile."""
        desk = self._desk
        assert desk.price is not None, "a run that is fetched buys nothing"
        price = desk.price.now()
        intent = replace(wanted, estimate_usd=price.of(body.seconds), created=time.time())
        desk.budget.admit(self._call, intent.estimate_usd, price.said)
        try:
            return desk.journal.begin(desk.run, self._call, intent)
        except BaseException:
            desk.budget.settle(self._call, 0.0)
            raise

    def _sent(self, entry: Entry, body: Body) -> tuple[Submission, Entry]:
        desk = self._desk
        try:
            desk.client.stop.check()
            self._sending = Sending(desk.client, desk.journal, entry, body)
        except BaseException:
            desk.journal.update(entry, state=State.REFUSED)  # nothing was sent, and nobody must wait for its answer
            raise
        desk.budget.buying(self._call)
        self.live.show(estimate_usd=entry.estimate_usd)
        if desk.price:
            desk.price.used()
        while not wait_briefly(self._sending.answer, 0.05):
            desk.client.stop.check()
        try:
            result = self._sending.answer.result()
        except JournalError as error:  # it may well have been accepted
            self.live.show(state="unknown", request_id=error.request_id)
            raise
        self._sending = None
        return result

    # Follow and deliver

    def _followed(self, entry: Entry, bought: bool) -> Delivery:
        desk = self._desk
        self._entry = entry
        self.live.say(None, request_id=entry.request_id)
        if not bought:
            desk.budget.settle(self._call, 0.0)
            if not entry.is_typed_in:
                self._noted(lambda: desk.journal.attach(desk.run, self._call, entry))
        try:
            return follow(desk.client, entry, self.live, bought)
        except FileMissing as error:
            raise _telling(entry, error) from None
        except RenderFailed as error:
            state = State.CANCELLED if isinstance(error, Cancelled) else State.FAILED
            self._record(entry, state=state, cost_usd=self.live.cost_usd)
            self.live.show(state=state.value)
            self._entry = None
            raise _telling(entry, error) from None
        except NoSuchThing as error:
            if entry.account == desk.account and not entry.is_typed_in:  # another account may well still have it
                self._record(entry, state=State.GONE)
                self.live.show(state=State.GONE.value)
            raise _telling(entry, error) from None
        finally:
            cost = self.live.cost_usd
            if bought and cost is not None:  # also of what failed or cannot be used
                desk.budget.settle(self._call, cost)

    def _delivered(self, entry: Entry, delivery: Delivery, bought: bool) -> Delivery:
        desk = self._desk
        known = {"model": delivery.model, "cost_usd": delivery.cost_usd}
        self._record(entry, state=State.DELIVERED, shown=None, **known)
        if entry.is_typed_in:  # only now is it known to exist, and what it is
            run = replace(desk.run, model=delivery.model)
            self._noted(lambda: desk.journal.attach(run, self._call, entry))
        elif delivery.model != entry.model:
            self.warnings.append(wording.rendered_by_another(entry, delivery.model))
        self.outcome = Outcome(entry.accepted_id, delivery.model, delivery.cost_usd, bought)
        desk.parts[self._call] = entry.key
        if not bought:
            self.warnings.append(wording.fetched(entry))
        elif delivery.cost_usd is not None and delivery.cost_usd > entry.estimate_usd + 1e-9:
            self.warnings.append(wording.dearer(entry, delivery.cost_usd))
        self.live.show(state="delivered", cost_usd=delivery.cost_usd)
        return delivery

    # The journal

    def _entry_for(self, body: Body) -> Entry:
        now = time.time()
        return Entry(
            account=self._desk.account,
            model=body.model,
            seed=body.seed,
            seconds=body.seconds,
            body_sha256=body.sha256,
            descent=self._descent(body),
            window_sha256=body.window_sha256,
            where=body.where,
            estimate_usd=0.0,
            created=now,
            updated=now,
        )

    def _descent(self, body: Body) -> str | None:
        """What a later part of a chain was made from, when the source and the part before it are known."""
        call, run = self._call, self._desk.run
        parent = self._desk.parts.get(replace(call, part=call.part - 1)) if call.part else None
        return body.descent_from(parent, run.sources[call.item]) if parent and run.sources else None

    def _record(self, entry: Entry, **changes) -> None:
        """Note what became of a request."""
        self._noted(lambda: self._desk.journal.update(entry, **changes))

    def _record_cost(self) -> None:
        """What RunComfy has reported stays known, also of a request without its sound."""
        entry, cost = self._entry, self.live.cost_usd
        if entry is not None and not entry.is_typed_in and cost not in (None, entry.cost_usd):
            self._record(entry, cost_usd=cost)

    def _noted(self, write: Callable[[], object]) -> None:
        """The sound that is paid for matters more than a note, so a failure is only said, and once."""
        try:
            write()
        except JournalError as error:
            log.warning("%s", error)
            if error.said not in self.warnings:
                self.warnings.append(error.said)


def _telling(entry: Entry, error: RunComfyError) -> RunComfyError:
    """``error``, which tells the user what became of ``entry``."""
    error.tells_of = entry.key
    return error
