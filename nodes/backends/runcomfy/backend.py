"""RunComfy as a backend: the same graph on RunComfy's servers."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from ...audio.codec import encode_flac, encode_wav
from ...audio.resample import resample_sound
from ...audio.value import Sound
from ...errors import ACEStepError, InputError
from ...request.requests import Call, GenerateRequest, InpaintRequest, OutpaintRequest, Request
from ...words.remarks import Remark, remark
from ..interface import Backend, Plan, Range, Seconds
from . import afterwards, wording
from .account import ceiling_usd, identity, identity_in_use, require_account
from .budget import PROMPTS, Budget
from .client import Client, import_httpx
from .desk import Desk, Outcome
from .endpoints import (
    MAX_CALL_SECONDS,
    Body,
    generate_body,
    inpaint_body,
    model_for,
    outpaint_body,
    version_of,
    writes_own_lyrics,
)
from .entries import FETCHABLE, Run, call_key
from .errors import NothingToFetch, RenderFailed, RunComfyError, UnknownId, UnusableAnswer
from .journal import Journal
from .live import Live
from .place import Place
from .price import Price, RunPrice, list_price, price_from
from .purchase import Purchase
from .queued import Queued, running_prompt
from .resume import Fetch, as_planned, calls_of, find_run, foreign_run, new_run, whole_run
from .sources import source_hash
from .stopping import Stop
from .summary import error_for, facts
from .told import TOLD
from .watching import all_ended, watch

MAX_IN_FLIGHT = 4
# ACE-Step works at 44.1 or 48 kHz; more would only make the request larger.
_MAX_SENT_RATE_HZ = 48_000

log = logging.getLogger(__name__)


class RunComfyBackend(Backend):
    """See ``purchase`` for how one call is bought; this class turns a run into such calls and sums them up."""

    name = "runcomfy"
    shares_windows = False

    def __init__(self, request: Request, place: Place | None = None, queued: Queued | None = None):
        super().__init__(request)
        import_httpx()
        self._place = place or Place.of_comfyui()
        self._account = require_account(self._place, request.node)
        self._journal = Journal(self._place)
        TOLD.record()
        content = self._journal.read()
        self._identity = identity(self._place, self._account)
        self._resumed: Run | None = find_run(content, request) if request.resume_request_ids else None
        if self._resumed:
            self.request = as_planned(request, self._resumed, content)
        elif isinstance(request, GenerateRequest) and request.resume_request_ids:
            self.request = _one_take_an_id(request)
        self._model = self._resumed.model if self._resumed else model_for(request)
        self._stop = Stop()
        self._queued = queued or running_prompt()
        self._prompt = PROMPTS.get(self._queued.prompt_id)
        self._prompt.join(self._stop)
        self._client = Client(self._place, self._account, self._stop)
        self._plan: Plan | None = None
        self._desk: Desk | None = None
        self._price: Price | None = None
        self._fetch: Fetch | None = None
        self._outcomes: dict[Call, Outcome] = {}
        self._lives: dict[Call, Live] = {}
        self._warnings: list[Remark] = []

    @property
    def max_seconds(self) -> Seconds:
        return float(MAX_CALL_SECONDS)

    @property
    def version(self) -> str:
        return version_of(self.model)

    @property
    def model(self) -> str:
        """The one asked; once all calls have ended, the one that rendered: of a typed-in id that is known only then."""
        rendered = {outcome.model for outcome in self._outcomes.values()}
        return rendered.pop() if len(rendered) == 1 else self._model

    # Before the run

    def check(self, plan: Plan) -> None:
        """Everything that can be refused before a submission, without the network."""
        longest = max(plan.call_seconds)
        if longest > MAX_CALL_SECONDS + 1e-6:
            field = "duration" if isinstance(self.request, GenerateRequest) else remark("sound_of_request")
            known = {"node": self.request.node, "field": field, "seconds": f"{longest:g}", "most": MAX_CALL_SECONDS}
            raise InputError(remark("too_long_for_runcomfy", **known))
        ceiling_usd(self._place)
        content = self._journal.read()
        request = self.request
        if self._resumed:
            self._fetch = whole_run(request, self._resumed, plan, content)
            self._warnings.append(wording.this_is_the_run(request.resume_request_ids[0], self._fetch))
        elif request.resume_request_ids:
            self._fetch = foreign_run(request, self._model, plan, self._identity, self._queued.at, content)
            self._warnings.append(wording.not_in_the_journal(request.resume_request_ids[0]))
        self._plan = plan
        self._warnings += _ignored_settings(self.request)

    async def prepare(self, plan: Plan) -> None:
        """Ask for the live price, unless nothing can be bought. Failing to is raised once something is to be bought."""
        if self._desk is not None:
            return
        live = Live(state="preparing", test_server=self._place.is_test_server or None)
        self._desk = await watch(self._open_desk, live, self.request.progress, self._stop_everything)

    def _open_desk(self) -> Desk:
        request, plan = self.request, self._planned
        sources = tuple(source_hash(sound) for sound in plan.sources)
        budget = Budget(self._prompt, request.max_cost_usd, lambda: ceiling_usd(self._place))
        price = None
        if self._fetch:
            run = self._fetch.run
            if run.sources and sources and run.sources != sources:
                self._warnings.append(remark("fetched_other_source"))
        else:
            run = new_run(request, self._model, plan, self._queued.at, sources)
            run = replace(run, workflow_id=self._queued.workflow_id, node_id=self._queued.node_id)
            price = RunPrice(lambda: price_from(self._client.model(self._model), self._model))
            with contextlib.suppress(RunComfyError):  # raised once something is to be bought
                self._price = price.now()
                budget.expect(self._amounts(self._price))
        return Desk(
            node=request.node,
            run=run,
            queued_at=self._queued.at,
            fetches=self._fetch is not None,
            account=self._identity,
            client=self._client,
            journal=self._journal,
            budget=budget,
            price=price,
        )

    def _amounts(self, price: Price) -> dict[Call, float]:
        """What each call would cost this run. Songs that are paid for already are known to cost nothing."""
        plan, request = self._planned, self.request
        amounts = {call: price.of(plan.call_seconds[call.part]) for call in calls_of(plan)}
        if isinstance(request, GenerateRequest):
            entries = self._journal.read().entries
            paid = {e.body_sha256 for e in entries if e.account == self._identity and e.state in FETCHABLE}
            for call in amounts:
                seed = request.for_call(call).seed
                if generate_body(replace(request, seed=seed)).sha256 in paid:
                    amounts[call] = 0.0
        return amounts

    def estimate(self, plan: Plan) -> float | None:
        """At the live price once ``prepare`` has asked for it, else at the list price; 0 for a run that is fetched."""
        if self.request.resume_request_ids:
            return 0.0
        price = self._price or list_price(self._model)
        return round(sum(price.of(plan.call_seconds[call.part]) for call in calls_of(plan)), 6)

    @property
    def _planned(self) -> Plan:
        assert self._plan is not None, "check() comes first"
        return self._plan

    @property
    def _opened(self) -> Desk:
        assert self._desk is not None, "prepare() comes first"
        return self._desk

    # The calls

    async def generate(self, request: GenerateRequest) -> Sound:
        return await self._render(request, lambda: generate_body(request))

    async def inpaint(self, window: Sound, ranges: Sequence[Range], request: InpaintRequest) -> Sound:
        (span,) = ranges
        sent = _Sendable(window)
        sound = await self._render(request, lambda: inpaint_body(request, sent, window.seconds, span))
        return sent.undo_gain(sound)

    async def outpaint(self, window: Sound, before: Seconds, after: Seconds, request: OutpaintRequest) -> Sound:
        sent = _Sendable(window)
        sound = await self._render(request, lambda: outpaint_body(request, sent, window.seconds, before, after))
        return sent.undo_gain(sound)

    async def _render(self, request: Request, body_of: Callable[[], Body]) -> Sound:
        call = request.call
        live = Live(
            take=call.take + 1,
            takes=self.request.batch_size,
            item=call.item + 1 if self._planned.items > 1 else None,
            part=call.part + 1 if len(self._planned.call_seconds) > 1 else None,
            test_server=self._place.is_test_server or None,
        )
        self._lives[call] = live
        purchase = Purchase(self._opened, call, live)
        fetch = self._fetch.entries[call_key(call)] if self._fetch else None
        try:
            return await watch(lambda: purchase.perform(body_of, fetch), live, request.progress, self._stop_everything)
        finally:
            if purchase.outcome:
                self._outcomes[call] = purchase.outcome
            self._warnings += purchase.warnings

    def _stop_everything(self, reason: BaseException) -> BaseException:
        """Stop all runs of the prompt; the exception to raise here: the one that asked for it first."""
        self._prompt.stop_all(reason)
        return self._stop.reason or reason

    # The run

    async def run(self, jobs: Sequence[Callable[[], Awaitable[None]]]) -> Sequence[bool]:
        """At most MAX_IN_FLIGHT jobs at a time, all to their end even when one fails; Stop ends all of them."""
        await self.prepare(self._planned)
        try:
            return self._judged(await self._results(jobs))
        except BaseException as reason:
            self._tell_what_is_left(reason)
            raise

    async def _results(self, jobs: Sequence[Callable[[], Awaitable[None]]]) -> Sequence[BaseException | bool | None]:
        """What each job ended with: None, an error, or False when it was not asked for."""
        places = asyncio.Semaphore(MAX_IN_FLIGHT)

        async def one(job: Callable[[], Awaitable[None]]) -> None:
            async with places:
                if self._stop.reason is not None:
                    raise self._stop.reason
                await job()

        wanted = [self._is_wanted(Call(*divmod(index, self._planned.takes))) for index in range(len(jobs))]
        tasks = [asyncio.ensure_future(one(job)) for job, is_wanted in zip(jobs, wanted) if is_wanted is True]
        ended = iter(await all_ended(tasks, self._stop_everything) if tasks else ())
        return [next(ended) if is_wanted is True else is_wanted for is_wanted in wanted]

    def _tell_what_is_left(self, reason: BaseException) -> None:
        """All requests of a run that did not end well, and what was charged.

        After Stop nothing else says so: ComfyUI then shows no error.
        """
        ended = {call: live.known() for call, live in self._lives.items()}
        left = afterwards.unfinished(self._opened.run, ended, self._opened.fetches)
        failed = isinstance(reason, ACEStepError)
        if not failed:
            log.info("%s: Stopped. %s", self.request.node, " ".join(each.sentence() for each in left.said))
        self.request.progress.status(state="failed" if failed else "stopped", run=left.as_dict())

    def _is_wanted(self, call: Call) -> bool | RunComfyError:
        """Of a run that is fetched: whether a take is asked for, or why it cannot be had."""
        fetch = self._fetch
        if fetch is None:
            return True
        if call.take not in fetch.takes:
            return False
        missing = [each for each in fetch.missing if (each.item, each.take) == (call.item, call.take)]
        return wording.not_to_be_had(missing[0], fetch) if missing else True

    def _judged(self, results: Sequence[BaseException | bool | None]) -> Sequence[bool]:
        """Which jobs delivered. results: None or what a job ended with, False when it was not asked for."""
        error = error_for(results, self._opened, self._outcomes)
        there = [result is None for result in results]
        if error is None:
            return there
        if not isinstance(error, ACEStepError):
            raise error
        errors = [result for result in results if isinstance(result, ACEStepError)]
        if self._fetch and any(there) and all(_can_be_left_out(each) for each in errors):
            left_out = wording.left_out(results, self._fetch, self._planned.call_seconds, self._identity)
            self._warnings.append(left_out)
            self._tell(errors, None)
            return there
        self._tell(errors, str(error))
        raise error

    def _tell(self, errors: Sequence[ACEStepError], words: str | None) -> None:
        """``errors`` are said now, in the ``words`` that the run ends with or, None, in its report."""
        keys = {error.tells_of for error in errors if isinstance(error, RunComfyError) and error.tells_of}
        if keys:
            TOLD.note(self._queued, words, self._journal, keys)

    # Afterwards

    @classmethod
    def fingerprint(cls, **inputs) -> object:
        """The account: another token must render again. Never the token itself."""
        return identity_in_use(Place.of_comfyui())

    def facts(self) -> dict:
        return facts(self._outcomes, self._warnings)

    def close(self) -> None:
        if self._desk:
            self._desk.budget.close()
        self._prompt.leave(self._stop)
        self._client.close()


class _Sendable:
    """A window as it is sent: at most 48 kHz, and scaled into ±1 where it is louder, as 16 bits hold no more."""

    def __init__(self, window: Sound):
        self._window = window
        self._gain = 1.0

    def flac(self) -> bytes:
        return encode_flac(self._sound())

    def wav(self) -> bytes:
        return encode_wav(self._sound())

    def _sound(self) -> Sound:
        sound = self._window
        if sound.sample_rate > _MAX_SENT_RATE_HZ:
            sound = resample_sound(sound, _MAX_SENT_RATE_HZ)
        peak = float(sound.waveform.abs().max())
        if peak > 1.0:
            self._gain = 1.0 / peak
            sound = Sound((sound.waveform * self._gain).clamp_(-1.0, 1.0), sound.sample_rate)
        return sound

    def undo_gain(self, sound: Sound) -> Sound:
        return sound if self._gain == 1.0 else Sound(sound.waveform / self._gain, sound.sample_rate)


def _can_be_left_out(error: ACEStepError) -> bool:
    """Whether the rest of a run that is fetched is delivered without it: not when it may be a slip, or may pass."""
    return isinstance(error, (NothingToFetch, RenderFailed, UnusableAnswer)) and not isinstance(error, UnknownId)


def _one_take_an_id(request: GenerateRequest) -> GenerateRequest:
    return replace(request, batch_size=len(request.resume_request_ids))


def _ignored_settings(request: Request) -> list[Remark]:
    """One remark for each setting that RunComfy does not take."""
    ignored = []
    defaults = {"variant": "auto", "steps": 0, "guidance": 0.0, "recipe": "upstream", "strength": 1.0}
    defaults |= {"planning": "auto", "variation": 0.0, "surroundings": "hold"}
    for name, default in defaults.items():
        value = getattr(request, name, default)
        if value != default:
            ignored.append(remark("setting_without_effect", name=name, value=str(value)))
    for name in ("model", "clip", "vae"):
        if getattr(request, name) is not None:
            ignored.append(remark("part_without_effect", name=name))
    if writes_own_lyrics(request):
        ignored.append(remark("own_lyrics"))
    return ignored
