"""FLAC out, every usual kind of sound in: lossless where promised, nothing but sound gets in, memory is bounded."""

import io
import struct
import subprocess
import sys
import wave
import zlib
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from acestep_nodes.nodes.audio.codec import DecodeLimits, Undecodable, decode, encode_flac, sniff
from acestep_nodes.nodes.audio.value import Sound
from hypothesis import given, settings
from hypothesis import strategies as st
from runcomfy_simulator.rendering import Music, write

LEAST_STEP = 1 / 32768


def noise(channels=2, samples=30_000, rate=44_100, seed=0, level=0.3):
    generator = torch.Generator().manual_seed(seed)
    return Sound((level * torch.randn(channels, samples, generator=generator)).clamp(-1, 1), rate)


@settings(max_examples=30, deadline=None)
@given(
    channels=st.sampled_from([1, 2]),
    samples=st.integers(1, 150_000),
    rate=st.sampled_from([8_000, 22_050, 44_100, 44_101, 48_000, 96_000, 192_000]),
)
def test_flac_comes_back_whole_and_within_half_a_step(channels, samples, rate):
    sound = noise(channels, samples, rate)
    back = decode(encode_flac(sound))
    assert (back.sample_rate, back.waveform.shape) == (rate, sound.waveform.shape)
    assert back.waveform.dtype == torch.float32
    # Full scale itself has no 16-bit number and comes back one step below.
    assert float((back.waveform - sound.waveform).abs().max()) <= LEAST_STEP / 2 + 1e-7 + (
        LEAST_STEP / 2 if float(sound.waveform.max()) > 1 - LEAST_STEP / 2 else 0
    )


def test_the_same_sound_gives_the_same_bytes():
    sound = noise()
    assert encode_flac(sound) == encode_flac(Sound(sound.waveform.clone(), sound.sample_rate))
    changed = sound.waveform.clone()
    changed[1, 12_345] += 2 * LEAST_STEP
    assert encode_flac(sound) != encode_flac(Sound(changed, sound.sample_rate))


@pytest.mark.parametrize("value", [1.01, -1.5, float("nan"), float("inf")])
def test_flac_refuses_what_it_cannot_hold_instead_of_clipping(value):
    waveform = torch.zeros(1, 100)
    waveform[0, 50] = value
    with pytest.raises(ValueError, match="do not fit"):
        encode_flac(Sound(waveform, 44_100))


def test_a_view_into_a_long_track_is_encoded_as_it_is():
    track = noise(2, 200_000)
    window = track.cut(50_000, 90_001)
    assert torch.equal(decode(encode_flac(window)).waveform, decode(encode_flac(track)).waveform[:, 50_000:90_001])


@pytest.mark.parametrize("form", ["mp3", "flac", "wav"])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_a_service_sends_is_decoded(form, channels):
    time = np.arange(44_100, dtype=np.float32) / 44_100
    samples = np.repeat(0.5 * np.sin(2 * np.pi * 440 * time)[None], channels, axis=0)
    sound = decode(write(Music(samples, 44_100), form))
    assert (sound.channels, sound.sample_rate) == (channels, 44_100)
    assert abs(sound.seconds - 1.0) < 0.06  # an MP3 is padded to whole frames
    spectrum = torch.fft.rfft(sound.waveform[0, 10_000:30_000]).abs()
    assert abs(int(spectrum.argmax()) * 44_100 / 20_000 - 440) < 3


KINDS = [
    # muxer, encoder, what it is told by
    ("mp3", "libmp3lame", "mp3"), ("flac", "flac", "flac"), ("wav", "pcm_s24le", "wav"), ("wav", "pcm_f32le", "wav"),
    ("ogg", "vorbis", "ogg"), ("ogg", "libopus", "ogg"), ("ogg", "flac", "ogg"), ("adts", "aac", "aac"),
    ("ipod", "aac", "mp4"), ("ipod", "alac", "mp4"), ("mp4", "aac", "mp4"), ("mp4", "flac", "mp4"),
    ("mp4", "libopus", "mp4"), ("mov", "pcm_s16be", "mp4"), ("webm", "libopus", "matroska"),
    ("webm", "vorbis", "matroska"), ("matroska", "aac", "matroska"), ("matroska", "flac", "matroska"),
]  # fmt: skip


