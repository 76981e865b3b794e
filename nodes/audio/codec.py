"""Sound ↔ compressed bytes in memory, through PyAV. No file and no address is ever opened here."""

import io
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import RenderError
from .value import MAX_CHANNELS, MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ, Sound

# 16 bits: the sound is context for a model whose autoencoder errs by far more than the rounding (-98 dBFS),
# it never reaches the user's track, and against 24 bits it is 40 % fewer bytes and half the time.
_FULL_SCALE = 32768
_ENCODE_BLOCK_SAMPLES = 1 << 18
# FLAC's header holds the rate in 20 bits; higher ones are for the caller to resample.
MAX_FLAC_RATE_HZ = 655_350
# How much earlier than its header says a file may end before it counts as cut off.
_MISSING_SECONDS_ALLOWED = 0.1


class Undecodable(RenderError):
    """Bytes that are not a whole, sane piece of sound. The message is the end of a sentence: "… is …"."""


@dataclass(frozen=True)
class DecodeLimits:
    """What ``decode`` accepts; anything beyond is refused before it fills the memory."""

    max_seconds: float = 600.0
    max_channels: int = MAX_CHANNELS


def encode_flac(sound: Sound) -> bytes:
    """``sound``, samples within ±1 at up to 655 350 Hz, as a 16-bit FLAC file. The same sound gives the same bytes.

    Raises ValueError for samples beyond ±1: clipping would be silent damage.
    """
    import av

    samples = sound.waveform.numpy()
    low, high = samples.min(), samples.max()
    if not (low >= -1.0 and high <= 1.0):
        raise ValueError(f"samples from {low:g} to {high:g} do not fit FLAC; scale them into -1 to 1 first")
    layout = "mono" if sound.channels == 1 else "stereo"
    file = io.BytesIO()
    with av.open(file, "w", format="flac") as container:
        stream = container.add_stream("flac", rate=sound.sample_rate, layout=layout)
        stream.codec_context.format = "s16"
        for start in range(0, sound.samples, _ENCODE_BLOCK_SAMPLES):
            pcm = _interleaved_16_bit(samples[:, start : start + _ENCODE_BLOCK_SAMPLES])
            frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), "s16", layout)
            frame.sample_rate = sound.sample_rate
            frame.pts = start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return file.getvalue()


def _interleaved_16_bit(block: np.ndarray) -> np.ndarray:
    """float32 [C, T] within ±1 → int16 [T, C]. In numpy: torch's thread pool would cost more than the work."""
    scaled = np.rint(block * np.float32(_FULL_SCALE))
    np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1, out=scaled)
    pcm = np.empty(block.shape[::-1], np.int16)
    pcm[:] = scaled.T
    return pcm


def decode(data: bytes, limits: DecodeLimits = DecodeLimits()) -> Sound:
    """An MP3, FLAC, WAV or Ogg file → its sound. Raises Undecodable.

    The demuxer is chosen by the file's first bytes and never guessed, so a playlist or any other format
    that could name a file or an address is not even tried.
    """
    import av
    from av.error import FFmpegError

    container_format = sniff(data)
    if container_format is None:
        raise Undecodable("neither MP3, FLAC, WAV nor Ogg")
    try:
        # Custom in-memory I/O; the whitelists forbid whatever a demuxer might want to open besides.
        options = {"protocol_whitelist": "none", "format_whitelist": container_format}
        with av.open(io.BytesIO(data), format=container_format, options=options) as container:
            return _decode_stream(container, container_format, limits)
    except (FFmpegError, ValueError, OverflowError):
        raise Undecodable(f"a broken {container_format.upper()} file") from None


def sniff(data: bytes) -> str | None:
    """The name of the demuxer for ``data`` (mp3, flac, wav or ogg) by its first bytes, or None."""
    if data[:4] == b"fLaC":
        return "flac"
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"OggS":
        return "ogg"
    # MPEG sync of eleven ones, layer III.
    is_frame = len(data) > 2 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0 and data[1] & 0x06 == 0x02
    return "mp3" if data[:3] == b"ID3" or is_frame else None


def _decode_stream(container, container_format: str, limits: DecodeLimits) -> Sound:
    import av

    if len(container.streams.audio) != 1:
        raise Undecodable(f"a file with {len(container.streams.audio)} sound tracks instead of one")
    stream = container.streams.audio[0]
    rate, channels = stream.codec_context.sample_rate, stream.codec_context.channels
    if not 1 <= channels <= limits.max_channels:
        raise Undecodable(f"a file with {channels} channels; at most {limits.max_channels} can be used")
    if not MIN_SAMPLE_RATE_HZ <= rate <= MAX_SAMPLE_RATE_HZ:
        raise Undecodable(f"a file at {rate} Hz, which is no usable sample rate")
    to_float = av.AudioResampler(format="fltp", layout="mono" if channels == 1 else "stereo", rate=rate)
    blocks, samples, most = [], 0, int(limits.max_seconds * rate)
    for decoded in container.decode(stream):
        if decoded.sample_rate != rate or len(decoded.layout.channels) != channels:
            raise Undecodable("a file whose sample rate or channels change on the way")
        for frame in to_float.resample(decoded):
            samples += frame.samples
            if samples > most:
                raise Undecodable(f"longer than {limits.max_seconds:g} s")
            blocks.append(torch.from_numpy(frame.to_ndarray()))
    if not samples:
        raise Undecodable("a file without any sound in it")
    waveform = torch.cat(blocks, dim=1)
    _check_whole(stream, container_format, samples / rate)
    if not torch.isfinite(waveform).all():
        raise Undecodable("a file with samples that are not numbers (NaN or infinite)")
    return Sound(waveform, rate)


def _check_whole(stream, container_format: str, seconds: float) -> None:
    # An MP3's length is often a guess from its bit rate, so only formats that state it are held to it.
    if container_format not in ("flac", "wav") or stream.duration is None:
        return
    announced = float(stream.duration * stream.time_base)
    if seconds < announced - _MISSING_SECONDS_ALLOWED:
        raise Undecodable(f"cut off after {seconds:.1f} s of {announced:.1f} s")
