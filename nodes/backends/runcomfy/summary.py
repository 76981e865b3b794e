"""What a run comes to once its calls have ended: facts for the report, or one error for those that failed."""

from collections.abc import Mapping, Sequence

from ...errors import ACEStepError
from ...request import Call
from .entries import Run, call_words
from .errors import SomeFailed
from .purchase import Outcome

Outcomes = Mapping[Call, Outcome]


def facts(outcomes: Outcomes, warnings: Sequence[str]) -> dict:
    """``request_ids`` in the order of the calls, ``cost_usd`` when all of it was reported, ``warnings``."""
    ended = [outcome for _, outcome in _in_order(outcomes)]
    known = [outcome.cost_usd for outcome in ended if outcome.cost_usd is not None]
    complete = bool(ended) and len(known) == len(ended)
    partly = f"RunComfy reported the cost of {len(known)} of {len(ended)} requests only: ${sum(known):.4f} so far."
    return {
        "request_ids": [outcome.request_id for outcome in ended],
        "cost_usd": round(sum(known), 6) if complete else None,
        "warnings": [*warnings, *([partly] if known and not complete else [])],
    }


def error_for(results: Sequence[BaseException | None], run: Run, outcomes: Outcomes) -> BaseException | None:
    """The error to raise for what the jobs, one for each item and take, ended with; None when all went well."""
    for error in results:
        if error is not None and not isinstance(error, ACEStepError):
            return error  # Stop, or a defect: neither may hide behind a list of takes
    errors = [error for error in results if isinstance(error, ACEStepError)]
    alike = len({str(error) for error in errors}) <= 1
    if not errors or (alike and not outcomes):
        return errors[0] if errors else None
    prefix = f"{run.node}: "
    failed = " ".join(
        _named(_job_words(index, run), str(error).removeprefix(prefix))
        for index, error in enumerate(results)
        if error is not None
    )
    words = prefix + (f"{len(errors)} of {len(results)} takes failed. " if len(results) > 1 else "") + failed
    return SomeFailed(words + _kept_words(run, outcomes), errors[0])


def _kept_words(run: Run, outcomes: Outcomes) -> str:
    if not outcomes:
        return ""
    kept = ", ".join(f"{call_words(call, run)} {_outcome_words(outcome)}" for call, outcome in _in_order(outcomes))
    return (
        f" Paid for and kept: {kept}. Queue again with seed {run.seed}: these are fetched without a new charge and "
        "only what is missing is bought."
    )


def _outcome_words(outcome: Outcome) -> str:
    cost = "" if outcome.cost_usd is None else f" (${outcome.cost_usd:.4f})"
    return outcome.request_id + cost


def _job_words(index: int, run: Run) -> str:
    item, take = divmod(index, run.takes)
    names = [f"item {item + 1}"] * (run.items > 1) + [f"take {take + 1}"] * (run.takes > 1)
    return ", ".join(names)


def _named(job: str, words: str) -> str:
    return words if words.startswith(job) else f"{job}: {words}"


def _in_order(outcomes: Outcomes) -> list[tuple[Call, Outcome]]:
    return sorted(outcomes.items(), key=lambda pair: (pair[0].item, pair[0].take, pair[0].part))
