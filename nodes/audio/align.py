"""Where a rendered window really lies: its delay, polarity and channels, found on the sound that was kept.

A backend gives the window back delayed by codecs, trimmed or padded, sometimes with channels exchanged or
inverted. The context around the edited range came back too, and tells. Everything here is in samples of the
source; ``known`` spans and positions count from the window's start.
"""

import itertools
import math
from dataclasses import dataclass

import torch

from .windows import Span

MAX_DELAY_SECONDS = 0.5
# Looked at a little further than allowed, so that a peak at the limit is still a peak.
_SEARCH_SECONDS = 0.55
# Context beyond this, counted from the seam, adds time and no certainty.
ALIGN_CONTEXT_SECONDS = 12.0
_MIN_SPAN_SECONDS = 0.1
_BAND_HZ = (80.0, 10_000.0)
_WHITENING = 0.75
_WHITENING_BANDWIDTH_HZ = 20.0
_SILENCE_RMS = 1e-4
# A peak counts when it stands this far out of the correlogram: the largest of 50 000 values of pure noise
# reaches about 4.5 standard deviations.
_MIN_PEAK_SIGMAS = 8.0
_MIN_PEAK = 0.08
# Exchanged or inverted channels must fit this much better than plain ones before they are believed.
_ODD_CHANNELS_MARGIN = 0.05
_FINE_REACH_SAMPLES = 3.0
_TAPS = 32
# A smaller fraction of a sample is within the error of finding it.
_FRACTION_THAT_MATTERS = 0.02

# For each source channel the render's channels that make it, each with its sign.
ChannelMap = tuple[tuple[tuple[int, float], ...], ...]


@dataclass(frozen=True, eq=False)
class Render:
    """What a backend gave back, at the source's rate; ``waveform[:, 0]`` is the window's sample ``origin``."""

    waveform: torch.Tensor
    origin: int

    @property
    def stop(self) -> int:
        return self.origin + self.waveform.shape[1]

    def cut(self, start: int, stop: int) -> torch.Tensor:
        """The samples [start, stop) of the window as rendered [channels, stop - start]; silence where there are none."""
        low, high = max(start, self.origin), min(stop, self.stop)
        if low >= high:
            return self.waveform.new_zeros(self.waveform.shape[0], stop - start)
        piece = self.waveform[:, low - self.origin : high - self.origin]
        if (low, high) == (start, stop):
            return piece
        return torch.nn.functional.pad(piece, (low - start, stop - high))


@dataclass(frozen=True)
class Alignment:
    """delay: samples (may be fractional) by which the render comes late. trusted: found, not assumed."""

    delay: float
    channels: ChannelMap
    trusted: bool
    warnings: tuple[str, ...] = ()

    def take(self, render: Render, start: int, stop: int) -> torch.Tensor:
        """The window's samples [start, stop) out of ``render``, in time and in the source's channels."""
        whole = math.floor(self.delay + 0.5)
        fraction = self.delay - whole
        if abs(fraction) < _FRACTION_THAT_MATTERS:
            raw = render.cut(start + whole, stop + whole)
        else:
            raw = _interpolated(render.cut(start + whole - _TAPS, stop + whole + _TAPS), fraction)
        rows = [sum(raw[index] * sign for index, sign in parts) / len(parts) for parts in self.channels]
        return torch.stack(rows)

    def available(self, render: Render) -> Span:
        """The part of the window for which ``render`` holds sound."""
        return math.ceil(render.origin - self.delay), math.floor(render.stop - self.delay)


def plain_channels(source: int, rendered: int) -> ChannelMap:
    """Channels as they come: stereo is averaged to mono, mono is doubled."""
    if source == rendered:
        return tuple(((index, 1.0),) for index in range(source))
    if source == 1:
        return (tuple((index, 1.0) for index in range(rendered)),)
    return (((0, 1.0),),) * source


def align(reference: torch.Tensor, known: tuple[Span, ...], render: Render, sample_rate: int) -> Alignment:
    """Find where ``render`` lies against ``reference`` [C, window samples] on the ``known`` spans.

    Without usable context, or with a weak or contradictory answer, the nominal position is returned with a
    sentence that says so.
    """
    plain = plain_channels(reference.shape[0], render.waveform.shape[0])
    spans = [span for span in known if span[1] - span[0] >= _MIN_SPAN_SECONDS * sample_rate]
    if not spans:
        return Alignment(0.0, plain, False, ("There is no context to align the new sound by; it was placed as rendered.",))
    spans = [s for s in spans if _rms(reference[:, s[0] : s[1]]) > _SILENCE_RMS]
    if not spans:
        return Alignment(0.0, plain, False, ("The context is silent, so the new sound was placed as rendered.",))
    reach = round(_SEARCH_SECONDS * sample_rate)
    grams = [_Correlogram.of(reference, span, render, sample_rate, reach) for span in spans]
    channels = _best_channels(grams, plain, reference.shape[0], render.waveform.shape[0])
    joint = _joint([gram.under(channels) for gram in grams], grams)
    lag, trusted = _peak(joint, reach, sample_rate)
    if not trusted:
        return Alignment(0.0, plain, False, ("The context came back too different to align by; the new sound was placed as rendered.",))
    delays = [
        (lag + offset, weight)
        for offset, weight in (_fine(reference, s, render, channels, lag) for s in spans)
    ]
    total = sum(weight for _, weight in delays)
    delay = sum(value * weight for value, weight in delays) / total if total > 0 else float(lag)
    warnings = _channel_warnings(channels, plain)
    return Alignment(delay, channels, True, warnings)


