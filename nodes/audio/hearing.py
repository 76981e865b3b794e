"""How a piece turned out: its joints and the whole of it, heard before and after it is written."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from ..words.remarks import Remark, remark
from .edges import STOPPING, Call, Edge
from .faults import Hole, clipped_share, highest_click, holes, longest_alike, most_clipped_share, silent_ends
from .joints import AROUND_SECONDS, NEW_SECONDS, USUAL_SECONDS, Joint, Neighbour, ended_seconds, measured, neighbour
from .measures import Blocks, blocks_of
from .pieces import Piece, Scene, clipped_remark
from .ranges import Part, judged_range, parts_off
from .seams import FAIR, Made, Measured, Seam, judged, usual
from .spaces import Track

# A gap shorter than this is no hole one hears as one.
HOLE_SECONDS = 0.015
# A song may end a little before its time, and begin a little after it.
_PAUSE_SECONDS = 2.0
# The render is heard from this far before the piece on: longer than any gap that begins before and is not told by the
# context having come back changed.
_AHEAD_SECONDS = 0.1
# What clicks this near the beginning or the end of a hole is its edge, to the block a hole is measured in.
_HOLE_EDGE_SECONDS = 0.05
# Holes, clicks and clipping count when there is this many times as much as the music has by itself.
_LONGER = 2.0
# Music whose attacks stand out half as far as a click has to, has clicks of its own.
_OWN_CLICK_TIMES = 5.0
# Fewer samples at full scale than this are the peaks of a normalised track (0.05 %).
CLIPPED_SHARE = 5e-4


@dataclass(frozen=True, eq=False)
class View:
    """A piece's joints: the kept sound at each, and how each measured before the edit (None: nothing stood there).

    natural: what stood in its place and what is beside it; where nothing stood there, more of what is beside it.
    """

    neighbours: tuple[Neighbour, ...]
    before: tuple[Measured | None, ...]
    natural: tuple[Blocks, ...]


def heard_before(scene: Scene, piece: Piece, call: Call) -> View:
    """The joints of ``piece`` as they are before it is written."""
    neighbours = tuple(
        neighbour(scene.track, joint, scene.silence_power) for joint in _joints(scene.track, piece, call)
    )
    under = {"start": piece.target.left is Edge.FADE, "end": piece.target.right is Edge.FADE}
    before = tuple(
        measured(scene.track, each, scene.silence_power) if under[each.joint.edge] else None for each in neighbours
    )
    if any(under.values()):
        # Further away a fade-out may have begun, which what stood there had no part in.
        stood = blocks_of(scene.track.cut(piece.start, piece.stop), scene.track.sample_rate)
        natural = (stood, *(each.near for each in neighbours))
    else:
        natural = tuple(blocks_of(scene.track.cut(*each.joint.around), scene.track.sample_rate) for each in neighbours)
    return View(neighbours, before, natural)


def faults_inside(scene: Scene, piece: Piece, view: View) -> list[Remark]:
    """Holes, clicks, clipping and silence that the render has in the range, and neither the kept sound nor what stands
    there has."""
    powers = [each.power for each in view.neighbours if each.power > scene.silence_power]
    if not powers:
        return []
    natural = [scene.track.cut(*each.joint.kept) for each in view.neighbours]
    if Edge.FADE in (piece.target.left, piece.target.right):
        natural.append(scene.track.cut(piece.start, piece.stop))
    said = _hole(scene, piece, natural, min(powers))
    said += [click for click in _click(scene, piece, natural) if not any(_is_of(click, hole) for hole in said)]
    clipped = clipped_share(scene.placement.raw(scene.render, piece.start, piece.stop))
    rate = scene.track.sample_rate
    if clipped > CLIPPED_SHARE and clipped > _LONGER * max(most_clipped_share(sound, rate) for sound in natural):
        said.append(clipped_remark(scene.track, piece, clipped))
    return [*said, *_silence(scene, piece, min(powers))]


def _hole(scene: Scene, piece: Piece, natural: list[torch.Tensor], power: float) -> list[Remark]:
    """The longest hole of ``piece`` that has no like in ``natural`` sound. power: mean square of what is beside it."""
    track, rate, target = scene.track, scene.render.sound.sample_rate, piece.target
    within = scene.placement.raw(scene.render, piece.start, piece.stop)
    heard_from = piece.start if target.left is Edge.OPEN else piece.start - track.samples(_AHEAD_SECONDS)
    raw = scene.placement.raw(scene.render, heard_from, piece.stop)
    ahead = raw.shape[1] - within.shape[1]
    # The same silence for the render, which is at another level, and for the track.
    gain = 10 ** (max(piece.left.gain.db, piece.right.gain.db) / 20)
    ends = {"sound_before": target.left is not Edge.OPEN, "open_end": target.right is Edge.OPEN}
    found = [_behind(hole, ahead, rate) for hole in holes(raw, rate, power / gain**2, **ends)]
    found = [hole for hole in found if hole.seconds >= HOLE_SECONDS]
    if not found:
        return []
    usual_holes = [each for sound in natural for each in holes(sound, track.sample_rate, power)]
    unusual = [hole for hole in found if hole.seconds > _LONGER * longest_alike(usual_holes, hole)]
    if not unusual:
        return []
    worst = max(unusual, key=lambda hole: hole.seconds)
    time = track.time(piece.start + round(worst.start * track.sample_rate / rate))
    return [remark("range_hole", time=time, ms=1000 * worst.seconds)]


def _silence(scene: Scene, piece: Piece, power: float) -> list[Remark]:
    """What of ``piece`` is silent up to an end where nothing follows, and was not. power: as for holes."""
    track, target = scene.track, piece.target
    if Edge.OPEN not in (target.left, target.right):
        return []
    raw = scene.placement.raw(scene.render, piece.start, piece.stop)
    gain = 10 ** (max(piece.left.gain.db, piece.right.gain.db) / 20)
    now = silent_ends(raw, scene.render.sound.sample_rate, power / gain**2)
    under = Edge.FADE in (target.left, target.right)
    was = silent_ends(track.cut(piece.start, piece.stop), track.sample_rate, power) if under else (0.0, 0.0)
    size = piece.stop - piece.start
    spans = []
    if target.left is Edge.OPEN and now[0] > was[0] + _PAUSE_SECONDS:
        spans.append((0, min(size, track.samples(now[0]))))
    if target.right is Edge.OPEN and now[1] > was[1] + _PAUSE_SECONDS and track.samples(now[1]) < size:
        spans.append((size - track.samples(now[1]), size))
    times = [(track.time(piece.start + a), track.time(piece.start + b, is_end=True)) for a, b in spans]
    return [remark("range_silent", start=start, end=end) for start, end in times]


def _click(scene: Scene, piece: Piece, natural: list[torch.Tensor]) -> list[Remark]:
    """The highest click of ``piece`` that has no like in ``natural`` sound."""
    track, rate = scene.track, scene.render.sound.sample_rate
    found = highest_click(scene.placement.raw(scene.render, piece.start, piece.stop), rate)
    if found is None:
        return []
    usual_clicks = [highest_click(sound, track.sample_rate, _OWN_CLICK_TIMES) for sound in natural]
    gain = 10 ** (max(piece.left.gain.db, piece.right.gain.db) / 20)
    if gain * found.height <= _LONGER * max((click.height for click in usual_clicks if click), default=0.0):
        return []
    return [remark("range_click", time=track.time(piece.start + round(found.start * track.sample_rate / rate)))]


def _is_of(click: Remark, hole: Remark) -> bool:
    """Where sound stops or comes back it may click; that is one fault."""
    behind = click.number("time") - hole.number("time")
    return min(abs(behind), abs(behind - hole.number("ms") / 1000)) < _HOLE_EDGE_SECONDS


def _behind(hole: Hole, samples: int, sample_rate: int) -> Hole:
    """What of ``hole`` lies behind the first ``samples``, counted from there."""
    skipped = min(max(0, samples - hole.start) / sample_rate, hole.seconds)
    return replace(hole, start=max(0, hole.start - samples), seconds=hole.seconds - skipped)


def heard_after(scene: Scene, piece: Piece, view: View) -> tuple[list[Seam], float, list[Remark]]:
    """(seams, excess of the range as a whole, remarks) of a piece that was written."""
    common = usual(
        [each.blocks for each in view.neighbours], [each.slopes for each in view.neighbours], scene.silence_power
    )
    seams, sides, said = [], [], []
    for each, before in zip(view.neighbours, view.before):
        now = measured(scene.track, each, scene.silence_power)
        seam = judged(_made(scene, piece, each.joint), now, before, common)
        silent = _silent(piece, each)
        seams.append(seam)
        said += [silent] if silent else seam.faults
        if not silent:
            sides.append((now.difference, before.difference if before else None))
    excess, faults = judged_range(piece.where(scene.track), sides, common)
    said += faults
    part_excess, parts = _parts(scene, piece, view, said)
    return seams, max(excess, part_excess), [*said, *parts]


def _parts(scene: Scene, piece: Piece, view: View, said: Sequence[Remark]) -> tuple[float, list[Remark]]:
    """(excess, remarks) of the parts of a range that are unlike all that is around them and was there.

    said: of its joints and of all of it, which is not said again of a part.
    """
    track, (first, last) = scene.track, piece.inner
    new = blocks_of(track.cut(first, last), track.sample_rate)
    half, length = len(new) // 2, len(new)
    # A range that ends in nothing may fade away there.
    steady = (half if piece.target.left is Edge.OPEN else 0, half if piece.target.right is Edge.OPEN else length)
    codes = {each.code for each in said}
    parts = [part for part in parts_off(new, view.natural, steady) if not codes & _SAID_BY.get(part.code, {part.code})]
    excess = max((part.excess for part in parts), default=0.0)
    return excess, [_of_part(track, first, part) for part in parts if part.excess > FAIR]


def _of_part(track: Track, first: int, part: Part) -> Remark:
    start, end = (track.time(first + track.samples(seconds)) for seconds in (part.start_seconds, part.end_seconds))
    return remark(part.code, start=start, end=end, db=part.db)


# What says of a joint or of a whole range what could be said of a part.
_SAID_BY = {
    "range_louder": {"range_louder", "range_softer"},
    "range_softer": {"range_louder", "range_softer"},
    "range_treble": {"range_treble", "seam_colour"},
    "range_bass": {"range_bass", "seam_colour"},
    "range_colour": {"range_treble", "range_bass", "seam_colour"},
    "range_left": {"seam_left", "seam_right"},
    "range_right": {"seam_left", "seam_right"},
    "range_narrower": {"seam_narrower"},
}


def _silent(piece: Piece, beside: Neighbour) -> Remark | None:
    """What to say where the kept sound stops, and had all but ended before."""
    start = beside.joint.kept_is_left
    seconds = ended_seconds(beside)
    if not seconds or (piece.target.left if start else piece.target.right) not in STOPPING:
        return None
    return remark("silent_end" if start else "silent_start", seconds=seconds)


def _made(scene: Scene, piece: Piece, joint: Joint) -> Made:
    end = piece.left if joint.kept_is_left else piece.right
    per_ms = scene.track.sample_rate / 1000
    return Made(
        scene.track.time(joint.position, is_end=not joint.kept_is_left),
        joint.edge,
        end.correlation,
        scene.placement.delay_at(joint.position) / per_ms,
        end.gain.db,
        abs(joint.meets - joint.position) / per_ms,
        end.fade / per_ms,
    )


def _joints(track: Track, piece: Piece, call: Call) -> list[Joint]:
    """Where the new sound of ``piece`` meets kept sound."""
    target = piece.target
    kept, wide, new = (track.samples(seconds) for seconds in (USUAL_SECONDS, AROUND_SECONDS, NEW_SECONDS))
    first, last = piece.inner
    # A range that ends in nothing may fade away there.
    if Edge.OPEN in (target.left, target.right):
        new = max(1, min(new, (last - first) // 2))
    edges = sorted({0, track.length, *(edge for other in call.targets for edge in (other.start, other.stop))})
    joints = []
    if target.left is not Edge.OPEN:
        floor = max((edge for edge in edges if edge < target.start), default=0)
        span = (max(floor, target.start - kept), target.start)
        around = (max(floor, target.start - wide), target.start)
        joints.append(Joint(target.start, piece.start, "start", span, around, (first, min(last, first + new))))
    if target.right is not Edge.OPEN:
        top = min((edge for edge in edges if edge > target.stop), default=track.length)
        span = (target.stop, min(top, target.stop + kept))
        around = (target.stop, min(top, target.stop + wide))
        joints.append(Joint(target.stop, piece.stop, "end", span, around, (max(first, last - new), last)))
    return joints
