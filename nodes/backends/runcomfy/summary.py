"""What a run comes to once its calls have ended: facts for the report, or one error for those that failed."""

from collections.abc import Mapping, Sequence

from ...errors import ACEStepError
from ...request.requests import Call
from ...words.remarks import Remark
from . import wording
from .desk import Desk, Outcome
from .errors import RunComfyError, SomeFailed

Outcomes = Mapping[Call, Outcome]


def facts(outcomes: Outcomes, warnings: Sequence[Remark]) -> dict:
    """``request_ids`` in the order of the calls, ``cost_usd`` when all of it was reported, ``warnings``."""
    ended = [outcome for _, outcome in wording.in_order(outcomes)]
    known = [outcome.cost_usd for outcome in ended if outcome.cost_usd is not None]
    complete = bool(ended) and len(known) == len(ended)
    partly = [] if complete or not known else [wording.cost_known_in_part(len(known), len(ended), sum(known))]
    return {
        "request_ids": [outcome.request_id for outcome in ended],
        "cost_usd": round(sum(known), 6) if complete else None,
        "warnings": [*warnings, *partly],
    }


def error_for(results: Sequence[object], desk: Desk, outcomes: Outcomes) -> BaseException | None:
    """The error to raise for what the jobs, one for each item and take, ended with; None when all went well."""
    for error in results:
        if isinstance(error, BaseException) and not isinstance(error, ACEStepError):
            return error  # Stop, or a defect: neither may hide behind a list of takes
    errors = [error for error in results if isinstance(error, ACEStepError)]
    if not errors:
        return None
    first = errors[0]
    alike = len({str(error) for error in errors}) == 1
    if not alike or outcomes:
        return SomeFailed(wording.several_errors(results, desk, outcomes), first)
    if not isinstance(first, RunComfyError):
        return first  # names the node itself
    said = wording.one_error(first, desk.run, everywhere=len(errors) > 1)
    return type(first)(said, first.request_id)
