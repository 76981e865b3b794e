"""Noise levels, guided steps and where an edit enters the schedule."""

import pytest
import torch
from acestep_nodes.nodes.backends.local.noise import edit_noise, plain_noise
from acestep_nodes.nodes.backends.local.schedule import (
    first_step,
    step_of,
    v1_guided_steps,
    v1_sigmas,
    v15_sigmas,
)
from hypothesis import given
from hypothesis import strategies as st


def test_turbo_visits_the_levels_it_was_distilled_for():
    expected = torch.tensor([1, 0.9545, 0.9, 0.8333, 0.75, 0.6429, 0.5, 0.3, 0])
    torch.testing.assert_close(v15_sigmas(8, 3.0), expected, atol=5e-5, rtol=0)


def test_v1_shifts_twice_and_so_ends_lower_than_comfyuis_schedulers():
    sigmas = v1_sigmas(60)
    assert len(sigmas) == 61 and sigmas[0] == 1 and sigmas[-1] == 0
    assert sigmas[-2].item() == pytest.approx(0.0089, abs=5e-5)


@given(st.integers(1, 200))
def test_levels_fall_from_one_to_zero(steps):
    for sigmas in (v1_sigmas(steps), v15_sigmas(steps, 3.0)):
        assert sigmas.shape == (steps + 1,) and sigmas[0] == 1 and sigmas[-1] == 0
        assert bool((sigmas.diff() < 0).all())
        assert [step_of(float(s), sigmas) for s in sigmas[:-1]] == list(range(steps))


def test_an_edit_enters_where_upstream_does():
    # The float product is cut, not rounded: 60 · (1 − 0.8) is 11.99…
    assert first_step(60, 0.8) == 11
    assert (first_step(60, 1.0), first_step(60, 0.0), first_step(8, 0.5)) == (0, 60, 4)


def test_v1_guides_the_middle_half():
    assert v1_guided_steps(60) == range(15, 45)
    assert v1_guided_steps(27) == range(6, 20)


@given(st.integers(0, 2**31 - 1), st.integers(0, 40), st.integers(1, 30), st.integers(0, 40))
def test_noise_of_a_range_does_not_depend_on_its_window(seed, before, length, after):
    alone = edit_noise((1, 64, length), [(0, length)], seed)
    inside = edit_noise((1, 64, before + length + after), [(before, before + length)], seed)
    assert torch.equal(inside[..., before : before + length], alone)


def test_noise_leaves_the_global_random_state_alone_and_is_of_unit_size():
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    noise = edit_noise((1, 64, 400), [(10, 300)], 9)
    assert torch.equal(torch.rand(3), expected)
    assert noise.std().item() == pytest.approx(1, abs=0.02)


def test_song_noise_is_what_comfyui_draws_for_the_seed():
    expected = torch.randn((1, 64, 50), generator=torch.manual_seed(12))
    assert torch.equal(plain_noise((1, 64, 50), 12), expected)


def test_takes_and_ranges_draw_different_noise():
    a = edit_noise((1, 64, 60), [(0, 20), (30, 50)], 1)
    b = edit_noise((1, 64, 60), [(0, 20), (30, 50)], 2)
    assert not torch.equal(a[..., :20], a[..., 30:50])
    assert not torch.equal(a, b)
