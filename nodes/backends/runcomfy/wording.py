"""The sentences about a paid call and a run of them: what happened, in which call, and what to do next."""

import re
import time
from collections.abc import Callable, Mapping, Sequence

from ...errors import ACEStepError
from ...request.requests import Call
from ...words.remarks import Remark, as_remark, joined, remark
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


def with_advice(error: RunComfyError, desk: Desk) -> str:
    """Of a submission that was not accepted, as far as is known."""
    return f"{error} {advice(error, None, desk)}".rstrip()


def unrecorded(error: RunComfyError | None, problem: JournalError) -> str:
    return f"{error} That could not be recorded either. {problem}"


def accepted_unrecorded(request_id: str, problem: JournalError) -> str:
    return (
        f"RunComfy accepted request {request_id}, which may be charged, but it could not be recorded. Write the id "
        f"down: resume_request_id fetches it without a new charge. {problem}"
    )


def after_cancel(cancel: Cancel, entry: Entry, is_recorded: bool) -> Remark:
    """is_recorded: whether queueing again would find the request."""
    request_id, error = entry.accepted_id, cancel.error
    if cancel.outcome == "cancelled":
        return remark("cancelled_waiting", id=request_id)
    recorded = "" if is_recorded else "_unrecorded"
    if cancel.outcome == "charged":
        return remark(f"runs_on{recorded}", id=request_id)
    if error is None:
        return remark(f"cancel_unknown{recorded}", id=request_id)
    then = "then_resume" if isinstance(error, NotSignedIn) else f"resume_by_id{recorded}"
    return joined(remark("cancel_not_known", id=request_id), as_remark(error), remark(then, id=request_id))


def _then_resume(request_id: str | None) -> str:
    return remark("then_resume", id=str(request_id)).sentence()


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


def asked_before(entry: Entry) -> str:
    """For a request that is not sent again before the user knows what became of the last one."""
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(entry.created))
    if entry.state is State.UNKNOWN:
        return (
            f"The same request was already sent to {entry.model} at {when} and its outcome is unknown: it "
            "may have been accepted and charged. Look in the list of generations in your RunComfy account "
            "(runcomfy.com): if it is there, set resume_request_id to its id. If it is not, queue again: it "
            "is then submitted anew."
        )
    became = _BECAME.get(entry.state, "is not to be had from RunComfy any more")
    return f"The same was sent at {when} as request {entry.request_id}, which {became}. {_RENDERED_ANEW}"


_BECAME = {State.FAILED: "failed there", State.CANCELLED: "was cancelled there"}


def why_not(entry: Entry, error: NoSuchThing, ours: bool) -> str:
    """What to make of it that a request cannot be fetched."""
    if isinstance(error, FileMissing):
        return "It cannot be fetched any more."
    if not ours:
        return "It was bought with another RunComfy token: sign in with that one to fetch it."
    if entry.is_typed_in:
        return "Check the id, and that the token is of the account that bought it."
    return "It cannot be fetched any more."


def advice(error: RunComfyError, entry: Entry | None, desk: Desk) -> str:
    """What to do about ``error``; ``entry`` is the accepted request it is about, if there is one."""
    if isinstance(error, NothingToFetch):
        return "" if isinstance(error, UnknownId) else _not_on_resume(desk.run)
    if entry is None:
        if isinstance(error, RenderFailed):
            return _not_on_resume(desk.run) if desk.fetches else _RENDERED_ANEW
        if isinstance(error, OutcomeUnknown) and not isinstance(error, AskedBefore):
            return (
                "If it is there, set resume_request_id to its id; if it is not, queue again twice: the first run stops "
                "to ask you once more, and the second submits it anew."
            )
        return "Then queue again." if isinstance(error, NotSignedIn) else ""
    request_id = entry.request_id
    if isinstance(error, FileMissing):
        return (
            f"Request {request_id} stays in the journal: queue again to try once more; if the file is "
            "still missing then, the render is bought again."
        )
    if isinstance(error, NoSuchThing):
        return f"It cannot be fetched any more. {_RENDERED_ANEW}"
    # A run that is fetched has the seed it was bought with, whatever the node's is.
    another_seed = "clear resume_request_id and change the seed" if desk.fetches else "change the seed"
    if isinstance(error, OtherAccount):
        return f"{_then_resume(request_id)} Or {another_seed} to have it rendered for the account in use, at a charge."
    if isinstance(error, NotSignedIn):
        return (
            f"{_then_resume(request_id)} (Queueing the same again is free with this token only: to another one it "
            "would be a new request.)"
        )
    if isinstance(error, (UnusableAnswer, RequestRefused)) and not isinstance(error, BalanceExhausted):
        return (
            f"{_how_to_fetch(entry, desk)} If that fails in the same way, {another_seed} to have it rendered anew, "
            "at a new charge."
        )
    return _how_to_fetch(entry, desk)


_RENDERED_ANEW = "Queue again to have it rendered anew, at a new charge."


def _not_on_resume(run: Run) -> str:
    return (
        "Nothing is bought on resume: to have it rendered anew, at a new charge, clear resume_request_id and queue "
        f"the settings of that run with seed {run.seed}."
    )


def _how_to_fetch(entry: Entry, desk: Desk) -> str:
    request_id = entry.request_id
    if entry.account != desk.account:
        return (
            f"Request {request_id} was bought with another RunComfy token: sign in with that one and set "
            f"resume_request_id to {request_id} to fetch it without a new charge."
        )
    if entry.is_typed_in or desk.fetches:
        return f"Set resume_request_id to {request_id} again to fetch it without a new charge."
    return (
        f"Request {request_id} is in the journal: set resume_request_id to {request_id}, or queue the same again with "
        f"seed {desk.run.seed}, to fetch it without a new charge."
    )


