"""How well a joint turned out: its numbers against what the track itself does elsewhere.

Music steps and changes colour all the time; a joint is poor only where it does so more than the music around it
or than the source did at that very place. The numbers come from ``measures.py``, the words are in
``words/remarks.py``.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from ..words.remarks import Remark, directed, remark
from .measures import (
    MOMENTARY_SECONDS,
    SPECTRUM_SECONDS,
    Blocks,
    Heard,
    balance_db,
    bass_db,
    log_spectrum,
    loudness_db,
    treble_db,
    width_db,
)

# Loudness, width, balance, treble and bass are compared over windows this long.
SLOW_SECONDS = 2.0
# At the far ends of the kept sound, what lies 30 dB below it is no music: the noise behind a song's end, or what an
# encoder left of silence. Errs toward calling soft passages music: EBU Tech 3342 leaves out what is 20 LU below.
_ENDED = 1e-3
# What music does now and then is usual, what it does once is not: 1 step of 1000 from sample to sample, 1 change in 20.
_SLOPE_PERCENTILE = 0.999
_USUAL_PERCENTILE = 0.95
# Smaller differences than these are never a fault, however even the music. Trials with real music, cut and put
# together again through a lossy codec, stay below them; so they err toward silence about small faults.
_LEVEL_FLOOR_DB = 3.0
_COLOUR_FLOOR_DB = 8.0
LOUDNESS_FLOOR_DB = 3.0  # natural differences of 4 s to the 3 s beside them: 95 % below 2.8 LU
WIDTH_FLOOR_DB = 4.0
BALANCE_FLOOR_DB = 2.5
TREBLE_FLOOR_DB = 5.0
BASS_FLOOR_DB = 6.0
_SLOPE_FLOOR = 1e-4
# Up to this many times the usual is fair; beyond it is poor, and said.
FAIR = 1.4


@dataclass(frozen=True)
class Difference:
    """New sound less the kept sound beside it, in dB; None beside silence, width and balance None for mono.

    level_db: 0.4 s on both sides. colour_db: RMS difference of the log-mel spectra of 1 s, never negative.
    loudness_db, width_db, balance_db, treble_db, bass_db: some seconds on both sides.
    """

    level_db: float | None = None
    colour_db: float | None = None
    loudness_db: float | None = None
    width_db: float | None = None
    balance_db: float | None = None
    treble_db: float | None = None
    bass_db: float | None = None


# The defaults hold where too little kept sound says what is usual.
@dataclass(frozen=True)
class Usual:
    """How much the kept sound near the edit differs from itself: 95th percentiles of what ``Difference`` holds, and
    the 99.9th of its steps from sample to sample; never less than the floors above."""

    level_db: float = 6.0
    colour_db: float = 12.0
    loudness_db: float = 4.0
    width_db: float = 6.0
    balance_db: float = 4.0
    treble_db: float = 8.0
    bass_db: float = 9.0
    slope: float = _SLOPE_FLOOR


@dataclass(frozen=True)
class Measured:
    """One joint in numbers. step: from the last sample on one side to the first on the other."""

    difference: Difference
    step: float


@dataclass(frozen=True)
class Made:
    """How a joint was made.

    time_seconds: the edge of the range, on the output track. edge: ``start`` or ``end`` of the new sound.
    correlation: of the context next to the joint as rendered with that context as it was; None without context.
    delay_ms, gain_db: the delay that was undone and the gain that was applied here.
    cut_ms, fade_ms: how far inside the range the fade begins, and how long it is.
    """

    time_seconds: float
    edge: str
    correlation: float | None = None
    delay_ms: float = 0.0
    gain_db: float = 0.0
    cut_ms: float = 0.0
    fade_ms: float = 0.0


@dataclass(frozen=True)
class Seam:
    """One joint between kept and new sound, judged.

    difference: of new sound behind the fade and kept sound.
    jump: the step between the two samples at the joint over the 99.9th percentile of the steps the kept sound
        takes nearby; up to 1 is no click.
    verdict: ``good`` (no more than usual for this music), ``fair`` or ``poor``.
    excess: how many times the usual its worst number is.
    faults: what makes it poor.
    """

    made: Made
    difference: Difference
    jump: float | None
    verdict: str
    excess: float
    faults: tuple[Remark, ...] = ()

    def as_dict(self) -> dict:
        """Plain rounded values for JSON; what could not be measured is None."""
        made, new = self.made, self.difference
        return {
            "time_seconds": _plain(made.time_seconds, 6),
            "edge": made.edge,
            "level_step_db": _plain(new.level_db, 2),
            "jump": _plain(self.jump, 3),
            "spectral_distance_db": _plain(new.colour_db, 2),
            "correlation": _plain(made.correlation, 3),
            "delay_ms": _plain(made.delay_ms, 3),
            "gain_db": _plain(made.gain_db, 2),
            "verdict": self.verdict,
            "loudness_db": _plain(new.loudness_db, 2),
            "width_db": _plain(new.width_db, 2),
            "balance_db": _plain(new.balance_db, 2),
            "treble_db": _plain(new.treble_db, 2),
            "bass_db": _plain(new.bass_db, 2),
            "cut_ms": _plain(made.cut_ms, 1),
            "fade_ms": _plain(made.fade_ms, 1),
            "excess": _plain(self.excess, 3),
        }


def difference(kept: Heard, new: Heard) -> Difference:
    """What changes from ``kept`` to ``new`` sound."""
    colour = None
    if kept.spectrum is not None and new.spectrum is not None:
        colour = float((new.spectrum - kept.spectrum).square().mean().sqrt())
    return Difference(
        _less(new.level_db, kept.level_db),
        colour,
        _less(new.loudness_db, kept.loudness_db),
        _less(new.width_db, kept.width_db),
        _less(new.balance_db, kept.balance_db),
        _less(new.treble_db, kept.treble_db),
        _less(new.bass_db, kept.bass_db),
    )


def usual(kept: Sequence[Blocks], slopes: Sequence[torch.Tensor], silence_power: float) -> Usual:
    """What is usual in pieces of kept sound. slopes: the magnitude of each step from sample to sample, [n] each."""
    floors = {
        "level_db": _LEVEL_FLOOR_DB,
        "colour_db": _COLOUR_FLOOR_DB,
        "loudness_db": LOUDNESS_FLOOR_DB,
        "width_db": WIDTH_FLOOR_DB,
        "balance_db": BALANCE_FLOOR_DB,
        "treble_db": TREBLE_FLOOR_DB,
        "bass_db": BASS_FLOOR_DB,
    }
    found = {name: [] for name in floors}
    loud = torch.cat([blocks.loud for blocks in kept]) if kept else torch.empty(0)
    music_power = _ENDED * float(loud.mean()) if len(loud) else 0.0
    for blocks in kept:
        # That a song ends is not what it usually does.
        sounding = (blocks.loud >= music_power).nonzero().flatten().tolist() or [0]
        blocks = blocks.part(sounding[0], sounding[-1] + 1)
        slow = {"loudness_db": loudness_db, "treble_db": treble_db, "bass_db": bass_db}
        if blocks.stereo:
            slow |= {"width_db": width_db, "balance_db": balance_db}
        by_length = {
            MOMENTARY_SECONDS: {"level_db": loudness_db},
            SPECTRUM_SECONDS: {"colour_db": _spectra_db},
            SLOW_SECONDS: slow,
        }
        for seconds, measures in by_length.items():
            for name, change in _changes(blocks, seconds, measures, silence_power):
                found[name].append(change.abs() if change.ndim == 1 else change.square().mean(1).sqrt())
    known = {
        name: max(floors[name], _percentile(parts, _USUAL_PERCENTILE, getattr(Usual, name)))
        for name, parts in found.items()
    }
    return Usual(**known, slope=max(_percentile(slopes, _SLOPE_PERCENTILE, 0.0), _SLOPE_FLOOR))


def judged(made: Made, now: Measured, before: Measured | None, usual: Usual) -> Seam:
    """The seam of a joint that measures as ``now`` and did as ``before`` in the source (None: there was none)."""
    new, was = now.difference, before.difference if before else Difference()
    jump = now.step / max(usual.slope, before.step if before else 0.0)
    colour = (new.colour_db or 0.0) / max(usual.colour_db, was.colour_db or 0.0)
    level = _excess(new.level_db, was.level_db, usual.level_db)
    loudness = _excess(new.loudness_db, was.loudness_db, usual.loudness_db)
    width = _excess(new.width_db, was.width_db, usual.width_db)
    balance = _excess(new.balance_db, was.balance_db, usual.balance_db)
    at = {"time": made.time_seconds}
    # At the joint at once, or some seconds behind it over those before it: one step, said once.
    step, step_db = max((level, new.level_db or 0.0), (loudness, new.loudness_db or 0.0))
    found = [
        (step, directed("seam_louder", "seam_softer", step_db, **at)),
        (jump, remark("seam_jump", times=jump, **at)),
        (colour, remark("seam_colour", times=colour, **at)),
        (width, directed("seam_wider", "seam_narrower", new.width_db or 0.0, **at)),
        (balance, directed("seam_left", "seam_right", new.balance_db or 0.0, **at)),
    ]
    worst = max(excess for excess, _ in found)
    return Seam(
        made,
        new,
        jump,
        verdict="poor" if worst > FAIR else "fair" if worst > 1 else "good",
        excess=worst,
        faults=tuple(said for excess, said in found if excess > FAIR),
    )


def _excess(now: float | None, before: float | None, usual: float) -> float:
    """How many times the usual a difference is, from what is beside it or from what was there."""
    if now is None:
        return 0.0
    return min(abs(now), abs(now - before) if before is not None else math.inf) / usual


def _changes(
    blocks: Blocks, seconds: float, measures: Mapping[str, Callable[[Blocks], torch.Tensor]], silence_power: float
) -> list[tuple[str, torch.Tensor]]:
    """Of each of ``measures`` its name, and its value of each ``seconds`` less that of the ``seconds`` before them,
    silence left out."""
    windows = blocks.windows(seconds)
    count = blocks.count(seconds)
    heard = torch.minimum(windows.loud[count:], windows.loud[:-count]) >= silence_power
    values = {name: measure(windows) for name, measure in measures.items()}
    return [(name, (value[count:] - value[:-count])[heard]) for name, value in values.items()]


def _spectra_db(windows: Blocks) -> torch.Tensor:
    return log_spectrum(windows.bands)


def _less(a: float | None, b: float | None) -> float | None:
    return a - b if a is not None and b is not None else None


def _percentile(parts: Sequence[torch.Tensor], share: float, otherwise: float) -> float:
    values = torch.cat(list(parts)) if parts else torch.empty(0)
    if not values.numel():
        return otherwise
    above = values.numel() - max(1, math.ceil(share * values.numel()))
    return float(values.topk(above + 1, sorted=False).values.amin())


def _plain(value: float | None, digits: int) -> float | None:
    return round(float(value), digits) if value is not None and math.isfinite(value) else None
