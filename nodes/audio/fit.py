"""A rendered window, brought into time, level and channels of the source and written into its place.

Only the range of a window or the new spans of an extension are ever written, block by block where they belong,
and only when nothing can be wrong with the render any more: an error leaves the track as it was.
"""

import math
from dataclasses import dataclass

import torch

from ..errors import RenderError
from .align import ALIGN_CONTEXT_SECONDS, MAX_DELAY_SECONDS, SEARCH_SECONDS, align
from .extrapolate import learning_samples
from .loudness import LEVEL_CONTEXT_SECONDS, Context, centred, edge_gains_db, gain_curve, limit
from .render import Placement, Render
from .seams import Measures, Seam, Usual, judged, measured, usual
from .splice import continue_from, continue_into, fade_in, fade_out, fade_samples
from .value import Sound
from .windows import Extension, Span, Window

# What alignment may reach beyond the context it looks at.
_MARGIN_SECONDS = SEARCH_SECONDS + 0.05
_SILENT_PEAK = 1e-5
# New sound is written in blocks of this size, so that a range of ten minutes needs no second place.
_WRITTEN_SAMPLES = 1 << 20
# Where kept sound stops, no longer fade than this: further on nobody can foretell it.
_FORETOLD_MS = 50.0
# Sound that stops before its place is filled ends in a fade this long.
_SHORTAGE_FADE_MS = 20.0


@dataclass(frozen=True)
class EditOptions:
    """crossfade_ms: 0 to 1000. match_loudness: level the new sound to its surroundings."""

    crossfade_ms: float
    match_loudness: bool


@dataclass(frozen=True)
class Fit:
    """The joints that were made and what the user should know about them."""

    seams: tuple[Seam, ...]
    warnings: tuple[str, ...]


def fit_ranges(out: torch.Tensor, sample_rate: int, window: Window, rendered: Sound, options: EditOptions) -> Fit:
    """Write the new sound of ``window.ranges`` into ``out`` [C, T], which holds the source or earlier edits.

    rendered: the window as the backend gave it back, at its own rate, perhaps delayed, at another level,
    slightly longer or shorter. Raises RenderError, with ``out`` untouched, when it is unusable.
    """
    targets = []
    for start, stop in window.ranges:
        first = window.chained and start == window.ranges[0][0]
        last = window.continued and stop == window.ranges[-1][1]
        left = OPEN if start == 0 else CONTINUE if first else FADE
        right = OPEN if stop == out.shape[1] or last else FADE
        targets.append(_Target(start, stop, left, right))
    known = _gaps(window.start, window.stop, window.ranges + window.stale)
    return _fit(out, sample_rate, window.start, known, targets, rendered, window.samples, options)


def fit_extension(
    out: torch.Tensor, sample_rate: int, extension: Extension, rendered: Sound, options: EditOptions
) -> Fit:
    """Write the new sound before and after ``extension``'s known span into ``out`` [C, T].

    rendered: ``before`` seconds, the known sound, ``after`` seconds. Otherwise as ``fit_ranges``. The gain
    measured at a joint holds for the whole extension: what a codec or a decoder does to the level it does
    everywhere, and letting the gain decay would bring the step back as a slow swell.
    """
    start, stop = extension.start, extension.stop
    targets = []
    if extension.before:
        targets.append(_Target(start - extension.before, start, OPEN, CONTINUE))
    if extension.after:
        targets.append(_Target(stop, stop + extension.after, CONTINUE, OPEN))
    origin = start - extension.before
    known = ((start, stop),)
    return _fit(out, sample_rate, origin, known, targets, rendered, extension.samples, options)


# What the new sound meets at an edge: nothing, kept sound that lies under it, or kept sound that stops there.
OPEN, FADE, CONTINUE = "open", "fade", "continue"


@dataclass(frozen=True)
class _Target:
    """A span of the output to be written, and what lies at its edges."""

    start: int
    stop: int
    left: str
    right: str


@dataclass(frozen=True)
class _Edge:
    """A joint to be measured. name: ``start`` or ``end`` of the new sound. kind: what it meets there."""

    position: int
    name: str
    kind: str
    gain_db: float
    correlation: float | None


@dataclass(frozen=True)
class _Piece:
    """What will be written: the render's sound of [start, stop), which is all of ``target`` or all there is."""

    target: _Target
    start: int
    stop: int
    left_db: float
    right_db: float
    left_correlation: float | None
    right_correlation: float | None

    def edges(self) -> list[_Edge]:
        target = self.target
        left = _Edge(target.start, "start", target.left, self.left_db, self.left_correlation)
        right = _Edge(target.stop, "end", target.right, self.right_db, self.right_correlation)
        return [edge for edge in (left, right) if edge.kind != OPEN]

    def gain_db_at(self, position: int) -> float:
        """Straight from the gain at the first sample to the gain at the last one."""
        share = (position - self.start) / max(1, self.stop - 1 - self.start)
        return self.left_db + (self.right_db - self.left_db) * share


