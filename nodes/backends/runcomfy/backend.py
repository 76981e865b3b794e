"""RunComfy as a backend: the same graph on RunComfy's servers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from ...audio.codec import encode_flac
from ...audio.resample import resample_sound
from ...audio.value import Sound
from ...errors import ACEStepError, InputError
from ...request import Call, GenerateRequest, InpaintRequest, OutpaintRequest, Request
from ..interface import Backend, Plan, Range, Seconds
from .account import ceiling_usd, find_account, identity, require_account
from .budget import PROMPTS, Budget
from .client import Client, import_httpx
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
from .entries import Entry, call_key
from .errors import RunComfyError, SomeFailed
from .journal import Journal
from .live import Live
from .place import Place
from .price import Price, list_price, price_from
from .purchase import Desk, Outcome, Purchase
from .resume import as_planned, calls_of, check_plan, find_run, foreign_run, new_run
from .stopping import Stop
from .watching import watch

MAX_IN_FLIGHT = 4
# ACE-Step works at 44.1 or 48 kHz; more would only make the request larger.
_MAX_SENT_RATE_HZ = 48_000


class RunComfyBackend(Backend):
    """See ``purchase`` for how one call is bought; this class turns a run into such calls and sums them up."""

    name = "runcomfy"
    shares_windows = False

    def __init__(self, request: Request, place: Place | None = None):
        super().__init__(request)
        import_httpx()
        self._place = place or Place.of_comfyui()
        self._account = require_account(self._place, request.node)
        self._identity = identity(self._place, self._account)
        self._journal = Journal(self._place)
        self._resumed = find_run(self._journal.read(), request) if request.resume_request_ids else None
        if self._resumed:
            self.request = as_planned(request, self._resumed)
        elif isinstance(request, GenerateRequest) and request.resume_request_ids:
            self.request = _one_take_an_id(request)
        self._model = self._resumed.model if self._resumed else model_for(request)
        self._stop = Stop()
        self._prompt = PROMPTS.get(_running_prompt_id())
        self._prompt.join(self._stop)
        self._client = Client(self._place, self._account, self._stop)
        self._plan: Plan | None = None
        self._desk: Desk | None = None
        self._price: Price | RunComfyError | None = None
        self._fetch: dict[str, Entry] = {}
        self._outcomes: dict[Call, Outcome] = {}
        self._warnings: list[str] = []

    @property
    def max_seconds(self) -> Seconds:
        return float(MAX_CALL_SECONDS)

    @property
    def version(self) -> str:
        return version_of(self._model)

    @property
    def model(self) -> str:
        return self._model

    # Before the run

    def check(self, plan: Plan) -> None:
        """Everything that can be refused before a submission, without the network."""
        longest = max(plan.call_seconds)
        if longest > MAX_CALL_SECONDS + 1e-6:
            field = "duration" if isinstance(self.request, GenerateRequest) else "the sound of one request"
            raise InputError(
                f"{self.request.node}: {field} is {longest:g} s; RunComfy makes at most {MAX_CALL_SECONDS} s "
                f"in one request. Set it to {MAX_CALL_SECONDS} or less, or set backend to local (ACE-Step "
                "1.5 makes up to 600 s)."
            )
        ceiling_usd(self._place)
        content = self._journal.read()
        self._plan = plan
        if self._resumed:
            check_plan(self.request, self._resumed, plan)
            self._fetch = {key: content.entry(entry_key) for key, entry_key in self._resumed.calls.items()}
            run = self._resumed
        elif self.request.resume_request_ids:
            run, self._fetch = foreign_run(self.request, self._model, plan, self._identity)
        else:
            run = new_run(self.request, self._model, plan)
        self._warnings += _ignored_settings(self.request)
        budget = Budget(
            self.request.node, self._prompt, self.request.max_cost_usd, lambda: ceiling_usd(self._place)
        )
        self._desk = Desk(
            self.request.node, run, self._identity, self._client, self._journal, budget, self._live_price
        )

    async def prepare(self, plan: Plan) -> None:
        """Ask for the live price, unless nothing can be bought. Failing to is raised once something is to be bought."""
        if self.request.resume_request_ids or self._price is not None:
            return
        live = Live(state="asking for the price", test_server=self._place.is_test_server or None)

        def ask() -> Price | RunComfyError:
            try:
                return price_from(self._client.model(self._model), self._model)
            except RunComfyError as error:
                return error

        self._price = await watch(ask, live, self.request.progress, self._stop_everything)
        if isinstance(self._price, Price):
            seconds = plan.call_seconds
            self._desk.budget.expect({call: self._price.of(seconds[call.part]) for call in calls_of(plan)})

    def estimate(self, plan: Plan) -> float | None:
        """At the live price once ``prepare`` has asked for it, else at the list price; 0 for a run that is fetched."""
        if self.request.resume_request_ids:
            return 0.0
        price = self._price if isinstance(self._price, Price) else list_price(self._model)
        return round(sum(price.of(plan.call_seconds[call.part]) for call in calls_of(plan)), 6)

    def _live_price(self) -> Price:
        if isinstance(self._price, Price):
            return self._price
        assert self._price is not None  # prepare() comes before every call
        raise self._price

    # The calls

    async def generate(self, request: GenerateRequest) -> Sound:
        return await self._render(request, lambda: generate_body(request))

    async def inpaint(self, window: Sound, ranges: Sequence[Range], request: InpaintRequest) -> Sound:
        (span,) = ranges
        sent = _Sendable(window)
        sound = await self._render(
            request, lambda: inpaint_body(request, sent.flac(), window.seconds, span)
        )
        return sent.undo_gain(sound)

    async def outpaint(self, window: Sound, before: Seconds, after: Seconds, request: OutpaintRequest) -> Sound:
        sent = _Sendable(window)
        sound = await self._render(
            request, lambda: outpaint_body(request, sent.flac(), window.seconds, before, after)
        )
        return sent.undo_gain(sound)

    async def _render(self, request: Request, body_of: Callable[[], Body]) -> Sound:
        call = request.call
        live = Live(
            take=call.take + 1,
            takes=self.request.batch_size,
            item=call.item + 1 if self._plan.items > 1 else None,
            part=call.part + 1 if len(self._plan.call_seconds) > 1 else None,
            test_server=self._place.is_test_server or None,
        )
        purchase = Purchase(self._desk, call, live)
        fetch = self._fetch.get(call_key(call))
        try:
            return await watch(
                lambda: purchase.perform(body_of, fetch), live, request.progress, self._stop_everything
            )
        finally:
            if purchase.outcome:
                self._outcomes[call] = purchase.outcome
            self._warnings += purchase.warnings

    def _stop_everything(self, reason: BaseException) -> BaseException:
        """Stop all runs of the prompt; the exception to raise here: the one that asked for it first."""
        self._prompt.stop_all(reason)
        return self._stop.reason or reason

    # The run

    async def run(self, jobs: Sequence[Callable[[], Awaitable[None]]]) -> None:
        """At most MAX_IN_FLIGHT jobs at a time, all to their end even when one fails; Stop ends all of them."""
        await self.prepare(self._plan)
        places = asyncio.Semaphore(MAX_IN_FLIGHT)

        async def one(job: Callable[[], Awaitable[None]]) -> None:
            async with places:
                if self._stop.is_set():
                    raise self._stop.reason
                await job()

        tasks = [asyncio.ensure_future(one(job)) for job in jobs]
        try:
            await asyncio.wait(tasks)
        except asyncio.CancelledError as reason:
            # The jobs learn of it too and clean up; none may outlive the run.
            self._stop_everything(reason)
            await asyncio.wait(tasks)
            raise
        finally:
            results = [_exception_of(task) for task in tasks]
        self._raise_what_failed(results)

    def _raise_what_failed(self, results: list[BaseException | None]) -> None:
        errors = [error for error in results if error is not None]
        for error in errors:
            if not isinstance(error, ACEStepError):
                raise error  # Stop, or a defect: neither may hide behind a list of takes
        if not errors:
            return
        if len(results) == 1 or (len(errors) == len(results) and len({str(e) for e in errors}) == 1):
            raise errors[0]
        raise SomeFailed(self._words_for_failed(results, errors), errors[0])

    def _words_for_failed(self, results: list[BaseException | None], errors: list[ACEStepError]) -> str:
        node, takes = self.request.node, self._plan.takes
        prefix = f"{node}: "
        failed = " ".join(
            f"[{_job_name(index, self._plan)}] {str(error).removeprefix(prefix)}"
            for index, error in enumerate(results)
            if error is not None
        )
        words = f"{node}: {len(errors)} of {len(results)} takes failed. {failed}"
        kept = ", ".join(
            f"[{_job_name(call.item * takes + call.take, self._plan)}] "
            f"{outcome.request_id}{_cost_words(outcome)}"
            for call, outcome in sorted(self._outcomes.items(), key=_in_order)
        )
        if not kept:
            return words
        return (
            f"{words} Paid for and kept: {kept}. Queue again with seed {self.request.seed}: these are "
            "fetched without a new charge and only what is missing is bought."
        )

    # Afterwards

    @classmethod
    def fingerprint(cls, **inputs) -> object:
        """The account: another token must render again. Never the token itself."""
        place = Place.of_comfyui()
        account = find_account(place)
        return identity(place, account) if account else None

    def facts(self) -> dict:
        outcomes = [outcome for _, outcome in sorted(self._outcomes.items(), key=_in_order)]
        costs = [outcome.cost_usd for outcome in outcomes]
        known = [cost for cost in costs if cost is not None]
        warnings = list(self._warnings)
        if known and len(known) < len(costs):
            warnings.append(
                f"RunComfy reported the cost of {len(known)} of {len(costs)} requests only: "
                f"${sum(known):.4f} so far."
            )
        return {
            "request_ids": [outcome.request_id for outcome in outcomes],
            "cost_usd": round(sum(known), 6) if outcomes and len(known) == len(costs) else None,
            "warnings": warnings,
        }

    def close(self) -> None:
        if self._desk:
            self._desk.budget.close()
        self._prompt.leave(self._stop)
        self._client.close()


class _Sendable:
    """A window as it is sent: at most 48 kHz, and scaled into ±1 where it is louder, as FLAC holds no more."""

    def __init__(self, window: Sound):
        self._window = window
        self._gain = 1.0

    def flac(self) -> bytes:
        sound = self._window
        if sound.sample_rate > _MAX_SENT_RATE_HZ:
            sound = resample_sound(sound, _MAX_SENT_RATE_HZ)
        peak = float(sound.waveform.abs().max())
        if peak > 1.0:
            self._gain = 1.0 / peak
            sound = Sound((sound.waveform * self._gain).clamp_(-1.0, 1.0), sound.sample_rate)
        return encode_flac(sound)

    def undo_gain(self, sound: Sound) -> Sound:
        return sound if self._gain == 1.0 else Sound(sound.waveform / self._gain, sound.sample_rate)


def _running_prompt_id() -> str | None:
    """ComfyUI's id of the prompt this code runs for, or None outside its executor."""
    try:
        from comfy_execution.utils import get_executing_context
    except ImportError:
        return None
    context = get_executing_context()
    return context.prompt_id if context else None


