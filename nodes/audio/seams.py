"""How well a joint turned out, in numbers, against what the track itself does elsewhere.

Music steps and changes colour all the time; a joint is poor only where it does so more than the music around it
or than the source did at that very place.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .loudness import centred
from .windows import Span

_LEVEL_SECONDS = 0.4  # the momentary loudness window of ITU-R BS.1770
_SPECTRUM_SECONDS = 1.0  # shorter, and every note counts as a change of colour
_BLOCK_SECONDS = 0.1
_MIN_BLOCK_SAMPLES = 64
_NATURAL_SECONDS = 2.0  # less known sound than this says nothing about what is usual
_SLOPE_PERCENTILE = 0.999
_USUAL_PERCENTILE = 0.95
# Smaller differences than these are never a fault, however even the music.
_LEVEL_STEP_FLOOR_DB = 3.0
_SPECTRAL_DISTANCE_FLOOR_DB = 8.0
_SLOPE_FLOOR = 1e-4
_SILENCE_RMS = 1e-4
_MEL_BANDS = 40
_MEL_TOP_HZ = 16_000
# Up to this many times the usual is fair; beyond it is poor.
_FAIR = 1.4


@dataclass(frozen=True)
class Usual:
    """What the kept sound near the edit does by itself: the 95th percentile of its level steps and spectral
    distances, the 99.9th of its steps from sample to sample."""

    level_step_db: float = 6.0
    spectral_distance_db: float = 12.0
    slope: float = _SLOPE_FLOOR


@dataclass(frozen=True)
class Seam:
    """One joint between kept and new sound.

    time_seconds: where, on the output track. edge: ``start`` or ``end`` of the new sound.
    level_step_db: level of 0.4 s of new sound less that of 0.4 s of kept sound; None beside silence.
    jump: the step between the two samples at the joint over the 99.9th percentile of the steps the kept sound
        takes nearby; up to 1 is no click.
    spectral_distance_db: RMS difference of the log-mel spectra of 1 s on both sides; None beside silence.
    correlation: of the context next to the joint as rendered with that context as it was; None without context.
    delay_ms, gain_db: the delay that was undone and the gain that was applied here.
    verdict: ``good`` (no more than usual for this music), ``fair`` or ``poor``.
    faults: what makes it poor, in words.
    """

    time_seconds: float
    edge: str
    level_step_db: float | None
    jump: float | None
    spectral_distance_db: float | None
    correlation: float | None
    delay_ms: float
    gain_db: float
    verdict: str
    faults: tuple[str, ...] = ()

    def as_dict(self) -> dict:
        """Plain rounded values for JSON; what could not be measured is None."""
        return {
            "time_seconds": _plain(self.time_seconds, 6),
            "edge": self.edge,
            "level_step_db": _plain(self.level_step_db, 2),
            "jump": _plain(self.jump, 3),
            "spectral_distance_db": _plain(self.spectral_distance_db, 2),
            "correlation": _plain(self.correlation, 3),
            "delay_ms": _plain(self.delay_ms, 3),
            "gain_db": _plain(self.gain_db, 2),
            "verdict": self.verdict,
        }

    def sentence(self) -> str:
        """What is wrong at this joint and what to do, for a warning about a poor one."""
        what = " and ".join(self.faults) or "it stands out from the music around it"
        return f"The seam at {self.time_seconds:.2f} s may be heard: {what}. Try another seed or a longer crossfade."


@dataclass(frozen=True)
class Measures:
    """Level step, spectral distance (dB) and sample step of one place of a track."""

    level_step_db: float | None
    spectral_distance_db: float | None
    step: float


def measured(track: torch.Tensor, position: int, sample_rate: int) -> Measures:
    """Measure between track[:, position - 1] and track[:, position] of a track [C, T], 0 < position < T."""
    left, right = _sides(track, position, _LEVEL_SECONDS, sample_rate)
    levels = _rms(left), _rms(right)
    level = 20 * math.log10(levels[1] / levels[0]) if min(levels) >= _SILENCE_RMS else None
    distance = None
    left, right = _sides(track, position, _SPECTRUM_SECONDS, sample_rate)
    block = min(left.shape[1], right.shape[1], round(_BLOCK_SECONDS * sample_rate))
    if block >= _MIN_BLOCK_SAMPLES and min(_rms(left), _rms(right)) >= _SILENCE_RMS:
        # Blocks are counted from the joint, so that none of them lies across it.
        left = left[:, left.shape[1] % block :]
        spectra = [_log(_band_power(side, block, sample_rate).mean(0)) for side in (left, right)]
        distance = float((spectra[0] - spectra[1]).square().mean().sqrt())
    return Measures(level, distance, float((track[:, position] - track[:, position - 1]).abs().amax()))


def usual(track: torch.Tensor, known: Sequence[Span], sample_rate: int) -> Usual:
    """What is usual in the ``known`` spans of a track [C, T]."""
    slopes, steps, distances = [], [], []
    block = max(_MIN_BLOCK_SAMPLES, round(_BLOCK_SECONDS * sample_rate))
    for start, stop in known:
        piece = track[:, start:stop]
        if stop - start > 1:
            slopes.append(piece.diff(dim=1).abs().amax(0))
        if stop - start >= _NATURAL_SECONDS * sample_rate:
            piece = centred(piece)
            level = _level(piece, block)
            steps.append(_changes(level, _LEVEL_SECONDS, level))
            distances.append(_changes(_band_power(piece, block, sample_rate), _SPECTRUM_SECONDS, level))
    return Usual(
        _percentile(steps, _USUAL_PERCENTILE, Usual.level_step_db),
        _percentile(distances, _USUAL_PERCENTILE, Usual.spectral_distance_db),
        max(_percentile(slopes, _SLOPE_PERCENTILE, 0.0), _SLOPE_FLOOR),
    )


def judged(
    place: Measures,
    before: Measures | None,
    usual: Usual,
    *,
    time_seconds: float,
    edge: str,
    correlation: float | None,
    delay_ms: float,
    gain_db: float,
) -> Seam:
    """The seam at a ``place`` that measured as ``before`` in the source (None where there was no source)."""
    own_level = abs(before.level_step_db or 0.0) if before else 0.0
    own_distance = (before.spectral_distance_db or 0.0) if before else 0.0
    level = place.level_step_db if place.level_step_db is None or edge == "start" else -place.level_step_db
    jump = place.step / max(usual.slope, before.step if before else 0.0)
    level_excess = abs(level or 0.0) / max(usual.level_step_db, own_level, _LEVEL_STEP_FLOOR_DB)
    colour_excess = (place.spectral_distance_db or 0.0) / max(
        usual.spectral_distance_db, own_distance, _SPECTRAL_DISTANCE_FLOOR_DB
    )
    faults = []
    if level_excess > _FAIR:
        faults.append(f"the level steps by {level:+.1f} dB")
    if jump > _FAIR:
        faults.append(f"the waveform jumps {jump:.1f} times as far as the music does by itself")
    if colour_excess > _FAIR:
        faults.append(f"the spectrum changes {colour_excess:.1f} times as much as it does elsewhere")
    worst = max(level_excess, jump, colour_excess)
    verdict = "poor" if worst > _FAIR else "fair" if worst > 1 else "good"
    return Seam(
        time_seconds,
        edge,
        level,
        jump,
        place.spectral_distance_db,
        correlation,
        delay_ms,
        gain_db,
        verdict,
        tuple(faults),
    )


def _sides(track: torch.Tensor, position: int, seconds: float, sample_rate: int):
    size = max(1, round(seconds * sample_rate))
    return centred(track[:, max(0, position - size) : position]), centred(track[:, position : position + size])


def _level(piece: torch.Tensor, block: int) -> torch.Tensor:
    """[C, n] → mean square of each whole block, [blocks, 1]."""
    whole = piece[:, : piece.shape[1] // block * block]
    return whole.reshape(piece.shape[0], -1, block).square().mean((0, 2))[:, None]


def _band_power(piece: torch.Tensor, block: int, sample_rate: int) -> torch.Tensor:
    """[C, n] → power of each whole block in bands equally wide on the mel scale (O'Shaughnessy), [blocks, bands]."""
    frames = piece[:, : piece.shape[1] // block * block].reshape(piece.shape[0], -1, block)
    spectrum = torch.fft.rfft(frames * torch.hann_window(block), dim=2)
    power = (spectrum.real.square() + spectrum.imag.square()).sum(0)
    top = 2595 * math.log10(1 + min(_MEL_TOP_HZ, 0.45 * sample_rate) / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, _MEL_BANDS + 1) / 2595) - 1)
    bins = (edges / sample_rate * block).round().long().unique().tolist()
    return torch.stack([power[:, a:b].mean(1) for a, b in zip(bins, bins[1:])], dim=1)


