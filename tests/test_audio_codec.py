"""FLAC out, MP3/FLAC/WAV/Ogg in: lossless where it is promised, and nothing but sound gets in."""

import io
import struct
import wave

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
        b"\x00\x00\x00\x20ftypM4A " + bytes(100),
        bytes(1000),
    ],
)
def test_anything_else_is_not_even_tried(data):
    assert sniff(data) is None
    with pytest.raises(Undecodable, match="neither MP3"):
        decode(data)


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([b"fLaC", b"ID3", b"OggS", b"RIFF\x00\x00\x00\x00WAVE", b"\xff\xfb\x90\x00"]),
    st.binary(max_size=400),
)
def test_noise_behind_a_right_beginning_is_an_error_of_ours(start, rest):
    try:
        sound = decode(start + rest)
    except Undecodable:
        return
    assert sound.samples >= 1 and torch.isfinite(sound.waveform).all()


def test_a_picture_in_the_file_does_not_matter():
    data = write(Music(noise(2, 44_100).waveform.numpy(), 44_100), "mp3")
    picture = io.BytesIO()
    with av.open(picture, "w", format="image2pipe") as container:
        stream = container.add_stream("png", rate=1)
        stream.width = stream.height = 8
        stream.pix_fmt = "rgb24"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((8, 8, 3), np.uint8), "rgb24")))
        container.mux(stream.encode(None))
    frame = b"\x00image/png\x00\x03\x00" + picture.getvalue()
    tag = b"APIC" + struct.pack(">I", len(frame)) + b"\x00\x00" + frame
    size = len(tag)
    header = b"ID3\x03\x00\x00" + bytes([(size >> 21) & 127, (size >> 14) & 127, (size >> 7) & 127, size & 127])
    assert decode(header + tag + data).channels == 2


def test_a_plain_16_bit_wav_is_read_exactly():
    samples = np.array([[0, 1, -1, 32767, -32768] * 1000], np.int16)
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(44_100)
        out.writeframes(samples.tobytes())
    assert torch.equal(decode(file.getvalue()).waveform, torch.from_numpy(samples.astype(np.float32)) / 32768)
