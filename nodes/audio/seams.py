"""How well a joint turned out, in numbers."""

import math
from dataclasses import dataclass

import torch

_LEVEL_SECONDS = 0.4
_SPECTRUM_SECONDS = 0.2
_SLOPE_SECONDS = 1.0
_SLOPE_PERCENTILE = 0.999
_SILENCE = 1e-4
_MEL_BANDS = 40


@dataclass(frozen=True)
class Seam:
    """One joint between kept and new sound.

    time_seconds: where, on the output track. edge: ``start`` or ``end`` of the new sound.
    level_step_db: short-term level of the new sound less that of the kept sound; None beside silence.
    jump: the step between the two samples at the joint over the 99.9th percentile of the track's own steps
        nearby; up to 1 is no click.
    spectral_distance_db: RMS difference of the log-mel spectra on both sides.
    correlation: of the context next to the joint, as rendered against the source (None without context).
    delay_ms, gain_db: what was undone and applied here.
    verdict: ``good``, ``fair`` or ``poor``.
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
        """What is wrong at this joint, for a warning."""
        faults = []
        if self.level_step_db is not None and abs(self.level_step_db) > POOR_LEVEL_STEP_DB:
            faults.append(f"the level steps by {self.level_step_db:+.1f} dB")
        if self.jump is not None and self.jump > POOR_JUMP:
            faults.append(f"the waveform jumps {self.jump:.1f} times as far as the music itself does")
        if self.spectral_distance_db is not None and self.spectral_distance_db > POOR_SPECTRAL_DISTANCE_DB:
            faults.append(f"the sound colour changes by {self.spectral_distance_db:.0f} dB")
        what = " and ".join(faults) or "nothing stands out"
        return f"The seam at {self.time_seconds:.2f} s may be heard: {what}. Try another seed or a longer crossfade."


POOR_LEVEL_STEP_DB = 6.0
POOR_JUMP = 1.5
POOR_SPECTRAL_DISTANCE_DB = 20.0


def measure_seam(out, position: int, sample_rate: int, edge: str, correlation, delay: float, gain_db: float) -> Seam:
    """Measure the joint between out[:, position - 1] and out[:, position] of a track [C, T]."""
    level = _level_step_db(out, position, sample_rate, edge)
    jump = _jump(out, position, sample_rate)
    distance = _spectral_distance_db(out, position, sample_rate)
    return Seam(
        position / sample_rate, edge, level, jump, distance, correlation,
        1000 * delay / sample_rate, gain_db, _verdict(level, jump, distance),
    )  # fmt: skip


def _verdict(level, jump, distance) -> str:
    worst = max(
        abs(level or 0) / POOR_LEVEL_STEP_DB, (jump or 0) / POOR_JUMP, (distance or 0) / POOR_SPECTRAL_DISTANCE_DB
    )
    return "poor" if worst > 1 else "fair" if worst > 0.67 else "good"


def _sides(out, position: int, samples: int):
    return out[:, max(0, position - samples) : position], out[:, position : position + samples]


def _level_step_db(out, position, sample_rate, edge) -> float | None:
    left, right = (_rms(side) for side in _sides(out, position, round(_LEVEL_SECONDS * sample_rate)))
    if min(left, right) < _SILENCE:
        return None
    step = 20 * math.log10(right / left)
    return step if edge == "start" else -step


def _jump(out, position, sample_rate) -> float | None:
    reach = max(2, round(_SLOPE_SECONDS * sample_rate))
    piece = out[:, max(0, position - reach) : position + reach]
    steps = piece.diff(dim=1).abs().amax(0)
    at = position - max(0, position - reach) - 1
    usual = float(steps.kthvalue(max(1, math.ceil(_SLOPE_PERCENTILE * steps.numel()))).values)
    return float(steps[at]) / max(usual, _SILENCE)


def _spectral_distance_db(out, position, sample_rate) -> float | None:
    left, right = _sides(out, position, round(_SPECTRUM_SECONDS * sample_rate))
    if min(left.shape[1], right.shape[1]) < 64 or min(_rms(left), _rms(right)) < _SILENCE:
        return None
    return float((_log_mel(left, sample_rate) - _log_mel(right, sample_rate)).square().mean().sqrt())


def _log_mel(piece, sample_rate) -> torch.Tensor:
    """dB in _MEL_BANDS bands, equally wide on the mel scale (O'Shaughnessy)."""
    power = torch.fft.rfft(piece * torch.hann_window(piece.shape[1]), dim=1).abs().square().sum(0) / piece.shape[1]
    top = 2595 * math.log10(1 + min(16_000, sample_rate / 2) / 700)
    edges = 700 * (10 ** (torch.linspace(0, top, _MEL_BANDS + 1) / 2595) - 1)
    bins = (edges / sample_rate * piece.shape[1]).round().long().clamp(max=power.numel() - 1)
    bands = [power[a : max(a + 1, b)].mean() for a, b in zip(bins[:-1].tolist(), bins[1:].tolist())]
    bands = torch.stack(bands)
    return 10 * torch.log10(bands + bands.amax() * 1e-6 + 1e-12)


def _rms(piece) -> float:
    return float(piece.square().mean().sqrt()) if piece.numel() else 0.0


def _plain(value: float | None, digits: int) -> float | None:
    return round(float(value), digits) if value is not None and math.isfinite(value) else None
