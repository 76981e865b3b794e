"""What a track is drawn from: its peaks, and what the edges of a range snap to; measured in one go."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .crossings import CrossingMeter
from .onsets import OnsetMeter, Onsets
from .peaks import PeakMeter, Peaks
from .reading import BLOCK_SAMPLES, reading
from .value import Sound

# What one message to the browser carries: 66 kB of text, 15 ms a bin for a song of four minutes.
MESSAGE_BINS = 1 << 14
# Longer sound that is in no file is drawn without crossings: they would be a megabyte an hour in every message.
_MESSAGE_CROSSINGS_SECONDS = 1200.0
# What a long file is drawn from after zooming in: 27 ms a bin for an hour.
FILE_BINS = 1 << 17
# Before the length of a file is known, bins are this long; 12 ms at 44.1 kHz.
_FILE_BIN_SAMPLES = 512
_FINEST_SAMPLES = 64


@dataclass(frozen=True, eq=False)
class Outline:
    """crossings: see crossings.py; None of sound in memory that is too long to tell them."""

    peaks: Peaks
    onsets: Onsets
    crossings: np.ndarray | None


def _outline(blocks: Iterable[torch.Tensor], peaks: PeakMeter, sample_rate: int, with_crossings: bool) -> Outline:
    onsets, crossings = OnsetMeter(sample_rate), CrossingMeter(sample_rate) if with_crossings else None
    for block in blocks:
        peaks.feed(block)
        onsets.feed(block)
        if crossings:
            crossings.feed(block)
    return Outline(peaks.peaks(), onsets.onsets(), crossings.crossings() if crossings else None)


def outline_of_sound(sound: Sound, max_bins: int = MESSAGE_BINS) -> Outline:
    """Of sound in memory, over all its channels."""
    bin_samples = max(_FINEST_SAMPLES, math.ceil(sound.samples / max_bins))
    blocks = (sound.cut(i, i + BLOCK_SAMPLES).waveform for i in range(0, sound.samples, BLOCK_SAMPLES))
    peaks = PeakMeter(sound.sample_rate, bin_samples, max_bins)
    return _outline(blocks, peaks, sound.sample_rate, sound.seconds <= _MESSAGE_CROSSINGS_SECONDS)


class FileReading:
    """The first sound track of a file, read in pieces; what is there so far can be asked from another thread."""

    def __init__(self, path: Path, max_bins: int = FILE_BINS):
        self._path, self._max_bins = path, max_bins
        self._meter: PeakMeter | None = None
        self._seconds: float | None = None  # as the file says

    def opened(self):
        return reading(self._path)

    def outline(self) -> Outline:
        """Reads it. Raises InputError when there is no sound track."""
        with self.opened() as track:
            self._seconds = track.seconds
            self._meter = PeakMeter(track.sample_rate, _FILE_BIN_SAMPLES, self._max_bins)
            outline = _outline(track.blocks, self._meter, track.sample_rate, with_crossings=True)
        self._meter = None  # the outline holds what it had
        return outline

    def so_far(self) -> tuple[Peaks, float] | None:
        """The peaks of what was read, and how long the whole will be; None while either is unknown."""
        meter = self._meter
        peaks = meter.so_far() if meter else None
        return (peaks, self._seconds) if peaks and self._seconds else None
