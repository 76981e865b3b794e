"""Changing the sample rate and the number of channels of a sound."""

import math

import torch

from .value import Sound

# Kaiser-windowed sinc of 24 zero crossings: a 44.1 ↔ 48 kHz round trip leaves an error of −86 dB at
# 1 kHz and −61 dB at 15 kHz (torchaudio's default, 6 crossings, leaves −38 dB at 15 kHz).
_FILTER_WIDTH = 24
_ROLLOFF = 0.97
# torchaudio builds one filter for every output phase; rates with a small common divisor
# (44 101 Hz to 48 kHz) would take gigabytes, so beyond this many taps the Fourier transform does it.
_MAX_FILTER_TAPS = 1 << 23
_PADDING_SECONDS = 1
# More than any filter above reaches, at any rate.
_MARGIN_MS = 50


def resample(waveform: torch.Tensor, from_rate: int, to_rate: int) -> torch.Tensor:
    """waveform [C, T] at ``from_rate`` Hz → [C, ceil(T · to_rate / from_rate)] at ``to_rate`` Hz.

    Sample 0 stays sample 0: no delay. Band-limited, by torchaudio.
    """
    if from_rate == to_rate:
        return waveform
    common = math.gcd(from_rate, to_rate)
    if (from_rate // common) * (to_rate // common) > _MAX_FILTER_TAPS:
        return _resample_by_fourier(waveform, from_rate, to_rate)
    import torchaudio.functional

    return torchaudio.functional.resample(
        waveform,
        from_rate,
        to_rate,
        lowpass_filter_width=_FILTER_WIDTH,
        rolloff=_ROLLOFF,
        resampling_method="sinc_interp_kaiser",
    )


def _resample_by_fourier(waveform: torch.Tensor, from_rate: int, to_rate: int) -> torch.Tensor:
    samples = waveform.shape[1]
    # Whole seconds have a whole number of samples at both rates; the padding keeps the end from wrapping round.
    seconds = -(-samples // from_rate) + _PADDING_SECONDS
    spectrum = torch.fft.rfft(waveform, seconds * from_rate)
    nyquist = seconds * min(from_rate, to_rate) // 2
    edge = int(nyquist * _ROLLOFF)
    kept = torch.zeros(waveform.shape[0], seconds * to_rate // 2 + 1, dtype=spectrum.dtype)
    kept[:, :nyquist] = spectrum[:, :nyquist]
    # A raised-cosine edge instead of a cliff, so that transients do not ring.
    kept[:, edge:nyquist] *= torch.cos(torch.linspace(0, math.pi / 2, nyquist - edge)).square()
    result = torch.fft.irfft(kept, seconds * to_rate) * (to_rate / from_rate)
    return result[:, : resampled_length(samples, from_rate, to_rate)].contiguous()


def resample_part(waveform: torch.Tensor, from_rate: int, to_rate: int, start: int, stop: int) -> torch.Tensor:
    """The samples [start, stop) of ``resample(waveform, from_rate, to_rate)``, made from what they need of it."""
    # Cutting on a grid that both rates share keeps every sample exactly where it is.
    common = math.gcd(from_rate, to_rate)
    grid_from, grid_to = from_rate // common, to_rate // common
    margin = -(-common * _MARGIN_MS // 1000)
    first, last = max(0, start // grid_to - margin), -(-stop // grid_to) + margin
    part = resample(waveform[:, first * grid_from : last * grid_from], from_rate, to_rate)
    return part[:, start - first * grid_to : stop - first * grid_to]


def resample_sound(sound: Sound, to_rate: int) -> Sound:
    """``sound`` at another rate."""
    return Sound(resample(sound.waveform, sound.sample_rate, to_rate), to_rate)


def resampled_length(samples: int, from_rate: int, to_rate: int) -> int:
    """Number of samples ``resample`` returns for ``samples``."""
    return -(-samples * to_rate // from_rate)


def with_channels(waveform: torch.Tensor, channels: int) -> torch.Tensor:
    """waveform [C, T] → [channels, T]: stereo is averaged to mono, mono is doubled to stereo."""
    if waveform.shape[0] == channels:
        return waveform
    if channels == 1:
        return waveform.mean(dim=0, keepdim=True)
    return waveform.expand(channels, -1).clone()
