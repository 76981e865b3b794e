"""What is said about a paid call and a run of them: what happened, in which call, and what to do next."""

import re
from collections.abc import Callable, Mapping, Sequence

from ...errors import ACEStepError
from ...request.requests import Call
from ...words.remarks import Remark, joined, remark
from .client import Cancel
from .desk import Desk, Outcome
from .endpoints import Body
from .entries import Entry, Run, State, call_key, call_words
from .errors import (
    AskedBefore,
    BalanceExhausted,
    JournalError,
    NoSuchThing,
    NothingToFetch,
    NotSignedIn,
    OtherAccount,
    OutcomeUnknown,
    RenderFailed,
    RequestRefused,
    RunComfyError,
    UnknownId,
    UnusableAnswer,
)
from .following import FileMissing
from .price import dollars, list_price, told_apart
from .resume import Fetch

_AMOUNT = re.compile(r"\$[0-9.]+[0-9]")


# About a submission and a cancel, also once the node has left


def with_advice(error: RunComfyError, desk: Desk) -> Remark:
    """Of a submission that was not accepted, as far as is known."""
    return _advised(error.said, advice(error, None, desk))


def unrecorded(error: RunComfyError | None, problem: JournalError) -> Remark:
    said = [error.said] if error else []
    return joined(*said, remark("not_recorded_either"), problem.said)


def accepted_unrecorded(request_id: str, problem: JournalError) -> Remark:
    return joined(remark("accepted_unrecorded", id=request_id), problem.said)


def after_cancel(cancel: Cancel, entry: Entry, seed: int, is_recorded: bool) -> Remark:
    """seed: of the run. is_recorded: whether queueing again with it would find the request."""
    request_id, error = entry.accepted_id, cancel.error
    known = {"id": request_id, "seed": seed} if is_recorded else {"id": request_id}
    if cancel.outcome == "cancelled":
        return remark("cancelled_waiting", id=request_id)
    recorded = "" if is_recorded else "_unrecorded"
    if cancel.outcome == "charged":
        return remark(f"runs_on{recorded}", **known)
    if error is None:
        return remark(f"cancel_unknown{recorded}", **known)
    signed_out = isinstance(error, NotSignedIn)
    then = remark("then_resume", id=request_id) if signed_out else remark(f"resume_by_id{recorded}", **known)
    return joined(remark("cancel_not_known", id=request_id), error.said, then)


# Warnings of a call that ended well


def fetched(entry: Entry) -> Remark:
    return remark("fetched", id=entry.accepted_id)


def rendered_by_another(entry: Entry, model: str) -> Remark:
    return remark("rendered_by_another", id=entry.accepted_id, asked=entry.model, model=model)


def dearer(entry: Entry, cost_usd: float) -> Remark:
    cost, estimate = told_apart([cost_usd], entry.estimate_usd)
    return remark("dearer", id=entry.accepted_id, cost=cost, estimate=estimate)


def made_from_another(entry: Entry, body: Body) -> Remark:
    return remark(f"fetched_other_{_difference(entry, body)}", id=entry.accepted_id)


def _difference(entry: Entry, body: Body) -> str:
    if entry.model != body.model:
        return "model"
    if entry.window_sha256 != body.window_sha256:
        return "part"
    return "range" if entry.where != body.where else "words"


# Why a call ended without its sound


def asked_before(entry: Entry, run: Run) -> Remark:
    """For a request that is not sent again before the user knows what became of the last one."""
    if entry.state is State.UNKNOWN:
        return remark("sent_before", model=entry.model, when=entry.when, seed=run.seed)
    became = _BECAME.get(entry.state, "sent_before_gone")
    return joined(remark(became, when=entry.when, id=str(entry.request_id)), remark("rendered_anew", seed=run.seed))


_BECAME = {State.FAILED: "sent_before_failed", State.CANCELLED: "sent_before_cancelled"}


def why_not(entry: Entry, error: NoSuchThing, ours: bool) -> Remark:
    """What to make of it that a request cannot be fetched."""
    if isinstance(error, FileMissing):
        return remark("no_longer_there")
    if not ours:
        return remark("of_another_token")
    return remark("check_id") if entry.is_typed_in else remark("no_longer_there")


