"""TIME_RANGE: what it is, how it is checked, and how it becomes samples of a source.

TIME_RANGE is an immutable tuple of entries (start, anchor, end, anchor): times in seconds, each counted
from the ``"start"`` of the track or back from its ``"end"``. "The last 15 s" is ``(15.0, "end", 0.0, "end")``. A range
that ends before it starts goes on across the track's end, which is for an edit with ``loop``.
"""

import math
from collections.abc import Sequence

from ..errors import InputError
from ..words.numbers import plain

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
            raise InputError(f"{node}: {name} is {anchor!r}; choose start or end.")
    length = {("start", "start"): end - start, ("end", "end"): start - end}.get((start_anchor, end_anchor))
    if length is not None:
        said_start, said_end = _said(start, start_anchor), _said(end, end_anchor)
        if length >= 0:
            _check_length(node, length, f"end_time ({said_end})", f"start_time ({said_start})")
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
        raise InputError(
            f"{where} is {value!r:.80}; it must be a TIME_RANGE: connect the time_range output of a TimeRange node."
        )
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
            raise InputError(
                f"{node}: end_time ({_said(item[2], item[3])}, which is {end:.2f} s) must be later than start_time "
                f"({_said(item[0], item[1])}, which is {start:.2f} s); exchange them, or turn on loop, with which the "
                "range goes on across the track's end."
            )
    return merged(sorted(_span(pair, samples, sample_rate) for pair in pairs))


def on_ring(node: str, time_range: TimeRange, samples: int, sample_rate: int) -> tuple[tuple[int, int], ...]:
    """As ``in_samples`` for a track whose end is followed by its start; the stop of the last may lie beyond the end.

    Raises InputError when less than 0.05 s of the track is left.
    """
    pairs = resolve(node, time_range, samples / sample_rate)
    found = merged_on_ring([_span(pair, samples, sample_rate) for pair in pairs], samples)
    kept = samples - sum(stop - start for start, stop in found)
    if kept < round(SHORTEST_SECONDS * sample_rate):
        raise InputError(
            f"{node}: the ranges leave {max(0, kept) / sample_rate:.3f} s of the track for the loop to lead back to; "
            f"leave at least {SHORTEST_SECONDS:g} s."
        )
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
        f"end_time ({_said(end_time, end_anchor)}, which is {end:.2f} s)",
        f"start_time ({_said(start_time, start_anchor)}, which is {start:.2f} s)",
    )  # fmt: skip
    return start, end


def _resolve_time(node: str, name: str, time: float, anchor: str, seconds: float) -> float:
    if time > seconds + END_TOLERANCE_SECONDS:
        raise InputError(
            f"{node}: {name} is {_said(time, anchor)}, but the audio is {seconds:.2f} s long; "
            f"0 to {math.floor(seconds * 100) / 100:.2f} s is allowed."
        )
    time = min(time, seconds)
    return time if anchor == "start" else seconds - time


def _check_length(node: str, length: float, end: str, start: str) -> None:
    # Half a microsecond of slack: 0.15 - 0.1 is 0.04999… in binary.
    if length <= 0:
        raise InputError(f"{node}: {end} is the same as {start}; move one of them.")
    if length < SHORTEST_SECONDS - 5e-7:
        raise InputError(
            f"{node}: the range from {start} to {end} is {length:.3f} s long; "
            f"at least {SHORTEST_SECONDS:g} s is needed."
        )


def _time(node: str, name: str, value) -> float:
    value = plain(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{node}: {name} is {value!r}; it must be a number of seconds from 0 to {MAX_TIME_SECONDS:g}.")
    if not 0 <= value <= MAX_TIME_SECONDS:
        raise InputError(f"{node}: {name} is {value:g} s; 0 to {MAX_TIME_SECONDS:g} s is allowed.")
    return float(value)


def _said(time: float, anchor: str) -> str:
    return f"{time:g} s" if anchor == "start" else f"{time:g} s before the end"
