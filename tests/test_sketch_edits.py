"""Edits by sketch: what is kept, how loud the new sound is, and how it meets what is kept."""

import numpy as np
import pytest
import torch
from acestep_nodes.nodes.audio.value import Sound
from listening import band_db, level_db, onsets
from sketch_runs import RATE, inpaint, noise, outpaint, window_at_48k

pytest_plugins = ["resamplers"]
pytestmark = pytest.mark.usefixtures("either_resampler")


@pytest.mark.parametrize("rate, channels", [(48_000, 2), (44_100, 1), (8_000, 1), (96_000, 2)])
def test_inpaint_changes_the_ranges_and_nothing_else(rate, channels):
    window = noise(20, rate, channels)
    before = window_at_48k(window)
    kept_input = window.waveform.clone()
    music = inpaint(window, [(3.0, 6.0), (10.25, 14.5)])
    assert torch.equal(window.waveform, kept_input)
    assert music.shape == before.shape
    changed = np.zeros(music.shape[1], bool)
    for a, b in [(3.0, 6.0), (10.25, 14.5)]:
        changed[round(a * RATE) : round(b * RATE)] = True
        inside = slice(round(a * RATE) + 480, round(b * RATE) - 480)
        assert np.corrcoef(music[0, inside], before[0, inside])[0, 1] < 0.2
    assert np.array_equal(music[:, ~changed], before[:, ~changed])


@pytest.mark.parametrize("level", [0.003, 0.03, 0.2])
def test_inpaint_is_as_loud_as_its_surroundings(level):
    music = inpaint(noise(30, level=level), [(10, 20)])
    assert level_db(music[:, 10 * RATE : 20 * RATE]) == pytest.approx(20 * np.log10(level), abs=3)
    assert np.abs(music[:, 10 * RATE : 20 * RATE]).max() <= 0.9


@pytest.mark.parametrize("side", [0.0, 0.02, 1.0])
def test_inpaint_is_no_wider_than_its_surroundings(side):
    window = noise(20)
    left, right = window.waveform.clone()
    window.waveform[:] = torch.stack([left + side * right, left - side * right])
    music = inpaint(window, [(8, 12)])[:, 8 * RATE + 480 : 12 * RATE - 480]
    width = np.square(music[0] - music[1]).mean() / np.square(music[0] + music[1]).mean()
    assert width <= 1.2 * side**2 + 1e-12
    assert width > 0.5 * side**2 or side == 1


def test_inpaint_glides_from_the_level_on_its_left_to_the_one_on_its_right():
    window = noise(40)
    window.waveform[:, 20 * RATE :] *= 0.1
    music = inpaint(window, [(10, 30)], "ambient pad", "[Verse]")
    assert level_db(music[:, 10 * RATE : 14 * RATE]) > level_db(music[:, 26 * RATE : 30 * RATE]) + 10


def test_inpaint_does_not_depend_on_where_the_window_begins():
    song = noise(40)
    early, late = song.cut(0, 30 * RATE), song.cut(5 * RATE, 35 * RATE)
    one, other = inpaint(early, [(15, 20)]), inpaint(late, [(10, 15)])
    assert np.array_equal(one[:, 15 * RATE : 20 * RATE], other[:, 10 * RATE : 15 * RATE])


def test_strength_says_how_much_may_change():
    window = noise(12)
    before = window_at_48k(window)
    takes = [inpaint(window, [(4, 8)], strength=strength) for strength in (0.0, 0.3, 0.7, 1.0)]
    assert np.array_equal(takes[0], before)
    inside = slice(4 * RATE, 8 * RATE)
    likeness = [np.corrcoef(take[0, inside], before[0, inside])[0, 1] for take in takes]
    assert likeness == sorted(likeness, reverse=True) and likeness[-1] < 0.1


@pytest.mark.parametrize("samples", [1, 2, 100])
def test_a_tiny_window_can_be_replaced(samples):
    window = Sound(torch.full((1, samples), 0.5), RATE)
    music = inpaint(window, [(0.0, samples / RATE)])
    assert music.shape == (2, samples) and np.isfinite(music).all()


