"""The outline of a track for drawing: for each bin of time the lowest and highest sample and the mean power."""

import base64
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..errors import InputError
from .value import Sound

# What one message to the browser carries: 66 kB of text, 15 ms a bin for a song of four minutes.
MESSAGE_BINS = 1 << 14
# What a long file is drawn from after zooming in: 27 ms a bin for an hour.
FILE_BINS = 1 << 17
# Before the length of a file is known, bins are this long; 12 ms at 44.1 kHz.
_FILE_BIN_SAMPLES = 512
_FINEST_SAMPLES = 64
_BLOCK_SAMPLES = 1 << 20


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


def peaks_of_sound(sound: Sound, max_bins: int = MESSAGE_BINS) -> Peaks:
    """Peaks of sound in memory, over all its channels."""
    blocks = (sound.cut(i, i + _BLOCK_SAMPLES).waveform for i in range(0, sound.samples, _BLOCK_SAMPLES))
    bin_samples = max(_FINEST_SAMPLES, math.ceil(sound.samples / max_bins))
    return measure(blocks, sound.sample_rate, bin_samples, max_bins)


def peaks_of_file(path: Path, max_bins: int = FILE_BINS) -> Peaks:
    """Peaks of the first sound track of a file, read in pieces. Raises InputError when it has none."""
    import av
    from av.error import FFmpegError

    with path.open("rb") as file:
        if not file.read(1):
            raise InputError("it is empty.")
        file.seek(0)
        try:
            # An open file and no protocols: a playlist cannot make the decoder open anything else.
            with av.open(file, options={"protocol_whitelist": "none"}) as container:
                if not container.streams.audio:
                    raise InputError("it has no sound track.")
                stream = container.streams.audio[0]
                stream.thread_type = "AUTO"
                rate = stream.codec_context.sample_rate
                return measure(_blocks(container, stream), rate, _FILE_BIN_SAMPLES, max_bins)
        except (FFmpegError, ValueError) as error:
            raise InputError(f"it is not sound that can be read ({type(error).__name__}).") from None


def measure(blocks: Iterable[torch.Tensor], sample_rate: int, bin_samples: int, max_bins: int) -> Peaks:
    """Peaks of consecutive pieces [C, n] of a track in bins of ``bin_samples``, joined when there are too many.

    Raises InputError when the pieces hold no sample.
    """
    rows: list[tuple[torch.Tensor, ...]] = []
    rest = None
    samples = 0
    for block in blocks:
        samples += block.shape[1]
        block = block if rest is None else torch.cat((rest, block), dim=1)
        whole = block.shape[1] // bin_samples * bin_samples
        # Cloned: a view would keep the whole piece alive.
        rest = block[:, whole:].clone()
        if whole:
            rows.append(_bins(block[:, :whole], bin_samples))
    if rest is None or samples == 0:
        raise InputError("it holds no sound.")
    if rest.shape[1]:
        # Repeating the last sample changes neither extreme.
        filling = rest[:, -1:].expand(-1, bin_samples - rest.shape[1])
        rows.append(_bins(torch.cat((rest, filling), dim=1), bin_samples))
    low, high, power = (torch.cat(parts) for parts in zip(*rows, strict=True))
    group = -(-low.shape[0] // max_bins)
    low, high, power = _merged(low, group), _merged(high, group), _merged(power, group)
    low, high, power = low.amin(1), high.amax(1), power.mean(1)
    loudest = max(float(low.abs().max()), float(high.abs().max()))
    scale = 127.0 / loudest if loudest > 0 else 0.0
    return Peaks(
        low=(low * scale).round().to(torch.int8),
        high=(high * scale).round().to(torch.int8),
        rms=(power.sqrt() * scale).round().to(torch.uint8),
        seconds=samples / sample_rate,
        bin_seconds=group * bin_samples / sample_rate,
        sample_rate=sample_rate,
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


def _blocks(container, stream) -> Iterable[torch.Tensor]:
    """The decoded stream as float pieces [C, about a million samples]."""
    import av

    resampler = av.AudioResampler(format="fltp")
    pieces, held = [], 0
    for frame in container.decode(stream):
        for plain in resampler.resample(frame):
            piece = torch.from_numpy(plain.to_ndarray())
            pieces.append(piece)
            held += piece.shape[1]
            if held >= _BLOCK_SAMPLES:
                yield torch.cat(pieces, dim=1)
                pieces, held = [], 0
    if pieces:
        yield torch.cat(pieces, dim=1)
