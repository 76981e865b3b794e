"""The two limits on what may be spent: ``max_cost_usd`` of a run, and the account's ceiling per prompt.

The ceiling is summed over every node and take of a prompt, so what the runs of a prompt have set aside is
kept here for the whole process. A run sets its whole estimate aside before its first submission, or none.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from ...request.requests import Call
from .errors import CostRefused
from .price import dollars, told_apart
from .stopping import Stop

# Prompts remembered after their last run ended; a queue never holds more that matter.
_KEPT_PROMPTS = 256
# Dollar amounts are sums of floats.
_ROUNDING_USD = 1e-9


class Prompt:
    """One queued prompt: what its runs have set aside, and how to stop them all. Thread-safe."""

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
        """Correct what ``run`` has set aside to what it is now known to cost."""
        with self._lock:
            self._set_aside[run] = usd

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
        self._prompt = prompt
        self._max_cost_usd, self._ceiling = max_cost_usd, ceiling
        self._lock = threading.Lock()
        self._amounts: dict[Call, float] = {}
        self._committed: set[Call] = set()
        self._bought: set[Call] = set()

    def expect(self, amounts: dict[Call, float]) -> None:
        """What each call of the run would cost."""
        self._amounts = dict(amounts)

    def admit(self, call: Call, usd: float, price_words: str) -> None:
        """Let ``call`` be submitted for ``usd`` when that stays within both limits. Raises CostRefused.

        The first call of a run to be submitted is admitted only when all that the run expects to submit is.
        """
        with self._lock:
            amounts = self._amounts | {call: usd}
            committed = self._committed - {call}
            looked_at = amounts if not committed else {each: amounts[each] for each in (*committed, call)}
            total = sum(looked_at.values())
            if self._max_cost_usd == 0:
                estimate = _estimated(looked_at, price_words, dollars(total))
                raise CostRefused(f"{estimate}, but max_cost_usd 0 allows no paid run; stopped before submitting.")
            if total > self._max_cost_usd + _ROUNDING_USD:
                raise CostRefused(_above_max_cost(looked_at, committed, self._max_cost_usd, price_words))
            ceiling = self._ceiling()  # read now: the user may have changed it since the run was queued
            others = self._prompt.try_set_aside(self, total, sum(amounts.values()), ceiling)
            if others is not None:
                raise CostRefused(_above_ceiling(looked_at, committed, others, ceiling, price_words))
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
            self._put()

    def close(self) -> None:
        """Give back what was set aside for calls that were never submitted."""
        with self._lock:
            self._amounts = {call: usd for call, usd in self._amounts.items() if call in self._bought}
            self._put()

    def _put(self) -> None:
        if self._committed or self._bought:
            self._prompt.adjust(self, sum(self._amounts.values()))


# The sentences


def _above_max_cost(amounts: dict[Call, float], committed: set[Call], limit: float, price_words: str) -> str:
    if not committed:
        total, most = told_apart([sum(amounts.values())], limit)
        return (
            f"{_estimated(amounts, price_words, total)}, above its max_cost_usd of {most}; stopped before submitting. "
            "Raise max_cost_usd, or ask for fewer takes or less sound."
        )
    spent, next_one, most = told_apart(_parts(amounts, committed), limit)
    return (
        f"{spent} of this run is spent or on its way, and another request for {next_one} ({price_words}) would go "
        f"above its max_cost_usd of {most}; it is not submitted. Raise max_cost_usd to have it."
    )


def _above_ceiling(
    amounts: dict[Call, float], committed: set[Call], others: float, ceiling: float, price_words: str
) -> str:
    if not committed:
        total, besides, most = told_apart([sum(amounts.values()), others], ceiling)
        on_top = f" on top of {besides} for the prompt's other runs" if others > 0 else ""
        return (
            f"{_estimated(amounts, price_words, total)}{on_top}, above the account's ceiling of {most} per prompt; "
            "stopped before submitting. Raise the ceiling in the account dialog, or queue less at a time."
        )
    spent, next_one, besides, most = told_apart([*_parts(amounts, committed), others], ceiling)
    on_top = f", {besides} is set aside for the prompt's other runs" if others > 0 else ""
    return (
        f"{spent} of this run is spent or on its way{on_top}, and another request for {next_one} ({price_words}) would "
        f"go above the account's ceiling of {most} per prompt; it is not submitted. Raise the ceiling in the account "
        "dialog to have it."
    )


def _estimated(amounts: dict[Call, float], price_words: str, total: str) -> str:
    count = sum(1 for amount in amounts.values() if amount > 0)
    return f"This run is estimated at {total} ({count} request{'s' * (count != 1)} at {price_words})"


def _parts(amounts: dict[Call, float], committed: set[Call]) -> list[float]:
    """What is spent, and what the next request would add."""
    spent = sum(amounts[call] for call in committed)
    return [spent, sum(amounts.values()) - spent]


# One for the process, as the ceiling is; ComfyUI's node classes may hold no state.
PROMPTS = Prompts()
