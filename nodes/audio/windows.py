"""Which part of a track goes to a backend, and which samples come back from it. Pure integer arithmetic.

Positions are samples at the source's own rate. A track may be hours long: only windows are ever touched.
"""

import math
from dataclasses import dataclass

from .spaces import Span

# A window never has less context than this beside what it renders, unless the user asked for less or the
# track has no more: 1.5's local attention layers reach ±10.24 s.
MIN_CONTEXT_SECONDS = 10.0
# New sound that goes on from other sound has to hear it: an extension, and the chunks of a long range.
MIN_JOINED_CONTEXT_SECONDS = 5.0
# The end of a clip is where models like to finish and codecs lose a frame, so the next pass of a chain
# writes the last second of the pass before it again.
CHAIN_OVERLAP_SECONDS = 1.0


@dataclass(frozen=True)
class Window:
    """One call of an inpaint: the samples [start, stop) go out, and ``ranges`` inside them are replaced.

    chained: the left context is sound an earlier window of the run made, so the window is cut from the
        output; otherwise it is cut from the source.
    continued: the last range goes on in the next window, so its end is not a seam.
    stale: parts of an unchained window that earlier windows of the run have already replaced in the output;
        the backend was given the source there, so they say nothing about delay or level.
    blank: nothing stands in the ranges yet, so that the kept sound stops at their edges.
    """

    start: int
    stop: int
    ranges: tuple[Span, ...]
    chained: bool = False
    continued: bool = False
    stale: tuple[Span, ...] = ()
    blank: bool = False

    @property
    def samples(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True)
class Extension:
    """One call of an outpaint, in samples of the OUTPUT track.

    The known sound [start, stop) goes out; new sound is written to [start - before, start) and
    [stop, stop + after). The passes of a chain overlap by CHAIN_OVERLAP_SECONDS; the later one wins.
    """

    start: int
    stop: int
    before: int
    after: int

    @property
    def samples(self) -> int:
        return self.before + (self.stop - self.start) + self.after


