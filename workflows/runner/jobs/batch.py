"""Runs the jobs of a file on an engine, several at a time, and records how each ends. One that fails stops no other."""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from .. import sound
from ..client import PromptFailed, PromptInterrupted
from ..errors import OTHER_FAILURE, Refused, RunError, RunFailed, Unavailable
from .bought import Bought, bought_by
from .graphs import Job
from .price import Budget
from .progress import JobsProgress
from .records import DONE, FAILED, Records

WAVEFORM_COLUMNS = 200
# After one of these the next job would end in the same way.
_NO_USE_TO_GO_ON = {"BalanceExhausted", "NotSignedIn", "OtherAccount", "JournalError"}
# After so many of these in a row, too.
_OUT_OF_REACH = {"ServiceUnavailable", "TryLater", "BackendUnavailable", "ServerEnded"}
_OUT_OF_REACH_IN_A_ROW = 3
# Exit codes of failures before anything is charged: refused input, refused request, no account.
_NOTHING_CHARGED = {64, 65, 77}
# What the pack buys again when the same node is queued after it has said so; a batch does only when it is told to.
MAY_BE_PAID = {"OutcomeUnknown", "AskedBefore", "FileMissing", "SomeFailed"}
# What the pack, having said so, buys again when it is queued again, and a batch too.
_BOUGHT_ANEW = {"RenderFailed", "Cancelled"}
# What was paid for and is nowhere any more; a batch sets resume_request_id by itself, so that nobody can clear it.
_GONE = {"NothingToFetch", "UnknownId"}
# What the record of a job keeps of an earlier run that rendered it: what was paid for, and the sounds that it gave.
_PAID = ("cost_usd", "estimate_usd", "request_ids", "requests")
_RENDERED = ("backend", "model", "seeds", *_PAID, "seams", "warnings", "took_seconds", "files")
_KEY_SECONDS = 0.5  # how long Ctrl-C waits where waiting cannot be interrupted


@dataclass
class Rendered:
    """What a job gave. facts: of its record. release: ends the engine's own copies. arrived: they are safe here.

    bought: what this run of it has bought, where the engine can tell.
    """

    sounds: list[Path]
    facts: dict
    release: Callable[[], None] = field(default=lambda: None)
    arrived: Callable[[], None] = field(default=lambda: None)
    bought: Bought | None = None


class Engine(Protocol):
    """Where jobs run."""

    def lanes(self, jobs: Sequence[Job]) -> int:
        """How many of these jobs may be given to `render` at the same time."""
        ...

    def render(self, lane: int, job: Job, began: Callable[[], None]) -> Rendered:
        """Run a job to its end, in a thread of its lane; `began` when it no longer waits. Raises RunError."""
        ...

    def stop(self) -> None:
        """Ctrl-C: end what runs, without losing what is being paid for."""
        ...


@dataclass
class Outcome:
    """failures: the error of each job that failed. not_begun: how many jobs. reason: why, for these."""

    failures: list[RunError] = field(default_factory=list)
    not_begun: int = 0
    reason: RunError | None = None

    @property
    def exit_code(self) -> int:
        """0 when every job is done; the code that all failures share, else 1."""
        codes = {error.exit_code for error in (*self.failures, *([self.reason] if self.reason else []))}
        return 0 if not codes else codes.pop() if len(codes) == 1 else OTHER_FAILURE


@dataclass
class _Event:
    """Of a lane: job None: it has ended; found None: the job has begun; else what the job ended with.

    bought: what this run of it has bought, where that is known.
    """

    job: Job | None
    found: dict | BaseException | None = None
    bought: Bought | None = None
    handled: threading.Event = field(default_factory=threading.Event)


