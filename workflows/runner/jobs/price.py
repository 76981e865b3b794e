"""What jobs cost on RunComfy: the price of all of them before any runs, and a limit that binds while they run."""

import contextlib
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from .. import graph, pack  # noqa: F401  (pack: makes the imports below possible)
from ..deployment_run import errors_of_the_pack
from ..errors import Refused, RunFailed
from .bought import Bought
from .graphs import Job, request_of
from .records import DONE, Record, Records, in_dollars, paid_usd

# pyright: reportMissingImports=false
# isort: split
from acestep_nodes.nodes.backends.runcomfy.account import find_account
from acestep_nodes.nodes.backends.runcomfy.client import Client
from acestep_nodes.nodes.backends.runcomfy.endpoints import model_for
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.place import Place, api_url_from, data_directory
from acestep_nodes.nodes.backends.runcomfy.price import Price, list_price, price_from
from acestep_nodes.nodes.backends.runcomfy.stopping import Stop
from acestep_nodes.nodes.errors import ACEStepError
from acestep_nodes.nodes.request.requests import MAX_COST_USD, GenerateRequest, InpaintRequest, Request
from acestep_nodes.nodes.request.time_ranges import entry, resolve
from acestep_nodes.nodes.routes.plan_answers import call_seconds

_ROUNDING_USD = 1e-9


def place_of(directory: Path, environment: Mapping[str, str]) -> Place:
    """RunComfy's Model API as a ComfyUI with that private folder reaches it. Raises RunFailed."""
    try:
        return Place(data_directory(environment, directory), api_url_from(environment), environment)
    except ACEStepError as error:
        raise RunFailed(str(error), type(error).__name__) from None


def tell_again_of_unknown(place: Place) -> None:
    """Let a request of unknown outcome end its job once more, where a node that is queued again would buy it again."""
    try:
        journal = Journal(place)
        doubtful = (State.UNKNOWN, State.ACCEPTED, State.DELIVERED)
        journal.take_back_shown({e.key for e in journal.read().entries if e.state in doubtful and e.shown})
    except ACEStepError as error:
        raise RunFailed(str(error), type(error).__name__) from None


@contextlib.contextmanager
def unknown_is_sent_again(place: Place) -> Iterator[None]:
    """While it lasts, what ended without an answer counts as told: whoever says --retry-unknown knows of it.

    Afterwards what nobody was told of is again to be told, as not all that the journal holds is of these jobs.
    """
    with errors_of_the_pack():
        journal = Journal(place)
        untold = {entry.key for entry in journal.read().entries if entry.is_to_be_told and entry.shown is None}
        journal.note_shown(untold)
    try:
        yield
    finally:
        with errors_of_the_pack():
            journal.take_back_shown(untold)


class Prices:
    """The price of each model, asked once: the live one with a token, the published one without."""

    def __init__(self, place: Place):
        self._place = place
        self._known: dict[str, Price] = {}

    def of(self, model: str) -> Price:
        """Raises RunFailed."""
        if model not in self._known:
            try:
                account = find_account(self._place)
                if account is None:
                    self._known[model] = list_price(model)
                else:
                    with contextlib.closing(Client(self._place, account, Stop())) as client:
                        self._known[model] = price_from(client.model(model), model)
            except ACEStepError as error:
                raise RunFailed(str(error), type(error).__name__) from None
        return self._known[model]

    @property
    def basis(self) -> str:
        """On what an estimate rests, as a sentence; empty when no price was asked."""
        if not self._known:
            return ""
        if self._place.is_test_server:
            return "That is play money: a test server says the price."
        if all(price.live for price in self._known.values()):
            return "That is RunComfy's price right now."
        return "That is the published price: without a token RunComfy's own cannot be asked."


@dataclass(frozen=True)
class Estimate:
    """US dollars at most. capped: where the price is known only when a node runs, its max_cost_usd stands for it."""

    usd: float
    capped: bool

    def __str__(self) -> str:
        return f"at most ${self.usd:.4f} (max_cost_usd)" if self.capped else f"about ${self.usd:.4f}"


_NOTHING = Estimate(0.0, capped=False)


def estimate(job: Job, prices: Prices) -> Estimate:
    """What a job costs. Raises Refused for what cannot be at RunComfy, or has neither a price nor a limit by now."""
    usd, capped = 0.0, False
    for node in graph.paying_nodes(job.graph):
        request = request_of(job.graph, node)
        planned = _planned(job, node, request)
        if planned is None:
            _check_limit_is_known(job, node)
            usd, capped = usd + request.max_cost_usd, True
        else:
            price = prices.of(planned.model)
            usd += planned.items * request.batch_size * sum(price.of(seconds) for seconds in planned.calls)
    return Estimate(usd, capped)


def _check_limit_is_known(job: Job, node: str) -> None:
    if _any_linked(job, node, ("max_cost_usd",)):
        raise Refused(
            f"{job.where}: what {graph.title(job.graph, node)} costs is known only when it runs, and its max_cost_usd "
            "comes over a link and is not known before that either; set max_cost_usd to a number from 0 to "
            f"{MAX_COST_USD:g}."
        )


