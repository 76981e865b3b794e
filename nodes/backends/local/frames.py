"""Seconds and samples ↔ latent frames."""

import math
from collections.abc import Sequence

from .family import Family

Span = tuple[int, int]

# A time that is a whole frame may miss it by a rounding error.
_ROUNDING = 1e-6


def frames_of_samples(samples: int, family: Family) -> int:
    """Frames that hold ``samples`` at the family's rate; the last one may be partly filled."""
    return -(-samples // family.hop)


def spans_inside(ranges: Sequence[tuple[float, float]], frames: int, family: Family) -> list[Span]:
    """Ranges in seconds → the frames to make new, within [0, frames).

    Rounded inward: what lies between a range's edge and the first whole frame is the source as the VAE
    gives it back, in step with the source itself, so the crossfade has it to lean on. A range too short to
    hold a whole frame gets the frames it touches. The result is sorted and disjoint.
    """
    spans = []
    for start, stop in ranges:
        first = math.ceil(start * family.frame_rate - _ROUNDING)
        last = math.floor(stop * family.frame_rate + _ROUNDING)
        if last <= first:
            first = math.floor(start * family.frame_rate)
            last = math.ceil(stop * family.frame_rate)
        first = min(max(first, 0), frames - 1)
        spans.append((first, max(first + 1, min(last, frames))))
    return merged(spans)


def merged(spans: Sequence[Span]) -> list[Span]:
    """The same frames as sorted spans that neither overlap nor touch."""
    out: list[Span] = []
    for start, stop in sorted(spans):
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], stop))
        else:
            out.append((start, stop))
    return out


def widened(spans: Sequence[Span], by: int, frames: int) -> list[Span]:
    """Each span with ``by`` more frames on both sides, within [0, frames), merged."""
    return merged([(max(0, start - by), min(frames, stop + by)) for start, stop in spans])