@dataclass(frozen=True, eq=False)
class _Correlogram:
    """Normalised cross-correlation of each source channel with each render channel on one span.

    values: [C, C', 2·reach + 1]. shares: each source channel's share of the energy. weight: samples.
    """

    values: torch.Tensor
    shares: tuple[float, ...]
    weight: int

    @classmethod
    def of(cls, reference, span, render, sample_rate, reach) -> "_Correlogram":
        start, stop = span
        length = stop - start
        x = reference[:, start:stop]
        y = render.cut(start - reach, stop + reach)
        size = _fft_size(length + 2 * reach)
        spectrum = torch.fft.rfft(x, size)
        weights = _weights(spectrum, sample_rate, size)
        x_hat = spectrum * weights
        y_hat = torch.fft.rfft(y, size) * weights
        energy_x = _energy(x_hat, size)
        filtered = torch.fft.irfft(y_hat, size)[:, : length + 2 * reach]
        running = torch.nn.functional.pad(filtered.double().square().cumsum(1), (1, 0))
        energy_y = (running[:, length:] - running[:, : 2 * reach + 1]).clamp_min(0).float()
        cross = torch.fft.irfft(x_hat.conj()[:, None] * y_hat[None], size)[..., : 2 * reach + 1]
        norm = (energy_x[:, None, None] * energy_y[None]).sqrt()
        floor = norm.amax() * 1e-6 + 1e-20
        shares = energy_x / energy_x.sum().clamp_min(1e-30)
        return cls(cross / norm.clamp_min(floor), tuple(shares.tolist()), length)

    def under(self, channels: ChannelMap) -> torch.Tensor:
        """Correlation over the lags if ``channels`` were true."""
        total = 0
        for row, parts in enumerate(channels):
            for index, sign in parts:
                total = total + self.values[row, index] * (sign * self.shares[row] / len(parts))
        return total


