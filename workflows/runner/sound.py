"""Sound files as the runner needs them: is this one readable, what is in it. PyAV, inside the environment only."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy

from .errors import Refused

EXAMPLE_PACKAGE = "comfyui_workflow_templates_media_api"
EXAMPLE_FILE = "api_stability_ai_audio_inpaint-1.mp3"


@dataclass(frozen=True)
class Sound:
    """samples: float32 [channels, time] in −1…1; rate in Hz."""

    samples: numpy.ndarray
    rate: int

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.rate

    @property
    def peak_dbfs(self) -> float:
        """Level of the largest sample in dB of full scale; −inf for silence."""
        peak = float(numpy.abs(self.samples).max(initial=0.0))
        return 20 * float(numpy.log10(peak)) if peak > 0 else float("-inf")

    def describe(self) -> str:
        channels = {1: "mono", 2: "stereo"}.get(self.samples.shape[0], f"{self.samples.shape[0]} channels")
        return f"{self.seconds:.2f} s, {self.rate} Hz, {channels}, peak {round(self.peak_dbfs, 1) + 0.0:.1f} dBFS"


def read(path: Path) -> Sound:
    """Decode the first audio stream of a file. Raises Refused when there is none or it is broken."""
    import av
    from av.error import FFmpegError

    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise Refused(f"{path} holds no sound. Give an audio file such as MP3, WAV or FLAC.")
            stream = container.streams.audio[0]
            to_float = av.AudioResampler(format="fltp", layout=stream.layout, rate=stream.rate)
            blocks = [
                block.to_ndarray()
                for frame in itertools.chain(container.decode(stream), [None])
                for block in to_float.resample(frame)
            ]
            rate = stream.rate
    except (FFmpegError, OSError) as error:
        reason = getattr(error, "strerror", None) or error
        raise Refused(f"{path} cannot be read as sound ({reason}). Give an MP3, WAV or FLAC file.") from error
    if not blocks:
        raise Refused(f"{path} holds no sound: its audio stream is empty. Give an MP3, WAV or FLAC file.")
    return Sound(numpy.concatenate(blocks, axis=1), rate)


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