# A whole run


def cost_known_in_part(known: int, of: int, usd: float) -> Remark:
    return remark("cost_in_part", known=known, of=of, usd=f"${usd:.4f}")


def one_error(error: RunComfyError, run: Run, everywhere: bool) -> str:
    """For a run in which nothing but this happened, ``everywhere`` when it did in every take."""
    return f"{run.node}: " + (_told(error) if everywhere else _with_call(error.call, run, _told(error)))


def several_errors(results: Sequence[object], desk: Desk, outcomes: Mapping[Call, Outcome]) -> str:
    """For a run of which something is paid for, or whose takes ended differently. results: of each item and take.

    What happened to several of them is said once, whichever requests it happened to.
    """
    run, failed = desk.run, _failed(results, desk.run)
    count = f"{len(failed)} of {len(results)} takes failed. " if len(results) > 1 else ""
    return f"{desk.node}: {count}{_said_once(failed, run, _told)}{_kept(desk, outcomes, failed)}"


def left_out(results: Sequence[object], fetch: Fetch, call_seconds: Sequence[float], account: str) -> Remark:
    """For a run that is fetched without some of its takes, by ``account``."""
    run = fetch.run
    failed = _failed(results, run)
    said = [remark("left_out", why=joined(*(_left_out_alike(group, run) for group in _alike(failed, str))))]
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


def _left_out_alike(group: Sequence[tuple[Call, ACEStepError]], run: Run) -> Remark:
    names = "; ".join(words for call, _ in group if (words := call_words(call, run)))
    also = _other_ids(group)
    why = joined(as_remark(group[-1][1]), *([remark("same_goes", ids=", ".join(also))] if also else []))
    return remark("left_out_call", requests=names, why=why) if names else why


def _cost_anew(fetch: Fetch, job: Call, call_seconds: Sequence[float]) -> float:
    """About what the missing parts of a take would cost: those that failed, or were never accepted."""
    usd = 0.0
    for part, seconds in enumerate(call_seconds):
        entry = fetch.entries.get(call_key(Call(job.item, job.take, part)))
        if entry is None or part >= job.part:
            estimate = entry.estimate_usd if entry else 0.0
            usd += estimate or list_price(fetch.run.model).of(seconds)
    return usd


def never_accepted(call: Call, run: Run) -> NothingToFetch:
    """For a part of a run that is fetched."""
    error = NothingToFetch(remark("never_accepted"))
    error.call, error.advice = call, _not_on_resume(run)
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


def _said_once(failed: Sequence[tuple[Call, ACEStepError]], run: Run, words_of: Callable[[ACEStepError], str]) -> str:
    return " ".join(_group(group, run, words_of) for group in _alike(failed, words_of))


def _alike(
    failed: Sequence[tuple[Call, ACEStepError]], words_of: Callable[[ACEStepError], str]
) -> list[list[tuple[Call, ACEStepError]]]:
    """Those together of which the same is to be said, but for ids and amounts."""
    alike: dict[str, list[tuple[Call, ACEStepError]]] = {}
    for call, error in failed:
        words, request_id = words_of(error), _id(error)
        same = _AMOUNT.sub("$", words.replace(request_id, "…") if request_id else words)
        alike.setdefault(same, []).append((call, error))
    return list(alike.values())


def _group(group: Sequence[tuple[Call, ACEStepError]], run: Run, words_of: Callable[[ACEStepError], str]) -> str:
    names = "; ".join(words for call, _ in group if (words := call_words(call, run)))
    also = _other_ids(group)
    same = f" {remark('same_goes', ids=', '.join(also))}" if also else ""
    told = words_of(group[-1][1]).removeprefix(f"{run.node}: ")  # an InputError names the node itself
    return f"{names}: {told}{same}" if names else f"{told}{same}"


def _other_ids(group: Sequence[tuple[Call, ACEStepError]]) -> list[str]:
    """The requests of a group besides that of its last error."""
    *others, last = (_id(error) for _, error in group)
    return [each for each in dict.fromkeys(others) if each not in ("", last)]


def _id(error: ACEStepError) -> str:
    return (error.request_id if isinstance(error, RunComfyError) else None) or ""


def _with_call(call: Call | None, run: Run, words: str) -> str:
    name = call_words(call, run) if call else ""
    return f"{name}: {words}" if name else words


def _told(error: ACEStepError) -> str:
    return f"{error} {error.advice}" if isinstance(error, RunComfyError) and error.advice else str(error)


def _kept(desk: Desk, outcomes: Mapping[Call, Outcome], failed: Sequence[tuple[Call, ACEStepError]]) -> str:
    if not outcomes:
        return ""
    run = desk.run
    kept = ", ".join(
        f"{call_words(call, run)} {outcome.request_id}{_cost(outcome)}" for call, outcome in in_order(outcomes)
    )
    if desk.fetches:
        return f" There to be fetched again, without a new charge: {kept}."
    if any(isinstance(error, NotSignedIn) for _, error in failed):
        return (
            f" Paid for and kept: {kept}. With another token, resume_request_id fetches these without a new charge; "
            "queueing the same again would buy them anew."
        )
    return (
        f" Paid for and kept: {kept}. Queue the same again with seed {run.seed}: these are fetched without a new "
        "charge and only what is missing is bought."
    )


def _cost(outcome: Outcome) -> str:
    return "" if outcome.cost_usd is None else f" (${outcome.cost_usd:.4f})"


def in_order(outcomes: Mapping[Call, Outcome]) -> list[tuple[Call, Outcome]]:
    return sorted(outcomes.items(), key=lambda pair: (pair[0].item, pair[0].take, pair[0].part))