def _fit(out, sample_rate, origin, known, targets, rendered, samples, options) -> Fit:
    """``origin``: where on the output the rendered sound begins nominally. ``samples``: its nominal length."""
    near = _near(known, targets, round(ALIGN_CONTEXT_SECONDS * sample_rate))
    _check(rendered, any(_peak(out[:, a:b]) >= _SILENT_PEAK for a, b in near))
    reach = round(_MARGIN_SECONDS * sample_rate)
    render = Render(rendered, sample_rate, origin).with_ready((a - reach, b + reach) for a, b in near)
    alignment = align(out, near, render, sample_rate)
    ceiling = _peak(out[:, origin : origin + samples])
    scene = _Scene(out, sample_rate, near, render, alignment.placement, ceiling, options)
    warnings = list(alignment.warnings)
    pieces = []
    for target in targets:
        piece, said = scene.piece(target)
        pieces.append(piece)
        warnings += said
    edges = [edge for piece in pieces for edge in piece.edges()]
    common = usual(out, near, sample_rate)
    # Where new sound replaces old sound, the old joint is what the new one is compared with.
    before = [measured(out, edge.position, sample_rate) if edge.kind == FADE else None for edge in edges]
    for piece in pieces:
        scene.write(piece)
    seams = tuple(_seam(scene, edge, was, common) for edge, was in zip(edges, before))
    warnings += [seam.sentence() for seam in seams if seam.verdict == "poor"]
    return Fit(seams, tuple(dict.fromkeys(warnings)))


@dataclass(frozen=True, eq=False)
class _Scene:
    """The track, its ``known`` spans, and the render that lies against it."""

    out: torch.Tensor
    sample_rate: int
    known: tuple[Span, ...]
    render: Render
    placement: Placement
    ceiling: float
    options: EditOptions

    def piece(self, target: _Target) -> tuple[_Piece, list[str]]:
        """What will stand in ``target``, and what there is to say about it. Raises RenderError."""
        start, stop, said = _covered(target, self.placement.available(self.render), self.sample_rate)
        near = round(LEVEL_CONTEXT_SECONDS * self.sample_rate)
        left = self.context(target.start - near, target.start, nearest_last=True)
        right = self.context(target.stop, target.stop + near, nearest_last=False)
        gains = edge_gains_db(left, right, self.sample_rate) if self.options.match_loudness else (0.0, 0.0)
        return _Piece(target, start, stop, *gains, _similarity(left), _similarity(right)), said

    def write(self, piece: _Piece) -> None:
        """Put ``piece`` into the track, its ends fitted to what they meet."""
        target, start, stop = piece.target, piece.start, piece.stop
        new = self.out[:, start:stop]
        fade = fade_samples(self.options.crossfade_ms, self.sample_rate, stop - start)
        old = new[:, :fade].clone(), new[:, stop - start - fade :].clone()
        for low in range(start, stop, _WRITTEN_SAMPLES):
            high = min(stop, low + _WRITTEN_SAMPLES)
            gains = gain_curve(piece.gain_db_at(low), piece.gain_db_at(high - 1), high - low)
            self.out[:, low:high] = self.take(low, high) * gains
        self.join(new, piece, old, fade)
        limit(new, self.ceiling)
        # Beside kept sound that lies under it the source stands where the render has nothing; elsewhere silence.
        if target.left != FADE and target.start < start:
            self.out[:, target.start : start] = 0
        if target.right != FADE and stop < target.stop:
            self.out[:, stop : target.stop] = 0

    def join(self, new: torch.Tensor, piece: _Piece, old: tuple[torch.Tensor, torch.Tensor], fade: int) -> None:
        """Fit the ends of ``new`` to what they meet; ``old`` stood there before. In place."""
        target, start, stop = piece.target, piece.start, piece.stop
        shortage = fade_samples(_SHORTAGE_FADE_MS, self.sample_rate, stop - start)
        beyond = min(fade, round(_FORETOLD_MS / 1000 * self.sample_rate))
        if target.left == FADE:
            fade_in(new, old[0], fade)
        elif start > target.start:
            fade_in(new, torch.zeros_like(new[:, :shortage]), shortage)
        elif target.left == CONTINUE:
            kept = self.neighbour(start - learning_samples(self.sample_rate), start, piece.left_db)
            continue_from(new, *kept, beyond, self.sample_rate)
        if target.right == FADE:
            fade_out(new, old[1], fade)
        elif stop < target.stop:
            fade_out(new, torch.zeros_like(new[:, :shortage]), shortage)
        elif target.right == CONTINUE:
            kept = self.neighbour(stop, stop + learning_samples(self.sample_rate), piece.right_db)
            continue_into(new, *kept, beyond, self.sample_rate)

    def neighbour(self, low: int, high: int, gain_db: float) -> Context:
        """The kept sound of [low, high) and how it was rendered, at the same level."""
        first, last = (self.known[0][0], self.known[-1][1]) if self.known else (low, high)
        low, high = max(low, first, 0), min(high, last, self.out.shape[1])
        return self.out[:, low:high], self.take(low, high) * 10 ** (gain_db / 20)

    def take(self, start: int, stop: int) -> torch.Tensor:
        return self.placement.take(self.render, start, stop)

    def context(self, low: int, high: int, *, nearest_last: bool) -> Context | None:
        """(kept, rendered) sound of the known span in [low, high) that is nearest to the edit."""
        first, last = self.placement.available(self.render)
        spans = [(max(a, low, first), min(b, high, last)) for a, b in self.known]
        spans = [span for span in spans if span[1] > span[0]]
        if not spans:
            return None
        start, stop = spans[-1 if nearest_last else 0]
        return self.out[:, start:stop], self.take(start, stop)


