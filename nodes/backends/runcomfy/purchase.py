"""One call of a run, from the journal's look-up to the sound. Blocking: it runs in a thread.

look up ─ already asked for ───────────────► follow ─► sound
    └──── not yet ─ budget ─ intent ─ POST ──┘
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ...audio.value import Sound
from ...request import Call
from .budget import Budget
from .client import Client, Submission
from .endpoints import Body
from .entries import Entry, Run, State, call_words
from .errors import (
    JournalError,
    NoSuchThing,
    NothingToFetch,
    OutcomeUnknown,
    RenderFailed,
    RunComfyError,
    UnusableAnswer,
)
from .following import Cancelled, Delivery, FileMissing, follow
from .journal import Journal
from .live import Live
from .price import Price
from .sending import Sending, cancel_and_record
from .stopping import Stopped, wait_briefly

MAX_RETRIES = 3
# How often the journal is asked whether another run has finished submitting the same body.
_SAME_BODY_POLL_SECONDS = 0.2
# Less sound than this is missing from an edited window in codecs' paddings; more means it is not the window.
_MISSING_SECONDS_ALLOWED = 1.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Desk:
    """What the calls of one run share.

    price: gives the live price, or raises why there is none.
    parts: the entry key of each call that has its sound, written as they arrive.
    """

    node: str
    run: Run
    account: str
    client: Client
    journal: Journal
    budget: Budget
    price: Callable[[], Price]
    parts: dict[Call, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How one call ended well. ``bought`` when it was submitted by this run and not merely fetched."""

    request_id: str
    cost_usd: float | None
    bought: bool


