"""A rendered window, brought into time, level and channels of the source and written into its place.

Only the range of a window or the new spans of an extension are ever written, and only after everything for
that window has been computed: an error leaves the track as it was.
"""

import math
from dataclasses import dataclass

import torch

from ..errors import RenderError
from .align import ALIGN_CONTEXT_SECONDS, MAX_DELAY_SECONDS, SEARCH_SECONDS, align
from .loudness import LEVEL_CONTEXT_SECONDS, context_gain_db, gain_curve, limited
from .render import Placement, Render
from .resample import resample
from .seams import Seam, measure_seam
from .splice import continue_from, continue_into, fade_in, fade_out, fade_samples
from .value import Sound
from .windows import Extension, Span, Window

# What alignment and resampling filters may reach beyond the context they look at.
_MARGIN_SECONDS = SEARCH_SECONDS + 0.05
_SILENT_PEAK = 1e-5


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


def fit_ranges(
    out: torch.Tensor, sample_rate: int, window: Window, rendered: Sound, options: EditOptions
) -> Fit:
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
        targets.append(_Target(start, stop, left, right, seam_after=not last))
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
    seam_after: bool = True


@dataclass(frozen=True, eq=False)
class _Piece:
    target: _Target
    sound: torch.Tensor
    left_db: float
    right_db: float
    left_correlation: float | None
    right_correlation: float | None


def _fit(out, sample_rate, origin, known, targets, rendered, samples, options) -> Fit:
    """``origin``: where on the output the rendered sound begins nominally. ``samples``: its nominal length."""
    _check(rendered, samples / sample_rate)
    low = min(target.start for target in targets)
    high = max(target.stop for target in targets)
    reach = round((ALIGN_CONTEXT_SECONDS + _MARGIN_SECONDS) * sample_rate)
    render = _at_rate(rendered, sample_rate, origin, low - reach, high + reach)
    known = _near(known, targets, round(ALIGN_CONTEXT_SECONDS * sample_rate))
    if _silent(rendered) and any(not _silent_tensor(out[:, a:b]) for a, b in known):
        raise RenderError("The backend returned silence; nothing was changed. Try another seed.")
    alignment = align(out, known, render, sample_rate)
    placement = alignment.placement
    pieces, warnings = [], list(alignment.warnings)
    for target in targets:
        piece, said = _piece(out, sample_rate, target, known, render, placement, options)
        pieces.append(piece)
        warnings += said
    for piece in pieces:
        out[:, piece.target.start : piece.target.stop] = piece.sound
    seams = [seam for piece in pieces for seam in _seams(out, sample_rate, piece, placement)]
    warnings += [seam.sentence() for seam in seams if seam.verdict == "poor"]
    return Fit(tuple(seams), tuple(dict.fromkeys(warnings)))


def _check(rendered: Sound, expected_seconds: float) -> None:
    low, high = torch.aminmax(rendered.waveform)
    if not (torch.isfinite(low) and torch.isfinite(high)):
        raise RenderError("The backend returned samples that are not numbers; nothing was changed. Try another seed.")
    if rendered.seconds < expected_seconds - 2 * MAX_DELAY_SECONDS and rendered.seconds < 0.1:
        raise RenderError(f"The backend returned {rendered.seconds:.2f} s instead of {expected_seconds:.2f} s.")


def _silent(sound: Sound) -> bool:
    return _silent_tensor(sound.waveform)


def _silent_tensor(piece: torch.Tensor) -> bool:
    return piece.numel() == 0 or float(piece.abs().amax()) < _SILENT_PEAK