def _seam(scene: _Scene, edge: _Edge, before: Measures | None, common: Usual) -> Seam:
    return judged(
        measured(scene.out, edge.position, scene.sample_rate),
        before,
        common,
        time_seconds=edge.position / scene.sample_rate,
        edge=edge.name,
        correlation=edge.correlation,
        delay_ms=1000 * scene.placement.delay_at(edge.position) / scene.sample_rate,
        gain_db=edge.gain_db,
    )


def _check(rendered: Sound, context_sounds: bool) -> None:
    peak = _peak(rendered.waveform)
    if not math.isfinite(peak):
        raise RenderError("The backend returned samples that are not numbers; nothing was changed. Try another seed.")
    if context_sounds and peak < _SILENT_PEAK:
        raise RenderError("The backend returned silence; nothing was changed. Try another seed.")


def _peak(piece: torch.Tensor) -> float:
    """Largest magnitude; NaN or infinite when a sample is."""
    if not piece.numel():
        return 0.0
    # Channel by channel, because contiguous samples are many times as quick.
    ends = [torch.stack(torch.aminmax(row)).abs() for row in piece]
    return float(torch.stack(ends).amax())


def _gaps(start: int, stop: int, taken) -> tuple[Span, ...]:
    gaps = []
    for a, b in sorted(taken):
        if a > start:
            gaps.append((start, a))
        start = max(start, b)
    if start < stop:
        gaps.append((start, stop))
    return tuple(gaps)


def _near(known, targets, reach: int) -> tuple[Span, ...]:
    """The parts of the ``known`` spans within ``reach`` of a target's edge."""
    parts = set()
    for a, b in known:
        for target in targets:
            if a < target.start:
                parts.add((max(a, min(b, target.start) - reach), b))
            if b > target.stop:
                parts.add((a, min(b, max(a, target.stop) + reach)))
    return _merged(part for part in parts if part[1] > part[0])


def _merged(spans) -> tuple[Span, ...]:
    result: list[Span] = []
    for a, b in sorted(spans):
        if result and a < result[-1][1]:
            result[-1] = (result[-1][0], max(b, result[-1][1]))
        else:
            result.append((a, b))
    return tuple(result)


def _covered(target: _Target, available: Span, sample_rate: int) -> tuple[int, int, list[str]]:
    """The part of ``target`` for which there is sound. A codec's lost frame is bearable, more is an error."""
    start, stop = max(target.start, available[0]), min(target.stop, available[1])
    missing = (target.stop - target.start) - max(0, stop - start)
    lost = 0.01 * sample_rate
    if stop <= start and missing <= lost:
        return target.start, target.stop, []  # a target so short that a codec's delay is longer: silence
    if missing > MAX_DELAY_SECONDS * sample_rate or stop <= start:
        raise RenderError(
            f"The backend returned too little sound: {missing / sample_rate:.2f} s of the "
            f"{(target.stop - target.start) / sample_rate:.2f} s to fill are missing; nothing was changed."
        )
    if missing > lost:
        return start, stop, [f"The backend returned {missing / sample_rate:.2f} s less than was asked for."]
    return start, stop, []


def _similarity(context: Context | None) -> float | None:
    if context is None:
        return None
    # An offset that a service took away is no difference anybody hears.
    kept, rendered = (centred(side.double()) for side in context)
    energy = math.sqrt(float(kept.square().sum()) * float(rendered.square().sum()))
    return float((kept * rendered).sum()) / energy if energy > 1e-12 else None
