"""Level of new sound against its surroundings: gains measured on context, never on the edit itself."""

import math

import torch

from .correlate import cross_spectra

MAX_GAIN_DB = 6.0
# Next to a seam this much context decides: long enough for a bar of music, short enough to be local.
LEVEL_CONTEXT_SECONDS = 3.0
_MIN_CONTEXT_SAMPLES = 256
_SILENCE_RMS = 1e-4
# A side this far below the other is mostly noise floor; the louder side then speaks for both.
_FAINT = 0.03

# Kept sound and the same sound as rendered, aligned, both [C, n].
Context = tuple[torch.Tensor, torch.Tensor]


def edge_gains_db(left: Context | None, right: Context | None, sample_rate: int) -> tuple[float, float]:
    """Gain at the start and at the end of new sound, from the context on each side; 0 dB when none can tell."""
    levels = [_rms(side[0]) if side and side[0].shape[1] >= _MIN_CONTEXT_SAMPLES else 0.0 for side in (left, right)]
    gains = [
        context_gain_db(*side, sample_rate) if side and level >= _FAINT * max(levels) else None
        for side, level in zip((left, right), levels)
    ]
    known = [gain for gain in gains if gain is not None] or [0.0]
    return gains[0] if gains[0] is not None else known[0], gains[1] if gains[1] is not None else known[-1]


def context_gain_db(reference: torch.Tensor, rendered: torch.Tensor, sample_rate: int) -> float | None:
    """dB that bring ``rendered`` to the level of ``reference`` (both [C, n], aligned), within ±MAX_GAIN_DB.

    Frequencies at which the two agree decide, so that noise and lost treble do not count as level.
    None when either is silent or too short to say.
    """
    if reference.shape[1] < _MIN_CONTEXT_SAMPLES:
        return None
    if min(_rms(reference), _rms(rendered)) < _SILENCE_RMS:
        return None
    xx, yy, xy = cross_spectra(centred(reference), centred(rendered), sample_rate)
    coherence = (xy.abs().square() / (xx * yy).clamp_min(1e-30)).clamp(0, 1)
    # With the phase lost (a vocoder) nothing is coherent, and with the sides lost (mono) little can be: then all
    # frequencies count alike.
    mono = rendered.shape[0] == 2 and torch.equal(rendered[0], rendered[1])
    weight = torch.ones_like(coherence) if mono else coherence.square() + 0.01
    gain = 10 * math.log10(float((weight * xx).sum() / (weight * yy).sum().clamp_min(1e-30)))
    return max(-MAX_GAIN_DB, min(MAX_GAIN_DB, gain))


def centred(piece: torch.Tensor) -> torch.Tensor:
    """Without the constant offset some recordings have, which is no level and which codecs take away."""
    return piece - piece.mean(1, keepdim=True)


def gain_curve(start_db: float, stop_db: float, samples: int) -> torch.Tensor:
    """Factors [samples] going from ``start_db`` to ``stop_db``, straight in dB."""
    if start_db == stop_db:
        return torch.full((samples,), 10 ** (start_db / 20))
    return torch.linspace(start_db / 20, stop_db / 20, samples).mul_(math.log(10)).exp_()


def limit(sound: torch.Tensor, ceiling: float) -> None:
    """Let no sample of ``sound`` go beyond ±max(1, ceiling); samples within are untouched. In place."""
    bound = max(1.0, ceiling)
    sound.clamp_(-bound, bound)


def _rms(piece: torch.Tensor) -> float:
    return float(centred(piece).square().mean().sqrt())
