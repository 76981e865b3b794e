"""What a run has left behind at RunComfy and what it has cost: one that was stopped, and one the journal remembers.

Nothing here is a sentence: those are in words/remarks.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from ...request.requests import Call
from ...words.remarks import Remark, remark
from .entries import Content, Entry, Run, State, call_words
from .price import dollars


class Became(str, Enum):
    """What became of a request, as far as is known here."""

    DELIVERED = "run_delivered"
    RUNNING = "run_running"  # or complete: it could not be cancelled any more
    ACCEPTED = "run_accepted"  # and never fetched
    UNKNOWN = "run_unknown"
    FAILED = "run_failed"
    GONE = "run_gone"  # RunComfy no longer has it, or the user struck it off
    CANCELLED = "run_cancelled"


_OF_LIVE = {
    "delivered": Became.DELIVERED,
    "charged": Became.RUNNING,
    "cancelled": Became.CANCELLED,
    "failed": Became.FAILED,
    "gone": Became.GONE,
    "unknown": Became.UNKNOWN,
}
_OF_ENTRY = {
    State.DELIVERED: Became.DELIVERED,
    State.ACCEPTED: Became.ACCEPTED,
    State.UNKNOWN: Became.UNKNOWN,
    State.SENDING: Became.UNKNOWN,
    State.FAILED: Became.FAILED,
    State.GONE: Became.GONE,
    State.CANCELLED: Became.CANCELLED,
}
_PAID = (Became.DELIVERED, Became.RUNNING, Became.ACCEPTED)
# What is said instead where RunComfy reported a cost, so that "perhaps charged" or "not charged" would be wrong.
_WITH_A_COST = {
    Became.FAILED: "run_failed_priced",
    Became.GONE: "run_gone_priced",
    Became.CANCELLED: "run_cancelled_priced",
}
# What the sum of a run says already of its calls.
_SUMMED_UP = frozenset(
    {"left_alone", "stopped_before", "complete_already", "cancelled_waiting", "runs_on", "cancel_unknown"}
)


@dataclass(frozen=True)
class Request:
    """One request of a run. estimate_usd: None for one that this run did not buy. request_id: None: no answer came."""

    call: Call
    became: Became
    request_id: str | None
    cost_usd: float | None
    estimate_usd: float | None

    @property
    def can_be_fetched(self) -> bool:
        return self.request_id is not None and self.became in (*_PAID, Became.UNKNOWN)

    @property
    def is_free(self) -> bool:
        """Whether it surely cost nothing. A failed one without a reported cost may have cost something."""
        return self.became is Became.CANCELLED and not self.cost_usd

    @property
    def is_surely_charged(self) -> bool:
        return not self.is_free and (self.became in _PAID or self.cost_usd is not None)

    @property
    def usd(self) -> float | None:
        """What it costs this run, as far as it is known or can be expected; None for nothing."""
        if self.estimate_usd is None:
            return None
        if self.cost_usd is None:
            return None if self.is_free else self.estimate_usd
        return self.cost_usd

    @property
    def code(self) -> str:
        """Of the sentence that says what became of it."""
        return self.became.value if self.cost_usd is None else _WITH_A_COST.get(self.became, self.became.value)


@dataclass(frozen=True)
class Left:
    """What a run has left. ids: of all its requests; resumable: of those takes that can be fetched whole."""

    run: Run
    ids: list[str]
    resumable: list[str]
    said: list[Remark]

    def as_dict(self) -> dict:
        """For JSON. created: when the run was queued."""
        said = [each.as_dict() for each in self.said]
        run = {"node": self.run.node, "created": self.run.created, "seed": self.run.seed}
        return run | {"ids": self.ids, "resumable": self.resumable, "said": said}


def unfinished(run: Run, ended: Mapping[Call, Mapping], fetches: bool) -> Left:
    """Of a run that was stopped or failed. ended: what was known last of each call that had begun."""
    requests = [request for call, facts in ended.items() if (request := _of_live(call, facts))]
    said = [facts["said"] for facts in ended.values() if "said" in facts]
    more = [each for each in dict.fromkeys(said) if each.code not in _SUMMED_UP]
    return _left(run, requests, [_sum(requests), *_fates(run, requests), *more, *_ways_on(run, requests, fetches)])


def of_workflow(workflow_id: str, content: Content, account: str | None) -> dict[str, Left]:
    """Of the newest run of each of a workflow's nodes, by the node's id, from the journal. account: see remembered."""
    newest = {run.node_id: run for run in content.runs if run.node_id and run.workflow_id == workflow_id}
    return {node_id: remembered(run, content, account) for node_id, run in newest.items()}


def remembered(run: Run, content: Content, account: str | None) -> Left:
    """Of an earlier run, from the journal. account: the identity of the one in use, None without a token."""
    entries = {Call(*map(int, key.split("/"))): content.entry(entry_key) for key, entry_key in run.calls.items()}
    requests = [_of_entry(call, entry) for call, entry in entries.items() if entry and entry.state in _OF_ENTRY]
    # Once some of its entries are pruned, nothing here knows what the run has cost.
    costs = [] if None in entries.values() else [_sum(requests)]
    if all(entry.account == account for entry in entries.values() if entry):
        ways_on = _ways_on(run, requests, fetches=False)
    else:
        ways_on = _ways_on_with_another_token(run, requests)
    return _left(run, requests, [*costs, *_fates(run, requests), *ways_on])


def _left(run: Run, requests: Sequence[Request], said: list[Remark]) -> Left:
    return Left(run, _distinct(each.request_id for each in _in_order(requests)), _resumable(run, requests), said)


def _of_live(call: Call, facts: Mapping) -> Request | None:
    """None for a call of which nothing was accepted: one that was sent and has no id may have been, unless refused."""
    request_id, estimate = facts.get("request_id"), facts.get("estimate_usd")
    may_be_accepted = request_id or (estimate is not None and facts["state"] != "stopped")
    became = _OF_LIVE.get(facts["state"], Became.UNKNOWN if may_be_accepted else None)
    if became is None:
        return None
    return Request(call, became, request_id, facts.get("cost_usd"), estimate)


def _of_entry(call: Call, entry: Entry) -> Request:
    estimate = None if entry.is_typed_in else entry.estimate_usd
    return Request(call, _OF_ENTRY[entry.state], entry.request_id, entry.cost_usd, estimate)


def _sum(requests: Sequence[Request]) -> Remark:
    """What the run itself was charged, not what was paid before for what it fetched."""
    bought = [request for request in requests if request.estimate_usd is not None and not request.is_free]
    certain = [request for request in bought if request.is_surely_charged and request.usd]
    perhaps = [request for request in bought if not request.is_surely_charged]
    if perhaps and certain:
        return remark("run_cost_open", usd=_amount(certain), more=_amount(perhaps))
    if perhaps:
        return remark("run_cost_perhaps", usd=_amount(perhaps))
    return remark("run_cost", usd=_amount(certain)) if certain else remark("run_free")


def _fates(run: Run, requests: Sequence[Request]) -> list[Remark]:
    """What became of each request."""
    order = list(Became)
    answered = [each for each in _in_order(requests) if each.request_id]
    answered.sort(key=lambda request: order.index(request.became))
    said = []
    for code in dict.fromkeys(each.code for each in answered):
        named = "; ".join(_named(run, each) for each in answered if each.code == code)
        said.append(remark(code, requests=named))
    unanswered = len(requests) - len(answered)
    return [*said, remark("run_unanswered", count=unanswered)] if unanswered else said


def _ways_on(run: Run, requests: Sequence[Request], fetches: bool) -> list[Remark]:
    said = [remark("run_resume")] if _resumable(run, requests) else []
    paid = [request for request in requests if request.became in _PAID]
    if paid and not fetches and len(paid) < run.items * run.takes * run.parts:
        said.append(remark("run_rest", seed=run.seed))
    return said


def _ways_on_with_another_token(run: Run, requests: Sequence[Request]) -> list[Remark]:
    """Queueing again finds nothing that another token bought, also where both are of one account."""
    if not any(request.became in (*_PAID, Became.UNKNOWN) for request in requests):
        return []
    resume = [remark("run_resume_other_token")] if _resumable(run, requests) else []
    return [remark("run_other_token"), *resume]


def _resumable(run: Run, requests: Sequence[Request]) -> list[str]:
    by_call = {request.call: request for request in requests if request.can_be_fetched}
    ids = []
    for item, take in dict.fromkeys((call.item, call.take) for call in sorted(by_call, key=_place)):
        calls = [Call(item, take, part) for part in range(run.parts)]
        if all(call in by_call for call in calls):
            ids += [by_call[call].request_id for call in calls]
    return _distinct(ids)


def _named(run: Run, request: Request) -> str:
    """``take 2 0a1b ($0.0120)``; what costs nothing has no price."""
    price = "" if request.usd is None else _amount([request])
    words = (call_words(request.call, run), request.request_id, price and f"({price})")
    return " ".join(word for word in words if word)


def _amount(requests: Sequence[Request]) -> str:
    """What they cost together, marked where any price is only expected."""
    expected = any(request.cost_usd is None for request in requests)
    return f"{'≈ ' * expected}{dollars(sum(request.usd or 0.0 for request in requests))}"


def _place(call: Call) -> tuple[int, int, int]:
    return call.item, call.take, call.part


def _in_order(requests: Iterable[Request]) -> list[Request]:
    return sorted(requests, key=lambda request: _place(request.call))


def _distinct(ids: Iterable[str | None]) -> list[str]:
    return [each for each in dict.fromkeys(ids) if each]
