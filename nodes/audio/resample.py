"""Changing the sample rate and the number of channels of a sound."""

import math
from collections.abc import Callable

import torch

from ..errors import BackendUnavailable
from ..words.remarks import remark
from .value import Sound

# Kaiser-windowed sinc of 38 zero crossings. Of a 44.1 kHz track that a model heard at 48 kHz, 20 kHz comes back
# within 0.1 dB, and what lies below 15 kHz with an error of −95 dB; from 48 to 44.1 kHz what lies above 23.05 kHz
# folds back at less than −90 dB. test_audio_resample.py measures it.
_FILTER_WIDTH = 38
_ROLLOFF = 0.9675
_KAISER_BETA = 9.5
# A filter is built for every output phase, anew for each part, in single precision: between rates with a small
# common divisor (44 101 Hz to 48 kHz) that takes long, or gigabytes, and is less exact. Beyond this many phases
# times phases the Fourier transform is both quicker and closer.
_MAX_FILTER_GRID = 1 << 18
# Where the Fourier transform's own filter begins, as a share of half the lower rate.
_FOURIER_EDGE = 0.92
# Silence beside what the Fourier transform resamples, which takes sound for periodic.
_PADDING_SECONDS = 1
# More than any filter above reaches, at any rate that AUDIO may have.
_MARGIN_MS = 50
# Made at a time, so that an hour needs no second place; smaller ones spend their time building the filter.
_BLOCK_SAMPLES = 1 << 20


def check_can_resample() -> None:
    """Raise BackendUnavailable where there is nothing to resample with."""
    _sinc_resampler()


def _sinc_resampler() -> Callable[..., torch.Tensor]:
    """ComfyUI's own function, or torchaudio's with the same formula and arguments."""
    try:
        from comfy.audio import resample as by_comfyui  # pyrefly: ignore[missing-import]
    except ImportError:  # until about ComfyUI 0.36
        pass
    else:
        return by_comfyui
    try:
        from torchaudio.functional import resample as by_torchaudio
    except (ImportError, OSError, RuntimeError) as error:  # the latter two: built for another PyTorch
        raise BackendUnavailable(remark("no_resampler", error=str(error))) from error
    return by_torchaudio


def resample(waveform: torch.Tensor, from_rate: int, to_rate: int) -> torch.Tensor:
    """waveform [C, T] at ``from_rate`` Hz → [C, ceil(T · to_rate / from_rate)] at ``to_rate`` Hz.

    Sample 0 stays sample 0: no delay. Band-limited. Raises BackendUnavailable, see ``check_can_resample``.
    """
    if from_rate == to_rate:
        return waveform
    return resample_part(waveform, from_rate, to_rate, 0, resampled_length(waveform.shape[1], from_rate, to_rate))


def resample_part(waveform: torch.Tensor, from_rate: int, to_rate: int, start: int, stop: int) -> torch.Tensor:
    """The samples [start, stop) of ``resample(waveform, from_rate, to_rate)``, made from what they need of it."""
    if from_rate == to_rate:
        return waveform[:, start:stop]
    out = waveform.new_empty(waveform.shape[0], stop - start)
    for low in range(start, stop, _BLOCK_SAMPLES):
        high = min(low + _BLOCK_SAMPLES, stop)
        out[:, low - start : high - start] = _block(waveform, from_rate, to_rate, low, high)
    return out


def _block(waveform: torch.Tensor, from_rate: int, to_rate: int, start: int, stop: int) -> torch.Tensor:
    # Cutting on a grid that both rates share keeps every sample exactly where it is.
    common = math.gcd(from_rate, to_rate)
    grid_from, grid_to = from_rate // common, to_rate // common
    margin = -(-common * _MARGIN_MS // 1000)
    first, last = max(0, start // grid_to - margin), -(-stop // grid_to) + margin
    given = waveform[:, first * grid_from : last * grid_from]
    if missing := (last - first) * grid_from - given.shape[1]:
        # Only whole cells of the grid: torchaudio reckons other lengths in single precision, and is a sample short.
        given = torch.nn.functional.pad(given, (0, missing))
    method = _by_fourier if grid_from * grid_to > _MAX_FILTER_GRID else _by_filter
    return method(given, from_rate, to_rate)[:, start - first * grid_to : stop - first * grid_to]


def _by_filter(waveform: torch.Tensor, from_rate: int, to_rate: int) -> torch.Tensor:
    return _sinc_resampler()(
        waveform,
        from_rate,
        to_rate,
        lowpass_filter_width=_FILTER_WIDTH,
        rolloff=_ROLLOFF,
        resampling_method="sinc_interp_kaiser",
        beta=_KAISER_BETA,
    )


def _by_fourier(waveform: torch.Tensor, from_rate: int, to_rate: int) -> torch.Tensor:
    samples = waveform.shape[1]
    # Whole seconds have a whole number of samples at both rates; the padding keeps the end from wrapping round.
    seconds = -(-samples // from_rate) + _PADDING_SECONDS
    spectrum = torch.fft.rfft(waveform, seconds * from_rate)
    kept = torch.zeros(waveform.shape[0], seconds * to_rate // 2 + 1, dtype=spectrum.dtype)
    nyquist = seconds * min(from_rate, to_rate) / 2
    below = math.ceil(nyquist)
    # A raised-cosine edge instead of a cliff, so that transients do not ring.
    edge = ((torch.arange(below) / nyquist - _FOURIER_EDGE) / (1 - _FOURIER_EDGE)).clamp_min(0)
    kept[:, :below] = spectrum[:, :below] * torch.cos(math.pi / 2 * edge).square()
    result = torch.fft.irfft(kept, seconds * to_rate) * (to_rate / from_rate)
    return result[:, : resampled_length(samples, from_rate, to_rate)].contiguous()


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