def encoded(samples: np.ndarray, muxer: str, encoder: str, rate=48_000) -> bytes:
    """A real file of samples [C, T]."""
    layout = "mono" if samples.shape[0] == 1 else "stereo"
    file = io.BytesIO()
    with av.open(file, "w", format=muxer) as container:
        stream = container.add_stream(encoder, rate=rate, layout=layout, options={"strict": "-2"})
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples, np.float32), "fltp", layout)
        frame.sample_rate, frame.pts = rate, 0
        context = stream.codec_context
        fitting = av.AudioResampler(context.format.name, layout, rate, frame_size=context.frame_size or 1024)
        for given in (frame, None):
            for block in fitting.resample(given):
                container.mux(stream.encode(block))
        container.mux(stream.encode(None))
    return file.getvalue()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("muxer, encoder, kind", KINDS)
def test_every_usual_kind_of_file_is_decoded(muxer, encoder, kind, channels):
    time = np.arange(2 * 48_000, dtype=np.float32) / 48_000
    channels = 2 if encoder == "vorbis" else channels  # all that FFmpeg's own encoder makes
    data = encoded(np.repeat(0.5 * np.sin(2 * np.pi * 440 * time)[None], channels, axis=0), muxer, encoder)
    assert sniff(data) == kind
    sound = decode(data)
    assert (sound.channels, sound.sample_rate) == (channels, 48_000) and abs(sound.seconds - 2.0) < 0.06
    spectrum = torch.fft.rfft(sound.waveform[-1, 24_000:72_000]).abs()
    assert int(spectrum.argmax()) == 440


@pytest.mark.parametrize("muxer, encoder, kind", [("adts", "aac", "aac"), ("flac", "flac", "flac")])
def test_a_tag_before_the_sound_does_not_hide_what_it_is(muxer, encoder, kind):
    data = b"ID3\x03\x00\x00\x00\x00\x02\x00" + bytes(256)
    data += encoded(noise(2, 48_000).waveform.numpy(), muxer, encoder)
    assert sniff(data) == kind and abs(decode(data).seconds - 1.0) < 0.06


@pytest.mark.parametrize("muxer, encoder, kind", KINDS)
@pytest.mark.parametrize(
    "tail", [b"TAG" + bytes(125), bytes(500), b"\x17\xe2\x00junk" * 40], ids=["tag", "zeros", "junk"]
)
def test_what_follows_the_sound_does_no_harm(muxer, encoder, kind, tail):
    data = encoded(noise(2, 48_000).waveform.numpy(), muxer, encoder)
    assert torch.equal(decode(data + tail).waveform, decode(data).waveform)


def test_an_mp3_with_a_hole_is_broken():
    data = bytearray(encoded(noise(2, 96_000).waveform.numpy(), "mp3", "libmp3lame"))
    middle = len(data) // 2
    data[middle : middle + 2000] = bytes(2000)
    with pytest.raises(Undecodable, match="broken MP3"):
        decode(bytes(data))