def test_short_ranges_at_the_windows_edges_and_a_range_of_the_whole_window():
    window = noise(4, 44_100)
    before = window_at_48k(window)
    edges = inpaint(window, [(0.0, 0.05), (3.95, 4.0)])
    assert np.array_equal(edges[:, 2400:-2400], before[:, 2400:-2400])
    assert not np.array_equal(edges[:, :2400], before[:, :2400])
    assert not np.array_equal(edges[:, -2400:], before[:, -2400:])
    whole = inpaint(window, [(0.0, 4.0)])
    assert whole.shape == before.shape and abs(np.corrcoef(whole[0], before[0])[0, 1]) < 0.1
    assert inpaint(window, []).shape == before.shape


def test_a_silent_window_gets_music_at_its_own_level():
    silence = Sound(torch.zeros(2, 20 * RATE), RATE)
    assert -22 < level_db(inpaint(silence, [(5, 15)])[:, 5 * RATE : 15 * RATE]) < -14


def test_rewriting_the_end_with_a_fade_ends_the_track():
    music = inpaint(noise(40), [(25, 40)], "indie pop, fade, soft, ambient pad")
    assert level_db(music[:, -RATE:]) < level_db(music[:, 26 * RATE : 30 * RATE]) - 20
    middle = inpaint(noise(40), [(10, 25)], "indie pop, fade, soft, ambient pad")
    assert level_db(middle[:, 24 * RATE : 25 * RATE]) > level_db(middle[:, 11 * RATE : 15 * RATE]) - 10


def test_the_edges_of_a_range_do_not_click():
    wave = 0.4 * torch.cos(2 * torch.pi * 50 * torch.arange(12 * RATE) / RATE).expand(2, -1)
    music = inpaint(Sound(wave, RATE), [(4, 8)], "ambient pad")
    for edge in (4 * RATE, 8 * RATE):  # the cosine is at its peak there
        assert np.abs(np.diff(music[:, edge - 50 : edge + 50], axis=1)).max() < 0.02


def test_new_music_in_the_middle_has_neither_intro_nor_outro():
    window = noise(24)
    middle, chorus = (inpaint(window, [(6, 18)], lyrics=text) for text in ("[Intro]\n[Chorus]\n[Outro]", "[Chorus]"))
    assert np.array_equal(middle, chorus)
    assert not np.array_equal(chorus, inpaint(window, [(6, 18)], lyrics="[Outro]"))


@pytest.mark.parametrize(
    "before, after, rate, channels",
    [
        (0.0, 12.5, 48_000, 2),
        (7.3, 0.0, 48_000, 2),
        (3.21, 20.0, 48_000, 2),
        (0.05, 0.05, 44_100, 1),
        (3.21, 8.0, 44_100, 2),
        (3.21, 8.0, 8_000, 1),
    ],
)
def test_outpaint_adds_sound_and_leaves_the_window(before, after, rate, channels):
    window = noise(6, rate, channels)
    source = window_at_48k(window)
    music = outpaint(window, before, after)
    head = round(before * RATE)
    assert music.shape[1] == head + source.shape[1] + round(after * RATE)
    assert np.array_equal(music[:, head : head + source.shape[1]], source)
    for added in (music[:, :head], music[:, head + source.shape[1] :]):
        if added.shape[1] > RATE:
            assert level_db(added) == pytest.approx(level_db(source), abs=4)


def test_outpaint_bars_meet_the_start_of_the_window():
    music = outpaint(noise(6), 7.3, 0.0, "rock, drums, 120 BPM")
    head = round(7.3 * RATE)
    flux = onsets(music[:, :head])
    beats = [round((7.3 - 0.5 * n) * 100) for n in range(1, 14)]
    assert np.mean([flux[b - 1 : b + 2].max() for b in beats]) > 2 * np.median(flux)
    accents = {beat: band_db(music[:, head - beat * RATE // 2 :][:, : RATE // 10], 20, 120) for beat in (1, 2, 3, 4)}
    assert max(accents, key=accents.get) == 4
