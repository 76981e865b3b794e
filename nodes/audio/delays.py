"""The delay along a span of kept sound: constant, or growing as from a clock that runs at another speed."""

import math
from dataclasses import dataclass, replace

import torch

from .correlate import phase_scores, phase_slope_lag
from .render import Placement, Render
from .spaces import Span, Track

# A clock that runs at another speed shows as a delay that grows along the context: pieces of a second, followed one
# by one. Sound cards are off by up to 100 ppm; 400 leave room, and more would not correlate anyway.
_PIECE_SECONDS = 1.0
_MAX_SKEW = 4e-4
# A delay that moves less than this along a span is constant, and read without interpolating: bit-exact where it can be.
_STEADY_SAMPLES = 0.3
# So many speeds are tried, 10 ppm apart: what is left is found by reading along the line.
_SKEWS = 81
# How often a stretched span is read again along the line found so far.
_STRETCH_ROUNDS = 2


@dataclass(frozen=True)
class Delay:
    """The delay found on one span: at its start and at its end, equal unless the render's clock runs at another
    speed. information: what it rests on. off: how far the piece nearest the span's ends lies off that, in samples."""

    span: Span
    first: float
    last: float
    information: float
    off: float = 0.0

    @property
    def steady(self) -> bool:
        return self.first == self.last


def delay_along(track: Track, span: Span, render: Render, placed: Placement, lag: float, reach: float) -> Delay:
    """The delay along ``span``, which is ``lag`` ± ``reach`` samples somewhere near its middle."""
    pieces = _pieces(track, span)
    placed = replace(placed, anchors=((0, float(lag)),))
    delay = _line(track, span, pieces, [_refined(track, piece, render, placed, reach) for piece in pieces])
    if delay.steady and delay.off <= _STEADY_SAMPLES * max(1.0, track.sample_rate / 44_100):
        return delay
    skewed = _skewed(track, span, pieces, render, placed, reach)
    for _ in range(_STRETCH_ROUNDS):
        # Within a piece that is stretched the treble disagrees with itself; read straight, it tells.
        straight = replace(placed, anchors=((span[0], skewed.first), (span[1], skewed.last)))
        found = [_refined(track, piece, render, straight, reach + 1) for piece in pieces]
        skewed = _line(track, span, pieces, found)
    return delay if skewed.steady or skewed.off >= delay.off else skewed


def _skewed(track: Track, span: Span, pieces: list[Span], render: Render, placed: Placement, reach: float) -> Delay:
    """The straight line of delays that fits all ``pieces`` together best, to about a sample."""
    size = span[1] - span[0]
    furthest = _MAX_SKEW * size / 2
    step = 0.5
    count = 2 * math.ceil(2 * furthest + reach) + 1
    offsets = step * (torch.arange(2 * count + 1, dtype=torch.float64) - count)
    scores = [
        phase_scores(track.cut(*piece), placed.take(render, *piece), track.sample_rate, offsets)[0] for piece in pieces
    ]
    slopes = torch.linspace(-_MAX_SKEW, _MAX_SKEW, _SKEWS, dtype=torch.float64)
    middles = step * torch.arange(-math.ceil((furthest + reach) / step), math.ceil((furthest + reach) / step) + 1)
    total = torch.zeros(len(slopes), len(middles), dtype=torch.float64)
    for (a, b), score in zip(pieces, scores):
        wanted = slopes[:, None] * ((a + b) / 2 - (span[0] + span[1]) / 2) + middles[None]
        total += score[((wanted / step).round().long() + count).clamp(0, 2 * count)]
    best = int(total.argmax())
    middle = placed.delay_at(span[0]) + float(middles[best % len(middles)])
    half = float(slopes[best // len(middles)]) * size / 2
    return Delay(span, middle - half, middle + half, 0.0)


def _line(track: Track, span: Span, pieces: list[Span], found: list[tuple[float, float]]) -> Delay:
    """The delay that the pieces of ``span`` have in common: the same for all, or growing along them."""
    delays, weights = torch.tensor(found, dtype=torch.float64).unbind(1)
    information = float(weights.sum())
    if information <= 0:
        return Delay(span, found[0][0], found[0][0], 0.0)
    centres = torch.tensor([(a + b) / 2 for a, b in pieces], dtype=torch.float64)
    mean, middle = (float((weights * values).sum() / information) for values in (delays, centres))
    slope, error = _slope(centres, delays, weights)
    size = span[1] - span[0]
    off, steady_off = (_off_line(centres, delays, weights, each) for each in (slope, 0.0))
    limit = max(_STEADY_SAMPLES * max(1.0, track.sample_rate / 44_100), 6 * error * size)
    if abs(slope) * size <= limit or abs(slope) > 2 * _MAX_SKEW or off > 0.5 * steady_off:
        return Delay(span, mean, mean, information, steady_off)
    first, last = (mean + slope * (position - middle) for position in span)
    return Delay(span, first, last, information, off)


def _pieces(track: Track, span: Span) -> list[Span]:
    count = max(1, round((span[1] - span[0]) / track.samples(_PIECE_SECONDS)))
    edges = [span[0] + (span[1] - span[0]) * index // count for index in range(count + 1)]
    return list(zip(edges, edges[1:]))


def _slope(at: torch.Tensor, values: torch.Tensor, weights: torch.Tensor) -> tuple[float, float]:
    """(slope of the weighted least-squares line, its standard error)."""
    total = weights.sum()
    centred = at - (weights * at).sum() / total
    spread = float((weights * centred.square()).sum())
    if len(at) < 3 or spread <= 0:
        return 0.0, float("inf")
    return float((weights * centred * values).sum()) / spread, spread**-0.5


def _off_line(at: torch.Tensor, values: torch.Tensor, weights: torch.Tensor, slope: float) -> float:
    """RMS distance from the line of that slope, in samples."""
    rest = values - slope * at
    rest = rest - (weights * rest).sum() / weights.sum()
    return float(((weights * rest.square()).sum() / weights.sum()).sqrt())


def _refined(track: Track, span: Span, render: Render, placed: Placement, reach: float) -> tuple[float, float]:
    """(delay at the middle of ``span`` in samples to a fraction of one, information), within ``reach`` of where
    ``placed`` has it."""
    start, stop = span
    offset, information = phase_slope_lag(
        track.cut(start, stop), placed.take(render, start, stop), track.sample_rate, reach
    )  # fmt: skip
    return placed.delay_at((start + stop) // 2) + offset, information
