"""What a track is drawn from: its peaks, and the onsets that its beats are found from; measured in one go."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch

from .onsets import OnsetMeter, Onsets
from .peaks import Peaks, measure
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


def outline_of_sound(sound: Sound, max_bins: int = MESSAGE_BINS) -> Outline:
    """Of sound in memory, over all its channels."""
    blocks = (sound.cut(i, i + BLOCK_SAMPLES).waveform for i in range(0, sound.samples, BLOCK_SAMPLES))
    bin_samples = max(_FINEST_SAMPLES, math.ceil(sound.samples / max_bins))
    return _outline(blocks, sound.sample_rate, bin_samples, max_bins)


def outline_of_file(path: Path, max_bins: int = FILE_BINS) -> Outline:
    """Of the first sound track of a file, read in pieces. Raises InputError when it has none."""
    with reading(path) as track:
        return _outline(track.blocks, track.sample_rate, _FILE_BIN_SAMPLES, max_bins)


def _outline(blocks: Iterable[torch.Tensor], sample_rate: int, bin_samples: int, max_bins: int) -> Outline:
    meter = OnsetMeter(sample_rate)
    peaks = measure(meter.heard(blocks), sample_rate, bin_samples, max_bins)
    return Outline(peaks, meter.onsets())
