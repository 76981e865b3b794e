"""What a render costs. A list price is only ever shown; nothing is bought without the live one."""

import math
import threading
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass

from ...words.remarks import Remark, joined, remark
from .endpoints import MODELS, TEXT_TO_AUDIO, V1_5, model_meant_by
from .errors import RunComfyError, UnusableAnswer

UNITS = ("second", "output")
CACHE_SECONDS = 60.0
# A price beyond these is a mistake somewhere, or no price: it could bind no limit, or nobody would pay it.
LEAST_USD, MOST_USD = 1e-6, 100.0
_DIGITS = range(4, 11)

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
    def said(self) -> Remark:
        """For a sentence: "$0.0002 per second of audio"."""
        return remark("price_per_second" if self.unit == "second" else "price_per_output", usd=f"${self.usd:g}")


def list_price(model: str) -> Price:
    """The published price, for display while there is no token."""
    return Price(model, _LIST_USD_PER_SECOND[model], "second", live=False)


def price_from(answer: dict, model: str) -> Price:
    """The live price in a catalogue answer. Raises UnusableAnswer for anything that leaves a doubt."""
    usd, unit = _dollars(answer.get("base_price_usd")), answer.get("price_unit")
    told = answer.get("model_id", model)
    if not isinstance(told, str) or model_meant_by(told) != model or usd is None:
        raise UnusableAnswer(joined(remark("no_usable_price", model=model), remark("later_or_update")))
    if unit not in UNITS:
        raise UnusableAnswer(remark("unknown_unit", model=model))
    return Price(model, usd, unit, live=True)


def _dollars(value) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not LEAST_USD <= value <= MOST_USD:
        return None  # a NaN too: it lies between nothing
    return float(value)


def dollars(usd: float) -> str:
    return f"${usd:.{_DIGITS[0]}f}"


def told_apart(parts: Sequence[float], limit: float) -> list[str]:
    """The amounts and the limit that their sum is above, with as many digits as it takes to see that it is."""
    for digits in _DIGITS:
        if round(sum(round(part, digits) for part in parts), digits) > round(limit, digits):
            break
    return [f"${usd:.{digits}f}" for usd in (*parts, limit)]


class RunPrice:
    """The live price during a run. Once something was submitted at it, it is asked anew. Thread-safe."""

    def __init__(self, ask: Callable[[], Price]):
        self._ask = ask
        self._lock = threading.Lock()
        self._answer: Price | RunComfyError | None = None

    def now(self) -> Price:
        """Raises RunComfyError when there is no usable one; that too is found out once for all that ask meanwhile."""
        with self._lock:
            if self._answer is None:
                try:
                    self._answer = self._ask()
                except RunComfyError as error:
                    self._answer = error
            if isinstance(self._answer, Price):
                return self._answer
            raise copy(self._answer)  # each call adds its own name and advice

    def used(self) -> None:
        """Something was submitted at it."""
        with self._lock:
            self._answer = None


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
