"""TIME_RANGE: what it is, how it is checked, and how it becomes samples of a source.

TIME_RANGE is an immutable tuple of entries (start, anchor, end, anchor): times in seconds, each counted
from the ``"start"`` of the track or back from its ``"end"``. "The last 15 s" is ``(15.0, "end", 0.0, "end")``. A range
that ends before it starts goes on across the track's end, which is for an edit with ``loop``.
"""

import math
from collections.abc import Sequence

from ..errors import InputError
from ..words.numbers import is_number, plain, shown
from ..words.remarks import Remark, remark
from .values import with_unit

ANCHORS = ("start", "end")
MAX_TIME_SECONDS = 3600.0
SHORTEST_SECONDS = 0.05
# A time this little past the end is taken as the end: lengths are shown rounded to 0.01 s.
END_TOLERANCE_SECONDS = 0.01

Entry = tuple[float, str, float, str]
TimeRange = tuple[Entry, ...]


def entry(node: str, start_time, start_anchor, end_time, end_anchor) -> Entry:
    """One checked entry. Raises InputError; with equal anchors also when it is empty or shorter than 0.05 s."""
    start = _time(node, "start_time", start_time)
    end = _time(node, "end_time", end_time)
    for name, anchor in (("start_time_relative_to", start_anchor), ("end_time_relative_to", end_anchor)):
        if anchor not in ANCHORS:
            raise InputError(remark("no_anchor", node=node, name=name, value=repr(anchor)))
    length = {("start", "start"): end - start, ("end", "end"): start - end}.get((start_anchor, end_anchor))
    if length is not None and length >= 0:
        _check_length(node, length, _edge("end_time", end, end_anchor), _edge("start_time", start, start_anchor))
    return (start, start_anchor, end, end_anchor)


def checked(where: str, value) -> TimeRange:
    """``value`` as a TIME_RANGE, or InputError that opens with ``where`` (node and field).

    A single bare entry is taken as a range of one.
    """
    entries = value
    if isinstance(value, (tuple, list)) and len(value) == 4 and isinstance(value[1], str):
        entries = (value,)
    shaped = isinstance(entries, (tuple, list)) and bool(entries)
    if not shaped or not all(isinstance(e, (tuple, list)) and len(e) == 4 for e in entries):
        raise InputError(remark("no_time_range", where=where, value=f"{value!r:.80}"))
    return tuple(entry(where, *e) for e in entries)


def resolve(node: str, time_range: TimeRange, seconds: float) -> tuple[tuple[float, float], ...]:
    """Entries → (start, end) in seconds from the track's start, in the order given; end < start crosses the end.

    Raises InputError when one lies past the end of a track of ``seconds``, is empty or shorter than 0.05 s.
    """
    return tuple(_resolve_entry(node, e, seconds) for e in time_range)


def in_samples(node: str, time_range: TimeRange, samples: int, sample_rate: int) -> tuple[tuple[int, int], ...]:
    """Entries → sorted, disjoint (start, stop) in samples; overlapping and touching ranges are merged.

    Raises InputError for a range that crosses the track's end.
    """
    pairs = resolve(node, time_range, samples / sample_rate)
    for (start, end), item in zip(pairs, time_range):
        if end < start:
            edges = {"end": _edge("end_time", *item[2:], end), "start": _edge("start_time", *item[:2], start)}
            raise InputError(remark("range_backwards", node=node, **edges))
    return merged(sorted(_span(pair, samples, sample_rate) for pair in pairs))


def on_ring(node: str, time_range: TimeRange, samples: int, sample_rate: int) -> tuple[tuple[int, int], ...]:
    """As ``in_samples`` for a track whose end is followed by its start; the stop of the last may lie beyond the end.

    Raises InputError when less than 0.05 s of the track is left.
    """
    pairs = resolve(node, time_range, samples / sample_rate)
    found = merged_on_ring([_span(pair, samples, sample_rate) for pair in pairs], samples)
    kept = samples - sum(stop - start for start, stop in found)
    if kept < round(SHORTEST_SECONDS * sample_rate):
        rest = f"{max(0, kept) / sample_rate:.3f}"
        raise InputError(remark("loop_without_rest", node=node, rest=rest, least=f"{SHORTEST_SECONDS:g}"))
    return found


