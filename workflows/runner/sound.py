"""Sound files as the runner needs them: is this one readable, what is in it. PyAV, inside the environment only."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy

from .errors import Refused

EXAMPLE_PACKAGE = "comfyui_workflow_templates_media_api"
EXAMPLE_FILE = "api_stability_ai_audio_inpaint-1.mp3"

# So many samples are one bin of an outline: an hour of stereo at 44.1 kHz takes 60 MB.
BIN_SAMPLES = 64
_BLOCK_BINS = 1 << 12


@dataclass(frozen=True)
class Outline:
    """What can be said and drawn of a sound without holding it, whatever its length.

    low, high, mean_square: float32 [channels, bins] of BIN_SAMPLES each, the last perhaps shorter.
    samples: for each channel. rate: Hz.
    """

    low: numpy.ndarray
    high: numpy.ndarray
    mean_square: numpy.ndarray
    samples: int
    rate: int

    @property
    def channels(self) -> int:
        return self.low.shape[0]

    @property
    def seconds(self) -> float:
        return self.samples / self.rate

    @property
    def peak_dbfs(self) -> float:
        """Level of the largest sample in dB of full scale; −inf for silence."""
        peak = max(float(numpy.abs(self.low).max(initial=0.0)), float(numpy.abs(self.high).max(initial=0.0)))
        return 20 * float(numpy.log10(peak)) if peak > 0 else float("-inf")

    def levels(self, columns: int) -> list[int]:
        """The largest sample of each of so many parts of equal length, in percent of full scale."""
        peaks = numpy.maximum(numpy.abs(self.low), numpy.abs(self.high)).max(axis=0)
        edges = numpy.linspace(0, len(peaks), columns + 1).astype(int)
        parts = (
            peaks[start : max(start + 1, end)] for start, end in zip(edges[:-1].clip(max=len(peaks) - 1), edges[1:])
        )
        return [min(100, round(100 * float(part.max()))) for part in parts]

    def describe(self) -> str:
        channels = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        return f"{self.seconds:.2f} s, {self.rate} Hz, {channels}, peak {round(self.peak_dbfs, 1) + 0.0:.1f} dBFS"


def outline(path: Path) -> Outline:
    """The outline of the first audio stream of a file. Raises Refused when there is none or it is broken."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise Refused(f"{path} holds no sound. Give an audio file such as MP3, WAV or FLAC.")
            stream = container.streams.audio[0]
            measured = measure(_blocks(container, stream), stream.rate)
    except (FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Refused(f"{path} cannot be read as sound ({reason}). Give an MP3, WAV or FLAC file.") from error
    if measured is None:
        raise Refused(f"{path} holds no sound: its audio stream is empty. Give an MP3, WAV or FLAC file.")
    return measured


def measure(blocks: Iterator[numpy.ndarray], rate: int) -> Outline | None:
    """The outline of consecutive blocks, float32 [channels, time]; None when they hold nothing."""
    rows: list[tuple[numpy.ndarray, ...]] = []
    samples = held = 0
    waiting: list[numpy.ndarray] = []
    for block in blocks:
        waiting.append(block)
        samples, held = samples + block.shape[1], held + block.shape[1]
        if held >= BIN_SAMPLES * _BLOCK_BINS:
            joined = numpy.concatenate(waiting, axis=1)
            whole = held // BIN_SAMPLES * BIN_SAMPLES
            rows.append(_bins(joined[:, :whole]))
            held, waiting = held - whole, [joined[:, whole:].copy()]
    if samples == 0:
        return None
    rest = numpy.concatenate(waiting, axis=1)
    whole = held // BIN_SAMPLES * BIN_SAMPLES
    rows += [_bins(part) for part in (rest[:, :whole], rest[:, whole:]) if part.shape[1]]
    low, high, mean_square = (numpy.concatenate(parts, axis=1) for parts in zip(*rows, strict=True))
    return Outline(low, high, mean_square, samples, rate)


def _bins(samples: numpy.ndarray) -> tuple[numpy.ndarray, ...]:
    """Lowest, highest and mean square of whole bins, or of one that is not whole."""
    bins = samples.reshape(samples.shape[0], -1, min(BIN_SAMPLES, samples.shape[1]))
    return bins.min(axis=2), bins.max(axis=2), numpy.square(bins).mean(axis=2)


def _blocks(container, stream) -> Iterator[numpy.ndarray]:
    import av

    to_float = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
    for frame in itertools.chain(container.decode(stream), [None]):
        for block in to_float.resample(frame):
            yield block.to_ndarray()


def example() -> Path:
    """A real piece of music that comes with ComfyUI's own template package (30 s, 44.1 kHz, stereo)."""
    import importlib.util

    package = importlib.util.find_spec(EXAMPLE_PACKAGE)
    for folder in (package and package.submodule_search_locations) or []:
        for path in Path(folder).rglob(EXAMPLE_FILE):
            return path
    raise Refused(
        f"This workflow loads a sound: give one with --audio FILE. (The example in ComfyUI's "
        f"{EXAMPLE_PACKAGE} is not installed here.)"
    )
