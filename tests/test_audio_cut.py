"""Where new sound is let in: never outside the range, where the join is quiet, judged by what did not choose it."""

import pytest
import torch
from acestep_nodes.nodes.audio.cut import Cut, best_cut, is_tonal
from acestep_nodes.nodes.audio.fit import EditOptions, fit_ranges
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.audio.windows import plan_windows
from audio_samples import music
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 44_100
FADE = round(0.03 * RATE)
FURTHEST = round(0.175 * RATE)
ROOM = FURTHEST + round(0.12 * RATE)


def noise(samples, seed=0):
    return 0.1 * torch.randn(2, samples, generator=torch.Generator().manual_seed(seed))


def chord(samples, root=220.0):
    clock = torch.arange(samples) / RATE
    return 0.1 * sum(torch.sin(2 * torch.pi * root * step * clock) for step in (1, 1.25, 1.5)).expand(2, -1).clone()


@settings(max_examples=60)
@given(st.integers(0, ROOM), st.integers(0, 2 * FADE), st.integers(0, FURTHEST), st.integers(0, 99))
def test_a_cut_and_its_fade_stay_in_their_room(room, fade, furthest, seed):
    cut = best_cut(noise(room, seed), noise(room, seed + 1), fade, furthest, RATE)
    assert 0 <= cut.inward <= furthest and cut.inward + cut.fade <= room


def test_the_fade_begins_in_the_pause_between_two_notes():
    old, new = noise(ROOM), noise(ROOM, 1)
    pause = slice(round(0.08 * RATE), round(0.12 * RATE))
    old[:, pause] *= 0.05
    new[:, pause] *= 0.05
    cut = best_cut(old, new, FADE, FURTHEST, RATE)
    assert pause.start - 300 <= cut.inward and cut.inward + cut.fade <= pause.stop + 300


def test_without_a_quieter_place_the_edge_stays():
    assert best_cut(noise(ROOM), noise(ROOM, 1), FADE, FURTHEST, RATE) == Cut(0, FADE)


def test_a_join_that_is_not_heard_stays_where_it_was_asked_for():
    old = noise(ROOM)
    assert best_cut(old, old + 1e-4 * noise(ROOM, 1), FADE, FURTHEST, RATE).inward == 0


def test_without_a_fade_nothing_is_searched():
    old, new = noise(ROOM), noise(ROOM, 1)
    old[:, 3000:5000] = new[:, 3000:5000] = 0
    assert best_cut(old, new, 0, FURTHEST, RATE) == Cut(0, 0)


def test_steady_tones_pass_into_each_other_slowly():
    assert is_tonal(chord(ROOM), RATE) and not is_tonal(noise(ROOM), RATE)
    assert best_cut(chord(ROOM), chord(ROOM, 247.0), FADE, FURTHEST, RATE).fade == round(0.12 * RATE)
    assert best_cut(chord(ROOM), noise(ROOM), FADE, FURTHEST, RATE).fade == FADE


def flux_db(track, position, seconds=0.25):
    """The largest change of the spectrum from one 46 ms to the next around a place: how much of an event it is."""
    size, hop = 2048, 256
    near = track[:, position - size : position + round(seconds * RATE) + size]
    spectrum = torch.stft(near, size, hop, window=torch.hann_window(size), center=False, return_complex=True)
    power = 10 * torch.log10(spectrum.abs().square().sum(0)[4:740] + 1e-6)
    return float((power[:, 4:] - power[:, :-4]).abs().mean(0).amax())


@pytest.mark.parametrize("kind", ["music", "tones"])
def test_joins_stand_out_less_than_at_the_edge_itself(monkeypatch, kind):
    """By the flux of the spectrum, which does not choose the place."""

    def joins():
        found = []
        for seed in range(6):
            old = music(8, RATE, seed=seed) if kind == "music" else chord(8 * RATE, 200.0 + 7 * seed)
            new = music(8, RATE, seed=seed + 50) if kind == "music" else chord(8 * RATE, 251.0 + 11 * seed)
            new[:, : 3 * RATE], new[:, 5 * RATE :] = old[:, : 3 * RATE], old[:, 5 * RATE :]
            (window,) = plan_windows(8 * RATE, RATE, ((3 * RATE, 5 * RATE),), 30.0, 240.0, share=True)
            out = old.clone()
            fit_ranges(out, RATE, window, Sound(new, RATE), EditOptions(30.0, True))
            found += [flux_db(out, 3 * RATE), flux_db(out.flip(1), 3 * RATE)]
        return sum(found) / len(found)

    searched = joins()
    monkeypatch.setattr(
        "acestep_nodes.nodes.audio.pieces.best_cut", lambda old, new, fade, furthest, rate: Cut(0, fade)
    )  # fmt: skip
    assert searched < joins() - 0.3
