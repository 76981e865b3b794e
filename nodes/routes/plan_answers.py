"""What /acestep/plan answers, see plan.py."""

import math

from ..audio.spaces import Ring
from ..audio.windows import plan_extensions, plan_windows
from ..backends.runcomfy.endpoints import MAX_CALL_SECONDS
from ..errors import InputError
from ..request.requests import MAX_CONTEXT_SECONDS, MAX_EXTENSION_SECONDS
from ..request.time_ranges import merged, merged_on_ring
from ..request.values import number, yes_or_no
from ..words.remarks import remark
from .same_origin import BadInput

_NODE = "plan"
_PER_SECOND = 1000
_LONGEST_SECONDS = 24 * 3600.0
_MOST_RANGES = 1000


def answer(question: dict) -> tuple[int, dict]:
    """(HTTP status, what /acestep/plan answers). Raises BadInput."""
    try:
        return 200, {"call_seconds": call_seconds(question)}
    except InputError as error:
        raise BadInput(error.said) from None


def call_seconds(question: dict) -> list[float]:
    """Seconds of sound that come back from each request. Raises InputError for a question that makes no sense."""
    samples = _samples(question, "seconds", _LONGEST_SECONDS)
    context = number(_NODE, "context_seconds", question.get("context_seconds"), 0.0, MAX_CONTEXT_SECONDS, "s")
    if samples < 1:
        raise InputError(remark("plan_of_nothing"))
    loop = yes_or_no(_NODE, "loop", question.get("loop", False))
    if question.get("task") == "inpaint":
        parts = _inpaint(_ranges(question.get("ranges"), samples, loop), samples, context, loop)
    elif question.get("task") == "outpaint":
        before = _samples(question, "before", MAX_EXTENSION_SECONDS)
        after = _samples(question, "after", MAX_EXTENSION_SECONDS)
        if loop:
            parts = _inpaint([(samples, samples + after)], samples + after, context, loop) if after else ()
        else:
            sides = (before / _PER_SECOND, after / _PER_SECOND)
            parts = plan_extensions(samples, _PER_SECOND, *sides, context, MAX_CALL_SECONDS)
    else:
        raise InputError(remark("plan_without_task", value=repr(question.get("task"))))
    return [part.samples / _PER_SECOND for part in parts]


def _inpaint(spans, samples: int, context: float, loop: bool):
    """The windows of an inpaint. RunComfy takes one range a request."""
    if loop:
        found = merged_on_ring(spans, samples)
        if sum(stop - start for start, stop in found) >= samples:
            raise InputError(remark("plan_of_whole_loop"))
        ring = Ring.around(found, samples)
        spans = [ring.opened(span) for span in found]
    return plan_windows(samples, _PER_SECOND, merged(sorted(spans)), context, MAX_CALL_SECONDS, share=False)


def _samples(question: dict, name: str, most: float) -> int:
    return round(number(_NODE, name, question.get(name), 0.0, most, "s") * _PER_SECOND)


def _ranges(ranges, samples: int, loop: bool) -> list[tuple[int, int]]:
    pairs = isinstance(ranges, list) and 0 < len(ranges) <= _MOST_RANGES
    if not pairs or not all(isinstance(pair, list) and len(pair) == 2 for pair in ranges):
        raise InputError(remark("plan_without_ranges"))
    spans = []
    for start, end in ranges:
        start, end = (number(_NODE, "ranges", time, 0.0, _LONGEST_SECONDS, "s") for time in (start, end))
        first, last = math.floor(start * _PER_SECOND), min(samples, math.ceil(end * _PER_SECOND))
        if loop and start > end and first <= samples:
            spans.append((first, last + samples))
            continue
        if first >= last:
            raise InputError(remark("plan_range_empty", start=f"{start:g}", end=f"{end:g}"))
        spans.append((first, last))
    return spans