def plan_windows(
    samples: int, sample_rate: int, ranges, context_seconds: float, max_seconds: float, share: bool
) -> tuple[Window, ...]:
    """The calls that replace ``ranges`` of a track, left to right.

    ranges: sorted, disjoint, non-empty (start, stop) spans within [0, samples).
    context_seconds: unchanged sound wanted on each side of a range; what a track's end cuts off is added
        on the other side. Chunks get at least MIN_JOINED_CONTEXT_SECONDS.
    max_seconds: the longest window a call can take. A longer range is cut into equal chunks, each continuing
        the one before it.
    share: ranges whose windows would overlap become one window when that fits with full context.
    """
    limit = _whole_samples(max_seconds, sample_rate)
    context = round(context_seconds * sample_rate)
    least = min(context, round(MIN_CONTEXT_SECONDS * sample_rate), limit // 4)
    windows: list[Window] = []
    done: list[Span] = []
    for group in _groups(ranges, samples, context, limit) if share else [(span,) for span in ranges]:
        first, last = group[0][0], group[-1][1]
        if len(group) > 1 or _fits(first, last, samples, least, limit):
            windows.append(_window(group, samples, context, limit, done))
        else:
            # A chunk has to be joined to the one before it, whatever was asked for.
            joined = max(context, round(MIN_JOINED_CONTEXT_SECONDS * sample_rate))
            least = min(joined, max(least, round(MIN_JOINED_CONTEXT_SECONDS * sample_rate)), limit // 4)
            windows.extend(_chunks(first, last, samples, joined, least, limit, done))
        done.extend(group)
    return tuple(windows)


def plan_extensions(
    samples: int,
    sample_rate: int,
    before_seconds: float,
    after_seconds: float,
    context_seconds: float,
    max_seconds: float,
) -> tuple[Extension, ...]:
    """The calls that add sound before and after a track of ``samples``, in the order they must run.

    The output is round(before·rate) + samples + round(after·rate) samples long, and the calls fill exactly
    what is new. One call serves both sides when it takes no more seconds than two would (the source is no
    longer than two contexts) and fits; otherwise head and tail are independent, each in as many passes as
    ``max_seconds`` makes necessary. A context below MIN_JOINED_CONTEXT_SECONDS is raised to it.
    """
    limit = _whole_samples(max_seconds, sample_rate)
    before, after = round(before_seconds * sample_rate), round(after_seconds * sample_rate)
    context = round(max(context_seconds, MIN_JOINED_CONTEXT_SECONDS) * sample_rate)
    start, stop = before, before + samples
    if before and after and samples <= 2 * context and samples + before + after <= limit:
        return (Extension(start, stop, before, after),)
    overlap = min(round(CHAIN_OVERLAP_SECONDS * sample_rate), limit // 16)
    least = round(MIN_CONTEXT_SECONDS * sample_rate)
    head = _passes(samples, before, context, least, limit, overlap)
    tail = _passes(samples, after, context, least, limit, overlap)
    # ``_passes`` counts outward from the source's edge; the head is its mirror image.
    return (
        *(Extension(start - known, start - known + back, new, 0) for known, back, new in head),
        *(Extension(stop + known - back, stop + known, 0, new) for known, back, new in tail),
    )


def _whole_samples(seconds: float, sample_rate: int) -> int:
    limit = math.floor(seconds * sample_rate + 1e-6)
    if limit < 1:
        raise ValueError(f"a window of {seconds} s holds no sample at {sample_rate} Hz")
    return limit


def _groups(ranges, samples: int, context: int, limit: int) -> list[tuple[Span, ...]]:
    groups: list[tuple[Span, ...]] = []
    for span in ranges:
        if groups:
            first, end = groups[-1][0][0], groups[-1][-1][1]
            close = span[0] - end <= 2 * context
            if close and min(samples, span[1] - first + 2 * context) <= limit:
                groups[-1] += (span,)
                continue
        groups.append((span,))
    return groups


def _fits(start: int, stop: int, samples: int, least: int, limit: int) -> bool:
    return (stop - start) + min(least, start) + min(least, samples - stop) <= limit


def _window(group, samples: int, context: int, limit: int, done, chained=False, continued=False) -> Window:
    first, last = group[0][0], group[-1][1]
    size = min(samples, limit, last - first + 2 * context)
    # The spare room is split evenly, then moved inward at the track's ends; the range stays inside.
    start = first - (size - (last - first)) // 2
    start = max(0, min(start, samples - size))
    stop = start + size
    stale = () if chained else tuple((max(a, start), min(b, stop)) for a, b in done if b > start and a < stop)
    return Window(start, stop, tuple(group), chained, continued, stale)


def _chunks(first, last, samples, context, least, limit, done) -> list[Window]:
    count = -(-(last - first) // max(1, limit - 2 * least))
    edges = [first + (last - first) * i // count for i in range(count + 1)]
    return [
        _window(((a, b),), samples, context, limit, done, chained=i > 0, continued=i < count - 1)
        for i, (a, b) in enumerate(zip(edges, edges[1:]))
    ]


def _passes(samples, new, context, least, limit, overlap) -> list[tuple[int, int, int]]:
    """One side's passes as (known sound outside the source, context, new sound), outward from its edge."""
    if not new:
        return []
    if new + min(samples, context, least) <= limit:
        return [(0, min(samples, context, limit - new), new)]
    # Every pass but the last loses ``overlap`` to the next one.
    step = limit - min(context, limit // 4) - overlap
    count = -(-new // step)
    edges = [new * i // count for i in range(count + 1)]
    passes = []
    for i, (a, b) in enumerate(zip(edges, edges[1:])):
        size = b - a + (overlap if i < count - 1 else 0)
        passes.append((a, min(samples + a, context, limit - size), size))
    return passes