# What the price of a node depends on, and the sound that it hands on. What comes over a link is known when it runs.
_PRICED = (
    "backend", "version", "batch_size", "duration", "extend_before_duration", "extend_after_duration",
    "context_seconds", "loop",
)  # fmt: skip
_HANDED_ON = ("batch_size", "keep", "duration", "extend_before_duration", "extend_after_duration")


def _any_linked(job: Job, node: str, names: Iterable[str]) -> bool:
    return any(isinstance(job.graph[node]["inputs"].get(name), list) for name in names)


@dataclass(frozen=True)
class _Planned:
    """calls: seconds of sound of each request of one take. items: how many sources there are."""

    model: str
    calls: Sequence[float]
    items: int


@dataclass(frozen=True)
class _Track:
    seconds: float
    items: int


def _planned(job: Job, node: str, request: Request) -> _Planned | None:
    """What a node asks for, where that is known before it runs."""
    inputs = job.graph[node]["inputs"]
    if _any_linked(job, node, _PRICED):
        return None
    try:
        model = model_for(request)
    except ACEStepError as error:
        raise Refused(f"{job.where}: {error}") from None
    if isinstance(request, GenerateRequest):
        return _Planned(model, [float(request.duration)], 1)
    track = _track(job, inputs.get("audio"))
    if track is None:
        return None
    question = {"seconds": track.seconds, "context_seconds": request.context_seconds, "loop": request.loop}
    if isinstance(request, InpaintRequest):
        ranges = _ranges(job, inputs.get("time_range"), track.seconds)
        if ranges is None:
            return None
        question |= {"task": "inpaint", "ranges": ranges}
    else:
        before, after = request.extend_before_duration, request.extend_after_duration
        question |= {"task": "outpaint", "before": before, "after": after}
    try:
        return _Planned(model, call_seconds(question), track.items)
    except ACEStepError as error:
        raise Refused(f"{job.where}: {error}") from None


def _track(job: Job, link: object) -> _Track | None:
    """The sound that comes over a link, where it can be known before it is made."""
    if not isinstance(link, list):
        return None
    node = job.graph.get(str(link[0]), {"class_type": "", "inputs": {}})
    inputs, kind = node["inputs"], node["class_type"]
    if kind == "LoadAudio":
        return _Track(job.sources[inputs["audio"]].outline.seconds, 1)
    if kind not in graph.RENDERING_NODES or _any_linked(job, str(link[0]), _HANDED_ON):
        return None
    request = request_of(job.graph, str(link[0]))
    if isinstance(request, GenerateRequest):
        return _Track(float(request.duration), request.batch_size)
    source = _track(job, inputs.get("audio"))
    if source is None:
        return None
    items = source.items * (1 if request.keep == "best" else request.batch_size)
    if isinstance(request, InpaintRequest):
        return _Track(source.seconds, items)
    return _Track(source.seconds + request.extend_before_duration + request.extend_after_duration, items)


def _ranges(job: Job, link: object, seconds: float) -> list[list[float]] | None:
    """The ranges that come over a link from one or several TimeRange nodes."""
    entries = []
    while isinstance(link, list):
        node = job.graph.get(str(link[0]), {"class_type": "", "inputs": {}})
        inputs = node["inputs"]
        values = [inputs.get(f"{side}_time{of}") for side in ("start", "end") for of in ("", "_relative_to")]
        if node["class_type"] != "TimeRange" or any(value is None or isinstance(value, list) for value in values):
            return None
        try:
            entries.insert(0, entry("TimeRange", *values))
        except ACEStepError as error:
            raise Refused(f"{job.where}: {error}") from None
        link = inputs.get("previous")
    try:
        return [list(span) for span in resolve("TimeRange", tuple(entries), seconds)] if entries else None
    except ACEStepError as error:
        raise Refused(f"{job.where}: {error}") from None


@dataclass
class _Tally:
    """Of one job, in US dollars. paid: for its sounds, an estimate where it is ``estimated``. perhaps: what its
    requests that gave no sound may have cost.

    open: what of that the next run fetches, or does not send again without being told to. price: of all requests of a
    job that is not done. aside: what it may cost while it runs.
    """

    paid: float = 0.0
    estimated: bool = False
    perhaps: float = 0.0
    open: float = 0.0
    price: Estimate = _NOTHING
    aside: float = 0.0


def _tally(record: Record) -> _Tally:
    return _Tally(*paid_usd(record), record.get("may_have_cost_usd", 0.0), record.get("open_usd", 0.0))


