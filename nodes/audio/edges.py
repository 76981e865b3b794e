"""What one render is for: the spans of the track it fills, what lies at their edges, and what was kept around them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from ..errors import RenderError
from ..words.remarks import Remark, remark
from .align import MAX_DELAY_SECONDS
from .spaces import Span, Track, joined


class Edge(Enum):
    """What new sound meets at an end."""

    OPEN = "open"  # nothing
    FADE = "fade"  # kept sound that goes on under it
    CONTINUE = "continue"  # kept sound that stops there, and that the render was made to go on from
    JOIN = "join"  # kept sound that stops there, while the render may have gone on from what stood in the range


STOPPING = (Edge.CONTINUE, Edge.JOIN)


@dataclass(frozen=True)
class Target:
    """A span of the output to be written, and what lies at its edges."""

    start: int
    stop: int
    left: Edge
    right: Edge


@dataclass(frozen=True)
class Call:
    """One render. span: where on the output it lies nominally. known: the parts of it that were kept."""

    span: Span
    known: tuple[Span, ...]
    targets: tuple[Target, ...]


def gaps(start: int, stop: int, taken: Iterable[Span]) -> tuple[Span, ...]:
    """What of [start, stop) none of the ``taken`` spans covers."""
    gaps = []
    for a, b in sorted(taken):
        if a > start:
            gaps.append((start, a))
        start = max(start, b)
    if start < stop:
        gaps.append((start, stop))
    return tuple(gaps)


def near_of(call: Call, reach: int) -> tuple[Span, ...]:
    """The parts of the known spans within ``reach`` samples of a target's edge."""
    parts = set()
    for a, b in call.known:
        for target in call.targets:
            if a < target.start:
                parts.add((max(a, min(b, target.start) - reach), b))
            if b > target.stop:
                parts.add((a, min(b, max(a, target.stop) + reach)))
    return joined(part for part in parts if part[1] > part[0])


def covered(target: Target, available: Span, track: Track) -> tuple[int, int, list[Remark]]:
    """The part of ``target`` for which there is sound. A codec's lost frame is bearable, more is an error."""
    start, stop = max(target.start, available[0]), min(target.stop, available[1])
    missing = (target.stop - target.start) - max(0, stop - start)
    lost = track.samples(0.01)
    if stop <= start and missing <= lost:
        return target.start, target.stop, []  # a target so short that a codec's delay is longer: silence
    if missing > track.samples(MAX_DELAY_SECONDS) or stop <= start:
        seconds = {"missing": missing, "wanted": target.stop - target.start}
        said = {name: f"{track.seconds(samples):.2f}" for name, samples in seconds.items()}
        raise RenderError(remark("too_little_sound", **said))
    return start, stop, [remark("missing_sound", seconds=track.seconds(missing))] if missing > lost else []