def _changes(power: torch.Tensor, seconds: float, level: torch.Tensor) -> torch.Tensor:
    """RMS dB over the bands between each ``seconds`` and the ``seconds`` after them; silence left out."""
    count = round(seconds / _BLOCK_SECONDS)
    wide, loud = (blocks.unfold(0, count, 1).mean(2) for blocks in (power, level))
    heard = (torch.minimum(loud[count:], loud[:-count]) >= _SILENCE_RMS**2)[:, 0]
    return (_log(wide[count:]) - _log(wide[:-count]))[heard].square().mean(1).sqrt()


def _log(power: torch.Tensor) -> torch.Tensor:
    """dB, no more than 60 below the loudest band, which would not be heard beside it."""
    return 10 * torch.log10(power + power.amax(-1, keepdim=True) * 1e-6 + 1e-20)


def _percentile(parts: list[torch.Tensor], share: float, otherwise: float) -> float:
    values = torch.cat(parts) if parts else torch.empty(0)
    if not values.numel():
        return otherwise
    return float(values.kthvalue(max(1, math.ceil(share * values.numel()))).values)


def _rms(piece: torch.Tensor) -> float:
    return float(piece.square().mean().sqrt()) if piece.numel() else 0.0


def _plain(value: float | None, digits: int) -> float | None:
    return round(float(value), digits) if value is not None and math.isfinite(value) else None