def advice(error: RunComfyError, entry: Entry | None, desk: Desk) -> Remark | None:
    """What to do about ``error``; ``entry`` is the accepted request it is about, if there is one."""
    if isinstance(error, NothingToFetch):
        return None if isinstance(error, UnknownId) else _not_on_resume(desk.run)
    seed = desk.run.seed  # of a node whose own is -1 only this one finds what the run has asked for
    if entry is None:
        if isinstance(error, RenderFailed):
            return _not_on_resume(desk.run) if desk.fetches else remark("rendered_anew", seed=seed)
        if isinstance(error, OutcomeUnknown) and not isinstance(error, AskedBefore):
            return remark("queue_again_twice", seed=seed)
        return remark("then_queue_again", seed=seed) if isinstance(error, (NotSignedIn, BalanceExhausted)) else None
    request_id = entry.accepted_id
    if isinstance(error, FileMissing):
        return remark("file_may_come", id=request_id, seed=seed)
    if isinstance(error, NoSuchThing):
        return joined(remark("no_longer_there"), remark("rendered_anew", seed=seed))
    # A run that is fetched has the seed it was bought with, whatever the node's is.
    another_seed = remark("clear_and_change_seed" if desk.fetches else "change_seed")
    if isinstance(error, OtherAccount):
        return joined(remark("then_resume", id=request_id), remark("or_rendered_here", another_seed=another_seed))
    if isinstance(error, NotSignedIn):
        return joined(remark("then_resume", id=request_id), remark("free_with_this_token", seed=seed))
    if isinstance(error, (UnusableAnswer, RequestRefused)) and not isinstance(error, BalanceExhausted):
        return joined(_how_to_fetch(entry, desk), remark("if_it_fails_again", another_seed=another_seed))
    return _how_to_fetch(entry, desk)


def _advised(said: Remark, more: Remark | None) -> Remark:
    return joined(said, more) if more else said


def _not_on_resume(run: Run) -> Remark:
    return remark("not_on_resume", seed=run.seed)


def _how_to_fetch(entry: Entry, desk: Desk) -> Remark:
    request_id = entry.accepted_id
    if entry.account != desk.account:
        return remark("fetch_with_that_token", id=request_id)
    if entry.is_typed_in or desk.fetches:
        return remark("fetch_again", id=request_id)
    return remark("fetch_from_journal", id=request_id, seed=desk.run.seed)


# A whole run


def cost_known_in_part(known: int, of: int, usd: float) -> Remark:
    return remark("cost_in_part", known=known, of=of, usd=f"${usd:.4f}")


def one_error(error: RunComfyError, run: Run, everywhere: bool) -> Remark:
    """For a run in which nothing but this happened, ``everywhere`` when it did in every take."""
    name = call_words(error.call, run) if error.call and not everywhere else ""
    return _of_node(run.node, _of_calls(name, _told(error)))


def several_errors(results: Sequence[object], desk: Desk, outcomes: Mapping[Call, Outcome]) -> Remark:
    """For a run of which something is paid for, or whose takes ended differently. results: of each item and take.

    What happened to several of them is said once, whichever requests it happened to.
    """
    run, failed = desk.run, _failed(results, desk.run)
    count = [remark("takes_failed", count=len(failed), of=len(results))] if len(results) > 1 else []
    told = [_group(group, run, _told) for group in _alike(failed, _told)]
    kept = [_kept(desk, outcomes, failed)] if outcomes else []
    return _of_node(desk.node, joined(*count, *told, *kept))


def left_out(results: Sequence[object], fetch: Fetch, call_seconds: Sequence[float], account: str) -> Remark:
    """For a run that is fetched without some of its takes, by ``account``."""
    run = fetch.run
    failed = _failed(results, run)
    said = [remark("left_out", why=joined(*(_group(group, run, _said) for group in _alike(failed, _said))))]
    if any(entry.is_typed_in or entry.account != account for entry in fetch.entries.values()):
        jobs = [Call(item, take) for item in range(run.items) for take in range(run.takes)]
        usd = sum(_cost_anew(fetch, job, call_seconds) for job in jobs)
        return joined(*said, remark("missing_anew_all", usd=dollars(usd)))
    missing = [call for call, error in failed if not isinstance(error, UnusableAnswer)]
    if len(missing) < len(failed):
        said.append(remark("missing_asked_again"))
    if missing:
        usd = sum(_cost_anew(fetch, call, call_seconds) for call in missing)
        said.append(remark("missing_anew", seed=run.seed, usd=dollars(usd)))
    return joined(*said)


