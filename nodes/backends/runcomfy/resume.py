"""Putting an earlier run together again from the request ids the user gives."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from ...errors import InputError
from ...request.requests import Call, GenerateRequest, InpaintRequest, Request
from ...words.remarks import Remark, Value, remark
from ..interface import Plan
from .answers import REQUEST_ID
from .endpoints import INPAINT, OUTPAINT, TEXT_TO_AUDIO
from .entries import Entry, Run, State, call_key
from .journal import Content

_KINDS = dict.fromkeys(TEXT_TO_AUDIO.values(), "a_generated_track") | {INPAINT: "an_inpaint", OUTPAINT: "an_outpaint"}


def find_run(content: Content, request: Request) -> Run | None:
    """The newest run in the journal that all of the request's ids belong to, a complete one before others, else the
    one with the most calls.

    None when the journal does not know all of the ids, or no run that they belong to.

    Raises InputError for malformed ids, for ids of different runs and for the run of another kind of node.
    """
    ids = request.resume_request_ids
    for request_id in ids:
        if not REQUEST_ID.fullmatch(request_id):
            raise InputError(remark("no_request_id", node=request.node, id=repr(request_id[:140])))
    entries = [content.by_request_id(request_id) for request_id in ids]
    keys = {entry.key for entry in entries if entry}
    if not all(entries) or not any(keys.intersection(run.calls.values()) for run in content.runs):
        return None
    runs = [run for run in reversed(content.runs) if keys <= set(run.calls.values())]
    # A later run may have been stopped after fetching only some of what an earlier one holds.
    fullest = max(runs, key=lambda run: len(run.calls), default=None)
    run = next((run for run in runs if run.is_complete), fullest)
    if run is None:
        raise InputError(remark("ids_of_different_runs", node=request.node, ids=", ".join(ids)))
    _check_kind(request, ids[0], run.model)
    return run


@dataclass(frozen=True)
class Fetch:
    """What there is of a run to fetch. entries: by call key. takes: those asked for.

    missing: the calls that there is nothing to fetch for, and why.
    """

    run: Run
    entries: Mapping[str, Entry]
    takes: frozenset[int]
    missing: Mapping[Call, Remark] = field(default_factory=dict)


def as_planned(request: Request, run: Run, content: Content) -> Request:
    """``request`` with the seeds, takes and length of the run that is fetched."""
    planned = replace(request, seed=run.seed, batch_size=run.takes)
    entry = next((entry for key in run.calls.values() if (entry := content.entry(key))), None)
    if isinstance(planned, GenerateRequest) and entry and not entry.is_typed_in:
        planned = replace(planned, duration=round(entry.seconds))
    return planned


def whole_run(request: Request, run: Run, plan: Plan, content: Content) -> Fetch:
    """What is to be fetched of a known run: all of it for one id, for several the takes that they are of.

    Raises InputError when the run cannot fill the plan, NothingToFetch when nothing of it was accepted.
    """
    parts = len(plan.call_seconds)
    if (run.items, run.takes, run.parts) != (plan.items, plan.takes, parts):
        then, now = _size(run.items, run.takes, run.parts), _size(plan.items, plan.takes, parts)
        known = {"node": request.node, "id": request.resume_request_ids[0]}
        raise InputError(remark("run_of_another_size", **known, then=then, now=now))
    found = {call: content.entry(run.entry_key(call)) for call in calls_of(plan)}
    ids = request.resume_request_ids
    named = {call.take for call, entry in found.items() if entry and entry.request_id in ids}
    takes = frozenset(named if len(ids) > 1 else range(run.takes))
    entries = {call_key(call): entry for call, entry in found.items() if entry and entry.request_id}
    missing = {
        call: _why_missing(run, call, entry)
        for call, entry in found.items()
        if call.take in takes and call_key(call) not in entries
    }
    return Fetch(run, entries, takes, missing)


def _why_missing(run: Run, call: Call, entry: Entry | None) -> Remark:
    if entry is None:
        return remark("not_held" if run.entry_key(call) else "never_accepted")
    if entry.state is State.REFUSED:
        return remark("never_accepted")
    return remark("never_answered", model=entry.model, when=entry.when)


def foreign_run(request: Request, model: str, plan: Plan, account: str, queued_at: float, content: Content) -> Fetch:
    """A run made of ids the journal knows no run of, in the order of the calls.

    Raises InputError for a wrong number of them, and for an id of another kind of node.
    """
    calls, ids = calls_of(plan), request.resume_request_ids
    if len(ids) != len(calls):
        size = _size(plan.items, plan.takes, len(plan.call_seconds))
        raise InputError(remark("ids_not_of_all", node=request.node, count=len(ids), needed=len(calls), size=size))
    now = time.time()
    entries = {}
    for call, request_id in zip(calls, ids):
        known = content.by_request_id(request_id)
        if known is not None:
            _check_kind(request, request_id, known.model)
        entries[call_key(call)] = known or Entry(
            request_id=request_id, account=account, model=model, seed=request.seeds[call.take],
            seconds=plan.call_seconds[call.part], body_sha256="", estimate_usd=0.0, created=now, updated=now,
        )  # fmt: skip
    run = new_run(request, model, plan, queued_at)
    run = replace(run, calls={key: entry.key for key, entry in entries.items()})
    return Fetch(run, entries, frozenset(range(plan.takes)))


def new_run(request: Request, model: str, plan: Plan, queued_at: float, sources: tuple[str, ...] = ()) -> Run:
    """The journal's record of a run about to begin."""
    return Run(
        node=request.node,
        model=model,
        seed=request.seed,
        items=plan.items,
        takes=plan.takes,
        parts=len(plan.call_seconds),
        sources=sources,
        created=queued_at,
    )


def calls_of(plan: Plan) -> list[Call]:
    """Every call of a plan, in order."""
    parts = range(len(plan.call_seconds))
    return [Call(i, t, p) for i in range(plan.items) for t in range(plan.takes) for p in parts]


def _check_kind(request: Request, request_id: str, model: str) -> None:
    if model not in _models_of(request):
        kind = remark(_KINDS[model]) if model in _KINDS else model
        raise InputError(remark("of_another_node", node=request.node, id=request_id, kind=kind))


def _models_of(request: Request) -> tuple[str, ...]:
    if isinstance(request, GenerateRequest):
        return tuple(TEXT_TO_AUDIO.values())
    return (INPAINT,) if isinstance(request, InpaintRequest) else (OUTPAINT,)


def _size(items: int, takes: int, parts: int) -> Remark:
    return remark("run_size", items=_count("item", items), takes=_count("take", takes), parts=_count("part", parts))


def _count(what: str, count: int) -> Value:
    return remark(f"one_{what}") if count == 1 else remark(f"several_{what}s", count=count)
