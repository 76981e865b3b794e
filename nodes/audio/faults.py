"""What no music does by itself: sudden holes, clicks and clipped samples. Whether the music around does it
too is judged in ``hearing.py``."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

# A range of ten minutes is looked through in parts that the processor's cache holds, so that it needs no second place.
_PART_SAMPLES = 1 << 16
# As finely as gaps are measured: a sixth of the shortest that is said, and a period of 400 Hz.
_HOLE_BLOCK_SECONDS = 0.0025
# Silence lies this far below the surroundings, and a gap, unlike a decay or a pause, falls so far within a hundredth of
# a second.
_HOLE_DB = -40.0
_FALL_DB = -24.0
_FALL_BLOCKS = 5
# How sharply a hole begins is told from this many blocks on both sides: a cut falls 35 dB and more within them (also
# through MP3), a gate or a stopped string of the same songs 31 at most.
_EDGE_BLOCKS = 3
# Two holes begin alike when one falls no more than this much less: those of one gated song are 8 dB apart. Errs toward
# taking music for music.
_ALIKE_DB = 10.0
# As far as a fall is told: what lies lower is silence of one kind or another.
_DEEPEST_DB = 60.0


@dataclass(frozen=True)
class Hole:
    """Sudden silence. start: samples into the piece. seconds: how long. fall_db: how far the level falls at once."""

    start: int
    seconds: float
    fall_db: float


def holes(
    piece: torch.Tensor, sample_rate: int, reference_power: float, *, sound_before: bool = False, open_end: bool = False
) -> list[Hole]:
    """The gaps in either channel of ``piece`` [C, n] against ``reference_power`` (mean square of its surroundings).

    That counts for its louder channel; the other one's is as much lower as it is softer. A gap falls silent at once.
    Silence from the start is one when there is ``sound_before``, silence to the end is none with ``open_end``.
    """
    size, rows = _hole_blocks(piece, sample_rate)
    means = rows.mean(1).tolist()
    if rows.shape[1] < 2 or reference_power <= 0 or max(means) <= 0:
        return []
    found = []
    for power, mean in zip(rows, means):
        reference = reference_power * mean / max(means)
        for first, last in _runs(power < reference * 10 ** (_HOLE_DB / 10)):
            falls = _falls(power, first, last) if first else sound_before
            if falls and not (open_end and last == len(power)):
                fall_db = _fall_db(power, first, last, reference) if first else 0.0
                found.append(Hole(first * size, (last - first) * size / sample_rate, fall_db))
    return _one_of_each(found, sample_rate)


def _one_of_each(found: Sequence[Hole], sample_rate: int) -> list[Hole]:
    """In order; of gaps in both channels at once the longer one."""
    kept: list[Hole] = []
    for hole in sorted(found, key=lambda hole: (hole.start, -hole.seconds)):
        if not kept or hole.start >= kept[-1].start + kept[-1].seconds * sample_rate:
            kept.append(hole)
        elif hole.seconds > kept[-1].seconds:
            kept[-1] = hole
    return kept


def silent_ends(piece: torch.Tensor, sample_rate: int, reference_power: float) -> tuple[float, float]:
    """Seconds of silence in both channels of ``piece`` [C, n] at its start and at its end, all of it at both when it is
    silent throughout. reference_power: mean square of its surroundings."""
    size, rows = _hole_blocks(piece, sample_rate)
    sounding = (rows >= reference_power * 10 ** (_HOLE_DB / 10)).any(0).nonzero().flatten()
    if not len(sounding):
        return (piece.shape[1] / sample_rate,) * 2
    behind = piece.shape[1] - (int(sounding[-1]) + 1) * size
    return int(sounding[0]) * size / sample_rate, behind / sample_rate


def _hole_blocks(piece: torch.Tensor, sample_rate: int) -> tuple[int, torch.Tensor]:
    """(samples of a block, mean square [C, blocks] of each)."""
    size = max(1, round(_HOLE_BLOCK_SECONDS * sample_rate))
    count, step = piece.shape[1] // size, _PART_SAMPLES // size * size
    parts = [piece[:, low : min(low + step, count * size)] for low in range(0, count * size, step)]
    powers = [part.unflatten(1, (-1, size)).square().mean(2) for part in parts]
    return size, torch.cat(powers, dim=1) if powers else torch.zeros(len(piece), 0)


def _runs(flags: torch.Tensor) -> list[tuple[int, int]]:
    """[first, last) of each run of true ``flags`` [n]."""
    change = torch.nn.functional.pad(flags.to(torch.int8), (1, 1)).diff()
    return list(zip((change == 1).nonzero().flatten().tolist(), (change == -1).nonzero().flatten().tolist()))


def longest_alike(found: Sequence[Hole], hole: Hole) -> float:
    """Seconds of the longest of ``found`` that begins as sharply as ``hole`` does; 0 when none does."""
    return max((each.seconds for each in found if each.fall_db >= hole.fall_db - _ALIKE_DB), default=0.0)


def _falls(power: torch.Tensor, first: int, last: int) -> bool:
    """Whether the first of the blocks [first, last) lie far below what is right before them."""
    before = float(power[max(0, first - _FALL_BLOCKS) : first].amax())
    return before * 10 ** (_FALL_DB / 10) >= float(power[first : min(last, first + _FALL_BLOCKS)].median())


def _fall_db(power: torch.Tensor, first: int, last: int, reference_power: float) -> float:
    """How far the loudest of the blocks right before ``first`` lies above the softest right after, in dB."""
    before = float(power[max(0, first - _EDGE_BLOCKS) : first].amax())
    after = float(power[first : min(last, first + _EDGE_BLOCKS)].amin())
    floor = reference_power * 10 ** (-_DEEPEST_DB / 10)
    return 10 * math.log10(before / max(after, floor))


# A click is over within this; the attack of a drum or a string sounds on.
_CLICK_SECONDS = 0.001
# What lies nearer than two such blocks may be the click itself, in blocks it is shared by or smeared over by a codec;
# what is more than ten away would be masked by nothing.
_CLICK_NEAR, _CLICK_FAR = 2, 10
# A click's second difference stands so far out of those before and after it: 9 times is the most that songs reach,
# and a click of a tenth of full scale in them reaches 10 to 20. Errs toward silence about small clicks.
_CLICK_TIMES = 10.0
# Lower than this beside what it lies in (−20 dB) it would hardly be heard.
_CLICK_SHARE_OF_RMS = 0.1


@dataclass(frozen=True)
class Click:
    """A jump there and back within a millisecond. start: samples into the piece. height: about, 1 is full scale."""

    start: int
    height: float


def highest_click(piece: torch.Tensor, sample_rate: int, times: float = _CLICK_TIMES) -> Click | None:
    """The highest click in ``piece`` [C, n], None when there is none.

    times: how far its second difference stands out of those around it.
    """
    size = max(4, round(_CLICK_SECONDS * sample_rate))
    count = (piece.shape[1] - 2) // size
    wide = _CLICK_FAR - _CLICK_NEAR + 1
    if count < 2 * _CLICK_FAR + 1:
        return None
    highest, power = [], 0.0
    step = _PART_SAMPLES // size * size
    for low in range(0, count * size, step):
        part = piece[:, low : min(low + step, count * size) + 2]
        bend = part.diff(n=2, dim=1).abs_().amax(0)
        highest.append(bend.unflatten(0, (-1, size)).amax(1))
        power += float(part.square().sum())
    blocks = torch.cat(highest)
    # The highest of the blocks from each on, for those before and those behind a block.
    far = torch.nn.functional.max_pool1d(blocks[None], wide, 1)[0]
    at = torch.arange(_CLICK_FAR, count - _CLICK_FAR)
    around = torch.maximum(far[at - _CLICK_FAR], far[at + _CLICK_NEAR])
    # An impulse bends twice as far as it is high.
    heights = blocks[at] / 2
    heard = _CLICK_SHARE_OF_RMS * math.sqrt(power / piece.numel())
    heights = heights * ((blocks[at] > times * around) & (heights > heard))
    best = int(heights.argmax())
    height = float(heights[best])
    return Click((best + _CLICK_FAR) * size, height) if height else None


# A clipped track stays at full scale; peaks, which a codec lets overshoot, pass it in a sample or two.
_FULL_SCALE = 0.99
_FULL_SAMPLES = 3
# Nor does music hold one value for so long anywhere but at a ceiling or in silence.
_FLAT_SAMPLES = 8
_FLAT_SHARE_OF_PEAK = 0.3


def clipped_share(piece: torch.Tensor) -> float:
    """Share of the samples of ``piece`` [C, n] that stay at full scale, or flat where they should turn."""
    peaks = _peaks(piece)
    return sum(_clipped(row, peak) for row, peak in zip(piece, peaks)) / max(1, piece.numel())


def most_clipped_share(piece: torch.Tensor, sample_rate: int) -> float:
    """The same of the second of ``piece`` that has most of them."""
    peaks = _peaks(piece)
    seconds = piece.split(sample_rate, 1)
    return max(sum(map(_clipped, part, peaks)) / max(1, part.numel()) for part in seconds)


def _peaks(piece: torch.Tensor) -> list[float]:
    return [float(torch.stack(torch.aminmax(row)).abs().amax()) if len(row) else 0.0 for row in piece]


def _clipped(row: torch.Tensor, peak: float) -> int:
    """How many samples of ``row`` [n] are clipped, whose channel goes up to ``peak``."""
    full, flat = 0, 0
    for part in row.split(_PART_SAMPLES):
        if peak >= _FULL_SCALE:
            full += sum(_long(part * sign >= _FULL_SCALE, _FULL_SAMPLES) for sign in (1, -1))
        # Of eight equal samples, two neighbours begin at a place that four divides: there is looked first.
        if bool((part[1 :: _FLAT_SAMPLES // 2] == part[: -1 : _FLAT_SAMPLES // 2]).any()):
            same = part[1:] == part[:-1]
            for step in (1, 2, 3):  # seven equal steps in a row
                same = same[step:] & same[:-step]
            flat += int((part[: same.shape[0]][same].abs() > _FLAT_SHARE_OF_PEAK * peak).sum())
    return max(full, flat)


def _long(flags: torch.Tensor, least: int) -> int:
    """How many of ``flags`` [n] stand in runs of at least so many."""
    if not bool(flags.any()):
        return 0
    lengths = (last - first for first, last in _runs(flags))
    return sum(length for length in lengths if length >= least)