@pytest.mark.parametrize("muxer, encoder, kind", [k for k in KINDS if k[2] in ("mp4", "matroska", "wav", "flac")])
@pytest.mark.parametrize("kept", [0.4, 0.8])
def test_a_file_cut_off_is_noticed_in_every_kind_that_tells_its_length(muxer, encoder, kind, kept):
    data = encoded(noise(2, 96_000).waveform.numpy(), muxer, encoder)
    with pytest.raises(Undecodable):
        decode(data[: int(len(data) * kept) // 12 * 12])


def with_cover(data: bytes, size: int) -> bytes:
    """An MP3 with a black picture of size × size pixels in front."""
    packer = zlib.compressobj(1)
    row = bytes(1 + 3 * size)
    pixels = b"".join([packer.compress(row) for _ in range(size)]) + packer.flush()
    png = b"\x89PNG\r\n\x1a\n"
    for name, chunk in (
        (b"IHDR", struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)),
        (b"IDAT", pixels),
        (b"IEND", b""),
    ):
        png += struct.pack(">I", len(chunk)) + name + chunk + struct.pack(">I", zlib.crc32(name + chunk))
    frame = b"\x00image/png\x00\x03\x00" + png
    tag = b"APIC" + struct.pack(">I", len(frame)) + b"\x00\x00" + frame
    length = bytes(len(tag) >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + length + tag + data


def test_a_picture_in_the_file_does_not_matter():
    data = encoded(noise(2, 48_000).waveform.numpy(), "mp3", "libmp3lame")
    assert torch.equal(decode(with_cover(data, 8)).waveform, decode(data).waveform)


# What a hostile or broken service may send.
BOMBS = {
    "a minute of silence at 655 kHz": lambda: encode_flac(Sound(torch.zeros(2, 655_350 * 80), 655_350)),
    "ten minutes of 32-bit stereo": lambda: wav(np.zeros((2, 48_000 * 600), np.float32), 48_000),
    "a picture of 768 MB": lambda: with_cover(write(Music(np.zeros((2, 48_000)), 48_000), "mp3"), 16_000),
}
MEASURED = """
import re, sys, types
root, path = sys.argv[1:]
pack = types.ModuleType("acestep_nodes"); pack.__path__ = [root]; sys.modules["acestep_nodes"] = pack
from acestep_nodes.nodes.audio.codec import Undecodable, decode
import av
from pathlib import Path
def peak():  # not getrusage's, which begins at that of the process that started this one
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
before = peak()
try:
    print(decode(Path(path).read_bytes()).seconds, end=" ")
except Undecodable as error:
    print("refused", end=" ")
print(peak() - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name, outcome", list(zip(BOMBS, ("refused", "600.0", "1.0"))))
def test_memory_is_bounded_by_what_is_decoded(tmp_path, name, outcome):
    path = tmp_path / "file"
    path.write_bytes(BOMBS[name]())
    root = str(Path(__file__).resolve().parents[1])
    done = subprocess.run([sys.executable, "-c", MEASURED, root, str(path)], capture_output=True, text=True, check=True)
    ended, grown = done.stdout.split()
    print(name, ended, grown, "MiB")
    assert ended == outcome and int(grown) <= 550  # of the 700 that any answer may take, the file included


def wav(samples: np.ndarray, rate=44_100) -> bytes:
    """32-bit float WAV of samples [C, T], written by hand so that it may hold anything."""
    data = np.ascontiguousarray(samples.T, dtype="<f4").tobytes()
    channels = samples.shape[0]
    head = struct.pack("<HHIIHH", 3, channels, rate, rate * channels * 4, channels * 4, 32)
    chunks = b"fmt " + struct.pack("<I", len(head)) + head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_not_numbers_are_refused(bad):
    samples = np.zeros((2, 5000), np.float32)
    assert decode(wav(samples)).samples == 5000
    samples[1, 4321] = bad
    with pytest.raises(Undecodable, match="not numbers"):
        decode(wav(samples))


def test_more_than_two_channels_are_refused():
    with pytest.raises(Undecodable, match="6 channels"):
        decode(write(Music(np.zeros((6, 4800), np.float32), 48_000), "flac"))


def test_longer_than_the_limit_is_refused_before_it_is_all_decoded():
    data = encode_flac(noise(1, 8_000 * 30, 8_000))
    assert decode(data, DecodeLimits(max_seconds=30.0)).seconds == 30.0
    with pytest.raises(Undecodable, match="longer than 29 s"):
        decode(data, DecodeLimits(max_seconds=29.0))


@pytest.mark.parametrize("form", ["flac", "wav"])
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.9])
def test_a_file_cut_off_is_noticed(form, kept):
    data = write(Music(noise(2, 88_200).waveform.numpy(), 44_100), form)
    with pytest.raises(Undecodable):
        decode(data[: int(len(data) * kept)])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>Not found</html>",
        b"#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:1/x.mp3\n",
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
        b"FORM\x00\x00\x00\x20AIFF" + bytes(100),
        b"RIFF\x00\x00\x00\x20AVI " + bytes(100),
        bytes(1000),
    ],
)
def test_anything_else_is_not_even_tried(data):
    assert sniff(data) is None
    with pytest.raises(Undecodable, match="neither MP3"):
        decode(data)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(
        [
            b"fLaC",
            b"ID3",
            b"ID3\x03\x00\x00\x00\x00\x00\x00\xff\xf1",
            b"OggS",
            b"RIFF\x00\x00\x00\x00WAVE",
            b"\xff\xfb\x90\x00",
            b"\xff\xf1\x50\x80",
            b"\x1a\x45\xdf\xa3",
            b"\x00\x00\x00\x20ftypM4A ",
        ]  # fmt: skip
    ),
    st.binary(max_size=400),
)
def test_noise_behind_a_right_beginning_is_an_error_of_ours(start, rest):
    try:
        sound = decode(start + rest)
    except Undecodable:
        return
    assert sound.samples >= 1 and torch.isfinite(sound.waveform).all()


def test_a_plain_16_bit_wav_is_read_exactly():
    samples = np.array([[0, 1, -1, 32767, -32768] * 1000], np.int16)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(44_100)
        out.writeframes(samples.tobytes())
    assert torch.equal(decode(file.getvalue()).waveform, torch.from_numpy(samples.astype(np.float32)) / 32768)
