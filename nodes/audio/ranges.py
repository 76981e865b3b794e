"""How well a range turned out: as a whole against its neighbours, and in its parts against all that is around it and
stood there.

The numbers come from ``measures.py``, joints are judged in ``seams.py``, the words are in ``words/remarks.py``.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..words.remarks import Remark, directed, remark
from .measures import (
    SPECTRUM_SECONDS,
    Blocks,
    balance_db,
    bass_db,
    log_spectrum,
    loudness_db,
    treble_db,
    width_db,
)
from .seams import (
    BALANCE_FLOOR_DB,
    BASS_FLOOR_DB,
    FAIR,
    LOUDNESS_FLOOR_DB,
    TREBLE_FLOOR_DB,
    WIDTH_FLOOR_DB,
    Difference,
    Usual,
)

# A louder or softer part stands out when it lasts so long; what is shorter is a phrase.
_PASSAGE_SECONDS = 3.0
# What falls out of all that the music does is heard sooner: a rest of one beat at 75 BPM.
_DROP_SECONDS = 0.8
# So far below the softest of the music around it real music fell, cut and put together again, once in 120 times.
_DROP_FLOOR_DB = 7.0
# Colour and channels are compared over windows this long; of a shorter one a note or two would decide.
_COLOUR_SECONDS = SPECTRUM_SECONDS
# What lies so far below the music around it is heard as softer, not as of another colour (−15 dB). Errs toward silence
# about soft passages.
_SOFT = 10 ** (-15 / 10)
# How far the shape of a second's spectrum lies from the nearest one of the music around it: of real music that was cut
# and put together again through a lossy codec 4.6 dB at most.
_COLOUR_FLOOR_DB = 4.5
# Of long music so many spectra stand for all: one a second of ten minutes. All with all would fill the memory.
_MOST_COMPARED = 600


def judged_range(
    where: dict[str, float], sides: Sequence[tuple[Difference, Difference | None]], usual: Usual
) -> tuple[float, tuple[Remark, ...]]:
    """(excess, faults) of a range as a whole.

    where: its ``start`` and ``end`` in seconds. sides: of each neighbour, what changed now and before. A range between
    two neighbours that differ may be like either or anything between them, or like what stood there.
    """
    level, level_db = _between(sides, "loudness_db", usual.loudness_db)
    faults = []
    if level > FAIR:
        faults.append(directed("range_louder", "range_softer", level_db, **where))
    worst = level
    # Only what is lost: new sound may be brighter, or have more ground.
    for code, name in (("range_treble", "treble_db"), ("range_bass", "bass_db")):
        excess, off_db = _between(sides, name, getattr(usual, name))
        if off_db < 0:
            worst = max(worst, excess)
            if excess > FAIR:
                faults.append(remark(code, **where, db=-off_db))
    return worst, tuple(faults)


def _between(sides, name: str, usual: float) -> tuple[float, float]:
    """(excess, dB) of what is least off: one of the neighbours, what lies between them, or what stood there."""
    off: list[float] = []
    now: list[float] = []
    for after, before in sides:
        value, was = getattr(after, name), getattr(before, name) if before else None
        if value is not None:
            now.append(value)
            off += [value, value - was] if was is not None else [value]
    if not now or min(now) <= 0 <= max(now):
        return 0.0, 0.0
    least = min(off, key=abs)
    return abs(least) / usual, least


@dataclass(frozen=True)
class Part:
    """A stretch of new sound, in seconds from its start, that is unlike all around it.

    code: of what there is to say. db: how far off it is. excess: how many times the usual that is.
    """

    code: str
    start_seconds: float
    end_seconds: float
    db: float
    excess: float

    def overlaps(self, other: "Part") -> bool:
        return self.start_seconds < other.end_seconds and other.start_seconds < self.end_seconds


@dataclass(frozen=True)
class _Kind:
    """more, less: what to say where a measure lies above or below all around it; empty where that is no fault.

    varies: whether what changes anyway may go beyond by as much, or by no more than the floor. may_fade: whether an
    open end may do it. soft: whether soft sound can.
    """

    more: str
    less: str
    measure: Callable[[Blocks], torch.Tensor]
    seconds: float
    floor_db: float
    varies: bool = True
    may_fade: bool = False
    soft: bool = False


_LOUDNESS = (
    # The loudness of the music anywhere has all of its changes in it.
    _Kind(
        "range_louder",
        "range_softer",
        loudness_db,
        _PASSAGE_SECONDS,
        LOUDNESS_FLOOR_DB,
        varies=False,
        may_fade=True,
        soft=True,
    ),
    _Kind("", "range_softer", loudness_db, _DROP_SECONDS, _DROP_FLOOR_DB, may_fade=True, soft=True),
)
# New sound may have more of it.
_COLOUR = (
    _Kind("", "range_treble", treble_db, _COLOUR_SECONDS, TREBLE_FLOOR_DB),
    _Kind("", "range_bass", bass_db, _COLOUR_SECONDS, BASS_FLOOR_DB),
)
_SIDES = (
    _Kind("range_left", "range_right", balance_db, _COLOUR_SECONDS, BALANCE_FLOOR_DB),
    _Kind("", "range_narrower", width_db, _COLOUR_SECONDS, WIDTH_FLOOR_DB),
)


@dataclass(frozen=True, eq=False)
class _Windows:
    """All windows of one length, of new and of natural sound, and which of them are loud enough to have a colour."""

    seconds: float
    new: Blocks
    sounding: torch.Tensor
    natural: Sequence[tuple[Blocks, torch.Tensor]]

    @classmethod
    def of(cls, new: Blocks, natural: Sequence[Blocks], seconds: float) -> "_Windows":
        least = _SOFT * float(torch.cat([each.loud for each in natural]).mean())
        known = [(each.windows(seconds), _sounding(each, seconds, least)) for each in natural]
        return cls(seconds, new.windows(seconds), _sounding(new, seconds, least), known)

    def compared(
        self, measure: Callable[[Blocks], torch.Tensor], *, soft: bool = False
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """``measure`` of new and of natural sound, where both are loud enough unless ``soft``: NaN for soft new sound,
        nothing for soft natural sound."""
        heard = measure(self.new)
        if soft:
            return heard, torch.cat([measure(windows) for windows, _ in self.natural])
        heard[~self.sounding] = math.nan
        return heard, torch.cat([measure(windows)[sounding] for windows, sounding in self.natural])


def parts_off(new: Blocks, natural: Sequence[Blocks], steady: tuple[int, int]) -> list[Part]:
    """The parts of ``new`` sound that lie outside what ``natural`` sound does anywhere, of each kind the worst.

    steady: the blocks [first, last) of ``new`` that should sound; beyond them it may fade away. None of a kind of which
    all lies within, or that is too short to say. What is above ``FAIR`` times the usual is a fault.
    """
    if not sum(map(len, natural)):
        return []
    lengths = (_PASSAGE_SECONDS, _DROP_SECONDS, _COLOUR_SECONDS)
    windows = {seconds: _Windows.of(new, natural, seconds) for seconds in lengths}

    def worst(kinds: Sequence[_Kind]) -> list[Part]:
        found = [_part(kind, windows[kind.seconds], new, steady) for kind in kinds]
        return sorted((part for part in found if part), key=lambda part: -part.excess)

    loudness = worst(_LOUDNESS)[:1]
    # Noise in the place of music has another spectrum, and neither bass nor treble of its own: one fault, said once.
    unlike = _unlike(windows[_COLOUR_SECONDS], new.seconds)
    colour = sorted((*worst(_COLOUR), *unlike), key=lambda part: -part.excess)
    colour = [part for at, part in enumerate(colour) if not any(map(part.overlaps, colour[:at]))]
    return loudness + colour + (worst(_SIDES) if new.stereo else [])


def _part(kind: _Kind, windows: _Windows, new: Blocks, steady: tuple[int, int]) -> Part | None:
    heard, known = windows.compared(kind.measure, soft=kind.soft)
    if not len(known) or not len(heard):
        return None
    above = (heard - known.max()).clamp_min(0) if kind.more else torch.zeros_like(heard)
    below = (known.min() - heard).clamp_min(0)
    if kind.may_fade:
        first, last = steady
        below[:first] = below[max(0, last - new.count(kind.seconds) + 1) :] = 0
    usual = max(kind.floor_db, float(known.max() - known.min()) if kind.varies else 0.0)
    return _stretch(above - below, usual, (kind.more, kind.less), kind.seconds, new.seconds)


def _unlike(windows: _Windows, block_seconds: float) -> list[Part]:
    """Where the spectrum is unlike any there is."""
    heard, known = windows.compared(_shape)
    if not len(known) or not len(heard):
        return []
    known = known[:: math.ceil(len(known) / _MOST_COMPARED)]
    per_band = 1 / math.sqrt(known.shape[1])
    # By products, a tenth of the time and 0.01 dB off.
    nearest = torch.cdist(heard, known, compute_mode="use_mm_for_euclid_dist").amin(1) * per_band
    apart = torch.pdist(known) * per_band
    usual = max(_COLOUR_FLOOR_DB, float(apart.quantile(0.95)) if len(apart) else 0.0)
    found = _stretch(nearest, usual, ("range_colour", ""), windows.seconds, block_seconds)
    return [found] if found else []


def _shape(windows: Blocks) -> torch.Tensor:
    """[n, bands]: the log spectrum without its level."""
    spectrum = log_spectrum(windows.bands)
    return spectrum - spectrum.mean(-1, keepdim=True)


def _sounding(blocks: Blocks, seconds: float, least: float) -> torch.Tensor:
    """Whether each ``seconds`` are no softer than ``least``, and half of them too: of what rings out before a rest the
    colour is none of the music's."""
    count = blocks.count(seconds)
    if len(blocks) < count:
        return torch.zeros(0, dtype=torch.bool)
    loud = blocks.loud.unfold(0, count, 1)
    return (loud.mean(-1) >= least) & ((loud >= least).float().mean(-1) >= 0.5)


def _stretch(
    off: torch.Tensor, usual: float, codes: tuple[str, str], seconds: float, block_seconds: float
) -> Part | None:
    """The worst of ``off`` [windows] and what is beside it and at least half as far off."""
    off = off.nan_to_num(0)
    worst = int(off.abs().argmax())
    if not float(off[worst]):
        return None
    within = (off * off[worst].sign() >= off[worst].abs() / 2).tolist()
    first, last = worst, worst
    while first > 0 and within[first - 1]:
        first -= 1
    while last + 1 < len(within) and within[last + 1]:
        last += 1
    db = float(off[worst])
    code = codes[0] if db > 0 else codes[1]
    # A long window is louder as soon as some of it is, and softer only when all of it is, as a short one is unlike.
    inset = seconds / 2 if db > 0 and seconds > _COLOUR_SECONDS else 0.0
    start = first * block_seconds + (inset if first else 0.0)
    end = last * block_seconds + seconds - (inset if last + 1 < len(within) else 0.0)
    return Part(code, start, max(start, end), abs(db), abs(db) / usual)
