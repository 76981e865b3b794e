"""What a run of a job has bought at RunComfy, told from the status events of its nodes: also of a run that failed."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

_STATUS = "acestep.status"
# RunComfy is done with such a request and has no sound of it: the next run buys it anew.
_ENDED = {"failed", "cancelled", "gone"}


@dataclass(frozen=True)
class Bought:
    """US dollars: a reported cost, else what was expected.

    lost: of requests that have ended without a sound. open: of all others, which the next run fetches, or does not
    send again without being told to. lost_before: of requests of an earlier run that have ended without a sound by now;
    infinite where no cost of them was reported. before: of all others of an earlier run, whether that run could tell of
    them or was killed.
    """

    lost: float = 0.0
    open: float = 0.0
    lost_before: float = 0.0
    before: float = 0.0


def bought_by(events: Iterable[tuple[str, dict]]) -> Bought:
    """Of the events of one run, each with its kind."""
    calls = {}
    for kind, data in events:
        if kind == _STATUS and "take" in data:  # of the whole node there are others
            calls[data["node"], data.get("item"), data["take"], data.get("part")] = data
    lost = still_open = lost_before = before = 0.0
    for last in calls.values():
        # Only a request that this run has sent, and that was not refused, has an estimate.
        ended, cost, estimate = last["state"] in _ENDED, last.get("cost_usd"), last.get("estimate_usd")
        if estimate is None:
            lost_before += (math.inf if cost is None else cost) if ended else 0.0
            before += 0.0 if ended else last.get("before_usd", cost or 0.0)
        elif ended:
            uncharged = last["state"] == "cancelled" and cost is None
            lost += 0.0 if uncharged else estimate if cost is None else cost
        else:
            still_open += estimate if cost is None else cost
    return Bought(lost, still_open, lost_before, before)
