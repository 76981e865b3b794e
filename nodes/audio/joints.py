"""Where new sound meets kept sound, and what is heard there: places on the track, measured."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from ..words.remarks import Remark, remark
from .measures import Blocks, Heard, blocks_of, heard
from .seams import Made, Measured, difference, judged, usual
from .spaces import Span, Track

# Kept sound beside a joint that says what is usual for the music.
USUAL_SECONDS = 6.0
# And that says what the music around a part does where nothing stood before.
AROUND_SECONDS = 20.0
# What is compared: natural differences between 4 s and the 3 s beside them are within 2.8 LU (95 %).
KEPT_SECONDS = 3.0
NEW_SECONDS = 4.0
# The level at which a track has all but ended, below its loudest blocks (−30 dB); errs toward hearing a soft end.
_ENDED = 1e-3
# A shorter rest is part of the music.
_ENDED_SECONDS = 0.4


@dataclass(frozen=True)
class Joint:
    """One joint. position: the edge of the range. meets: the first sample on the right of where the sounds meet.

    edge: ``start`` when the kept sound lies on the left, ``end`` when on the right. kept: kept sound beside it, around:
    more of it. new: new sound beside it, behind the fade.
    """

    position: int
    meets: int
    edge: str
    kept: Span
    around: Span
    new: Span

    @property
    def kept_is_left(self) -> bool:
        return self.edge == "start"


@dataclass(frozen=True, eq=False)
class Neighbour:
    """The kept sound at a joint, which stays: its blocks, what is heard of it, the steps between its samples."""

    joint: Joint
    blocks: Blocks
    heard: Heard
    slopes: torch.Tensor
    power: float

    @property
    def near(self) -> Blocks:
        """The blocks of the seconds nearest the joint."""
        return self.blocks.last(KEPT_SECONDS) if self.joint.kept_is_left else self.blocks.first(KEPT_SECONDS)


def neighbour(track: Track, joint: Joint, silence_power: float) -> Neighbour:
    """The kept sound beside ``joint``."""
    piece = track.cut(*joint.kept)
    blocks = blocks_of(piece, track.sample_rate, from_end=joint.kept_is_left)
    near = blocks.last(KEPT_SECONDS) if joint.kept_is_left else blocks.first(KEPT_SECONDS)
    slopes = piece.diff(dim=1).abs().amax(0) if piece.shape[1] > 1 else torch.empty(0)
    power = float(piece.square().mean()) if piece.numel() else 0.0
    return Neighbour(joint, blocks, heard(near, silence_power, joint_last=joint.kept_is_left), slopes, power)


def measured(track: Track, beside: Neighbour, silence_power: float) -> Measured:
    """The joint as it sounds on the track now."""
    joint = beside.joint
    blocks = blocks_of(track.cut(*joint.new), track.sample_rate, from_end=not joint.kept_is_left)
    new = heard(blocks, silence_power, joint_last=not joint.kept_is_left)
    pair = track.cut(joint.meets - 1, joint.meets + 1)
    step = float((pair[:, -1] - pair[:, 0]).abs().amax()) if pair.shape[1] == 2 else 0.0
    return Measured(difference(beside.heard, new), step)


def ended_seconds(beside: Neighbour) -> float:
    """How long the kept sound has all but ended before the joint (or not begun after it); 0 when it sounds there."""
    loud = beside.blocks.loud
    if not len(loud) or float(loud.amax()) <= 0:
        return 0.0
    sounding = (loud >= _ENDED * loud.amax()).nonzero().flatten()
    quiet = len(loud) - 1 - int(sounding[-1]) if beside.joint.kept_is_left else int(sounding[0])
    seconds = quiet * beside.blocks.seconds
    return seconds if seconds >= _ENDED_SECONDS else 0.0


def loop_remarks(track: Track, ranges: Sequence[Span]) -> list[Remark]:
    """What to say when the end of a track that loops does not lead back to its start, and no range made that anew.

    ranges: on the user's track. Silence is no joint.
    """
    at = track.joint
    if at is None or any(start == 0 or stop >= track.length for start, stop in ranges):
        return []
    reach, new = track.samples(USUAL_SECONDS), track.samples(NEW_SECONDS)
    kept = (max(0, at - reach), at)
    joint = Joint(at, at, "start", kept, kept, (at, min(track.length, at + new)))
    silence_power = (LOOP_SILENCE * float(track.cut(at - reach, at + reach).abs().amax())) ** 2
    beside = neighbour(track, joint, silence_power)
    common = usual([beside.blocks], [beside.slopes], silence_power)
    seam = judged(Made(0.0, "start"), measured(track, beside, silence_power), None, common)
    return [remark("loop_joint", times=seam.excess)] if seam.verdict == "poor" else []


# As for the context of an edit: 80 dB below the largest sample.
LOOP_SILENCE = 1e-4