class Batch:
    """The jobs that are not done yet. `after_each`: called now and then, when a job has been recorded."""

    def __init__(
        self, jobs: Sequence[Job], records: Records, engine: Engine, budget: Budget, after_each: Callable[[], None]
    ):  # fmt: skip
        self._records, self._engine, self._budget, self._after_each = records, engine, budget, after_each
        self._waiting = [job for job in jobs if not records.is_done(job)]
        self._progress = JobsProgress(len(jobs), len(jobs) - len(self._waiting), budget.briefly)
        self._events: queue.Queue[_Event] = queue.Queue()
        self._lock = threading.Lock()
        self._outcome = Outcome()
        self._unreachable = 0

    def run(self) -> Outcome:
        """Raises KeyboardInterrupt, when the engine has been stopped."""
        # Jobs that are paid for may run side by side; those of this machine would only take memory from each other.
        with self._progress:
            for may_pay in (True, False):
                jobs = [job for job in self._waiting if job.may_pay is may_pay]
                if jobs:
                    self._run(jobs)
        return self._outcome

    def _run(self, jobs: list[Job]) -> None:
        left = list(reversed(jobs))
        lanes = min(len(jobs), self._engine.lanes(jobs))
        try:
            for number in range(lanes):
                threading.Thread(target=self._lane, args=(number, left), daemon=True).start()
            while lanes:
                event = self._next_event()
                if event.job is None:
                    lanes -= 1
                elif event.found is None:
                    self._progress.began(event.job)
                elif isinstance(event.found, (dict, RunError)):
                    self._ended(event.job, event.found, event.bought)
                    event.handled.set()
                else:
                    raise event.found
        except BaseException as error:
            self._close(error if isinstance(error, RunError) else RunError(str(error)))
            self._engine.stop()
            raise
        self._outcome.not_begun += len(left)

    def _next_event(self) -> _Event:
        while True:
            try:
                return self._events.get(timeout=_KEY_SECONDS)
            except queue.Empty:
                self._progress.redraw()

    # In the threads of the lanes

    def _lane(self, number: int, left: list[Job]) -> None:
        while (job := self._next_job(left)) is not None:
            event = _Event(job)
            try:
                event.found = self._rendered(number, job, event)
            except BaseException as error:  # one that is no RunError ends the whole run, in the main thread
                event.found = error
            self._events.put(event)
            event.handled.wait()  # what is known of this one decides whether the next may begin
        self._events.put(_Event(None))

    def _next_job(self, left: list[Job]) -> Job | None:
        with self._lock:
            if not left or self._outcome.reason:
                return None
            if refusal := self._budget.set_aside(left[-1]):
                self._outcome.reason = refusal
                return None
            return left.pop()

    def _rendered(self, lane: int, job: Job, event: _Event) -> dict:
        started = [time.monotonic()]

        def began() -> None:
            started[0] = time.monotonic()
            self._events.put(_Event(job))

        rendered = self._engine.render(lane, job, began)
        event.bought = rendered.bought  # also of what cannot be brought here
        try:
            if not rendered.sounds:
                raise RunFailed("The workflow ran but saved no sound; end it with a SaveAudioAdvanced node.", "NoSound")
            _check_all_are_there(self._records.of(job) or {}, rendered.facts)
            outlines = [sound.outline(path) for path in rendered.sounds]
            files = self._records.bring(job, rendered.sounds)
            rendered.arrived()
        finally:
            rendered.release()
        for entry, outline in zip(files, outlines):
            entry |= {"seconds": round(outline.seconds, 3), "waveform": outline.levels(WAVEFORM_COLUMNS)}
        return {"state": DONE, "took_seconds": round(time.monotonic() - started[0], 2), "files": files} | rendered.facts

    # In the main thread

    def _ended(self, job: Job, found: dict | RunError, bought: Bought | None) -> None:
        if isinstance(found, RunError):
            record = self._failed(job, found)
            record |= self._budget.failed(job, bought or self._bought_by(job, found, record["kind"]))
        else:
            record, self._unreachable = found | self._paid_before(job), 0
            record |= self._budget.done(job, record, bought or Bought(open=self._budget.aside_for(job)))
        self._records.add(job, record | {"ended": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())})
        self._progress.ended(job, record, self._budget.briefly)
        self._after_each()

    def _bought_by(self, job: Job, error: RunError, kind: str) -> Bought:
        """What a run that failed has bought: as its events tell, else at most what was set aside for it."""
        if isinstance(error, (PromptFailed, PromptInterrupted)):
            return bought_by(error.events)
        if error.exit_code in _NOTHING_CHARGED and kind not in MAY_BE_PAID:
            return Bought()
        aside = self._budget.aside_for(job)
        return Bought(lost=aside) if kind in _BOUGHT_ANEW else Bought(open=aside)

    def _paid_before(self, job: Job) -> dict:
        """Of a job that was fetched: what it was bought for, of which a fetch reports less or nothing."""
        earlier = self._records.of(job) or {}
        return {name: earlier[name] for name in _PAID if earlier.get(name) is not None}

    def _failed(self, job: Job, error: RunError) -> dict:
        self._outcome.failures.append(error)
        kind = error.kind if isinstance(error, RunFailed) else type(error).__name__
        self._unreachable = self._unreachable + 1 if kind in _OUT_OF_REACH else 0
        if isinstance(error, Unavailable) or kind in _NO_USE_TO_GO_ON or self._unreachable >= _OUT_OF_REACH_IN_A_ROW:
            self._close(error)
        earlier = self._records.of(job) or {}
        # Going on fetches what was paid for, and finds a sound that is put back.
        rendered = {name: earlier[name] for name in _RENDERED if name in earlier}
        return {"state": FAILED, "error": f"{error}{_instead(kind)}", "kind": kind} | rendered

    def _close(self, reason: RunError) -> None:
        """No further job begins."""
        with self._lock:
            self._outcome.reason = self._outcome.reason or reason


def _check_all_are_there(earlier: dict, facts: dict) -> None:
    """What is fetched in part would be taken for the whole job, under names of other takes. Raises RunFailed."""
    asked = [request_id for ids in earlier.get("requests", {}).values() for request_id in ids]
    there = [request_id for request_id in asked if request_id in facts.get("request_ids", ())]
    if len(there) < len(asked):
        missing = [request_id for request_id in asked if request_id not in there]
        others = f" The others are had in ComfyUI, with resume_request_id {','.join(there)}." if there else ""
        raise RunFailed(
            f"{len(missing)} of the {len(asked)} requests that were paid for could not be fetched: "
            f"{', '.join(missing)}. The same command asks for them again.{others}",
            "NothingToFetch",
        )


def _instead(kind: str) -> str:
    """What to do in a batch where the pack's own advice for a node does not do."""
    if kind in MAY_BE_PAID:
        return " With --jobs, what may have been charged is sent again only with --retry-unknown."
    if kind in _GONE:
        return " With --jobs, another seed in the job's line has it rendered anew, at a new charge."
    return ""


def closing_error(outcome: Outcome, jobs: int, folder: Path) -> RunError | None:
    """What the command ends with when not every job is done."""
    if not outcome.failures and not outcome.reason:
        return None
    parts = []
    if outcome.failures:
        parts.append(f"{len(outcome.failures)} of {jobs} jobs failed; each says why in {folder / 'manifest.jsonl'}.")
    if outcome.not_begun:
        parts.append(f"{outcome.not_begun} were not begun: {outcome.reason}")
    error = Refused(" ".join([*parts, "The same command tries these again, and no other."]))
    error.exit_code = outcome.exit_code
    return error
