"""The outline of a track for drawing: for each bin of time the lowest and highest sample and the mean power."""

import base64
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import InputError
from ..words.remarks import remark


@dataclass(frozen=True, eq=False)
class Peaks:
    """Bins of equal length from the start of a track; the last may reach past its end.

    low, high: int8 [bins], rms: uint8 [bins]; 127 is the loudest sample of the track.
    seconds: length of the track. bin_seconds: length of a bin. sample_rate: Hz.
    """

    low: torch.Tensor
    high: torch.Tensor
    rms: torch.Tensor
    seconds: float
    bin_seconds: float
    sample_rate: int

    def as_dict(self) -> dict:
        """For JSON: ``data`` is base64 of all lows, all highs and all rms, a byte each."""
        rows = (self.low, self.high, self.rms)
        data = b"".join(row.contiguous().view(torch.uint8).numpy().tobytes() for row in rows)
        return {
            "seconds": self.seconds,
            "bin_seconds": self.bin_seconds,
            "sample_rate": self.sample_rate,
            "bins": self.low.shape[0],
            "data": base64.b64encode(data).decode("ascii"),
        }


class PeakMeter:
    """Takes a track piece by piece, in bins of ``bin_samples`` that are joined when there are more than ``max_bins``.

    However it is cut, what is found is the same.
    """

    def __init__(self, sample_rate: int, bin_samples: int, max_bins: int):
        self._sample_rate, self._bin_samples, self._max_bins = sample_rate, bin_samples, max_bins
        self._rows: list[tuple[torch.Tensor, ...]] = []
        self._rest: torch.Tensor | None = None  # samples that do not fill a bin yet
        self._samples = 0

    def feed(self, block: torch.Tensor) -> None:
        """[C, n] samples that follow those fed before."""
        self._samples += block.shape[1]
        block = block if self._rest is None else torch.cat((self._rest, block), dim=1)
        whole = block.shape[1] // self._bin_samples * self._bin_samples
        # Cloned: a view would keep the whole piece alive.
        self._rest = block[:, whole:].clone()
        if whole:
            self._rows.append(_bins(block[:, :whole], self._bin_samples))

    def peaks(self) -> Peaks:
        """Of all that was fed. Raises InputError when that holds no sample."""
        if self._rest is None or self._samples == 0:
            raise InputError(remark("file_without_sample"))
        rows = list(self._rows)
        if self._rest.shape[1]:
            # Repeating the last sample changes neither extreme.
            filling = self._rest[:, -1:].expand(-1, self._bin_samples - self._rest.shape[1])
            rows.append(_bins(torch.cat((self._rest, filling), dim=1), self._bin_samples))
        return self._joined(rows, self._samples)

    def so_far(self) -> Peaks | None:
        """Of the whole bins fed so far, also while another thread feeds; None before the first."""
        rows = list(self._rows)
        return self._joined(rows, self._bin_samples * sum(row[0].shape[0] for row in rows)) if rows else None

    def _joined(self, rows: list[tuple[torch.Tensor, ...]], samples: int) -> Peaks:
        low, high, power = (torch.cat(parts) for parts in zip(*rows, strict=True))
        group = -(-low.shape[0] // self._max_bins)
        low, high, power = _merged(low, group), _merged(high, group), _merged(power, group)
        low, high, power = low.amin(1), high.amax(1), power.mean(1)
        loudest = max(float(low.abs().max()), float(high.abs().max()))
        scale = 127.0 / loudest if loudest > 0 else 0.0
        return Peaks(
            low=(low * scale).round().to(torch.int8),
            high=(high * scale).round().to(torch.int8),
            rms=(power.sqrt() * scale).round().to(torch.uint8),
            seconds=samples / self._sample_rate,
            bin_seconds=group * self._bin_samples / self._sample_rate,
            sample_rate=self._sample_rate,
        )


def _bins(block: torch.Tensor, bin_samples: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """[C, n · bin_samples] → lowest, highest and mean square of each bin over all channels, [n] each."""
    # NumPy: PyTorch's reductions over a short last dimension take several times as long.
    bins = block.unflatten(1, (-1, bin_samples)).numpy()
    low, high = bins.min(axis=2).min(axis=0), bins.max(axis=2).max(axis=0)
    power = np.einsum("cns,cns->cn", bins, bins).mean(axis=0) / bin_samples
    return torch.from_numpy(low), torch.from_numpy(high), torch.from_numpy(power)


def _merged(row: torch.Tensor, group: int) -> torch.Tensor:
    """[n] → [n / group, group]; the last value is repeated to fill the last row."""
    missing = -row.shape[0] % group
    return torch.cat((row, row[-1:].expand(missing))).unflatten(0, (-1, group))
