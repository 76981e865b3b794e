"""A rendered window, brought into time, level and channels of the source and written into its place.

Only the range of a window or the new spans of an extension are ever written, block by block where they belong,
and only when nothing can be wrong with the render any more: an error leaves the track as it was.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..errors import RenderError
from ..words.remarks import Remark, remark
from .align import ALIGN_CONTEXT_SECONDS, NEAR_CONTEXT_SECONDS, SEARCH_SECONDS, align
from .edges import Call, Edge, Target, gaps, near_of
from .hearing import faults_inside, heard_after, heard_before
from .pieces import EditOptions, Piece, Scene
from .render import Render
from .seams import Seam
from .spaces import Track
from .value import Sound
from .windows import Extension, Window

# What alignment may reach beyond the context it looks at.
_MARGIN_SECONDS = SEARCH_SECONDS + 0.05
# What is this far below the largest sample of a window is silence (−80 dB); errs toward hearing soft music.
_SILENCE = 1e-4
# Below this there is only what rounding leaves (−140 dBFS), however soft the track.
_NOTHING = 1e-7
# Context that correlates less than this with itself as rendered is not the same sound in the same place. A vocoder
# is aligned by other means; a drum loop that is a beat off reaches 0.3, MP3 at 64 kbit/s leaves 0.95.
_ALIKE = 0.6
# A hole or clipping inside counts as much as a joint that is off by so many times the usual.
_FAULT_EXCESS = 3.0
# A float file of an extreme mix reaches 30 times full scale; beyond this (+120 dBFS) a model went astray.
_LOUDEST = 1e6
# A softer part is told to half the window that a drop is heard in; the silence that it is may begin so much before.
_SILENCE_REACH_SECONDS = 0.4
# Another seed seldom cures this.
NOT_NUMBERS = remark("not_numbers")


@dataclass(frozen=True)
class Fit:
    """The joints that were made and what the user should know about them.

    excess: how many times the usual the numbers of its joints and ranges are, the worst first; for comparing takes.
    """

    seams: tuple[Seam, ...]
    remarks: tuple[Remark, ...]
    excess: tuple[float, ...] = ()


def fit_ranges(
    out: torch.Tensor, sample_rate: int, window: Window, rendered: Sound, options: EditOptions, opening: int = 0
) -> Fit:
    """Write the new sound of ``window.ranges`` into ``out`` [C, T], which holds the source or earlier edits.

    rendered: the window as the backend gave it back, at its own rate, perhaps delayed, at another level,
    slightly longer or shorter. opening: where on the user's track ``out`` begins, when that loops; times are told
    on the user's track. Raises RenderError, with ``out`` untouched, when it is unusable.
    """
    track = Track(out, sample_rate, opening)
    targets = []
    for start, stop in window.ranges:
        first = window.chained and start == window.ranges[0][0]
        last = window.continued and stop == window.ranges[-1][1]
        # What stands before the end of a loop does not lead to its start, or nobody would edit there.
        left, right = (Edge.JOIN if window.blank or edge == track.joint else Edge.FADE for edge in (start, stop))
        left = Edge.OPEN if start == 0 else Edge.CONTINUE if first else left
        right = Edge.OPEN if stop == track.length or last else right
        targets.append(Target(start, stop, left, right))
    known = gaps(window.start, window.stop, window.ranges + window.stale)
    return _fit(track, Call((window.start, window.stop), known, tuple(targets)), rendered, options)


def fit_extension(
    out: torch.Tensor, sample_rate: int, extension: Extension, rendered: Sound, options: EditOptions
) -> Fit:
    """Write the new sound before and after ``extension``'s known span into ``out`` [C, T].

    rendered: ``before`` seconds, the known sound, ``after`` seconds. Otherwise as ``fit_ranges``. The gain
    measured at a joint holds for the whole extension: what a codec or a decoder does to the level it does
    everywhere, and letting the gain decay would bring the step back as a slow swell.
    """
    start, stop = extension.start, extension.stop
    first, last = start - extension.before, stop + extension.after
    targets = []
    if extension.before:
        targets.append(Target(first, start, Edge.OPEN, Edge.CONTINUE))
    if extension.after:
        targets.append(Target(stop, last, Edge.CONTINUE, Edge.OPEN))
    call = Call((first, last), ((start, stop),), tuple(targets))
    return _fit(Track(out, sample_rate), call, rendered, options)


def _fit(track: Track, call: Call, rendered: Sound, options: EditOptions) -> Fit:
    ceiling = _peak(track.cut(*call.span))
    silence_rms = max(_NOTHING, _SILENCE * ceiling)
    _check(rendered, track, call, silence_rms)
    near, render, alignment = _aligned(track, call, rendered, silence_rms)
    scene = Scene(track, near, render, alignment.placement, silence_rms, ceiling, options)
    scene, said = scene.with_stereo(call.targets)
    remarks = [*alignment.remarks, *said]
    pieces = []
    for target in call.targets:
        piece, said = scene.piece(target)
        pieces.append(piece)
        remarks += said
    remarks += _doubts(pieces, remarks)
    # What stands there is heard before it is written over.
    views = [heard_before(scene, piece, call) for piece in pieces]
    inside = [said for piece, view in zip(pieces, views) for said in faults_inside(scene, piece, view)]
    recoloured = [said for said in remarks if said.code in _RECOLOURED]
    remarks += inside
    for piece in pieces:
        remarks += scene.write(piece)
    seams, excess = [], [_FAULT_EXCESS for _ in (*inside, *recoloured)]
    for piece, view in zip(pieces, views):
        found, whole, said = heard_after(scene, piece, view)
        seams += found
        excess += [*(seam.excess for seam in found), whole]
        remarks += said
    lost_sides = any(said.code == "mono_render" for said in remarks)
    remarks = [said for said in remarks if not (lost_sides and said.code in ("seam_narrower", "range_narrower"))]
    remarks = _without_twins(remarks)
    if recoloured:
        # What all of the render has is no fault of this range, and no other seed cures it.
        remarks = [said for said in remarks if said.code not in _OF_COLOUR]
    return Fit(tuple(seams), tuple(dict.fromkeys(remarks)), tuple(sorted(excess, reverse=True)))


def _aligned(track: Track, call: Call, rendered: Sound, silence_rms: float):
    """(context that was looked at, the render with that context resampled, where it lies)."""
    reach = track.samples(_MARGIN_SECONDS)
    render = Render(rendered, track.sample_rate, call.span[0])

    def aligned(seconds: float):
        near = near_of(call, track.samples(seconds))
        ready = render.with_ready((a - reach, b + reach) for a, b in near)
        return near, ready, align(track, near, ready, silence_rms)

    short = aligned(NEAR_CONTEXT_SECONDS)
    if short[2].clear:
        return short
    long = aligned(ALIGN_CONTEXT_SECONDS)
    # A clock that is off blurs the peak of a long context on one side until there is none.
    return long if long[2].correlation > 0 else short


def _without_twins(remarks: Sequence[Remark]) -> list[Remark]:
    """The remarks without holes that are quiet moments of a softer part, and without softer parts that are silence."""
    holes = [(said, said.number("time"), said.number("ms") / 1000) for said in remarks if said.code == "range_hole"]
    silent = [(said.number("start"), said.number("end")) for said in remarks if said.code == "range_silent"]
    twins = set()
    for part in (said for said in remarks if said.code == "range_softer"):
        start, end = part.number("start"), part.number("end")
        if any(a - _SILENCE_REACH_SECONDS <= start and end <= b + _SILENCE_REACH_SECONDS for a, b in silent):
            twins.add(part)
        for hole, at, seconds in holes:
            if start - _SILENCE_REACH_SECONDS <= at <= end:
                twins.add(part if seconds >= (end - start) / 2 else hole)
    return [said for said in remarks if said not in twins]


def _doubts(pieces: Sequence[Piece], said: Sequence[Remark]) -> list[Remark]:
    """What to say when the context came back as something else, and nothing said so yet."""
    codes = {each.code for each in said}
    if codes & _MISPLACED:
        return []
    ends = [end for piece in pieces for end in (piece.left, piece.right)]
    worst = min((end.correlation for end in ends if end.correlation is not None), default=1.0)
    if worst < _ALIKE and not codes & {"mono_render", "aligned_by_onsets"}:
        return [remark("unlike_context", correlation=worst)]
    # The same music in the same place, so that its colour can be compared.
    found = [end.recoloured for end in ends if end.recoloured is not None]
    return [max(found, key=lambda each: abs(each.db)).remark()] if found else []


_MISPLACED = {"no_context", "silent_context", "weak_context", "contradictory_context"}
_RECOLOURED = ("context_less", "context_more")
_OF_COLOUR = ("range_treble", "range_bass", "range_colour", "seam_colour")


def _check(rendered: Sound, track: Track, call: Call, silence_rms: float) -> None:
    peak = _peak(rendered.waveform)
    if not math.isfinite(peak):
        raise RenderError(NOT_NUMBERS)
    if peak > _LOUDEST:
        raise RenderError(remark("no_sound", peak=f"{peak:.0e}"))
    near = near_of(call, track.samples(ALIGN_CONTEXT_SECONDS))
    if peak < silence_rms / 10 and any(_peak(track.cut(a, b)) >= silence_rms / 10 for a, b in near):
        raise RenderError(remark("silent_render"))


def _peak(piece: torch.Tensor) -> float:
    """Largest magnitude; NaN or infinite when a sample is."""
    if not piece.numel():
        return 0.0
    # Channel by channel, because contiguous samples are many times as quick.
    ends = [torch.stack(torch.aminmax(row)).abs() for row in piece]
    return float(torch.stack(ends).amax())
