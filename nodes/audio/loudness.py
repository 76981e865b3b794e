"""Level of new sound against its surroundings: gains measured on context, never on the edit itself."""

import math

import torch

from .correlate import cross_spectra

MAX_GAIN_DB = 6.0
# Next to a seam this much context decides: long enough for a bar of music, short enough to be local.
LEVEL_CONTEXT_SECONDS = 3.0
_MIN_CONTEXT_SAMPLES = 256
_SILENCE_RMS = 1e-4


def context_gain_db(reference: torch.Tensor, rendered: torch.Tensor, sample_rate: int) -> float | None:
    """dB that bring ``rendered`` to the level of ``reference`` (both [C, n], aligned), within ±MAX_GAIN_DB.

    Frequencies at which the two agree decide, so that noise and lost treble do not count as level.
    None when either is silent or too short to say.
    """
    if reference.shape[1] < _MIN_CONTEXT_SAMPLES:
        return None
    if min(_rms(reference), _rms(rendered)) < _SILENCE_RMS:
        return None
    xx, yy, xy = cross_spectra(reference, rendered, sample_rate)
    coherence = (xy.abs().square() / (xx * yy).clamp_min(1e-30)).clamp(0, 1)
    # With the phase lost (a vocoder) nothing is coherent, and all frequencies count alike.
    weight = coherence.square() + 1e-3
    gain = 10 * math.log10(float((weight * xx).sum() / (weight * yy).sum().clamp_min(1e-30)))
    return max(-MAX_GAIN_DB, min(MAX_GAIN_DB, gain))


def gain_curve(start_db: float, stop_db: float, samples: int) -> torch.Tensor:
    """Factors [samples] going from ``start_db`` to ``stop_db``, straight in dB."""
    if start_db == stop_db:
        return torch.full((samples,), 10 ** (start_db / 20))
    return torch.pow(10.0, torch.linspace(start_db / 20, stop_db / 20, samples))


def limited(segment: torch.Tensor, ceiling: float) -> torch.Tensor:
    """``segment`` with no sample beyond ±max(1, ceiling); samples within are untouched."""
    bound = max(1.0, ceiling)
    return segment.clamp(-bound, bound)


def _rms(piece: torch.Tensor) -> float:
    return float(piece.square().mean().sqrt())
