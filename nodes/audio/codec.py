"""Sound ↔ compressed bytes in memory, through PyAV. No file and no address is ever opened here."""

import io
import wave
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from ..errors import RenderError
from ..words.remarks import remark
from .value import MAX_CHANNELS, MAX_SAMPLE_RATE_HZ, MIN_SAMPLE_RATE_HZ, Sound

# 16 bits: the sound is context for a model whose autoencoder errs by far more than the rounding (-98 dBFS),
# it never reaches the user's track, and against 24 bits it is 40 % fewer bytes and half the time.
_FULL_SCALE = 32768
# What is encoded, and what is decoded, at a time: large enough for PyAV's frames to cost nothing, small beside a track.
_ENCODE_BLOCK_SAMPLES = 1 << 18
_TAPE_SAMPLES = 1 << 20
# FLAC's header holds the rate in 20 bits; higher ones are for the caller to resample.
MAX_FLAC_RATE_HZ = 655_350
# How much earlier than its header says a file may end before it counts as cut off.
_MISSING_SECONDS_ALLOWED = 0.1
# The formats that state their length for certain: an MP3's or an AAC's is often a guess from its bit rate.
_STATING_LENGTH = ("flac", "mp4", "matroska")
# A WAV file that was written to a pipe announces this much or more.
_WAV_LENGTH_UNKNOWN = 0x7FFF_0000
# All that a file may be decoded with. Not pictures and videos, which may lie beside the sound: FFmpeg would decode one
# to see what it is, and it may be of any size.
_PCM = [f"pcm_{kind}{order}" for kind in ("s16", "s24", "s32", "f32", "f64") for order in ("le", "be")]
_DECODERS = ("aac", "alac", "flac", "mp3float", "mp3", "opus", "libopus", "vorbis", "libvorbis", "pcm_u8", *_PCM)


class Undecodable(RenderError):
    """Bytes that are not a whole, sane piece of sound. The message is the end of a sentence: "… is …"."""


@dataclass(frozen=True)
class DecodeLimits:
    """What ``decode`` accepts; anything beyond is refused before it fills the memory."""

    max_seconds: float = 600.0
    max_channels: int = MAX_CHANNELS
    max_values: int = 60_000_000  # samples × channels: ten minutes of stereo at 48 kHz, 240 MB


def encode_flac(sound: Sound) -> bytes:
    """``sound``, samples within ±1 at up to 655 350 Hz, as a 16-bit FLAC file. The same sound gives the same bytes.

    Raises ValueError for samples beyond ±1: clipping would be silent damage.
    """
    import av

    samples = _within_full_scale(sound)
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


def encode_wav(sound: Sound) -> bytes:
    """``sound``, samples within ±1, as a 16-bit WAV file with the samples of ``encode_flac``. Raises ValueError too."""
    samples = _within_full_scale(sound)
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(sound.channels)
        writer.setsampwidth(2)
        writer.setframerate(sound.sample_rate)
        writer.setnframes(sound.samples)
        for start in range(0, sound.samples, _ENCODE_BLOCK_SAMPLES):
            block = _interleaved_16_bit(samples[:, start : start + _ENCODE_BLOCK_SAMPLES])
            writer.writeframesraw(block.astype("<i2", copy=False).tobytes())
    return file.getvalue()


def _within_full_scale(sound: Sound) -> np.ndarray:
    samples = sound.waveform.numpy()
    low, high = samples.min(), samples.max()
    if not (low >= -1.0 and high <= 1.0):
        raise ValueError(f"samples from {low:g} to {high:g} do not fit 16 bits; scale them into -1 to 1 first")
    return samples


def _interleaved_16_bit(block: np.ndarray) -> np.ndarray:
    """float32 [C, T] within ±1 → int16 [T, C]. In numpy: torch's thread pool would cost more than the work."""
    scaled = np.rint(block * np.float32(_FULL_SCALE))
    np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1, out=scaled)
    pcm = np.empty(block.shape[::-1], np.int16)
    pcm[:] = scaled.T
    return pcm


def decode(data: bytes, limits: DecodeLimits = DecodeLimits()) -> Sound:
    """An MP3, FLAC, WAV, Ogg, AAC, MP4 (M4A) or Matroska (WebM) file → its sound. Raises Undecodable."""
    tape = _Tape()
    for rate, block in decoded_blocks(data, limits):
        tape.add(rate, block)
    return tape.sound()


def decoded_blocks(data: bytes, limits: DecodeLimits = DecodeLimits()) -> Iterator[tuple[int, np.ndarray]]:
    """The rate and consecutive blocks, float32 [C, n], of such a file; at least one. Raises Undecodable on the way.

    The demuxer is chosen by the file's first bytes and never guessed, so a playlist or any other format
    that could name a file or an address is not even tried.
    """
    import av
    from av.error import FFmpegError

    container_format = sniff(data)
    if container_format is None:
        raise Undecodable(remark("unknown_format"))
    # Custom in-memory I/O; the whitelists forbid whatever a demuxer might want to open besides.
    options = {
        "protocol_whitelist": "none",
        "format_whitelist": container_format,
        "codec_whitelist": ",".join(_DECODERS),
    }
    samples, rate = 0, 1
    try:
        with av.open(io.BytesIO(data), format=container_format, options=options) as container:
            for rate, block in _stream_blocks(container, container_format, limits):
                samples += block.shape[1]
                yield rate, block
            if not samples:
                raise Undecodable(remark("without_sound"))
            _check_whole(container, container_format, data, samples / rate)
    except (FFmpegError, ValueError, OverflowError):
        raise Undecodable(remark("broken_file", format=container_format.upper())) from None