def _weights(spectrum: torch.Tensor, sample_rate: int, size: int) -> torch.Tensor:
    """Band-pass and partial whitening: sharpens the peak of tonal music without lifting what noise owns."""
    bin_hz = sample_rate / size
    power = spectrum.abs().square().sum(0)
    width = max(1, round(_WHITENING_BANDWIDTH_HZ / bin_hz)) | 1
    smooth = torch.nn.functional.avg_pool1d(power[None, None], width, 1, width // 2, count_include_pad=False)[0, 0]
    frequency = torch.arange(spectrum.shape[1]) * bin_hz
    low, high = _BAND_HZ
    high = min(high, 0.45 * sample_rate)
    band = (frequency >= min(low, high / 4)) & (frequency <= high)
    floor = smooth[band].amax() * 1e-7 + 1e-30
    return band / (smooth + floor).pow(_WHITENING / 2)


def _energy(spectrum: torch.Tensor, size: int) -> torch.Tensor:
    return spectrum.abs().square().double().sum(1).mul(2 / size).float()


def _fft_size(length: int) -> int:
    """The next length the Fourier transform is quick at (2^a · {1, 3, 5})."""
    return min(factor << max(0, math.ceil(math.log2(length / factor))) for factor in (1, 3, 5))


def _rms(piece: torch.Tensor) -> float:
    return float(piece.square().mean().sqrt()) if piece.numel() else 0.0


def _joint(rows, grams) -> torch.Tensor:
    total = sum(gram.weight for gram in grams)
    return sum(row * (gram.weight / total) for row, gram in zip(rows, grams))


def _best_channels(grams, plain: ChannelMap, source: int, rendered: int) -> ChannelMap:
    """The plain channel map unless an exchanged or inverted one fits clearly better."""
    best, best_peak = plain, float(_joint([g.under(plain) for g in grams], grams).amax()) + _ODD_CHANNELS_MARGIN
    for candidate in _odd_channels(source, rendered):
        peak = float(_joint([g.under(candidate) for g in grams], grams).amax())
        if peak > best_peak:
            best, best_peak = candidate, peak
    return best


def _odd_channels(source: int, rendered: int):
    signs = tuple(itertools.product((1.0, -1.0), repeat=max(source, rendered)))[1:]
    for sign in signs:
        if source == 1:
            yield (tuple((index, sign[index]) for index in range(rendered)),)
        elif rendered == 1:
            yield tuple(((0, sign[row]),) for row in range(source))
        else:
            yield tuple(((row, sign[row]),) for row in range(2))
    if source == rendered == 2:
        for sign in ((1.0, 1.0), *signs):
            yield tuple(((1 - row, sign[row]),) for row in range(2))
        yield (((0, 1.0),), ((0, 1.0),))
        yield (((1, 1.0),), ((1, 1.0),))


def _channel_warnings(channels: ChannelMap, plain: ChannelMap) -> tuple[str, ...]:
    if channels == plain:
        return ()
    used = {index for parts in channels for index, _ in parts}
    rendered = {index for parts in plain for index, _ in parts}
    if used != rendered:
        return ("The backend returned one channel empty; the other one is used for both.",)
    found = []
    if [i for parts in channels for i, _ in parts] != [i for parts in plain for i, _ in parts]:
        found.append("exchanged its channels")
    if any(sign < 0 for parts in channels for _, sign in parts):
        found.append("inverted the polarity")
    return (f"The backend {' and '.join(found)}; that was undone.",)


def _peak(gram: torch.Tensor, reach: int, sample_rate: int) -> tuple[int, bool]:
    """(lag in samples, whether it can be trusted) of the highest value."""
    index = int(gram.argmax())
    value = float(gram[index])
    spread = 1.4826 * float((gram - gram.median()).abs().median())
    return index - reach, value >= _MIN_PEAK and value >= _MIN_PEAK_SIGMAS * spread


def _fine(reference, span, render: Render, channels: ChannelMap, lag: int) -> tuple[float, float]:
    """(offset from ``lag`` in samples, weight) by the phase slope of the coherent part of the spectrum."""
    start, stop = span
    whole = Alignment(float(lag), channels, True)
    xx, yy, xy = cross_spectra(reference[:, start:stop], whole.take(render, start, stop))
    coherence = (xy.abs().square() / (xx * yy).clamp_min(1e-30)).clamp(0, 0.999)
    weight = coherence / (1 - coherence) / xy.abs().clamp_min(1e-30)
    weight[:2] = 0
    omega = torch.linspace(0, math.pi, xx.shape[0], dtype=torch.float64)
    offsets = torch.arange(-_FINE_REACH_SAMPLES, _FINE_REACH_SAMPLES + 0.01, 0.05, dtype=torch.float64)
    turned = torch.polar(torch.ones(1, dtype=torch.float64), offsets[:, None] * omega[None])
    score = ((weight * xy)[None] * turned).real.sum(1)
    best = int(score.argmax())
    if best in (0, len(offsets) - 1):
        return float(offsets[best]), float(score[best].clamp_min(0))
    left, middle, right = (float(v) for v in score[best - 1 : best + 2])
    bend = left - 2 * middle + right
    step = 0.5 * (left - right) / bend if bend < 0 else 0.0
    return float(offsets[best]) + 0.05 * step, max(0.0, middle)


def cross_spectra(x: torch.Tensor, y: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Welch auto- and cross-spectra of x and y [C, n], summed over channels: Sxx, Syy (real), Sxy = X*·Y."""
    size = 2048 if x.shape[1] >= 4 * 2048 else max(16, 1 << (max(x.shape[1], 64).bit_length() - 3))
    window = torch.hann_window(size)
    kwargs = dict(n_fft=size, hop_length=size // 2, window=window, center=x.shape[1] < size, return_complex=True)
    fx, fy = torch.stft(x, **kwargs), torch.stft(y, **kwargs)
    xx = fx.abs().square().double().sum((0, 2))
    yy = fy.abs().square().double().sum((0, 2))
    xy = (fx.conj() * fy).to(torch.complex128).sum((0, 2))
    return xx, yy, xy


def _interpolated(piece: torch.Tensor, fraction: float) -> torch.Tensor:
    """piece [C, n + 2·_TAPS] → its value ``fraction`` of a sample later [C, n], by a Kaiser-windowed sinc."""
    taps = torch.arange(-_TAPS, _TAPS + 1, dtype=torch.float64)
    kernel = torch.sinc(taps - fraction) * torch.kaiser_window(2 * _TAPS + 1, periodic=False, beta=8.0, dtype=torch.float64)
    kernel = (kernel / kernel.sum()).float()
    return torch.nn.functional.conv1d(piece[:, None], kernel[None, None])[:, 0]
