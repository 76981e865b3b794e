"""What a render costs. A list price is only ever shown; nothing is bought without the live one."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from .endpoints import MODELS, TEXT_TO_AUDIO, V1_5
from .errors import UnusableAnswer

UNITS = ("second", "output")
CACHE_SECONDS = 60.0

# RunComfy's published list prices per second of audio, September 2026 (shared contract page).
_LIST_USD_PER_SECOND = dict.fromkeys(MODELS, 0.0002) | {TEXT_TO_AUDIO[V1_5]: 0.0003}


@dataclass(frozen=True)
class Price:
    """``usd`` for each ``unit``; ``live`` when the service said so just now."""

    model: str
    usd: float
    unit: str
    live: bool

    def of(self, seconds: float) -> float:
        """One call that gives back ``seconds`` of audio, begun seconds counted whole."""
        return self.usd * math.ceil(round(seconds, 6)) if self.unit == "second" else self.usd

    @property
    def words(self) -> str:
        """For a sentence: "$0.0002 per second of audio"."""
        return f"${self.usd:g} per " + ("second of audio" if self.unit == "second" else "output")


def list_price(model: str) -> Price:
    """The published price, for display while there is no token."""
    return Price(model, _LIST_USD_PER_SECOND[model], "second", live=False)


def price_from(answer: dict, model: str) -> Price:
    """The live price in a catalogue answer. Raises UnusableAnswer for anything that leaves a doubt."""
    usd, unit = _dollars(answer.get("base_price_usd")), answer.get("price_unit")
    if answer.get("model_id", model) != model or usd is None:
        raise UnusableAnswer(
            f"RunComfy gave no usable price for {model}, so nothing is submitted. Try again later; if it "
            "stays so, this pack needs an update."
        )
    if unit not in UNITS:
        raise UnusableAnswer(
            f"RunComfy prices {model} by a unit this pack does not know, so the cost cannot be "
            "estimated and nothing is submitted. Update the pack."
        )
    return Price(model, usd, unit, live=True)


def _dollars(value) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and value >= 0 else None


class PriceBoard:
    """Live prices for display, each kept for a minute. Runs that spend money ask anew."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Price]] = {}
        self._lock = threading.Lock()

    def price(self, model: str, account: str, fetch: Callable[[], Price]) -> Price:
        """The price of ``model`` for ``account``, from ``fetch`` when none younger than a minute is known."""
        with self._lock:
            known = self._known.get((model, account))
        if known and self._clock() - known[0] < CACHE_SECONDS:
            return known[1]
        price = fetch()
        with self._lock:
            self._known[model, account] = (self._clock(), price)
        return price