def sniff(data: bytes) -> str | None:
    """The name of the demuxer for ``data`` by its first bytes: flac, wav, ogg, mp4, matroska, aac, mp3; or None."""
    start = _after_id3(data)
    head = data[start : start + 12]
    if head[:4] == b"fLaC":
        return "flac"
    # MPEG's sync of eleven ones, in AAC one more; then the layer: 0 in AAC, III in an MP3.
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    if start or (len(head) > 2 and head[0] == 0xFF and head[1] & 0xE6 == 0xE2):
        return "mp3"
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"OggS":
        return "ogg"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free"):
        return "mp4"
    return "matroska" if head[:4] == b"\x1a\x45\xdf\xa3" else None


def _after_id3(data: bytes) -> int:
    """Where the sound begins behind an ID3 tag, which MP3, AAC and FLAC files may start with; 0 without one."""
    if data[:3] != b"ID3" or len(data) < 10:
        return 0
    size = 0
    for byte in data[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _stream_blocks(container, container_format: str, limits: DecodeLimits) -> Iterator[tuple[int, np.ndarray]]:
    if len(container.streams.audio) != 1:
        raise Undecodable(remark("several_tracks", count=len(container.streams.audio)))
    stream = container.streams.audio[0]
    if stream.codec_context.name not in _DECODERS:
        raise Undecodable(remark("unknown_codec", codec=stream.codec_context.name))
    gate = None
    for frame in _frames(container, stream, may_end_in_junk=container_format == "mp3"):
        # Of some AAC only the decoder knows rate and channels, so the first block counts and not the header.
        gate = gate or _Gate(frame, limits)
        for block in gate.passed(frame):
            yield gate.rate, block


def _frames(container, stream, may_end_in_junk: bool) -> Iterator:
    """Decoded frames. What follows the last frame of an MP3 is often something else, and no damage."""
    from av.error import InvalidDataError

    broken = None
    for packet in container.demux(stream):
        try:
            frames = packet.decode()
        except InvalidDataError as error:
            if not may_end_in_junk:
                raise
            broken = error
            continue
        if frames and broken:
            raise broken
        yield from frames


class _Gate:
    """Lets decoded frames through as float32 [C, n], as long as they are sane, of one kind and within the limits."""

    def __init__(self, first, limits: DecodeLimits):
        import av

        self.rate, self._channels, self._samples = first.sample_rate, len(first.layout.channels), 0
        if not 1 <= self._channels <= limits.max_channels:
            raise Undecodable(remark("many_channels", channels=self._channels, most=limits.max_channels))
        if not MIN_SAMPLE_RATE_HZ <= self.rate <= MAX_SAMPLE_RATE_HZ:
            raise Undecodable(remark("unusable_rate", rate=self.rate))
        self._most = min(int(limits.max_seconds * self.rate), limits.max_values // self._channels)
        layout = {1: "mono", 2: "stereo"}.get(self._channels, first.layout)
        self._to_float = av.AudioResampler(format="fltp", layout=layout, rate=self.rate)

    def passed(self, frame) -> Iterator[np.ndarray]:
        if (frame.sample_rate, len(frame.layout.channels)) != (self.rate, self._channels):
            raise Undecodable(remark("changing_kind"))
        for plain in self._to_float.resample(frame):
            self._samples += plain.samples
            if self._samples > self._most:
                named = {1: remark("kind_mono"), 2: remark("kind_stereo")}
                kind = named.get(self._channels) or remark("kind_channels", channels=self._channels)
                raise Undecodable(remark("too_long", most=f"{self._most / self.rate:g}", rate=self.rate, kind=kind))
            block = plain.to_ndarray()
            if not np.isfinite(block).all():
                raise Undecodable(remark("file_not_numbers"))
            yield block


class _Tape:
    """Blocks one after the other, never held twice: joining a list of them at the end would be that."""

    def __init__(self):
        self._samples, self._rate = 0, 0
        self._room = np.empty((0, 0), np.float32)

    def add(self, rate: int, block: np.ndarray) -> None:
        self._rate, end = rate, self._samples + block.shape[1]
        if end > self._room.shape[1]:
            larger = np.empty((block.shape[0], max(end, 2 * self._room.shape[1], _TAPE_SAMPLES)), np.float32)
            if self._samples:
                larger[:, : self._samples] = self._room[:, : self._samples]
            self._room = larger
        self._room[:, self._samples : end] = block
        self._samples = end

    def sound(self) -> Sound:
        return Sound(torch.from_numpy(self._room[:, : self._samples]), self._rate)


def _check_whole(container, container_format: str, data: bytes, seconds: float) -> None:
    stream = container.streams.audio[0]
    if container_format == "wav":  # FFmpeg shortens the length it tells to what is there
        there, missing = _wav_bytes(data)
        announced = seconds * (1 + missing / max(1, there))
    elif container_format not in _STATING_LENGTH:
        return
    elif stream.duration is not None:
        announced = float(stream.duration * stream.time_base)
    elif container.duration is not None and len(container.streams) == 1:
        announced = container.duration / 1e6
    else:
        return
    if seconds < announced - _MISSING_SECONDS_ALLOWED:
        raise Undecodable(remark("cut_off", there=f"{seconds:.1f}", announced=f"{announced:.1f}"))


def _wav_bytes(data: bytes) -> tuple[int, int]:
    """How many bytes of sound a WAV file holds, and how many it announces beyond its end."""
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8
        if name == b"data":
            there = len(data) - at
            return there, max(0, size - there) if size < _WAV_LENGTH_UNKNOWN else 0
        at += size + size % 2
    return 0, 0
