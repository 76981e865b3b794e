"""Level: gains come from the context alone, are right within 0.3 dB, and go no further than they should."""

import pytest
import torch
from acestep_nodes.nodes.audio.context import Context
from acestep_nodes.nodes.audio.loudness import (
    MAX_GAIN_DB,
    MAX_UNSURE_GAIN_DB,
    context_gain,
    edge_gains,
    gain_curve,
    limit,
    offset_of,
    stray_offset,
)
from acestep_nodes.nodes.audio.measures import blocks_of, loudness_db
from audio_samples import music, phase_lost
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 44_100


def context_gain_db(kept, rendered, rate=RATE):
    return context_gain(Context(kept, rendered, rate)).db


def edge_gains_db(*sides):
    return tuple(gain.db for gain in edge_gains(*(side and Context(*side, RATE) for side in sides)))


@pytest.fixture(scope="module")
def context():
    return music(3, RATE)


@settings(max_examples=20, deadline=None)
@given(gain=st.floats(-6, 6), noise=st.floats(0, 0.01), seed=st.integers(0, 50))
def test_a_gain_is_found_within_a_third_of_a_db_also_under_noise(context, gain, noise, seed):
    generator = torch.Generator().manual_seed(seed)
    rendered = context * 10 ** (-gain / 20) + noise * torch.randn(context.shape, generator=generator)
    assert abs(context_gain_db(context, rendered) - gain) < 0.3


def test_noise_does_not_count_as_level(context):
    """At 6 dB of signal to noise the plain levels are 1 dB apart."""
    noise = torch.randn(context.shape, generator=torch.Generator().manual_seed(1))
    noise = 0.5 * context.square().mean().sqrt() * noise
    assert abs(context_gain_db(context, context + noise)) < 0.3


@pytest.mark.parametrize("gain", [-24, -20, -12, 12, 20, 24])
def test_a_level_far_off_is_known_where_the_context_agrees(context, gain):
    found = context_gain(Context(context, context * 10 ** (-gain / 20), RATE))
    assert found.db == pytest.approx(gain, abs=0.05) and found.remarks() == ()


def test_beyond_24_db_the_gain_is_clamped_and_that_is_said(context):
    for gain, limit_db in ((-30, -MAX_GAIN_DB), (30, MAX_GAIN_DB)):
        found = context_gain(Context(context, context * 10 ** (-gain / 20), RATE))
        assert found.db == limit_db
        assert [said.code for said in found.remarks()] == ["level_far_loud" if gain < 0 else "level_far_soft"]


def test_where_the_context_does_not_agree_the_gain_goes_no_further_than_6_db_and_that_is_said(context):
    found = context_gain(Context(context, 0.2 * phase_lost(context), RATE))
    assert found.db == MAX_UNSURE_GAIN_DB
    (said,) = found.remarks()
    assert said.code == "level_unsure_soft"
    assert "came back 14." in said.sentence() and "6.0 dB of it were made up" in said.sentence()


def test_the_level_is_found_when_the_phase_is_lost(context):
    assert abs(context_gain_db(context, 0.7 * phase_lost(context)) - 3.1) < 0.5


def test_a_mono_render_is_brought_to_the_same_loudness(context):
    mono = context.mean(0, keepdim=True).expand(2, -1)
    gain = context_gain_db(context, mono)
    levels = [loudness_db(blocks_of(sound, RATE).mean()) for sound in (context, mono)]
    assert abs(float(levels[0] - levels[1]) - gain) < 0.1


@pytest.mark.parametrize("rate", [8_000, 22_050, 192_000])
def test_any_rate(rate):
    sound = music(1, rate, channels=1)
    assert abs(context_gain_db(sound, sound * 0.5, rate) - 6) < 0.1


def test_silent_or_tiny_context_says_nothing(context):
    assert context_gain(Context(torch.zeros_like(context), context, RATE)) is None
    assert context_gain(Context(context, torch.zeros_like(context), RATE)) is None
    assert context_gain(Context(context[:, :100], context[:, :100], RATE)) is None


def test_a_side_that_says_nothing_takes_the_gain_of_the_other(context):
    good = (context, context * 0.5)
    silent = (torch.zeros_like(context), context)
    faint = (context * 0.01, context * 0.03)  # mostly the noise floor of whatever made it
    expected = pytest.approx(6, abs=0.1)
    for other in (None, silent, faint):
        assert edge_gains_db(good, other) == (expected, expected)
        assert edge_gains_db(other, good) == (expected, expected)
    assert edge_gains_db(None, None) == (0.0, 0.0)
    assert edge_gains_db(silent, silent) == (0.0, 0.0)


def test_each_side_keeps_its_own_gain(context):
    left, right = edge_gains_db((context, context * 0.5), (context, context * 2))
    assert left == pytest.approx(6, abs=0.1) and right == pytest.approx(-6, abs=0.1)


def test_a_curve_runs_straight_in_db():
    curve = 20 * torch.log10(gain_curve(-6, 4, 101))
    assert torch.allclose(curve, torch.linspace(-6, 4, 101), atol=1e-4)
    assert torch.equal(gain_curve(0, 0, 5), torch.ones(5))


def test_only_what_is_beyond_the_ceiling_is_limited():
    sound = torch.tensor([[0.5, -0.99, 1.0, 1.2, -3.0]])
    below = sound.clone()
    assert limit(below, 0.3) == pytest.approx(2 / 5)
    assert torch.equal(below, torch.tensor([[0.5, -0.99, 1.0, 1.0, -1.0]]))
    above = sound.clone()
    assert limit(above, 1.5) == pytest.approx(1 / 5)
    assert torch.equal(above, torch.tensor([[0.5, -0.99, 1.0, 1.2, -1.5]]))


@pytest.mark.parametrize("offset", [0.02, 0.3])
def test_a_constant_offset_that_a_codec_took_away_is_no_level(context, offset):
    quieter = 0.8 * context
    both = context + torch.tensor([[offset], [-offset]])
    assert context_gain_db(both, quieter) == pytest.approx(context_gain_db(context, quieter), abs=0.05)
    mono = quieter.mean(0, keepdim=True).expand(2, -1)
    assert context_gain_db(both, mono) == pytest.approx(context_gain_db(context, mono), abs=0.05)


@pytest.mark.parametrize("gain_db", [0.0, 6.0])
def test_an_offset_of_the_track_is_carried_and_music_is_none(context, gain_db):
    offset = torch.tensor([[0.05], [-0.02]])
    quieter = context * 10 ** (-gain_db / 20)
    assert torch.allclose(offset_of([Context(context + offset, quieter, RATE)], [gain_db]), offset, atol=2e-3)
    added = offset_of([Context(context, quieter + 0.05, RATE)], [0.0])
    assert torch.allclose(added[0], torch.tensor([-0.05]), atol=2e-3)
    assert not offset_of([Context(context, quieter, RATE)], [gain_db]).any()
    assert not offset_of([], []).any()


@pytest.mark.parametrize("seconds", [4, 400])
def test_an_offset_that_only_new_sound_has_is_found_however_long_it_is(context, seconds):
    generator = torch.Generator().manual_seed(5)
    new = 0.1 * torch.randn(2, seconds * RATE, generator=generator)
    offset = torch.tensor([[0.03], [-0.01]])
    around = [Context(context, context, RATE)]
    assert torch.allclose(stray_offset(new + offset, torch.eye(2), around), offset, atol=2e-3)
    assert not stray_offset(new, torch.eye(2), around).any()
    # What only a part of it has is no constant.
    new[:, : 2 * seconds * RATE // 3] += offset
    assert not stray_offset(new, torch.eye(2), around).any()