class Purchase:
    """One call. ``perform`` it in a thread; read ``live`` meanwhile and ``outcome`` and ``warnings`` afterwards."""

    def __init__(self, desk: Desk, call: Call, live: Live):
        self._desk, self._call, self.live = desk, call, live
        self._sending: Sending | None = None
        self._entry: Entry | None = None
        self.outcome: Outcome | None = None
        self.warnings: list[str] = []

    def perform(self, body_of: Callable[[], Body], fetch: Entry | None) -> Sound:
        """The sound of the call: of the entry to ``fetch``, or of the body, bought if it has not been yet.

        Raises ACEStepError with a whole sentence for the user, or Stopped.
        """
        try:
            self._desk.client.stop.check()
            body = body_of()
            delivery = self._fetched(fetch, body) if fetch else self._delivery(body)
            return delivery.sound
        except Stopped:
            self._clean_up_after_stop()
            raise
        except RunComfyError as error:
            raise self._explained(error) from None

    # Buying or finding

    def _delivery(self, body: Body) -> Delivery:
        desk = self._desk
        while True:
            desk.client.stop.check()
            fresh = self._fresh_entry(body)
            entry = desk.journal.look_up(desk.run, fresh)
            bought = False
            if entry is None:
                price = desk.price()
                fresh = replace(fresh, estimate_usd=price.of(body.seconds))
                desk.budget.admit(self._call, fresh.estimate_usd, price.words)
                entry = desk.journal.begin(desk.run, self._call, fresh)
                if entry.key == fresh.key:
                    entry = self._submitted(entry, body)
                    bought = entry.key == fresh.key
            if entry.state is State.SENDING:
                self.live.show(state="waiting", message="Another run is submitting the same request; it is shared.")
                desk.client.stop.sleep(_SAME_BODY_POLL_SECONDS)
                continue
            if entry.state is State.UNKNOWN and entry.request_id is None:
                raise self._unknown_from_before(entry)
            try:
                return self._followed(entry, bought)
            except NoSuchThing as error:
                if bought or not self._is_gone_for_good(entry, error):
                    raise
                log.info("RunComfy no longer has request %s; it is submitted anew.", entry.request_id)
                desk.journal.update(entry, state=State.GONE)

    def _fresh_entry(self, body: Body) -> Entry:
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

    def _submitted(self, entry: Entry, body: Body) -> Entry:
        """The accepted entry; or one of another run that submitted the same while this one had to wait."""
        desk, patience = self._desk, self._desk.client.place.patience
        pause = patience.first_backoff
        for attempts_left in range(MAX_RETRIES, -1, -1):
            self.live.show(state="submitting", message=None)
            submission, sent = self._send(entry, body)
            if submission.error is None:
                return sent
            if not submission.refused:
                raise self._unknown(submission.error, sent)
            wait = max(pause, submission.retry_after or 0.0)
            if not submission.retry or not attempts_left or wait > patience.longest_retry_after:
                desk.budget.settle(self._call, 0.0)
                raise submission.error
            words = f"RunComfy does not take the request just now; it is sent again in {wait:.0f} s."
            self.live.show(state="retrying", message=words)
            desk.client.stop.sleep(wait)
            pause = min(2 * pause, patience.longest_backoff)
            begun = desk.journal.begin(desk.run, self._call, replace(sent, state=State.SENDING, created=time.time()))
            if begun.key != entry.key:
                return begun
        raise AssertionError("unreachable")

    def _send(self, entry: Entry, body: Body) -> tuple[Submission, Entry]:
        desk = self._desk
        try:
            desk.client.stop.check()
            self._sending = Sending(desk.client, desk.journal, entry, body)
        except BaseException:
            desk.journal.update(entry, state=State.REFUSED)  # nothing was sent, and nobody must wait for its answer
            raise
        desk.budget.buying(self._call)
        while not wait_briefly(self._sending.answer, 0.05):
            desk.client.stop.check()
        result = self._sending.answer.result()
        self._sending = None
        return result

    # Following

    def _followed(self, entry: Entry, bought: bool) -> Delivery:
        desk = self._desk
        self._entry = entry
        self.live.show(request_id=entry.request_id, message=None)
        if not bought:
            desk.budget.settle(self._call, 0.0)
            if not entry.is_typed_in:
                desk.journal.attach(desk.run, self._call, entry)
        try:
            delivery = follow(desk.client, entry, self.live)
        except FileMissing:
            self._record(entry, warned=True)
            raise
        except RenderFailed as error:
            self._record(entry, state=State.CANCELLED if isinstance(error, Cancelled) else State.FAILED)
            self._entry = None
            raise
        _check_length(delivery.sound, entry)
        self._record(entry, state=State.DELIVERED, cost_usd=delivery.cost_usd, warned=False)
        if entry.is_typed_in:  # only now is it known to exist
            self._noted(lambda: desk.journal.attach(desk.run, self._call, entry))
        self._account_for(entry, delivery, bought)
        return delivery

    def _account_for(self, entry: Entry, delivery: Delivery, bought: bool) -> None:
        self.outcome = Outcome(entry.accepted_id, delivery.cost_usd, bought)
        self._desk.parts[self._call] = entry.key
        if not bought:
            self.warnings.append(f"Request {entry.request_id} was fetched, not bought: it is not charged again.")
        elif delivery.cost_usd is not None:
            self._desk.budget.settle(self._call, delivery.cost_usd)
            if delivery.cost_usd > entry.estimate_usd + 1e-9:
                self.warnings.append(
                    f"Request {entry.request_id} cost ${delivery.cost_usd:.4f}, more than its estimate of "
                    f"${entry.estimate_usd:.4f}."
                )
        self.live.show(state="delivered", cost_usd=delivery.cost_usd)

    def _fetched(self, entry: Entry, body: Body) -> Delivery:
        """A call of a run that is being resumed."""
        now = self._fresh_entry(body)
        if not entry.is_typed_in and not entry.asks_for_the_same(replace(now, account=entry.account)):
            self.warnings.append(
                f"Request {entry.request_id} was made from {_difference(entry, body)} than this node has now."
            )
        try:
            return self._followed(entry, bought=False)
        except NoSuchThing as error:
            self._entry = None
            raise NothingToFetch(f"{error} {self._why_not(entry, error)}", entry.request_id) from None

    def _why_not(self, entry: Entry, error: NoSuchThing) -> str:
        """What to make of it that a request cannot be fetched; noted, where it is certain."""
        if isinstance(error, FileMissing):
            return "It cannot be fetched any more."
        if entry.account != self._desk.account:  # its own account may well still have it
            return "It was bought with another RunComfy token: sign in with that one to fetch it."
        if entry.is_typed_in:
            return "Check the id, and that the token is of the account that bought it."
        self._record(entry, state=State.GONE)
        return "It cannot be fetched any more."

    def _record(self, entry: Entry, **changes) -> None:
        """Note what became of a request. The sound matters more than the note, so a failure is only said."""
        self._noted(lambda: self._desk.journal.update(entry, **changes))

    def _noted(self, write: Callable[[], object]) -> None:
        try:
            write()
        except JournalError as error:
            log.warning("%s", error)
            self.warnings.append(str(error))

    def _is_gone_for_good(self, entry: Entry, error: NoSuchThing) -> bool:
        # A file that never arrived is asked for by one more run before the render is bought again.
        told = entry.warned and entry.updated <= self._desk.run.created
        return not isinstance(error, FileMissing) or entry.state is State.DELIVERED or told

    # Stop

    def _clean_up_after_stop(self) -> None:
        """Leave nothing unrecorded: await a submission's answer, cancel what was accepted, say what happened."""
        deadline = time.monotonic() + self._desk.client.place.patience.after_stop
        if self._sending is not None:
            wait_briefly(self._sending.answer, deadline - time.monotonic())
            if self._sending.abandon():
                self.live.show(state="unknown", message=self._sending.words_when_abandoned)
                log.warning("%s: %s", self._desk.node, self._sending.words_when_abandoned)
                return
            submission, entry = self._sending.answer.result()
            self._entry = entry if submission.error is None else None
            if submission.error is not None:
                state = "stopped" if submission.refused else "unknown"
                self.live.show(state=state, message=str(submission.error))
                return
        if self._entry is None:
            self.live.show(state="stopped", message="Stopped before this call was submitted.")
            return
        if self.live.finished.is_set():
            words = f"Request {self._entry.request_id} is already complete and is charged; resume it to fetch it."
            self.live.show(state="charged", message=words)
            log.info("%s: %s", self._desk.node, words)
            return
        cancel_and_record(self._desk.client, self._desk.journal, self._entry, self.live, deadline)

    # Words

    def _unknown(self, error: RunComfyError, sent: Entry) -> RunComfyError:
        """The error of a submission without a usable answer, with what to do next."""
        if sent.request_id is not None:  # the answer was an error, but it named an id: that can be asked about
            self._entry = sent
            return error
        return type(error)(f"{error} If it is, set resume_request_id to its id; if it is not, queue again.")

    def _unknown_from_before(self, entry: Entry) -> OutcomeUnknown:
        self._desk.journal.update(entry, warned=True)
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(entry.created))
        return OutcomeUnknown(
            f"The same request was already sent to {entry.model} at {when} and its outcome is unknown: it "
            "may have been accepted and charged. Look in the list of generations in your RunComfy account "
            "(runcomfy.com): if it is there, set resume_request_id to its id. If it is not, queue again: it "
            "is then submitted anew."
        )

    def _explained(self, error: RunComfyError) -> RunComfyError:
        """``error`` as the sentence the user reads: which node and call, and what can still be fetched."""
        desk, entry = self._desk, self._entry
        words = str(error)
        if not words.startswith(f"{desk.node}:"):
            call = call_words(self._call, desk.run)
            words = f"{desk.node}: {call}: {words}" if call else f"{desk.node}: {words}"
        request_id = entry.request_id if entry else error.request_id
        if entry and isinstance(error, FileMissing):
            words += (
                f" Request {request_id} stays in the journal: queue again to try once more; if the file is "
                "still missing then, the render is bought again."
            )
        elif entry:
            words += self._how_to_fetch(entry)
            if isinstance(error, UnusableAnswer):
                words += " If that fails in the same way, change the seed to have it rendered anew, at a new charge."
        elif isinstance(error, RenderFailed):
            words += " Queue again to submit it anew."
        return type(error)(words, request_id)

    def _how_to_fetch(self, entry: Entry) -> str:
        request_id = entry.request_id
        if entry.account != self._desk.account:
            return (
                f" Request {request_id} was bought with another RunComfy token: sign in with that one and set "
                f"resume_request_id to {request_id} to fetch it without a new charge."
            )
        if entry.is_typed_in:
            return f" Set resume_request_id to {request_id} again to fetch it without a new charge."
        return (
            f" Request {request_id} is in the journal: set resume_request_id to {request_id}, or queue again with "
            f"seed {entry.seed}, to fetch it without a new charge."
        )


def _check_length(sound: Sound, entry: Entry) -> None:
    if entry.window_sha256 and sound.seconds < entry.seconds - _MISSING_SECONDS_ALLOWED:
        raise UnusableAnswer(
            f"RunComfy delivered {sound.seconds:.1f} s of sound where {entry.seconds:.1f} s were asked for, so "
            "it cannot be put into the track."
        )


def _difference(entry: Entry, body: Body) -> str:
    """What about the body differs, as in "made from … than this node has now"."""
    if entry.model != body.model:
        return "another model"
    if entry.window_sha256 != body.window_sha256:
        return "another part of the source, or another source,"
    if entry.where != body.where:
        return "another range or extension"
    return "other tags, lyrics, seed or duration"
