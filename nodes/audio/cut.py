"""Where new sound is best let in: a little further inside its range, where the join is quietest, and how slowly.

Positions are samples from the edge of the range inward. The range never grows; what is not yet new stays as it was.
"""

from dataclasses import dataclass

import torch

# So far inside the range the search may go: about a beat at 170 BPM and half of one at 85, so that there is a gap
# between two notes to be found. Errs toward leaving the range as it was asked for.
REACH_SECONDS = 0.175
# Steady tones beat and smear in a short fade; in one this long they pass into each other.
TONAL_FADE_SECONDS = 0.12
# Places are tried this far apart: a fade is at least six times as long.
_STEP_SECONDS = 0.005
# The join has to become quieter by this much (3 dB) for the edge to move, and to be heard at all (above −30 dB).
_QUIETER = 0.5
_HEARD = 1e-3
# Tonal is judged over frames that resolve 22 Hz, in the band where chords and not rumble or hiss decide.
_FRAME_SECONDS = 0.046
_BAND_HZ = (100.0, 8_000.0)
# Spectral flatness (geometric over arithmetic mean of the power) below which sound is tonal: chords of an organ or
# strings lie below 0.01, drums and full mixes above 0.05.
_TONAL_FLATNESS = 0.02


@dataclass(frozen=True)
class Cut:
    """inward: where the fade begins. fade: its length. Both in samples."""

    inward: int
    fade: int


def best_cut(old: torch.Tensor, new: torch.Tensor, fade: int, furthest: int, sample_rate: int) -> Cut:
    """Where and how to go from ``old`` to ``new`` [C, n], both from the edge of the range inward.

    fade: the wish. furthest: how far inward the fade may begin. The cut and its fade stay within n samples.
    """
    room = old.shape[1]
    if fade <= 0 or room <= fade:
        return Cut(0, min(fade, room))
    longer = min(room, round(TONAL_FADE_SECONDS * sample_rate))
    if longer > fade and is_tonal(old, sample_rate) and is_tonal(new, sample_rate):
        fade = longer
    step = max(1, round(_STEP_SECONDS * sample_rate))
    last = max(0, min(room - fade, furthest))
    bright = _bright(old)
    loud = (_bright(new) - bright).square().sum(0).double()
    before = torch.nn.functional.pad(loud.cumsum(0), (1, 0))
    starts = torch.arange(0, last + 1, step)
    ends = (starts + fade).clamp(max=len(loud))
    cost = (before[ends] - before[starts]) / (ends - starts)
    best = int(cost.argmin())
    heard = float(cost[0]) > _HEARD * float(bright.square().sum(0).mean())
    return Cut(int(starts[best]) if heard and float(cost[best]) <= _QUIETER * float(cost[0]) else 0, fade)


def is_tonal(sound: torch.Tensor, sample_rate: int) -> bool:
    """Whether ``sound`` [C, n] is made of steady tones."""
    size = 1 << max(5, round(_FRAME_SECONDS * sample_rate).bit_length() - 1)
    if sound.shape[1] < size:
        return False
    spectrum = torch.stft(sound, size, size // 2, window=torch.hann_window(size), center=False, return_complex=True)
    power = (spectrum.real.square() + spectrum.imag.square()).sum(0)
    low, high = (round(edge * size / sample_rate) for edge in _BAND_HZ)
    power = power[max(1, low) : min(high, len(power) - 1)].double()
    mean = power.mean(0)
    if not len(power) or float(mean.amax()) <= 1e-20:
        return False
    flatness = (power + 1e-6 * mean).log().mean(0).exp() / mean
    return float(flatness.median()) < _TONAL_FLATNESS


def _bright(sound: torch.Tensor) -> torch.Tensor:
    """With the bass taken down, which masks little and would hide the rest."""
    return sound[:, 1:] - 0.9 * sound[:, :-1]
