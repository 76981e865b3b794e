"""Where a track crosses zero, to a fiftieth of a millisecond: what the edges of a range snap to where the browser has
no samples."""

import base64

import numpy as np
import torch

# Of each such piece one crossing is kept, its first: an hour takes 720 kB.
BIN_SECONDS = 0.005
# A crossing's place in its bin is a byte; this one stands for a bin without any.
_STEPS = 255
_NONE = 255


class CrossingMeter:
    """Takes a track piece by piece. However it is cut, what is found is the same."""

    def __init__(self, sample_rate: int):
        self._bins_per_sample = 1 / (sample_rate * BIN_SECONDS)
        self._samples = 0
        self._last: float | None = None  # the sample before the next piece
        self._found: list[tuple[np.ndarray, np.ndarray]] = []  # bins in ascending order and the places in them

    def feed(self, block: torch.Tensor) -> None:
        """[C, n] samples that follow those fed before; what crosses zero is the mean of the channels."""
        mono = block.mean(0).numpy()
        first = self._samples
        self._samples += len(mono)
        if self._last is not None:
            mono = np.concatenate(([np.float32(self._last)], mono))
            first -= 1
        if not len(mono):
            return
        self._last = float(mono[-1])
        below = mono < 0
        before = np.flatnonzero(below[:-1] != below[1:])
        one, other = mono[before].astype(float), mono[before + 1].astype(float)
        places = (first + before + one / (one - other)) * self._bins_per_sample
        bins = places.astype(np.int64)
        fresh = np.flatnonzero(np.diff(bins, prepend=-1))
        steps = np.minimum((places - bins)[fresh] * _STEPS, _STEPS - 1)
        self._found.append((bins[fresh], steps.astype(np.uint8)))

    def crossings(self) -> np.ndarray:
        """Of all that was fed: uint8 [bins], the place in each bin in 255ths of it; 255 where nothing crosses zero."""
        places = np.full(int(self._samples * self._bins_per_sample) + 1, _NONE, np.uint8)
        for bins, steps in reversed(self._found):  # of a bin in two pieces the first crossing counts
            places[bins] = steps
        return places


def as_dict(crossings: np.ndarray | None) -> dict | None:
    """For JSON: ``data`` is base64 of a byte each ``bin_seconds``; null where they are not told."""
    if crossings is None:
        return None
    return {"bin_seconds": BIN_SECONDS, "data": base64.b64encode(crossings.tobytes()).decode("ascii")}