def merged_on_ring(spans: Sequence[tuple[int, int]], samples: int) -> tuple[tuple[int, int], ...]:
    """(start, stop) pairs → sorted, overlapping and touching ones joined, also across the end of the ring."""
    found = list(merged(sorted(spans)))
    # What the last one reaches across the end is no range of its own.
    while len(found) > 1 and found[-1][1] >= found[0][0] + samples:
        first = found.pop(0)
        found[-1] = (found[-1][0], max(found[-1][1], first[1] + samples))
    return tuple(found)


def _span(pair: tuple[float, float], samples: int, sample_rate: int) -> tuple[int, int]:
    start, stop = (min(samples, round(time * sample_rate)) for time in pair)
    return (start, stop) if pair[1] > pair[0] else (start, stop + samples)


def merged(spans: Sequence[tuple]) -> tuple[tuple, ...]:
    """Sorted (start, stop) pairs → the same with overlapping and touching ones joined."""
    result = [spans[0]]
    for start, stop in spans[1:]:
        if start <= result[-1][1]:
            result[-1] = (result[-1][0], max(stop, result[-1][1]))
        else:
            result.append((start, stop))
    return tuple(result)


def needs_length(item: Entry) -> bool:
    """Whether the length of the track must be known to say where the entry lies."""
    return "end" in (item[1], item[3])


def _resolve_entry(node: str, item: Entry, seconds: float) -> tuple[float, float]:
    start_time, start_anchor, end_time, end_anchor = item
    start = _resolve_time(node, "start_time", start_time, start_anchor, seconds)
    end = _resolve_time(node, "end_time", end_time, end_anchor, seconds)
    _check_length(
        node, end - start if end >= start else end - start + seconds,
        _edge("end_time", end_time, end_anchor, end), _edge("start_time", start_time, start_anchor, start),
    )  # fmt: skip
    return start, end


def _resolve_time(node: str, name: str, time: float, anchor: str, seconds: float) -> float:
    if time > seconds + END_TOLERANCE_SECONDS:
        length, most = f"{seconds:.2f}", f"{math.floor(seconds * 100) / 100:.2f}"
        said = remark("past_the_end", node=node, name=name, time=_said(time, anchor), length=length, most=most)
        raise InputError(said)
    time = min(time, seconds)
    return time if anchor == "start" else seconds - time


def _check_length(node: str, length: float, end: Remark, start: Remark) -> None:
    # Half a microsecond of slack: 0.15 - 0.1 is 0.04999… in binary.
    if length <= 0:
        raise InputError(remark("range_empty", node=node, end=end, start=start))
    if length < SHORTEST_SECONDS - 5e-7:
        said = {"length": f"{length:.3f}", "least": f"{SHORTEST_SECONDS:g}"}
        raise InputError(remark("range_short", node=node, start=start, end=end, **said))


def _time(node: str, name: str, value) -> float:
    value = plain(value)
    if not is_number(value):
        raise InputError(remark("no_seconds", node=node, name=name, value=shown(value), most=f"{MAX_TIME_SECONDS:g}"))
    if not 0 <= value <= MAX_TIME_SECONDS:
        given, most = (with_unit(shown(seconds), "s") for seconds in (value, MAX_TIME_SECONDS))
        raise InputError(remark("out_of_range", node=node, name=name, value=given, low=0, high=most))
    return float(value)


def _said(time: float, anchor: str) -> Remark:
    return remark("time_from_start" if anchor == "start" else "time_before_end", time=f"{time:g}")


def _edge(name: str, time: float, anchor: str, at: float | None = None) -> Remark:
    """An end of a range. at: where that is in the track, in seconds from its start, when it is known."""
    said = {"name": name, "time": _said(time, anchor)}
    return remark("edge", **said) if at is None else remark("edge_at", at=f"{at:.2f}", **said)
