"""The one interface every backend implements. A backend knows nothing of nodes, splicing or other backends."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from ..audio.value import Sound
from ..request.requests import GenerateRequest, InpaintRequest, OutpaintRequest, Request

Seconds = float
Range = tuple[Seconds, Seconds]
RequestT = TypeVar("RequestT", bound=Request)


@dataclass(frozen=True)
class Plan:
    """All the renders of one run, known before the first one starts.

    call_seconds: sound that comes back from each part of one take, in the order the parts are rendered.
    items: batch items of the source (1 when there is none); takes: takes of each item.
    sources: the items themselves, for a backend that records what a paid edit was made from, or knows one.
    windows: of an edit, where in its source each part's window lies, in samples; None: it holds more than the source.
    """

    call_seconds: tuple[Seconds, ...]
    items: int = 1
    takes: int = 1
    sources: tuple[Sound, ...] = ()
    windows: tuple[tuple[int, int] | None, ...] = ()

    @property
    def total_seconds(self) -> Seconds:
        return sum(self.call_seconds) * self.items * self.takes


class Backend(ABC, Generic[RequestT]):
    """A renderer for one run of one node; it is made, used for that run, and closed.

    ``request`` is what will be rendered: equal to what the node asked, unless the backend is
    fetching an earlier run, whose seeds and number of takes then hold.
    """

    name: str  # one of vocabulary.BACKENDS, never "auto"
    shares_windows: bool  # several close ranges may be rendered in one call

    def __init__(self, request: RequestT):
        self.request = request

    @property
    @abstractmethod
    def max_seconds(self) -> Seconds:
        """The longest sound one call can give back."""

    @property
    @abstractmethod
    def version(self) -> str:
        """The ACE-Step version that runs: ``ace-step``, ``ace-step-1.5``, or ``none`` for sketch."""

    @property
    @abstractmethod
    def model(self) -> str:
        """The model that runs, as the report names it."""

    @abstractmethod
    def check(self, plan: Plan) -> None:
        """Raise ACEStepError for whatever would fail, before any model is loaded or money spent."""

    async def prepare(self, plan: Plan) -> None:
        """Ask for what ``estimate`` needs, such as a live price. Called once, after ``check``."""

    def estimate(self, plan: Plan) -> float | None:
        """What the plan will cost in USD, or None when the backend costs nothing."""
        return None

    @abstractmethod
    async def generate(self, request: GenerateRequest) -> Sound:
        """Music of about ``request.duration`` seconds, at the backend's own rate."""

    @abstractmethod
    async def inpaint(self, window: Sound, ranges: Sequence[Range], request: InpaintRequest) -> Sound:
        """The window rendered again with new music in ``ranges`` (seconds from the window's start).

        The result has the backend's own rate and may be delayed, at another level and slightly longer or
        shorter; only what lies in the ranges is used, the rest serves to align it.
        """

    @abstractmethod
    async def outpaint(self, window: Sound, before: Seconds, after: Seconds, request: OutpaintRequest) -> Sound:
        """``before`` seconds of new music, the window, ``after`` seconds of new music, as one sound."""

    async def run(self, jobs: Sequence[Callable[[], Awaitable[None]]]) -> Sequence[bool]:
        """Carry out the jobs (one for each item and take). One after the other unless a backend knows better.

        For each, whether its sound is there: of an earlier run that is fetched, some takes may be left out.
        """
        for job in jobs:
            await job()
        return [True] * len(jobs)

    def delivered(self, take: int, sound: Sound, gain: float) -> None:
        """What ``generate`` gave for ``take`` is handed on as ``sound``: cut to its length, times ``gain``."""

    @classmethod
    def fingerprint(cls, **inputs) -> object:
        """What outside the node's constant ``inputs`` decides the result, for ComfyUI's cache."""
        return None

    def facts(self) -> dict:
        """What the run adds to the report: any of ``request_ids``, ``cost_usd``, ``recipe``, ``warnings``
        (remarks)."""
        return {}

    def close(self) -> None:
        """Let go of what the run held open. Called once, also after an error or Stop."""
