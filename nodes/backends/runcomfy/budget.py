"""The two limits on what may be spent: ``max_cost_usd`` of a run, and the account's ceiling per prompt.

The ceiling is summed over every node and take of a prompt, so what the runs of a prompt have set aside is
kept here for the whole process. A run sets its whole estimate aside before its first submission, or none.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from ...request import Call
from .errors import CostRefused
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

    def try_set_aside(self, run: object, usd: float, ceiling: float) -> float | None:
        """Set ``usd`` aside for ``run`` when the prompt's sum stays within ``ceiling``.

        None on success, else what the other runs of the prompt have set aside already.
        """
        with self._lock:
            others = sum(amount for key, amount in self._set_aside.items() if key is not run)
            if others + usd > ceiling + _ROUNDING_USD:
                return others
            self._set_aside[run] = usd
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
    """What one run may still spend. Thread-safe."""

    def __init__(self, node: str, prompt: Prompt, max_cost_usd: float, ceiling: Callable[[], float]):
        self._node, self._prompt = node, prompt
        self._max_cost_usd, self._ceiling = max_cost_usd, ceiling
        self._lock = threading.Lock()
        self._amounts: dict[Call, float] = {}
        self._bought: set[Call] = set()
        self._admitted = False

    def expect(self, amounts: dict[Call, float]) -> None:
        """What each call of the run would cost."""
        self._amounts = dict(amounts)

    def admit(self, call: Call, usd: float, price_words: str) -> None:
        """Set the run's whole estimate aside before its first submission, or nothing of it and raise CostRefused.

        ``usd`` is what ``call`` is about to cost: more than was expected of it when it was thought to be paid for
        already and the service no longer has it. The run is then looked at again.
        """
        with self._lock:
            usd = max(usd, self._amounts.get(call, 0.0))
            if self._admitted and usd <= self._amounts.get(call, 0.0):
                return
            amounts = self._amounts | {call: usd}
            total = sum(amounts.values())
            calls = sum(1 for amount in amounts.values() if amount > 0)
            what = f"{self._node}: this run is estimated at ${total:.4f} ({_requests(calls)} at {price_words})"
            if self._max_cost_usd == 0:
                raise CostRefused(f"{what}, but max_cost_usd 0 allows no paid run; stopped before submitting.")
            if total > self._max_cost_usd + _ROUNDING_USD:
                raise CostRefused(
                    f"{what}, above its max_cost_usd of ${self._max_cost_usd:.4f}; stopped before "
                    "submitting. Raise max_cost_usd, or ask for fewer takes or less sound."
                )
            ceiling = self._ceiling()  # read now: the user may have changed it since the run was queued
            others = self._prompt.try_set_aside(self, total, ceiling)
            if others is not None:
                besides = f" on top of ${others:.4f} for the prompt's other runs" if others > 0 else ""
                raise CostRefused(
                    f"{what}{besides}, above the account's ceiling of ${ceiling:.4f} per prompt; stopped "
                    "before submitting. Raise the ceiling in the account dialog, or queue less at a time."
                )
            self._amounts, self._admitted = amounts, True

    def buying(self, call: Call) -> None:
        """``call`` is being submitted: its amount stays set aside until its cost is known."""
        with self._lock:
            self._bought.add(call)

    def settle(self, call: Call, usd: float) -> None:
        """``call`` is now known to cost this much of this run: 0 when refused, or when it was paid for earlier."""
        with self._lock:
            self._amounts[call] = usd
            self._put()

    def close(self) -> None:
        """Give back what was set aside for calls that were never submitted."""
        with self._lock:
            self._amounts = {call: usd for call, usd in self._amounts.items() if call in self._bought}
            self._put()

    def _put(self) -> None:
        if self._admitted:
            self._prompt.adjust(self, sum(self._amounts.values()))


def _requests(count: int) -> str:
    return "1 request" if count == 1 else f"{count} requests"


# One for the process, as the ceiling is; ComfyUI's node classes may hold no state.
PROMPTS = Prompts()
