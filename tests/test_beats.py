"""Beats are found where there are some, where they lie, and nowhere else."""

import asyncio
import json

import numpy as np
import pytest
import rhythms
import torch
from acestep_nodes.nodes.audio.beats import find_beats
from acestep_nodes.nodes.audio.codec import encode_flac
from acestep_nodes.nodes.audio.onsets import OnsetMeter
from acestep_nodes.nodes.audio.outline import FileReading, outline_of_sound
from acestep_nodes.nodes.audio.resample import resample
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.routes import peaks_answers
from acestep_nodes.nodes.routes.same_origin import BadInput
from hypothesis import given, settings
from hypothesis import strategies as st
from sketch_runs import RATE as SKETCH_RATE
from sketch_runs import generate


def beats_of(sound: Sound, bpm: float = 0):
    return find_beats(outline_of_sound(sound).onsets, bpm)


def song(tags: str, seconds: int = 30, seed: int = 3) -> Sound:
    return Sound(torch.from_numpy(generate(tags, duration=seconds, seed=seed)), SKETCH_RATE)


def share_within(times, step: float, first: float = 0.0, reach: float = 0.03) -> float:
    """How many of ``times`` lie on a grid."""
    off = (np.array(times) - first) / step
    return float((abs(off - np.round(off)) * step <= reach).mean())


@pytest.mark.parametrize("bpm", [61.5, 83, 100, 127.3, 150])
def test_clicks_of_any_tempo_are_met(bpm):
    found = beats_of(rhythms.clicks(30, bpm))
    level = round(found.bpm / bpm)
    assert level in (1, 2) and found.bpm == pytest.approx(level * bpm, rel=0.005)
    assert share_within(found.times, 60 / bpm / level, 0.5) == 1
    assert share_within(found.times, 60 / bpm / level, 0.5, reach=0.012) > 0.9  # the last may lie in silence
    assert np.diff(found.times).max() < 1.1 * 60 / found.bpm  # none is left out
    assert found.times[0] < 1.6 and found.times[-1] > 28.5


@pytest.mark.parametrize(
    "tags", ["rock, 92 BPM", "house, 124 BPM", "jazz, 118 BPM", "drum and bass, 140 BPM", "ballad, piano, 100 BPM"]
)
def test_a_song_has_its_tempo_and_its_beats(tags):
    bpm = int(tags.split()[-2])
    found = beats_of(song(tags))
    assert found.bpm == pytest.approx(bpm, rel=0.02)
    assert share_within(found.times, 60 / bpm) > 0.95
    assert found.confidence > 0.6


@pytest.mark.parametrize(("tags", "metre"), [("pop, 118 BPM", 4), ("folk, 3/4, 120 BPM", 3)])
def test_bars_begin_where_they_do(tags, metre):
    bpm = int(tags.split()[-2])
    found = beats_of(song(tags, 40))
    assert len(found.bars) >= len(found.times) // metre - 1
    assert set(found.bars) <= set(found.times)
    assert share_within(found.bars, metre * 60 / bpm) == 1


def test_a_tempo_given_by_hand_decides_which_beats_are_meant():
    fast = song("drum and bass, 174 BPM")
    assert beats_of(fast).bpm == pytest.approx(87, rel=0.01)
    found = beats_of(fast, 174)
    assert found.bpm == pytest.approx(174, rel=0.01)
    assert share_within(found.times, 60 / 174) > 0.95
    assert beats_of(song("rock, 92 BPM"), 117) is None


FREE = {
    "noise": lambda: rhythms.noise(30, 1),
    "speech": lambda: rhythms.speech(40, 2),
    "dense hits": lambda: rhythms.random_hits(40, 3, 0.02, 0.4),
    "sparse hits": lambda: rhythms.random_hits(40, 4, 0.25, 0.9),
    "a piano played freely": lambda: rhythms.rubato(song("solo piano, 100 BPM", 40), 0.2, 7, 1),
    "a song out of time": lambda: rhythms.rubato(song("pop, 110 BPM", 40), 0.12, 5, 2),
    "a steady tone": lambda: rhythms.tone(30),
    "silence": lambda: rhythms.silence(30),
    "very short": lambda: rhythms.clicks(3, 120),
    "one sample": lambda: rhythms.silence(1 / rhythms.RATE),
}


