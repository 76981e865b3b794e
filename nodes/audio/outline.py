"""What a track is drawn from: its peaks, and what the edges of a range snap to; measured in one go."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .crossings import CrossingMeter
from .onsets import OnsetMeter, Onsets
from .peaks import PeakMeter, Peaks
from .reading import BLOCK_SAMPLES, reading
from .value import Sound

# What one message to the browser carries: 66 kB of text, 15 ms a bin for a song of four minutes.
MESSAGE_BINS = 1 << 14
# What a long file is drawn from after zooming in: 27 ms a bin for an hour.
FILE_BINS = 1 << 17
# Before the length of a file is known, bins are this long; 12 ms at 44.1 kHz.
_FILE_BIN_SAMPLES = 512
_FINEST_SAMPLES = 64


@dataclass(frozen=True, eq=False)
class Outline:
    peaks: Peaks
    onsets: Onsets


@dataclass(frozen=True, eq=False)
class FileOutline(Outline):
    """crossings: see crossings.py."""

    crossings: np.ndarray


def outline_of_sound(sound: Sound, max_bins: int = MESSAGE_BINS) -> Outline:
    """Of sound in memory, over all its channels."""
    bin_samples = max(_FINEST_SAMPLES, math.ceil(sound.samples / max_bins))
    peaks = PeakMeter(sound.sample_rate, bin_samples, max_bins)
    onsets = OnsetMeter(sound.sample_rate)
    for i in range(0, sound.samples, BLOCK_SAMPLES):
        block = sound.cut(i, i + BLOCK_SAMPLES).waveform
        peaks.feed(block)
        onsets.feed(block)
    return Outline(peaks.peaks(), onsets.onsets())


class FileReading:
    """The first sound track of a file, read in pieces; what is there so far can be asked from another thread."""

    def __init__(self, path: Path, max_bins: int = FILE_BINS):
        self._path, self._max_bins = path, max_bins
        self._meter: PeakMeter | None = None
        self._seconds: float | None = None  # as the file says

    def opened(self):
        return reading(self._path)

    def outline(self) -> FileOutline:
        """Reads it. Raises InputError when there is no sound track."""
        with self.opened() as track:
            self._seconds = track.seconds
            peaks = self._meter = PeakMeter(track.sample_rate, _FILE_BIN_SAMPLES, self._max_bins)
            onsets, crossings = OnsetMeter(track.sample_rate), CrossingMeter(track.sample_rate)
            for block in track.blocks:
                peaks.feed(block)
                onsets.feed(block)
                crossings.feed(block)
            outline = FileOutline(peaks.peaks(), onsets.onsets(), crossings.crossings())
        self._meter = None  # the outline holds what it had
        return outline

    def so_far(self) -> tuple[Peaks, float] | None:
        """The peaks of what was read, and how long the whole will be; None while either is unknown."""
        meter = self._meter
        peaks = meter.so_far() if meter else None
        return (peaks, self._seconds) if peaks and self._seconds else None