def _cost_anew(fetch: Fetch, job: Call, call_seconds: Sequence[float]) -> float:
    """About what the missing parts of a take would cost: those that failed, or are missing."""
    usd = 0.0
    for part, seconds in enumerate(call_seconds):
        entry = fetch.entries.get(call_key(Call(job.item, job.take, part)))
        if entry is None or part >= job.part:
            estimate = entry.estimate_usd if entry else 0.0
            usd += estimate or list_price(fetch.run.model).of(seconds)
    return usd


def not_to_be_had(call: Call, fetch: Fetch) -> NothingToFetch:
    """For a part that is missing from a run that is fetched, perhaps for want of an answer."""
    error = NothingToFetch(fetch.missing[call])
    error.call, error.advice = call, _not_on_resume(fetch.run)
    error.tells_of = fetch.run.entry_key(call)
    return error


def this_is_the_run(request_id: str, fetch: Fetch) -> Remark:
    run = fetch.run
    known = {"id": request_id, "seed": run.seed, "takes": run.takes}
    if len(fetch.takes) == run.takes:
        return remark("fetched_run", **known)
    return remark("fetched_takes", **known, named=", ".join(str(take + 1) for take in sorted(fetch.takes)))


def not_in_the_journal(request_id: str) -> Remark:
    return remark("fetched_unknown_run", id=request_id)


def _failed(results: Sequence[object], run: Run) -> list[tuple[Call, ACEStepError]]:
    return [
        ((isinstance(error, RunComfyError) and error.call) or Call(*divmod(index, run.takes)), error)
        for index, error in enumerate(results)
        if isinstance(error, ACEStepError)
    ]


def _alike(
    failed: Sequence[tuple[Call, ACEStepError]], said_of: Callable[[ACEStepError], Remark]
) -> list[list[tuple[Call, ACEStepError]]]:
    """Those together of which the same is to be said, but for ids and amounts."""
    alike: dict[str, list[tuple[Call, ACEStepError]]] = {}
    for call, error in failed:
        words, request_id = said_of(error).sentence(), _id(error)
        same = _AMOUNT.sub("$", words.replace(request_id, "…") if request_id else words)
        alike.setdefault(same, []).append((call, error))
    return list(alike.values())


def _group(group: Sequence[tuple[Call, ACEStepError]], run: Run, said_of: Callable[[ACEStepError], Remark]) -> Remark:
    names = "; ".join(words for call, _ in group if (words := call_words(call, run)))
    also = _other_ids(group)
    said = _without_node(said_of(group[-1][1]), run.node)
    return _of_calls(names, joined(said, *([remark("same_goes", ids=", ".join(also))] if also else [])))


def _other_ids(group: Sequence[tuple[Call, ACEStepError]]) -> list[str]:
    """The requests of a group besides that of its last error."""
    *others, last = (_id(error) for _, error in group)
    return [each for each in dict.fromkeys(others) if each not in ("", last)]


def _id(error: ACEStepError) -> str:
    return (error.request_id if isinstance(error, RunComfyError) else None) or ""


def _of_calls(names: str, said: Remark) -> Remark:
    return remark("left_out_call", requests=names, why=said) if names else said


def _of_node(node: str, said: Remark) -> Remark:
    return remark("of_node", node=node, said=said)


def _without_node(said: Remark, node: str) -> Remark:
    """An InputError names the node itself."""
    inner = dict(said.values).get("said")
    return inner if isinstance(inner, Remark) and said == _of_node(node, inner) else said


def _said(error: ACEStepError) -> Remark:
    return error.said


def _told(error: ACEStepError) -> Remark:
    return _advised(error.said, error.advice if isinstance(error, RunComfyError) else None)


def _kept(desk: Desk, outcomes: Mapping[Call, Outcome], failed: Sequence[tuple[Call, ACEStepError]]) -> Remark:
    run = desk.run
    kept = ", ".join(
        f"{call_words(call, run)} {outcome.request_id}{_cost(outcome)}" for call, outcome in in_order(outcomes)
    )
    if desk.fetches:
        return remark("kept_to_be_fetched", requests=kept)
    if any(isinstance(error, NotSignedIn) for _, error in failed):
        return remark("kept_for_that_token", requests=kept)
    return remark("kept", requests=kept, seed=run.seed)


def _cost(outcome: Outcome) -> str:
    return "" if outcome.cost_usd is None else f" (${outcome.cost_usd:.4f})"


def in_order(outcomes: Mapping[Call, Outcome]) -> list[tuple[Call, Outcome]]:
    return sorted(outcomes.items(), key=lambda pair: (pair[0].item, pair[0].take, pair[0].part))
