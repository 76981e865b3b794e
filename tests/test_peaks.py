"""The outlines that waveforms are drawn from, in memory and from files, and the file a browser may ask for."""

import asyncio
import base64
import contextlib
import dataclasses
import threading

import numpy as np
import pytest
import torch
from acestep_nodes.nodes.audio import crossings
from acestep_nodes.nodes.audio.codec import encode_flac
from acestep_nodes.nodes.audio.crossings import BIN_SECONDS, CrossingMeter
from acestep_nodes.nodes.audio.outline import MESSAGE_BINS, FileReading, outline_of_sound
from acestep_nodes.nodes.audio.peaks import PeakMeter
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.routes import peaks_answers
from acestep_nodes.nodes.routes.peaks_answers import OutlinesOfFiles, file_inside
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 44_100


def peaks_of(pieces, bin_samples, max_bins):
    meter = PeakMeter(RATE, bin_samples, max_bins)
    for piece in pieces:
        meter.feed(piece)
    return meter.peaks()


def noise(samples, channels=2, seed=1):
    return torch.rand(channels, samples, generator=torch.Generator().manual_seed(seed)) * 2 - 1


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=12), st.integers(1, 64), st.integers(1, 40))
def test_however_a_track_is_cut_into_pieces_its_peaks_are_the_same(cuts, bin_samples, max_bins):
    track = noise(sum(cuts))
    pieces = track.split(cuts, dim=1)
    found = peaks_of(pieces, bin_samples, max_bins)
    whole = peaks_of([track], bin_samples, max_bins)
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
    found = peaks_of([track], bin_samples, max_bins)
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
        peaks_of([], 64, 100)
    with pytest.raises(InputError):
        peaks_of([torch.zeros(2, 0)], 64, 100)


def test_a_file_is_outlined_as_its_sound_is(tmp_path):
    track = noise(RATE * 3) * 0.9
    path = tmp_path / "track.flac"
    path.write_bytes(encode_flac(Sound(track, RATE)))
    found = FileReading(path).outline().peaks
    straight = peaks_of([track], 512, 1 << 17)
    assert found.seconds == 3 and found.sample_rate == RATE
    assert (found.low.int() - straight.low.int()).abs().max() <= 1
    assert (found.high.int() - straight.high.int()).abs().max() <= 1


NO_SOUND = [b"", b"not sound at all", b"no sound", b"#EXTM3U\n/etc/passwd\n", b"ffconcat version 1.0\nfile x\n"]


@pytest.mark.parametrize("content", NO_SOUND)
def test_what_is_no_sound_is_refused(tmp_path, content):
    path = tmp_path / "file.mp3"
    path.write_bytes(content)
    with pytest.raises(InputError):
        FileReading(path).outline()


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


def test_a_file_is_measured_once_until_it_changes(tmp_path):
    path = tmp_path / "track.flac"
    path.write_bytes(encode_flac(Sound(noise(RATE), RATE)))
    outlines = OutlinesOfFiles(kept=1)

    async def scenario():
        first, same = await asyncio.gather(outlines.of(path), outlines.of(path))
        assert first is same is await outlines.of(path)
        path.write_bytes(encode_flac(Sound(noise(RATE * 2), RATE)))
        assert (await outlines.of(path)).peaks.seconds == 2

    asyncio.run(scenario())


class Piecewise(FileReading):
    """Hands on a piece of a file each time that it may."""

    def __init__(self, path):
        super().__init__(path)
        self.may_go_on = threading.Semaphore(0)

    @contextlib.contextmanager
    def opened(self):
        with super().opened() as track:
            yield dataclasses.replace(track, blocks=self._slowly(track.blocks))

    def _slowly(self, blocks):
        for block in blocks:
            for piece in block.split(RATE, dim=1):
                assert self.may_go_on.acquire(timeout=20)
                yield piece


