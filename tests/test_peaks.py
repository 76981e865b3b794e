"""The outlines that waveforms are drawn from, in memory and from files, and the file a browser may ask for."""

import asyncio
import base64

import numpy as np
import pytest
import torch
from acestep_nodes.nodes.audio.codec import encode_flac
from acestep_nodes.nodes.audio.outline import MESSAGE_BINS, outline_of_file, outline_of_sound
from acestep_nodes.nodes.audio.peaks import measure
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.routes.peaks import OutlinesOfFiles, file_inside
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 44_100


def noise(samples, channels=2, seed=1):
    return torch.rand(channels, samples, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=12), st.integers(1, 64), st.integers(1, 40))
def test_however_a_track_is_cut_into_pieces_its_peaks_are_the_same(cuts, bin_samples, max_bins):
    track = noise(sum(cuts))
    pieces = track.split(cuts, dim=1)
    found = measure(pieces, RATE, bin_samples, max_bins)
    whole = measure([track], RATE, bin_samples, max_bins)
    for name in ("low", "high", "rms"):
        assert torch.equal(getattr(found, name), getattr(whole, name)), name
    assert found.low.shape[0] <= max_bins
    assert found.seconds == pytest.approx(track.shape[1] / RATE)
    covered = found.low.shape[0] * found.bin_seconds
    assert found.seconds <= covered + 1e-9 < found.seconds + found.bin_seconds + 1e-6


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 5_000), st.integers(1, 64), st.integers(1, 100))
def test_each_bin_holds_its_own_extremes(samples, bin_samples, max_bins):
    track = noise(samples, seed=samples)
    found = measure([track], RATE, bin_samples, max_bins)
    scale = 127 / track.abs().max()
    size = round(found.bin_seconds * RATE)
    for index, piece in enumerate(track.split(size, dim=1)):
        assert found.low[index] == (piece.min() * scale).round()
        assert found.high[index] == (piece.max() * scale).round()


def test_the_power_of_a_sine_is_right_and_its_channels_are_averaged():
    seconds = torch.arange(RATE) / RATE
    sine = torch.sin(2 * torch.pi * 441 * seconds)
    both = outline_of_sound(Sound(torch.stack([sine, sine]), RATE), max_bins=10).peaks
    one = outline_of_sound(Sound(torch.stack([sine, torch.zeros(RATE)]), RATE), max_bins=10).peaks
    assert both.rms.float().mean() / 127 == pytest.approx(2**-0.5, abs=0.01)
    assert one.rms.float().mean() / 127 == pytest.approx(0.5, abs=0.01)


def test_the_message_is_small_and_whole():
    found = outline_of_sound(Sound(noise(RATE * 60), RATE)).peaks.as_dict()
    assert found["bins"] <= MESSAGE_BINS
    data = np.frombuffer(base64.b64decode(found["data"]), np.int8).reshape(3, found["bins"])
    assert data[0].min() < -120 and data[1].max() > 120 and (data[2] > 0).all()
    assert len(found["data"]) < 70_000


def test_silence_and_emptiness():
    assert not outline_of_sound(Sound(torch.zeros(1, 1000), RATE)).peaks.high.any()
    with pytest.raises(InputError):
        measure([], RATE, 64, 100)
    with pytest.raises(InputError):
        measure([torch.zeros(2, 0)], RATE, 64, 100)


def test_a_file_is_outlined_as_its_sound_is(tmp_path):
    track = noise(RATE * 3) * 0.9
    path = tmp_path / "track.flac"
    path.write_bytes(encode_flac(Sound(track, RATE)))
    found = outline_of_file(path).peaks
    straight = measure([track], RATE, 512, 1 << 17)
    assert found.seconds == 3 and found.sample_rate == RATE
    assert (found.low.int() - straight.low.int()).abs().max() <= 1
    assert (found.high.int() - straight.high.int()).abs().max() <= 1


NO_SOUND = [b"", b"not sound at all", b"#EXTM3U\n/etc/passwd\n", b"ffconcat version 1.0\nfile x\n"]


@pytest.mark.parametrize("content", NO_SOUND)
def test_what_is_no_sound_is_refused(tmp_path, content):
    path = tmp_path / "file.mp3"
    path.write_bytes(content)
    with pytest.raises(InputError):
        outline_of_file(path)


def test_only_files_of_the_folder_are_found(tmp_path):
    inside = tmp_path / "input"
    (inside / "sub").mkdir(parents=True)
    (inside / "sub" / "a.wav").write_bytes(b"x")
    secret = tmp_path / "secret.wav"
    secret.write_bytes(b"x")
    (tmp_path / "input2").mkdir()
    (tmp_path / "input2" / "b.wav").write_bytes(b"x")
    assert file_inside(inside, "sub", "a.wav") == inside / "sub" / "a.wav"
    for subfolder, filename in (
        ("", "../secret.wav"), ("..", "secret.wav"), ("", str(secret)), (str(tmp_path), "secret.wav"), ("", ""),
        ("sub", "../../secret.wav"), ("", "sub"), ("", "missing.wav"), ("../input2", "b.wav"), ("", "a\0.wav"),
    ):  # fmt: skip
        assert file_inside(inside, subfolder, filename) is None, (subfolder, filename)


def test_a_file_is_measured_once_until_it_changes(tmp_path, monkeypatch):
    path = tmp_path / "track.flac"
    path.write_bytes(encode_flac(Sound(noise(RATE), RATE)))
    measured = []
    monkeypatch.setattr(
        "acestep_nodes.nodes.routes.peaks.outline_of_file", lambda path: measured.append(path) or outline_of_file(path)
    )
    outlines = OutlinesOfFiles(kept=1)

    async def scenario():
        first = await outlines.of(path)
        assert await outlines.of(path) is first and len(measured) == 1
        path.write_bytes(encode_flac(Sound(noise(RATE * 2), RATE)))
        assert (await outlines.of(path)).peaks.seconds == 2

    asyncio.run(scenario())
