"""Joints: the level stays put through every fade, nothing steps, nothing kept is touched."""

import math

import pytest
import torch
from acestep_nodes.nodes.audio.splice import continue_from, continue_into, fade_in, fade_out, fade_samples
from audio_samples import level_db
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


def test_a_continued_sound_does_not_step_and_the_residual_is_gone_after_the_fade():
    kept, rendered, new = (torch.randn(2, 500, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    joined = new.clone()
    continue_from(joined, kept, rendered, 400)
    # new follows rendered, so joined follows kept by the same step.
    step = joined[:, 0] - kept[:, -1]
    assert torch.allclose(step, new[:, 0] - rendered[:, -1], atol=1e-3)
    assert torch.equal(joined[:, 400:], new[:, 400:])
    assert float((joined - new)[:, 390:400].abs().max()) < 0.05


def test_leading_into_kept_sound_is_the_mirror_image():
    kept, rendered, new = (torch.randn(2, 500, generator=torch.Generator().manual_seed(seed)) for seed in range(3))
    into, back = new.clone(), new.flip(1)
    continue_into(into, kept, rendered, 300)
    continue_from(back, kept.flip(1), rendered.flip(1), 300)
    assert torch.equal(into, back.flip(1))


def test_a_faithful_render_needs_no_correction():
    sound = torch.randn(1, 900, generator=torch.Generator().manual_seed(1))
    new = sound[:, 500:].clone()
    continue_from(new, sound[:, 200:500], sound[:, 200:500], 300)
    assert torch.equal(new, sound[:, 500:])


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
        join(same, torch.zeros(2, 0), torch.zeros(2, 0), 0)
    assert torch.equal(same, new)