def test_a_file_is_told_as_far_as_it_was_read(tmp_path, monkeypatch):
    path = tmp_path / "track.flac"
    path.write_bytes(encode_flac(Sound(noise(RATE * 5), RATE)))
    monkeypatch.setattr(peaks_answers, "FileReading", Piecewise)
    outlines = OutlinesOfFiles()

    async def scenario():
        started = await outlines.within(path, 0)
        assert peaks_answers.whole_or_growing(started) == (202, {})
        for _ in range(3):
            started.may_go_on.release()
        while started.so_far() is None or started.so_far()[0].seconds < 2.98:
            assert await outlines.within(path, 0.01) is started
        status, told = peaks_answers.whole_or_growing(await outlines.within(path, 0))
        assert (status, told["seconds"], told["peaks"]["seconds"]) == (202, 5, pytest.approx(3, abs=0.02))
        one_who_leaves = asyncio.create_task(outlines.of(path))
        await asyncio.sleep(0)
        one_who_leaves.cancel()
        for _ in range(3):
            started.may_go_on.release()
        status, told = peaks_answers.whole_or_growing(await outlines.within(path, None))
        assert (status, told["seconds"]) == (200, 5) and told["crossings"]["data"]
        assert started.so_far() is None  # nothing is held twice

    asyncio.run(scenario())


def test_a_file_that_breaks_off_is_said_to_all_who_wait_and_read_anew_later(tmp_path):
    path = tmp_path / "track.flac"
    path.write_bytes(b"no sound")
    outlines = OutlinesOfFiles()

    async def scenario():
        told = await asyncio.gather(*(outlines.of(path) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in told] == [InputError] * 3
        with pytest.raises(InputError):
            await outlines.of(path)

    asyncio.run(scenario())


def crossings_of(pieces, rate=RATE):
    meter = CrossingMeter(rate)
    for piece in pieces:
        meter.feed(piece)
    return meter.crossings()


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 700), min_size=1, max_size=12), st.sampled_from([8_000, 44_100, 192_000]))
def test_however_a_track_is_cut_into_pieces_it_crosses_zero_at_the_same_places(cuts, rate):
    track = noise(sum(cuts), seed=len(cuts))
    assert np.array_equal(crossings_of(track.split(cuts, dim=1), rate), crossings_of([track], rate))


@pytest.mark.parametrize("rate", [8_000, 44_100, 96_000])
def test_zero_crossings_of_a_sine_are_where_it_has_them(rate):
    hertz, phase = 37.0, 0.3
    seconds = torch.arange(3 * rate) / rate
    sine = torch.sin(2 * torch.pi * hertz * seconds + phase)
    found = crossings_of([torch.stack([sine, sine])], rate)
    told = [(bin_ + step / 255) * BIN_SECONDS for bin_, step in enumerate(found) if step < 255]
    real = (np.arange(1, 300) * np.pi - phase) / (2 * np.pi * hertz)
    real = real[real < 3 - 1 / rate]
    assert len(told) == len(real)  # a half wave is longer than a bin
    assert np.allclose(told, real, atol=BIN_SECONDS / 255 + 1e-5)


def test_silence_and_a_constant_offset_never_cross_zero():
    for track in (torch.zeros(1, RATE), torch.full((2, RATE), 0.5), noise(RATE) * 0.1 + 0.5):
        assert (crossings_of([track]) == 255).all()
    assert len(crossings_of([])) <= 1


def test_sound_in_memory_tells_its_crossings_to_twenty_minutes():
    for seconds, told in ((1200, True), (1201, False)):
        found = outline_of_sound(Sound(noise(seconds * 1000), 1000)).crossings
        assert (crossings.as_dict(found) is not None) == told


def test_crossings_of_an_hour_are_a_megabyte():
    hour = np.full(round(3600 / BIN_SECONDS), 255, np.uint8)
    assert len(crossings.as_dict(hour)["data"]) < 1_000_000