def _exception_of(task: asyncio.Future) -> BaseException | None:
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def _one_take_an_id(request: GenerateRequest) -> GenerateRequest:
    return replace(request, batch_size=len(request.resume_request_ids))


def _ignored_settings(request: Request) -> list[str]:
    """One sentence for each setting that RunComfy does not take."""
    ignored = []
    for name, default in (("variant", "auto"), ("steps", 0), ("guidance", 0.0), ("strength", 1.0)):
        value = getattr(request, name, default)
        if value != default:
            ignored.append(f"{name} {value} has no effect on RunComfy, which uses its own recipe.")
    for name in ("model", "clip", "vae"):
        if getattr(request, name) is not None:
            ignored.append(f"The connected {name} has no effect on RunComfy, which uses its own.")
    if writes_own_lyrics(request):
        ignored.append("Lyrics are blank: RunComfy's model writes its own words. Write [inst] for no vocals.")
    return ignored


def _job_name(index: int, plan: Plan) -> str:
    item, take = divmod(index, plan.takes)
    return f"item {item + 1}, take {take + 1}" if plan.items > 1 else f"take {take + 1}"


def _cost_words(outcome: Outcome) -> str:
    return "" if outcome.cost_usd is None else f" (${outcome.cost_usd:.4f})"


def _in_order(item: tuple[Call, Outcome]) -> tuple[int, int, int]:
    call = item[0]
    return call.item, call.take, call.part
