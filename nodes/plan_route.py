"""POST /acestep/plan: how much sound RunComfy would have to make for an edit, for the price shown before a run.

The page sends what it knows and gets the same plan that a run would make, to a millisecond; who may ask and how is in
same_origin.py:

    {"task": "inpaint", "seconds": 184.2, "context_seconds": 30, "ranges": [[12.5, 24], …]}
    {"task": "outpaint", "seconds": 184.2, "context_seconds": 30, "before": 0, "after": 30}
    → {"call_seconds": [71.5, …]}: of each paid request of one take, in order
"""

import math

from .audio.windows import plan_extensions, plan_windows
from .backends.runcomfy.endpoints import MAX_CALL_SECONDS
from .errors import InputError
from .request import MAX_CONTEXT_SECONDS, MAX_EXTENSION_SECONDS, number
from .same_origin import BadInput, register
from .time_ranges import merged

PATH = "/acestep/plan"
_NODE = "plan"
_PER_SECOND = 1000
_LONGEST_SECONDS = 24 * 3600.0
_MOST_RANGES = 1000


def call_seconds(question: dict) -> list[float]:
    """Seconds of sound that come back from each request. Raises InputError for a question that makes no sense."""
    samples = _samples(question, "seconds", _LONGEST_SECONDS)
    context = number(_NODE, "context_seconds", question.get("context_seconds"), 0.0, MAX_CONTEXT_SECONDS, "s")
    if samples < 1:
        raise InputError("plan: seconds is 0; a track has some length.")
    if question.get("task") == "inpaint":
        ranges = _ranges(question.get("ranges"), samples)
        # RunComfy takes one range a request.
        parts = plan_windows(samples, _PER_SECOND, ranges, context, MAX_CALL_SECONDS, share=False)
    elif question.get("task") == "outpaint":
        before = _samples(question, "before", MAX_EXTENSION_SECONDS) / _PER_SECOND
        after = _samples(question, "after", MAX_EXTENSION_SECONDS) / _PER_SECOND
        parts = plan_extensions(samples, _PER_SECOND, before, after, context, MAX_CALL_SECONDS)
    else:
        raise InputError(f"plan: task is {question.get('task')!r}; choose inpaint or outpaint.")
    return [part.samples / _PER_SECOND for part in parts]


def register_routes(routes=None) -> None:
    """Add the route to ComfyUI's server. ``routes`` is for tests."""

    async def answer(question: dict) -> tuple[int, dict]:
        try:
            return 200, {"call_seconds": call_seconds(question)}
        except InputError as error:
            raise BadInput(str(error)) from None

    register(PATH, answer, routes)


def _samples(question: dict, name: str, most: float) -> int:
    return round(number(_NODE, name, question.get(name), 0.0, most, "s") * _PER_SECOND)


def _ranges(ranges, samples: int) -> tuple[tuple[int, int], ...]:
    pairs = isinstance(ranges, list) and 0 < len(ranges) <= _MOST_RANGES
    if not pairs or not all(isinstance(pair, list) and len(pair) == 2 for pair in ranges):
        raise InputError("plan: ranges must be a list of [start, end] pairs in seconds.")
    spans = []
    for start, end in ranges:
        start, end = (number(_NODE, "ranges", time, 0.0, _LONGEST_SECONDS, "s") for time in (start, end))
        first, last = math.floor(start * _PER_SECOND), min(samples, math.ceil(end * _PER_SECOND))
        if first >= last:
            raise InputError(f"plan: the range {start:g} to {end:g} s is empty or lies past the end of the track.")
        spans.append((first, last))
    return merged(sorted(spans))
