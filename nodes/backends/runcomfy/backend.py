"""RunComfy as a backend: the same graph on RunComfy's servers."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from ...audio.codec import encode_flac
from ...audio.resample import resample_sound
from ...audio.value import Sound
from ...errors import InputError
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
from .entries import FETCHABLE, Entry, Run, call_key
from .errors import RunComfyError
from .journal import Journal
from .live import Live
from .place import Place
from .price import Price, list_price, price_from
from .purchase import Desk, Outcome, Purchase
from .resume import as_planned, calls_of, entries_for, find_run, foreign_run, new_run
from .sources import source_hash
from .stopping import Stop
from .summary import error_for, facts
from .watching import all_ended, watch

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
        self._resumed: Run | None = find_run(self._journal.read(), request) if request.resume_request_ids else None
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
        self._warnings: list[str] = [self._resumed_words()] if request.resume_request_ids else []

    def _resumed_words(self) -> str:
        seeds, first = self.request.seeds, self.request.resume_request_ids[0]
        if self._resumed is None:
            return (
                f"The run of request {first} is not in this computer's journal, so the seeds in this report are the "
                "node's."
            )
        return (
            f"This is the run of request {first}: {len(seeds)} take{'s' * (len(seeds) > 1)} from seed {seeds[0]}. The "
            "node's batch_size and seed are ignored."
        )

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
        if self._resumed:
            self._fetch = entries_for(self.request, self._resumed, plan, content)
        elif self.request.resume_request_ids:
            self._resumed, self._fetch = foreign_run(self.request, self._model, plan, self._identity, content)
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
        budget = Budget(request.node, self._prompt, request.max_cost_usd, lambda: ceiling_usd(self._place))
        if self._resumed:
            run = self._resumed
            if run.sources and sources and run.sources != sources:
                self._warnings.append(
                    "The source is not the one that the fetched run was made from; its sound is put in all the same."
                )
        else:
            run = new_run(request, self._model, plan, sources)
            self._price = self._ask_price()
            if isinstance(self._price, Price):
                budget.expect(self._amounts(self._price))
        return Desk(request.node, run, self._identity, self._client, self._journal, budget, self._live_price)

    def _ask_price(self) -> Price | RunComfyError:
        try:
            return price_from(self._client.model(self._model), self._model)
        except RunComfyError as error:
            return type(error)(f"{self.request.node}: {error}")

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
        price = self._price if isinstance(self._price, Price) else list_price(self._model)
        return round(sum(price.of(plan.call_seconds[call.part]) for call in calls_of(plan)), 6)

    @property
    def _planned(self) -> Plan:
        assert self._plan is not None, "check() comes first"
        return self._plan

    @property
    def _opened(self) -> Desk:
        assert self._desk is not None, "prepare() comes first"
        return self._desk

    def _live_price(self) -> Price:
        if isinstance(self._price, Price):
            return self._price
        # What is fetched has no price, and prepare() comes before every call.
        assert self._price is not None
        raise self._price

    # The calls

    async def generate(self, request: GenerateRequest) -> Sound:
        return await self._render(request, lambda: generate_body(request))

    async def inpaint(self, window: Sound, ranges: Sequence[Range], request: InpaintRequest) -> Sound:
        (span,) = ranges
        sent = _Sendable(window)
        sound = await self._render(request, lambda: inpaint_body(request, sent.flac(), window.seconds, span))
        return sent.undo_gain(sound)

    async def outpaint(self, window: Sound, before: Seconds, after: Seconds, request: OutpaintRequest) -> Sound:
        sent = _Sendable(window)
        sound = await self._render(request, lambda: outpaint_body(request, sent.flac(), window.seconds, before, after))
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
        purchase = Purchase(self._opened, call, live)
        fetch = self._fetch.get(call_key(call))
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

    async def run(self, jobs: Sequence[Callable[[], Awaitable[None]]]) -> None:
        """At most MAX_IN_FLIGHT jobs at a time, all to their end even when one fails; Stop ends all of them."""
        await self.prepare(self._planned)
        places = asyncio.Semaphore(MAX_IN_FLIGHT)

        async def one(job: Callable[[], Awaitable[None]]) -> None:
            async with places:
                if self._stop.reason is not None:
                    raise self._stop.reason
                await job()

        tasks = [asyncio.ensure_future(one(job)) for job in jobs]
        results = await all_ended(tasks, self._stop_everything)
        error = error_for(results, self._opened.run, self._outcomes)
        if error is not None:
            raise error

    # Afterwards

    @classmethod
    def fingerprint(cls, **inputs) -> object:
        """The account: another token must render again. Never the token itself."""
        place = Place.of_comfyui()
        account = find_account(place)
        return identity(place, account) if account else None

    def facts(self) -> dict:
        return facts(self._outcomes, self._warnings)

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
