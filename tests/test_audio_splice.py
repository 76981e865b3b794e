"""Joints: the level stays put through every fade, nothing steps, nothing kept is touched."""

import math

import pytest
import torch
from acestep_nodes.nodes.audio.extrapolate import extrapolated
from acestep_nodes.nodes.audio.splice import continue_from, continue_into, fade_in, fade_out, fade_samples
from audio_samples import level_db, music, phase_lost
from hypothesis import given
from hypothesis import strategies as st

FADE = 20_000


def correlated(r: float, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Two noises [1, FADE] of equal level whose correlation is r."""
    generator = torch.Generator().manual_seed(seed)
    a, b = torch.randn(2, 1, FADE, generator=generator)
    return a, r * a + math.sqrt(1 - r * r) * b


@pytest.mark.parametrize("r", [0.0, 0.3, 0.5, 0.8, 1.0])
def test_the_level_stays_put_whatever_the_correlation(r):
    old, new = correlated(r)
    faded = new.clone()
    fade_in(faded, old, FADE)
    for part in range(10):
        piece = slice(part * FADE // 10, (part + 1) * FADE // 10)
        assert abs(level_db(faded[:, piece])) < 0.5


def test_equal_sounds_are_faded_linearly_and_stay_themselves():
    old, _ = correlated(0)
    new = old.clone()
    fade_in(new, old, FADE)
    assert torch.allclose(new, old, atol=1e-6)


def test_fades_begin_as_the_old_sound_and_end_as_the_new():
    old, new = correlated(0.0)
    first = new.clone()
    fade_in(first, old, 1000)
    assert torch.allclose(first[:, :3], old[:, :3], atol=1e-4)
    assert torch.allclose(first[:, 997:1000], new[:, 997:1000], atol=1e-4)
    assert torch.equal(first[:, 1000:], new[:, 1000:])


def test_fading_out_is_fading_in_backwards():
    old, new = correlated(0.4)
    forwards, backwards = new.clone(), new.flip(1)
    fade_in(forwards, old, FADE)
    fade_out(backwards, old.flip(1), FADE)
    assert torch.allclose(forwards, backwards.flip(1), atol=1e-6)


def test_sounds_that_oppose_each_other_do_not_cancel_more_than_equal_power_allows():
    old, _ = correlated(0)
    new = -old
    fade_in(new, old, FADE)
    assert torch.isfinite(new).all()
    assert float(new.abs().max()) <= float(old.abs().max()) * 1.001


def test_silence_fades_to_silence_and_from_it():
    new = torch.zeros(2, 100)
    fade_in(new, torch.zeros(2, 100), 100)
    assert torch.equal(new, torch.zeros(2, 100))
    new = torch.ones(1, 100)
    fade_in(new, torch.zeros(1, 100), 100)
    assert float(new[0, 0]) < 0.02 and torch.all(new.diff() >= 0)


RATE = 44_100


def joined_from(kept, rendered, new, fade=1323):
    new = new.clone()
    continue_from(new, kept, rendered, fade, RATE)
    return new


@pytest.fixture(scope="module")
def whole():
    return music(4, RATE)


AT = 2 * RATE


def test_a_faithful_render_is_left_alone(whole):
    kept, new = whole[:, AT - 5000 : AT], whole[:, AT : AT + 5000]
    assert torch.allclose(joined_from(kept, kept, new), new, atol=1e-6)


@pytest.mark.parametrize("at", [RATE, AT, 3 * RATE])
def test_a_render_with_phases_of_its_own_does_not_step_and_keeps_its_level(whole, at):
    other = phase_lost(whole, seed=3)
    kept, rendered = whole[:, at - 5000 : at], other[:, at - 5000 : at]
    new = other[:, at : at + 5000]
    joined = joined_from(kept, rendered, new)
    usual = float(whole[:, at - 5000 : at].diff(dim=1).abs().amax())
    assert float((joined[:, 0] - kept[:, -1]).abs().amax()) <= usual
    assert torch.equal(joined[:, 1323:], new[:, 1323:])
    around = (level_db(kept[:, -1323:]) + level_db(new[:, 1323:2646])) / 2
    assert abs(level_db(joined[:, :1323]) - around) < 4


def test_a_joint_lies_nearer_to_the_truth_than_a_cut(whole):
    noise = 0.03 * torch.randn(whole.shape, generator=torch.Generator().manual_seed(0))
    hum = 0.1 * torch.sin(2 * math.pi * 50 * torch.arange(whole.shape[1]) / RATE)
    other = whole + noise + hum
    truth, new = whole[:, AT : AT + 1323], other[:, AT : AT + 5000]
    joined = joined_from(whole[:, :AT], other[:, :AT], new)
    assert level_db(joined[:, :600] - truth[:, :600]) < level_db(new[:, :600] - truth[:, :600]) - 3


def test_leading_into_kept_sound_is_the_mirror_image(whole):
    other = phase_lost(whole)
    into, back = other[:, :AT].clone(), other[:, :AT].flip(1)
    continue_into(into, whole[:, AT:], other[:, AT:], 300, RATE)
    continue_from(back, whole[:, AT:].flip(1), other[:, AT:].flip(1), 300, RATE)
    assert torch.equal(into, back.flip(1))


def test_a_tone_is_foretold_exactly_and_noise_dies_away():
    clock = torch.arange(8000) / RATE
    chord = sum(torch.sin(2 * math.pi * hz * clock + hz) for hz in (110, 277.2, 659.3, 1760))[None]
    told = extrapolated(chord[:, :6000], 2000, RATE)
    assert level_db(told - chord[:, 6000:]) < level_db(chord) - 40
    noise = torch.randn(2, 6000, generator=torch.Generator().manual_seed(0))
    assert level_db(extrapolated(noise, 4000, RATE)[:, 2000:]) < level_db(noise) - 10


@pytest.mark.parametrize("known", [1, 3, 40, 5000])
@pytest.mark.parametrize("value", [0.0, 0.5])
def test_anything_is_foretold_as_something_finite(known, value):
    told = extrapolated(torch.full((2, known), value), 700, RATE)
    assert told.shape == (2, 700) and torch.isfinite(told).all() and float(told.abs().max()) <= 1.01 * value


@given(ms=st.floats(0, 1000), rate=st.integers(8_000, 192_000), room=st.integers(0, 10_000_000))
def test_a_fade_is_as_long_as_wished_and_at_most_a_quarter_of_the_room(ms, rate, room):
    fade = fade_samples(ms, rate, room)
    assert 0 <= fade <= room // 4
    assert fade == round(ms * rate / 1000) or fade == room // 4


def test_no_fade_changes_nothing():
    new = torch.randn(2, 50, generator=torch.Generator().manual_seed(1))
    same = new.clone()
    for join in (fade_in, fade_out):
        join(same, torch.zeros(2, 0), 0)
    for join in (continue_from, continue_into):
        join(same, torch.zeros(2, 0), torch.zeros(2, 0), 0, RATE)
    assert torch.equal(same, new)
