"""What a job sounds like: the sketch synthesiser's music, through a codec, at another rate, delayed and quieter.

A real service returns the whole window decoded from latents and encoded again, so nothing of it equals the
source bit for bit. The delay and the gain stand for that.
"""

import asyncio
import base64
import io
import sys
import types
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import torch

GAIN = 0.8
# An MP3 encoder's own delay; a service that cuts it off wrongly hands it on.
DELAY_SAMPLES = 1105
FORMATS = (("mp3", 44_100), ("flac", 48_000), ("mp3", 48_000), ("flac", 44_100))


@dataclass(frozen=True)
class Music:
    """samples float32 [C, T]."""

    samples: np.ndarray
    rate: int

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.rate


def source_in(uri: str) -> Music:
    """The sound in a ``data:audio/…;base64,…`` URI. Raises ValueError."""
    head, _, payload = uri.partition(",")
    if not head.startswith("data:audio/") or not head.endswith(";base64"):
        raise ValueError("audio must be an HTTPS URL or a data URI of MP3, WAV or FLAC")
    try:
        return read(base64.b64decode(payload, validate=True))
    except (ValueError, av.FFmpegError) as error:
        raise ValueError(f"audio cannot be decoded: {error}") from None


def read(data: bytes) -> Music:
    """A sound file's bytes → its samples."""
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        planar = av.AudioResampler(format="fltp", layout=stream.layout.name, rate=stream.rate)
        frames = [out.to_ndarray() for frame in container.decode(stream) for out in planar.resample(frame)]
        return Music(np.concatenate(frames, axis=1), stream.rate)


def write(music: Music, form: str) -> bytes:
    """Samples → the bytes of an ``mp3``, ``flac`` or ``wav`` (32-bit float) file."""
    codec, layout_format = {"mp3": ("libmp3lame", "fltp"), "flac": ("flac", "s16"), "wav": ("pcm_f32le", "flt")}[form]
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[music.samples.shape[0]]
    file = io.BytesIO()
    with av.open(file, "w", format=form) as container:
        stream = container.add_stream(codec, rate=music.rate, layout=layout)
        if form == "mp3":
            stream.bit_rate = 192_000
        fitting = av.AudioResampler(format=layout_format, layout=layout, rate=music.rate)
        samples = np.ascontiguousarray(music.samples, dtype=np.float32)
        for start in range(0, samples.shape[1], 1 << 16):
            block = np.ascontiguousarray(samples[:, start : start + (1 << 16)])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts, frame.time_base = music.rate, start, Fraction(1, music.rate)
            for converted in fitting.resample(frame):
                container.mux(stream.encode(converted))
        container.mux(stream.encode(None))
    return file.getvalue()


def as_a_service_would(music: Music, rate: int) -> Music:
    """At another rate, later and quieter, as long as before."""
    samples = _resampled(music, rate)
    delayed = np.concatenate([np.zeros((samples.shape[0], DELAY_SAMPLES), np.float32), samples], axis=1)
    return Music(delayed[:, : samples.shape[1]] * GAIN, rate)


def _resampled(music: Music, rate: int) -> np.ndarray:
    if music.rate == rate:
        return music.samples
    layout = "mono" if music.samples.shape[0] == 1 else "stereo"
    resampler = av.AudioResampler(format="fltp", layout=layout, rate=rate)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(music.samples), format="fltp", layout=layout)
    frame.sample_rate = music.rate
    parts = [out.to_ndarray() for given in (frame, None) for out in resampler.resample(given)]
    return np.concatenate(parts, axis=1)


def render(model: str, body: dict) -> Music:
    """The music a valid body of ``model`` asks for."""
    task = model.rsplit("/", 1)[1]
    words = {"node": "simulator", "tags": body["tags"], "lyrics": body["lyrics"], "seed": max(0, body["seed"])}
    sketch = _sketch()
    if task == "text-to-audio":
        request = sketch.GenerateRequest(**words, duration=body["duration"])
        return _played(sketch.SketchBackend(request).generate(request))
    source = source_in(body["audio"])
    window = sketch.Sound(torch.from_numpy(source.samples), source.rate)
    if task == "audio-inpaint":
        request = sketch.InpaintRequest(**words)
        start, end = span(body, source.seconds)
        return _played(sketch.SketchBackend(request).inpaint(window, [(start, end)], request))
    before, after = body["extend_before_duration"], body["extend_after_duration"]
    request = sketch.OutpaintRequest(**words, extend_before_duration=before, extend_after_duration=after)
    return _played(sketch.SketchBackend(request).outpaint(window, before, after, request))


def tone(model: str, body: dict) -> Music:
    """Instead of ``render`` where the music does not matter and the time does: a faint tone of the seed."""
    seconds, rate = seconds_of(model, body), 44_100
    phase = np.arange(round(seconds * rate), dtype=np.float32) * (2 * np.pi * (220 + body["seed"] % 440) / rate)
    return Music(np.repeat(0.1 * np.sin(phase)[None], 2, axis=0), rate)


def seconds_of(model: str, body: dict) -> float:
    """The sound that comes back: what is billed."""
    task = model.rsplit("/", 1)[1]
    if task == "text-to-audio":
        return body["duration"]
    seconds = source_in(body["audio"]).seconds
    if task == "audio-inpaint":
        return seconds
    return seconds + body["extend_before_duration"] + body["extend_after_duration"]


def span(body: dict, seconds: float) -> tuple[float, float]:
    """The range of an inpaint body, in seconds from the start of its source."""
    start, end = (
        seconds - body[f"{side}_time"] if body[f"{side}_time_relative_to"] == "end" else body[f"{side}_time"]
        for side in ("start", "end")
    )
    return start, end


def _played(sound) -> Music:
    rendered = asyncio.run(sound)
    return Music(rendered.waveform.numpy(), rendered.sample_rate)


def _sketch() -> types.SimpleNamespace:
    """The pack's own synthesiser, imported as the tests import the pack: without running its __init__.py."""
    if "acestep_nodes" not in sys.modules:
        pack = types.ModuleType("acestep_nodes")
        pack.__path__ = [str(Path(__file__).resolve().parents[2])]
        sys.modules["acestep_nodes"] = pack
    from acestep_nodes.nodes.audio.value import Sound
    from acestep_nodes.nodes.backends.sketch import SketchBackend
    from acestep_nodes.nodes.request import requests as request

    return types.SimpleNamespace(
        Sound=Sound,
        SketchBackend=SketchBackend,
        GenerateRequest=request.GenerateRequest,
        InpaintRequest=request.InpaintRequest,
        OutpaintRequest=request.OutpaintRequest,
    )
