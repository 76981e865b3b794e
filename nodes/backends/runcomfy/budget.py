"""The two limits on what may be spent: ``max_cost_usd`` of a run, and the account's ceiling per prompt.

The ceiling is summed over every node and take of a prompt, so what the runs of a prompt have set aside is
kept here for the whole process. A run sets its whole estimate aside before its first submission, or none.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from ...request.requests import Call
from ...words.remarks import Remark, Value, remark
from .errors import CostRefused
from .price import dollars, told_apart
from .stopping import Stop

# Prompts remembered after their last run ended; a queue never holds more that matter.
_KEPT_PROMPTS = 256
# Dollar amounts are sums of floats.
_ROUNDING_USD = 1e-9


class Prompt:
    """One queued prompt: what its runs have set aside, and how to stop them all. Thread-safe.

    It outlives its runs, so of a run that has ended it holds nothing but a key.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._set_aside: dict[object, float] = {}
        self._stops: set[Stop] = set()

    def try_set_aside(self, run: object, needed: float, whole: float, ceiling: float) -> float | None:
        """Set ``whole`` aside for ``run`` when what it has ``needed`` so far leaves the prompt within ``ceiling``.

        None on success, else what the other runs of the prompt have set aside already.
        """
        with self._lock:
            others = sum(amount for key, amount in self._set_aside.items() if key is not run)
            if others + needed > ceiling + _ROUNDING_USD:
                return others
            self._set_aside[run] = whole
            return None

    def adjust(self, run: object, usd: float) -> None:
        """Correct what ``run`` has set aside, if it has, to what it is now known to cost."""
        with self._lock:
            if run in self._set_aside:
                self._set_aside[run] = usd

    def give_back(self, run: object) -> None:
        """``run`` has ended and bought nothing."""
        with self._lock:
            self._set_aside.pop(run, None)

    def join(self, stop: Stop) -> None:
        with self._lock:
            self._stops.add(stop)

    def leave(self, stop: Stop) -> None:
        with self._lock:
            self._stops.discard(stop)

    def stop_all(self, reason: BaseException) -> None:
        """Only one of a prompt's nodes sees ComfyUI's interrupt; it passes it on to the others here."""
        with self._lock:
            stops = list(self._stops)
        for stop in stops:
            stop.set(reason)


class Prompts:
    """The prompts of this process, by ComfyUI's prompt id. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._prompts: OrderedDict[str, Prompt] = OrderedDict()

    def get(self, prompt_id: str | None) -> Prompt:
        """The prompt with this id; without an id (outside ComfyUI's executor) a prompt of its own."""
        if prompt_id is None:
            return Prompt()
        with self._lock:
            prompt = self._prompts.setdefault(prompt_id, Prompt())
            self._prompts.move_to_end(prompt_id)
            while len(self._prompts) > _KEPT_PROMPTS:
                self._prompts.popitem(last=False)
            return prompt


class Budget:
    """What one run may still spend. Thread-safe.

    Before anything is submitted the run is looked at as a whole, and before every further submission what is
    known to be spent by then: reported costs, and the estimates of what is on its way.
    """

    def __init__(self, prompt: Prompt, max_cost_usd: float, ceiling: Callable[[], float]):
        self._prompt, self._key = prompt, object()
        self._max_cost_usd, self._ceiling = max_cost_usd, ceiling
        self._lock = threading.Lock()
        self._amounts: dict[Call, float] = {}
        self._committed: set[Call] = set()
        self._bought: set[Call] = set()

    def expect(self, amounts: dict[Call, float]) -> None:
        """What each call of the run would cost."""
        self._amounts = dict(amounts)

    def admit(self, call: Call, usd: float, price: Value) -> None:
        """Let ``call`` be submitted for ``usd`` when that stays within both limits. Raises CostRefused.

        price: of one call, for a sentence.

        The first call of a run to be submitted is admitted only when all that the run expects to submit is.
        """
        with self._lock:
            amounts = self._amounts | {call: usd}
            committed = self._committed - {call}
            looked_at = amounts if not committed else {each: amounts[each] for each in (*committed, call)}
            total = sum(looked_at.values())
            if self._max_cost_usd == 0:
                raise CostRefused(remark("no_paid_run", estimate=_estimated(looked_at, price, dollars(total))))
            if total > self._max_cost_usd + _ROUNDING_USD:
                raise CostRefused(_above_max_cost(looked_at, committed, self._max_cost_usd, price))
            ceiling = self._ceiling()  # read now: the user may have changed it since the run was queued
            others = self._prompt.try_set_aside(self._key, total, sum(amounts.values()), ceiling)
            if others is not None:
                raise CostRefused(_above_ceiling(looked_at, committed, others, ceiling, price))
            self._amounts, self._committed = amounts, committed | {call}

    def buying(self, call: Call) -> None:
        """``call`` is being submitted: its amount stays set aside until its cost is known."""
        with self._lock:
            self._bought.add(call)

    def settle(self, call: Call, usd: float) -> None:
        """``call`` is now known to cost this much of this run: 0 when refused, or when it was paid for earlier."""
        with self._lock:
            self._amounts[call] = usd
            if call not in self._bought:
                self._committed.discard(call)
            self._prompt.adjust(self._key, sum(self._amounts.values()))

    def close(self) -> None:
        """Give back what was set aside for calls that were never submitted."""
        with self._lock:
            self._amounts = {call: usd for call, usd in self._amounts.items() if call in self._bought}
            if self._bought:
                self._prompt.adjust(self._key, sum(self._amounts.values()))
            else:
                self._prompt.give_back(self._key)


# What is said


def _above_max_cost(amounts: dict[Call, float], committed: set[Call], limit: float, price: Value) -> Remark:
    if not committed:
        total, most = told_apart([sum(amounts.values())], limit)
        return remark("above_max_cost", estimate=_estimated(amounts, price, total), most=most)
    spent, usd, most = told_apart(_parts(amounts, committed), limit)
    return remark("next_above_max_cost", spent=spent, usd=usd, price=price, most=most)


def _above_ceiling(
    amounts: dict[Call, float], committed: set[Call], others: float, ceiling: float, price: Value
) -> Remark:
    if not committed:
        total, besides, most = told_apart([sum(amounts.values()), others], ceiling)
        known = {"estimate": _estimated(amounts, price, total), "most": most}
        if others > 0:
            return remark("above_ceiling_together", **known, others=besides)
        return remark("above_ceiling", **known)
    spent, usd, besides, most = told_apart([*_parts(amounts, committed), others], ceiling)
    known = {"spent": spent, "usd": usd, "price": price, "most": most}
    if others > 0:
        return remark("next_above_ceiling_together", **known, others=besides)
    return remark("next_above_ceiling", **known)


def _estimated(amounts: dict[Call, float], price: Value, total: str) -> Remark:
    count = sum(1 for amount in amounts.values() if amount > 0)
    known = {"usd": total, "price": price}
    return remark("estimated_one", **known) if count == 1 else remark("estimated", **known, count=count)


def _parts(amounts: dict[Call, float], committed: set[Call]) -> list[float]:
    """What is spent, and what the next request would add."""
    spent = sum(amounts[call] for call in committed)
    return [spent, sum(amounts.values()) - spent]


# One for the process, as the ceiling is; ComfyUI's node classes may hold no state.
PROMPTS = Prompts()
