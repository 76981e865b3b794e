"""How strongly something begins at each moment of a track: what beats are found from.

The flux of the spectrum: how much louder each band becomes from one frame to the next, on a logarithmic scale (after
Ellis, "Beat tracking by dynamic programming", 2007). A track is taken in pieces; of an hour 7 MB are kept.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

# Enough for the click of a stick, and half the work of the whole spectrum.
_RATE_HZ = 22_050
_WINDOW_SECONDS = 0.046
_FRAMES_PER_SECOND = 100
_BANDS = 30
_LOWEST_HZ, _HIGHEST_HZ = 30.0, 10_000.0
_BASS_HZ = 180.0
# Chords are heard here; below, a window of 46 ms does not tell neighbouring notes apart.
_CHORDS_HZ = (260.0, 2_100.0)
FRAMES_PER_CHORD = 5
# Each piece is measured against its own level, so that a soft passage counts as a loud one does.
_PIECE_FRAMES = 2_000
_COMPRESSION = 1_000.0
# −90 dB of full scale: less is silence, whatever changes in it.
_SILENCE = 3e-5


@dataclass(frozen=True, eq=False)
class Onsets:
    """strength, bass: of the whole spectrum and of its lowest part, float64 [frames]; about 0.1 at a drum.

    chords: how much of each of the twelve notes sounds, [frames / FRAMES_PER_CHORD, 12]. frame_seconds: from one frame
    to the next, the first at 0.
    """

    strength: np.ndarray
    bass: np.ndarray
    chords: np.ndarray
    frame_seconds: float


class OnsetMeter:
    """Takes a track piece by piece. However it is cut, what is found is the same."""

    def __init__(self, sample_rate: int):
        self._share = max(1, round(sample_rate / _RATE_HZ))  # samples of the track to one that is measured
        self._rate = sample_rate / self._share
        self._hop = max(1, round(self._rate / _FRAMES_PER_SECOND))
        self._window = _window(self._rate)
        self._rest = torch.zeros(0)  # samples that do not fill one yet
        self._samples = torch.zeros(self._window // 2)  # the first frame is centred on the first sample
        self._before: np.ndarray | None = None  # the bands of the last frame
        self._rows: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def feed(self, block: torch.Tensor) -> None:
        """[C, n] samples that follow those fed before."""
        mono = torch.cat((self._rest, block.mean(0)))
        whole = mono.shape[0] // self._share * self._share
        # Cloned: a view would keep the whole piece alive.
        self._rest = mono[whole:].clone()
        self._samples = torch.cat((self._samples, mono[:whole].unflatten(0, (-1, self._share)).mean(1)))
        needed = (_PIECE_FRAMES - 1) * self._hop + self._window
        while self._samples.shape[0] >= needed:
            self._measure(self._samples[:needed])
            self._samples = self._samples[_PIECE_FRAMES * self._hop :].clone()

    def onsets(self) -> Onsets:
        """Of all that was fed."""
        last = torch.cat((self._samples, torch.zeros(self._window // 2)))
        if last.shape[0] >= self._window:
            self._measure(last)
        columns = (
            zip(*self._rows, strict=True) if self._rows else ((np.zeros(0),), (np.zeros(0),), (np.zeros((0, 12)),))
        )
        strength, bass, chords = (np.concatenate(rows) for rows in columns)
        return Onsets(strength, bass, chords, self._hop / self._rate)

    def _measure(self, samples: torch.Tensor) -> None:
        frames = samples.unfold(0, self._window, self._hop) * torch.hann_window(self._window)
        spectrum = torch.fft.rfft(frames).abs() / self._window
        bands, notes = _filters(self._rate)
        loud = (spectrum @ bands).numpy()
        level = max(float(np.quantile(loud.max(axis=1), 0.95)), _SILENCE)
        before = loud[:1] if self._before is None else self._before
        self._before = loud[-1:]
        heights = np.log1p(_COMPRESSION / level * np.concatenate((before, loud)))
        rises = np.maximum(0.0, np.diff(heights, axis=0))
        low = _centres(self._rate) < _BASS_HZ
        # The last chord of a track may have fewer frames.
        chords = np.add.reduceat((spectrum @ notes).numpy(), range(0, len(loud), FRAMES_PER_CHORD))
        self._rows.append((rises.mean(axis=1, dtype=float), rises[:, low].mean(axis=1, dtype=float), chords))


@cache
def _filters(rate: float) -> tuple[torch.Tensor, torch.Tensor]:
    """What each line of the spectrum adds to each band, and to each of the twelve notes."""
    lines = np.fft.rfftfreq(_window(rate), 1 / rate)
    edges = _edges(rate)
    bands = np.zeros((len(lines), _BANDS), np.float32)
    for band, (low, centre, high) in enumerate(zip(edges, edges[1:], edges[2:])):
        bands[:, band] = np.clip(np.minimum((lines - low) / (centre - low), (high - lines) / (high - centre)), 0, None)
        bands[np.argmin(abs(lines - centre)), band] = 1  # the lowest are narrower than a line
    notes = np.zeros((len(lines), 12), np.float32)
    for line in np.flatnonzero((lines >= _CHORDS_HZ[0]) & (lines <= _CHORDS_HZ[1])):
        notes[line, round(12 * np.log2(lines[line] / 440)) % 12] = 1
    return torch.from_numpy(bands), torch.from_numpy(notes)


def _window(rate: float) -> int:
    return 1 << round(np.log2(rate * _WINDOW_SECONDS))


def _centres(rate: float) -> np.ndarray:
    return _edges(rate)[1:-1]


def _edges(rate: float) -> np.ndarray:
    """Of the bands, in Hz, evenly spaced on the mel scale."""
    low, high = (2595 * np.log10(1 + hertz / 700) for hertz in (_LOWEST_HZ, min(_HIGHEST_HZ, rate / 2)))
    return 700 * (10 ** (np.linspace(low, high, _BANDS + 2) / 2595) - 1)