class Budget:
    """What all jobs of a file may cost together, with those of earlier runs and of lines that are no longer asked for.

    limit: None for none. retries_unknown: whether what may have been charged without an answer is bought again.
    """

    def __init__(
        self, jobs: Iterable[Job], records: Records, prices: Prices, limit: float | None, retries_unknown: bool = False
    ):
        self._limit, self._retries_unknown = limit, retries_unknown
        self._tallies = {record["id"]: _tally(record) for record in records}
        self._no_longer_asked = set(self._tallies)
        for job in jobs:
            self._no_longer_asked.discard(job.identity)
            record, tally = records.of(job) or {}, self._tallies.setdefault(job.identity, _Tally())
            if record.get("state") != DONE and not record.get("request_ids"):
                tally.price = estimate(job, prices)
        self._lock = threading.Lock()

    @property
    def spent(self) -> float:
        return sum(tally.paid for tally in self._tallies.values())

    @property
    def perhaps(self) -> float:
        """What may have been charged beside ``spent``, for requests that gave no sound."""
        return sum(tally.perhaps for tally in self._tallies.values())

    @property
    def expected(self) -> float:
        """Of the jobs that are still to run."""
        return sum(self._to_pay(tally).usd for tally in self._tallies.values())

    def expected_of(self, job: Job) -> Estimate:
        return self._to_pay(self._of(job))

    @property
    def basis(self) -> str:
        """Where the price of a job is not known yet: a sentence that says so, else an empty one."""
        capped = sum(self._to_pay(tally).capped for tally in self._tallies.values())
        if not capped:
            return ""
        return (
            f"Of {capped} of these the price is known only when the job runs, as a value or a sound comes over a link: "
            "for each such node its max_cost_usd counts."
        )

    @property
    def briefly(self) -> str:
        """What was spent, in a few words; empty for nothing."""
        if not self.spent and not self.perhaps:
            return ""
        return f"{self._cost} (perhaps ${self.perhaps:.4f} more)" if self.perhaps else self._cost

    @property
    def so_far(self) -> str:
        """What was spent, as part of a sentence; empty for nothing."""
        if not self.spent and not self.perhaps:
            return ""
        more = f", and perhaps ${self.perhaps:.4f} more for requests that gave no sound" if self.perhaps else ""
        others = [self._tallies[identity] for identity in self._no_longer_asked]
        other = sum(tally.paid + tally.perhaps for tally in others)
        of_that = f"; ${other:.4f} of that for what is no longer asked for" if other else ""
        return f"{self._cost}{more}{of_that}"

    @property
    def _cost(self) -> str:
        return in_dollars((tally.paid, tally.estimated) for tally in self._tallies.values()) or "$0.0000"

    def check_all(self) -> None:
        """Raises Refused when the jobs cannot all run within the limit."""
        if self._limit is None or not self.expected:  # what is only fetched, or done, is never refused
            return
        if self.spent + self.perhaps + self.expected > self._limit + _ROUNDING_USD:
            so_far = f"; so far they have cost {self.so_far}" if self.so_far else ""
            raise Refused(
                f"The jobs that are left cost about ${self.expected:.4f}{so_far}. That is above --max-cost-usd "
                f"{self._limit:g}, and nothing was bought. Raise it, or take jobs out. {self.basis}".rstrip()
            )

    def set_aside(self, job: Job) -> Refused | None:
        """Set aside what a job may cost before it begins; why not, when that is above the limit."""
        with self._lock:
            tally = self._of(job)
            expected = self._to_pay(tally)
            committed = self.spent + self.perhaps + sum(each.aside for each in self._tallies.values())
            if self._limit is not None and expected.usd and committed + expected.usd > self._limit + _ROUNDING_USD:
                return Refused(
                    f"${committed:.4f} are spent, perhaps charged or set aside, and “{job.name}” costs {expected} "
                    f"more: that is above --max-cost-usd {self._limit:g}. Raise it to go on."
                )
            tally.aside = expected.usd
        return None

    def aside_for(self, job: Job) -> float:
        """What a job that has begun may cost at most."""
        return self._of(job).aside

    def done(self, job: Job, record: Record, bought: Bought) -> dict:
        """A job has its sounds. Returns what its record tells of requests that gave none."""
        with self._lock:
            tally = self._of(job)
            # What it has not bought now it has fetched, of what was open.
            tally.perhaps += bought.lost - min(tally.open, max(0.0, tally.price.usd - bought.open - bought.lost))
            tally.open = tally.aside = 0.0
            tally.price = _NOTHING
            tally.paid, tally.estimated = paid_usd(record)
        return _told(tally)

    def failed(self, job: Job, bought: Bought) -> dict:
        """A job has ended without its sounds. Returns what its record tells of requests that gave none."""
        with self._lock:
            tally = self._of(job)
            left = max(0.0, tally.open - bought.lost_before)
            untold = max(0.0, bought.before - left)  # by a run that was killed
            tally.perhaps += bought.lost + untold + bought.open
            tally.open = left + untold + bought.open
            tally.aside = 0.0
        return _told(tally)

    def _of(self, job: Job) -> _Tally:
        return self._tallies.get(job.identity, _Tally())  # of one that has no price here: nothing

    def _to_pay(self, tally: _Tally) -> Estimate:
        if self._retries_unknown:
            return tally.price
        return replace(tally.price, usd=max(0.0, tally.price.usd - tally.open))


def _told(tally: _Tally) -> dict:
    told = {"may_have_cost_usd": round(tally.perhaps, 6), "open_usd": round(tally.open, 6)}
    return {name: usd for name, usd in told.items() if usd}
