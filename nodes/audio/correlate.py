"""Estimators for how far one sound lies behind another: waveform correlation, phase slope, envelopes.

Everything takes plain tensors [C, n] float32 and gives lags in samples of their rate; y lags x by k when
y[n + k] ≈ x[n]. Which answer to believe is decided in ``align.py``.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch

# Below, rumble says little about time; above, codecs leave nothing but the edges of their blocks.
_BAND_HZ = (80.0, 10_000.0)
# Where a sound lies is looked for below this, at half the samples; to a fraction of a sample it is found by phases,
# up to where the band ends. What lies above is a small share of music and the first that a codec throws away.
_SEARCH_TOP_HZ = 5_000.0
# Partial whitening: sharpens the peak of tonal music without lifting what noise owns.
_WHITENING = 0.75
_WHITENING_BANDWIDTH_HZ = 20.0
# Nor is anything lifted that lies 40 dB below the strongest band: between the partials of a drone there is nothing
# but what a codec left.
_WHITENING_FLOOR = 1e-4
# A piece is faded over this at both ends, or its edges would correlate; short beside the shortest context (0.1 s).
_TAPER_SECONDS = 0.03
# Where less of x than this lies on sound of y, what correlates is chance.
_MIN_OVERLAP = 0.25
# Resolves 22 Hz: a window that is long enough for bass and short enough to be averaged over a second of context.
_SPECTRUM_SECONDS = 0.046
# Onsets are heard to about a millisecond (the hop) in bands as wide as a voice or an instrument; finer bands would see
# notes instead of onsets.
_ENVELOPE_WINDOW_SECONDS = 0.023
_ENVELOPE_HOP_SECONDS = 0.0015
_ENVELOPE_BANDS = 16
_ENVELOPE_BAND_HZ = (100.0, 8_000.0)


@dataclass(frozen=True, eq=False)
class Correlogram:
    """Normalised cross-correlation of every channel of x with every channel of y.

    values: [C, C', 2·reach + 1] at lags -reach…reach times ``step`` samples.
    shares: each x channel's share of the energy. independent: number of independent values it rests on.
    """

    values: torch.Tensor
    shares: tuple[float, ...]
    step: int
    independent: float

    @property
    def reach(self) -> int:
        return self.values.shape[-1] // 2


def correlogram(x: torch.Tensor, y: torch.Tensor, sample_rate: int) -> Correlogram:
    """x [C, n] against y [C', n + 2·m], which begins m samples before x does: lags -m…m."""
    length, margin = x.shape[1], (y.shape[1] - x.shape[1]) // 2
    # The band ends far below the rates' limits: lags are looked at twice as densely as it needs, no more.
    step = max(1, int(sample_rate // (4 * _SEARCH_TOP_HZ)))
    reach = margin // step
    y = y[:, margin - reach * step :]
    small = _fft_size(-(-y.shape[1] // step))
    size = small * step
    # The band ends here; what lies above is not even weighed.
    kept = min(small // 2, math.ceil(_SEARCH_TOP_HZ * size / sample_rate)) + 1
    x_hat, y_hat = (torch.fft.rfft(_tapered(side, sample_rate), size)[:, :kept] for side in (x, y))
    weights = _weights(x_hat, sample_rate / size, sample_rate)
    x_hat, y_hat = x_hat * weights, y_hat * weights
    cross = torch.fft.irfft(x_hat.conj()[:, None] * y_hat[None], small)[..., : 2 * reach + 1]
    overlap = length // step
    x_energy = _running_energy(torch.fft.irfft(x_hat, small)[:, :overlap])
    y_energy = _running_energy(torch.fft.irfft(y_hat, small))
    lags = torch.arange(2 * reach + 1)
    first, last = (edge // step for edge in _sounding(y))
    # Where y was trimmed away x cannot be judged; but a small overlap must not look like a perfect one.
    heard_from, heard_to = (first - lags).clamp(0, overlap), (last - lags).clamp(0, overlap)
    under = x_energy[:, heard_to] - x_energy[:, heard_from]
    whole = x_energy[:, -1]
    under = torch.maximum(under, 0.5 * whole[:, None])
    # x is faded in and out, which halves what counts of it there; so y's energy is taken from mid-fade to mid-fade.
    inset = _taper_samples(length, sample_rate) // (2 * step)
    over = y_energy[:, (lags + overlap - inset).clamp(max=small)] - y_energy[:, lags + inset]
    norm = (under[:, None] * over.clamp_min(0)[None]).sqrt()
    values = cross / norm.clamp_min(float(norm.amax()) * 1e-4 + 1e-20).float()
    values = values * (heard_to - heard_from >= _MIN_OVERLAP * overlap)
    shares = whole / whole.sum().clamp_min(1e-30)
    return Correlogram(values, tuple(shares.tolist()), step, _independent_values(x_hat))


def phase_slope_lag(x: torch.Tensor, y: torch.Tensor, sample_rate: int, reach: float) -> tuple[float, float]:
    """(lag within ±reach samples to a fraction of one, information it rests on) of y against x [C, n].

    The lag that best straightens the phase of the cross-spectrum, each frequency counting by its coherence
    (Hannan and Thomson's maximum-likelihood weighting).
    """
    step = 0.05
    offsets = torch.arange(-reach, reach + step / 2, step, dtype=torch.float64)
    score, information = phase_scores(x, y, sample_rate, offsets)
    best = int(score.argmax())
    return float(offsets[best]) + step * peak_offset(score, best), information


def phase_scores(
    x: torch.Tensor, y: torch.Tensor, sample_rate: int, offsets: torch.Tensor
) -> tuple[torch.Tensor, float]:
    """(how well y fits x [C, n] at each lag of ``offsets`` [k], information that rests on)."""
    xx, yy, xy = cross_spectra(x, y, sample_rate)
    coherence = (_power(xy) / (xx * yy).clamp_min(1e-30)).clamp(0, 0.999)
    bins = len(xx)
    frequency = torch.linspace(0, sample_rate / 2, bins, dtype=torch.float64)
    omega = torch.linspace(0, math.pi, bins, dtype=torch.float64)
    used = _in_band(frequency, sample_rate)
    omega, coherence, xy = omega[used], coherence[used], xy[used]
    reliable = coherence / (1 - coherence)
    information = float((reliable * omega.square()).sum()) / bins * x.shape[1]
    cross = reliable / xy.abs().clamp_min(1e-30) * xy
    phase = offsets[:, None] * omega[None]
    return phase.cos() @ cross.real - phase.sin() @ cross.imag, information


class Spectra(NamedTuple):
    """Welch auto- and cross-spectra [bins] of x and y, summed over channels: Sxx, Syy (real), Sxy = X*·Y."""

    xx: torch.Tensor
    yy: torch.Tensor
    xy: torch.Tensor


def cross_spectra(x: torch.Tensor, y: torch.Tensor, sample_rate: int) -> Spectra:
    """Spectra of x and y [C, n]."""
    size = 1 << max(5, round(math.log2(_SPECTRUM_SECONDS * sample_rate)))
    while size > 32 and x.shape[1] < 4 * size:
        size //= 2
    window = torch.hann_window(size)
    # [channels and frames, bins], as they lie in memory.
    fx, fy = (
        torch.stft(side, size, size // 2, window=window, center=side.shape[1] < size, return_complex=True)
        .transpose(1, 2)
        .flatten(0, 1)
        for side in (x, y)
    )
    xx, yy = (torch.view_as_real(side).square().sum(0).sum(1).double() for side in (fx, fy))
    return Spectra(xx, yy, (fx.conj() * fy).sum(0).to(torch.complex128))


def envelope_correlogram(x: torch.Tensor, y: torch.Tensor, sample_rate: int) -> tuple[torch.Tensor, int]:
    """(normalised correlation of the band envelopes over lags, samples per lag), as ``correlogram`` lays them out.

    Onsets stay in place when a vocoder invents every phase; polarity and exchanged channels do not matter.
    """
    hop = max(1, round(_ENVELOPE_HOP_SECONDS * sample_rate))
    margin = (y.shape[1] - x.shape[1]) // 2
    reach = margin // hop
    fx = _onsets(x, hop, sample_rate)
    fy = _onsets(y[:, margin - reach * hop :], hop, sample_rate)
    size = _fft_size(fy.shape[1] + fx.shape[1])
    cross = torch.fft.irfft(torch.fft.rfft(fx, size).conj() * torch.fft.rfft(fy, size), size)
    energy = torch.nn.functional.pad(fy.double().square().sum(0).cumsum(0), (1, 0))
    lags = torch.arange(min(2 * reach + 1, fy.shape[1] - fx.shape[1] + 1))
    y_energy = (energy[lags + fx.shape[1]] - energy[lags]).float()
    norm = (fx.square().sum() * y_energy).sqrt()
    return cross.sum(0)[lags] / norm.clamp_min(float(norm.amax()) * 1e-4 + 1e-20), hop


def peaks(values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(indices, heights) of the local maxima of ``values`` [n]; a height is that of a parabola through the peak."""
    left, middle, right = values[:-2], values[1:-1], values[2:]
    at = ((middle > left) & (middle >= right)).nonzero().flatten()
    left, middle, right = left[at], middle[at], right[at]
    return at + 1, middle - (left - right).square() / (8 * (left - 2 * middle + right))


def peak_offset(values: torch.Tensor, index: int) -> float:
    """Where a parabola through the peak at ``index`` and its neighbours has its top, −0.5…0.5 from ``index``."""
    if not 0 < index < len(values) - 1:
        return 0.0
    left, middle, right = (float(value) for value in values[index - 1 : index + 2])
    bend = left - 2 * middle + right
    return max(-0.5, min(0.5, 0.5 * (left - right) / bend)) if bend < 0 else 0.0


def _independent_values(spectrum: torch.Tensor) -> float:
    """How many independent numbers a signal with this spectrum is worth: few for a tone, 2·bandwidth·time for noise."""
    power = _power(spectrum).double().sum(0)
    return 4 * float(power.sum().square() / power.square().sum().clamp_min(1e-30))


def _running_energy(rows: torch.Tensor) -> torch.Tensor:
    """[C, n] → [C, n + 1]: energy before each sample."""
    return torch.nn.functional.pad(rows.square().cumsum(1, dtype=torch.float64), (1, 0))


def _sounding(piece: torch.Tensor) -> tuple[int, int]:
    """First and one past the last sample that is not zero; (0, 0) when all are."""
    if bool(piece[:, :1].any()) and bool(piece[:, -1:].any()):
        return 0, piece.shape[1]
    sounding = (piece != 0).any(0).to(torch.uint8)
    first, back = int(sounding.argmax()), int(sounding.flip(0).argmax())
    return (first, piece.shape[1] - back) if sounding[first] else (0, 0)


def _tapered(piece: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """``piece`` faded in and out where its sound begins and ends: cut edges are broadband and no music."""
    first, last = _sounding(piece)
    size = _taper_samples(last - first, sample_rate)
    if size < 2:
        return piece
    rise = 0.5 - 0.5 * torch.cos(torch.linspace(0, math.pi, size))
    piece = piece.clone()
    piece[:, first : first + size] *= rise
    piece[:, last - size : last] *= rise.flip(0)
    return piece


def _taper_samples(length: int, sample_rate: int) -> int:
    return min(round(_TAPER_SECONDS * sample_rate), length // 4)


def _weights(spectrum: torch.Tensor, bin_hz: float, sample_rate: int) -> torch.Tensor:
    """Band-pass and partial whitening by the spectrum's own power, smoothed over _WHITENING_BANDWIDTH_HZ."""
    power = _power(spectrum).sum(0)
    half = max(1, round(_WHITENING_BANDWIDTH_HZ / bin_hz) // 2)
    below = torch.nn.functional.pad(power.cumsum(0, dtype=torch.float64), (1, 0))
    bins = torch.arange(len(power))
    low, high = (bins - half).clamp_min(0), (bins + half + 1).clamp_max(len(power))
    smooth = ((below[high] - below[low]) / (high - low)).float().clamp_min(0)
    band = _in_band(bins * bin_hz, sample_rate, _SEARCH_TOP_HZ)
    floor = float(smooth[band].amax()) * _WHITENING_FLOOR + 1e-30
    return band / (smooth + floor).pow(_WHITENING / 2)


def _power(spectrum: torch.Tensor) -> torch.Tensor:
    """|X|², without the square root and the overflow care of abs()."""
    return spectrum.real.square() + spectrum.imag.square()


def _in_band(frequency: torch.Tensor, sample_rate: int, top_hz: float = _BAND_HZ[1]) -> torch.Tensor:
    return (frequency >= _BAND_HZ[0]) & (frequency <= min(top_hz, 0.45 * sample_rate))


def _onsets(piece: torch.Tensor, hop: int, sample_rate: int) -> torch.Tensor:
    """[C, n] → [bands, frames]: change of the log energy in each band, zero mean."""
    size = 1 << max(4, round(math.log2(_ENVELOPE_WINDOW_SECONDS * sample_rate)))
    window = torch.hann_window(size)
    power = _power(torch.stft(piece, size, hop, window=window, center=False, return_complex=True)).sum(0)
    low, high = _ENVELOPE_BAND_HZ[0], min(_ENVELOPE_BAND_HZ[1], 0.45 * sample_rate)
    edges = torch.logspace(math.log10(low), math.log10(high), _ENVELOPE_BANDS + 1) * size / sample_rate
    edges = edges.round().long().clamp(max=power.shape[0] - 1).unique()
    bands = torch.stack([power[a:b].sum(0) for a, b in zip(edges[:-1].tolist(), edges[1:].tolist())])
    level = torch.log(bands + float(bands.mean()) * 1e-4 + 1e-12)
    # The difference over half a window: an onset detector that does not see a constant level.
    apart = max(1, size // (2 * hop))
    change = level[:, apart:] - level[:, :-apart]
    return change - change.mean(1, keepdim=True)


def _fft_size(length: int) -> int:
    """The next length the Fourier transform is quick at (2^a · 3^b · 5^c)."""
    return min(factor << max(0, math.ceil(math.log2(length / factor))) for factor in (1, 3, 5, 9, 15, 27, 45))