@pytest.mark.parametrize("name", FREE)
def test_what_has_no_beat_has_no_grid(name):
    assert beats_of(FREE[name]()) is None


def test_only_the_steady_part_of_a_track_has_beats():
    parts = [rhythms.speech(30, 5), rhythms.clicks(30, 110, first=0.0), rhythms.noise(30, 6)]
    found = beats_of(Sound(torch.cat([part.waveform for part in parts], dim=1), rhythms.RATE))
    assert 28 < found.times[0] < 38 and 52 < found.times[-1] < 64
    inside = [time for time in found.times if 36 < time < 54]
    assert share_within(inside, 60 / 110, 30.0, reach=0.012) == 1


def test_another_tempo_later_in_a_mix_is_followed():
    parts = [rhythms.clicks(40, 96, first=0.0), rhythms.clicks(40, 128, first=0.0)]
    times = np.array(beats_of(Sound(torch.cat([part.waveform for part in parts], dim=1), rhythms.RATE)).times)
    assert share_within(times[times < 32], 60 / 96, reach=0.012) == 1
    assert share_within(times[times > 48], 60 / 128, 40.0, reach=0.012) == 1


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 96_000])
def test_the_rate_of_a_track_does_not_matter(rate):
    clicks = rhythms.clicks(20, 110)
    found = beats_of(Sound(resample(clicks.waveform, rhythms.RATE, rate), rate))
    assert found.bpm == pytest.approx(110, rel=0.005) and share_within(found.times, 60 / 110, 0.5) == 1


def test_how_loud_a_track_is_does_not_matter():
    loud = song("house, 124 BPM")
    soft = beats_of(Sound(loud.waveform * 0.003, loud.sample_rate))
    assert np.allclose(soft.times, beats_of(loud).times, atol=0.005)


@settings(max_examples=20)
@given(st.lists(st.integers(1, 400_000), min_size=1, max_size=8), st.sampled_from([8_000, 44_100, 48_000]))
def test_however_a_track_is_cut_into_pieces_its_onsets_are_the_same(cuts, rate):
    track = torch.rand(2, sum(cuts), generator=torch.Generator().manual_seed(sum(cuts))) - 0.5
    found, whole = OnsetMeter(rate), OnsetMeter(rate)
    for piece in track.split(cuts, dim=1):
        found.feed(piece)
    whole.feed(track)
    for name in ("strength", "bass", "chords"):
        one, other = (getattr(meter, name) for meter in (found.onsets(), whole.onsets()))
        assert one.shape == other.shape and np.allclose(one, other, atol=1e-5), name


def test_a_file_has_the_beats_of_its_sound(tmp_path):
    track = song("pop, 118 BPM")
    path = tmp_path / "song.flac"
    path.write_bytes(encode_flac(track))
    assert np.allclose(find_beats(FileReading(path).outline().onsets).times, beats_of(track).times, atol=0.002)


@pytest.mark.parametrize("bpm", [True, "120", 29, 301, -1, float("nan"), None, [120]])
def test_a_tempo_that_nothing_has_is_refused(bpm):
    with pytest.raises(BadInput, match="30 to 300"):
        peaks_answers.tempo({"bpm": bpm})


def test_an_answer_is_small_and_plain(tmp_path):
    found = beats_of(rhythms.clicks(30, 120)).as_dict()
    assert set(found) == {"times", "bars", "bpm", "confidence"}
    assert len(json.dumps(found)) < 1000
    (tmp_path / "clicks.flac").write_bytes(encode_flac(rhythms.clicks(10, 120)))
    folders = {"input": lambda: str(tmp_path / "elsewhere"), "output": lambda: str(tmp_path)}
    question = {"filename": "clicks.flac", "type": "output"}
    outline = asyncio.run(peaks_answers.outline(peaks_answers.OutlinesOfFiles(), folders, question))
    assert find_beats(outline.onsets).bpm == pytest.approx(120, rel=0.005)