def _at_rate(rendered: Sound, sample_rate: int, origin: int, low: int, high: int) -> Render:
    """The part of ``rendered`` that covers output samples [low, high), at the source's rate."""
    theirs = rendered.sample_rate
    # Cutting on a grid both rates share keeps every kept sample exactly where it was.
    common = math.gcd(theirs, sample_rate)
    grid_theirs, grid_ours = theirs // common, sample_rate // common
    first = max(0, (low - origin) // grid_ours)
    last = max(first + 1, -(-(high - origin) // grid_ours))
    part = rendered.waveform[:, first * grid_theirs : last * grid_theirs]
    if part.shape[1] == 0:
        raise RenderError(
            f"The backend returned only {rendered.seconds:.2f} s, which does not reach the range; nothing was changed."
        )
    return Render(resample(part, theirs, sample_rate), origin + first * grid_ours)


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


def _piece(out, sample_rate, target: _Target, known, render, placement: Placement, options):
    """Everything that will stand in ``target``, and what there is to say about it."""
    start, stop, said = _covered(target, placement.available(render), sample_rate)
    near = round(LEVEL_CONTEXT_SECONDS * sample_rate)
    left = _context(out, known, render, placement, target.start - near, target.start)
    right = _context(out, known, render, placement, target.stop, target.stop + near)
    left_db, right_db = _gains(left, right, sample_rate) if options.match_loudness else (0.0, 0.0)
    new = placement.take(render, start, stop) * gain_curve(left_db, right_db, stop - start)
    fade = fade_samples(options.crossfade_ms, sample_rate, stop - start)
    _join_left(new, out, target, start, render, placement, left_db, fade)
    _join_right(new, out, target, stop, render, placement, right_db, fade)
    ceiling = max((float(out[:, a:b].abs().amax()) for a, b in known), default=1.0)
    sound = out[:, target.start : target.stop].clone()
    if target.left != FADE:
        sound[:, : start - target.start] = 0
    if target.right != FADE:
        sound[:, stop - target.start :] = 0
    sound[:, start - target.start : stop - target.start] = limited(new, ceiling)
    return _Piece(target, sound, left_db, right_db, _similarity(left), _similarity(right)), said


def _covered(target: _Target, available: Span, sample_rate: int) -> tuple[int, int, list[str]]:
    """The part of ``target`` for which there is sound. A codec's lost frame is bearable, more is an error."""
    start, stop = max(target.start, available[0]), min(target.stop, available[1])
    missing = (target.stop - target.start) - max(0, stop - start)
    if missing > MAX_DELAY_SECONDS * sample_rate or stop <= start:
        raise RenderError(
            f"The backend returned too little sound: {missing / sample_rate:.2f} s of the "
            f"{(target.stop - target.start) / sample_rate:.2f} s to fill are missing; nothing was changed."
        )
    if missing > 0.01 * sample_rate:
        return start, stop, [f"The backend returned {missing / sample_rate:.2f} s less than was asked for."]
    return start, stop, []


def _context(out, known, render, placement, low: int, high: int):
    """(kept, rendered) sound of the part of [low, high) that touches it on both and is known, or None."""
    first, last = placement.available(render)
    for a, b in known:
        start, stop = max(a, low, first), min(b, high, last)
        if stop > start:
            return out[:, start:stop], placement.take(render, start, stop)
    return None


def _gains(left, right, sample_rate) -> tuple[float, float]:
    left_db = context_gain_db(*left, sample_rate) if left else None
    right_db = context_gain_db(*right, sample_rate) if right else None
    if left_db is None:
        left_db = right_db
    if right_db is None:
        right_db = left_db
    return left_db or 0.0, right_db or 0.0


def _similarity(context) -> float | None:
    if context is None:
        return None
    kept, rendered = (side.double() for side in context)
    energy = math.sqrt(float(kept.square().sum()) * float(rendered.square().sum()))
    return float((kept * rendered).sum()) / energy if energy > 1e-12 else None


def _join_left(new, out, target, start, render, placement, gain_db, fade) -> None:
    if target.left == FADE:
        fade_in(new, out[:, start : start + fade], fade)
    elif start > target.start:
        fade_in(new, torch.zeros_like(new[:, :fade]), fade)
    elif target.left == CONTINUE:
        fade = min(fade, start)
        rendered = placement.take(render, start - fade, start) * 10 ** (gain_db / 20)
        continue_from(new, out[:, start - fade : start], rendered, fade)


def _join_right(new, out, target, stop, render, placement, gain_db, fade) -> None:
    if target.right == FADE:
        fade_out(new, out[:, stop - fade : stop], fade)
    elif stop < target.stop:
        fade_out(new, torch.zeros_like(new[:, :fade]), fade)
    elif target.right == CONTINUE:
        fade = min(fade, out.shape[1] - stop)
        rendered = placement.take(render, stop, stop + fade) * 10 ** (gain_db / 20)
        continue_into(new, out[:, stop : stop + fade], rendered, fade)


def _seams(out, sample_rate, piece: _Piece, placement: Placement):
    target = piece.target
    if target.left != OPEN:
        yield measure_seam(
            out, target.start, sample_rate, "start", piece.left_correlation, placement.delay_at(target.start), piece.left_db
        )
    if target.right != OPEN and target.seam_after:
        yield measure_seam(
            out, target.stop, sample_rate, "end", piece.right_correlation, placement.delay_at(target.stop), piece.right_db
        )
