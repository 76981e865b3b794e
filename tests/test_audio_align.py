"""Finding where a rendered window lies: exact delays, odd channels, and saying so when it cannot be told."""

import pytest
import torch
from acestep_nodes.nodes.audio.align import align
from acestep_nodes.nodes.audio.render import Placement, Render, plain_mix
from acestep_nodes.nodes.audio.resample import resample
from acestep_nodes.nodes.audio.spaces import Track
from acestep_nodes.nodes.audio.value import Sound
from audio_samples import codes, delayed, music, phase_lost
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 44_100
SECONDS = 16
RANGE = (7 * RATE, 9 * RATE)
KNOWN = ((0, RANGE[0]), (RANGE[1], SECONDS * RATE))


@pytest.fixture(scope="module")
def track():
    return music(SECONDS, RATE)


def found(track, rendered, known=KNOWN, rate=RATE):
    return align(Track(track, rate), known, Render(Sound(rendered, rate), rate, 0))


def delay_of(alignment) -> float:
    delays = {delay for _, delay in alignment.placement.anchors}
    assert len(delays) == 1
    return delays.pop()


def with_new_range(track, seed=5):
    """The track as a backend gives it back: other music in the range."""
    new = track.clone()
    new[:, RANGE[0] : RANGE[1]] = music(2, RATE, seed=seed)[: track.shape[0]]
    return new


@pytest.mark.parametrize("delay", [0, 1, -1, 7, 1105, -1105, 22_050, -22_050])
def test_a_delay_is_found_to_the_sample(track, delay):
    alignment = found(track, delayed(with_new_range(track), delay))
    assert abs(delay_of(alignment) - delay) < 0.02
    assert alignment.remarks == ()


@settings(max_examples=25, deadline=None)
@given(delay=st.integers(-22_050, 22_050), gain=st.floats(0.5, 2), noise=st.floats(0, 0.02), seed=st.integers(0, 99))
def test_gain_and_noise_do_not_move_it(track, delay, gain, noise, seed):
    generator = torch.Generator().manual_seed(seed)
    rendered = gain * delayed(with_new_range(track), delay)
    rendered = rendered + noise * torch.randn(rendered.shape, generator=generator)
    alignment = found(track, rendered)
    assert round(delay_of(alignment)) == delay
    assert alignment.remarks == ()


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 32_000, 48_000, 96_000, 192_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_rate_and_channel_count(rate, channels):
    track = music(5, rate, channels)
    known = ((0, 2 * rate), (3 * rate, 5 * rate))
    alignment = align(Track(track, rate), known, Render(Sound(delayed(track, 321), rate), rate, 0))
    assert abs(delay_of(alignment) - 321) < 0.03


@pytest.mark.parametrize("seconds", [0.2, 0.5, 1.0, 3.0])
def test_little_context_is_enough(track, seconds):
    context = round(seconds * RATE)
    known = ((RANGE[0] - context, RANGE[0]), (RANGE[1], RANGE[1] + context))
    assert abs(delay_of(found(track, delayed(with_new_range(track), -813), known)) + 813) < 0.05


def test_one_side_is_enough(track):
    for known in (KNOWN[:1], KNOWN[1:]):
        assert abs(delay_of(found(track, delayed(with_new_range(track), 4321), known)) - 4321) < 0.02


def test_a_fraction_of_a_sample_is_found_and_undone():
    """A service that delays by whole samples of its own rate delays by a fraction of ours."""
    fine = music(8, 88_200)
    track, late = resample(fine, 88_200, RATE), resample(delayed(fine, 101), 88_200, RATE)
    known = ((0, 3 * RATE), (5 * RATE, 8 * RATE))
    alignment = align(Track(track, RATE), known, Render(Sound(late, RATE), RATE, 0))
    assert abs(delay_of(alignment) - 50.5) < 0.02
    middle = track[:, 3 * RATE : 5 * RATE]
    as_found = alignment.placement.take(Render(Sound(late, RATE), RATE, 0), 3 * RATE, 5 * RATE)
    as_whole = Placement(plain_mix(2, 2), ((0, 50.0),)).take(Render(Sound(late, RATE), RATE, 0), 3 * RATE, 5 * RATE)
    errors = [float((side - middle).square().mean() / middle.square().mean()) for side in (as_found, as_whole)]
    assert errors[0] < 1e-3 and errors[0] < errors[1] / 50


@pytest.mark.parametrize("late", [20, 300])
def test_channels_that_come_back_at_different_times_are_said_and_none_is_taken_for_empty(track, late):
    sides = with_new_range(track)
    alignment = found(track, torch.stack([delayed(sides[:1], late)[0][: sides.shape[1]], sides[1]]))
    [said] = [each for each in alignment.remarks if each.code == "channels_apart"]
    assert dict(said.values)["ms"] == pytest.approx(1000 * late / RATE, abs=0.03)
    assert "channel_empty" not in [each.code for each in alignment.remarks]


@pytest.mark.parametrize(
    ("change", "mix", "said"),
    [
        (lambda x: -x, ((-1.0, 0.0), (0.0, -1.0)), "polarity_inverted"),
        (lambda x: x * torch.tensor([[1.0], [-1.0]]), ((1.0, 0.0), (0.0, -1.0)), "polarity_inverted"),
        (lambda x: x.flip(0), ((0.0, 1.0), (1.0, 0.0)), "channels_exchanged"),
        (lambda x: -x.flip(0), ((0.0, -1.0), (-1.0, 0.0)), "exchanged_and_inverted"),
        (lambda x: x * torch.tensor([[1.0], [0.0]]), ((1.0, 0.0), (1.0, 0.0)), "channel_empty"),
        (lambda x: x * torch.tensor([[0.0], [1.0]]), ((0.0, 1.0), (0.0, 1.0)), "channel_empty"),
    ],
)
def test_odd_channels_are_undone_and_said(track, change, mix, said):
    alignment = found(track, change(delayed(with_new_range(track), 500)))
    assert alignment.placement.mix == mix
    assert codes(alignment) == [said]
    assert abs(delay_of(alignment) - 500) < 0.05


def test_a_mono_render_of_stereo_is_doubled_without_a_word(track):
    alignment = found(track, with_new_range(track).mean(0, keepdim=True))
    assert alignment.placement.mix == ((1.0,), (1.0,)) and alignment.remarks == ()


def test_a_stereo_render_of_mono_is_averaged_even_when_one_side_is_inverted(track):
    mono = track.mean(0, keepdim=True)
    stereo = mono.repeat(2, 1)
    assert found(mono, stereo).placement.mix == ((0.5, 0.5),)
    alignment = found(mono, stereo * torch.tensor([[1.0], [-1.0]]))
    assert alignment.placement.mix == ((0.5, -0.5),)
    taken = alignment.placement.take(Render(Sound(stereo * torch.tensor([[1.0], [-1.0]]), RATE), RATE, 0), *RANGE)
    assert torch.allclose(taken, mono[:, RANGE[0] : RANGE[1]], atol=1e-6)


def test_nearly_mono_music_is_not_mistaken_for_exchanged_channels():
    side = music(SECONDS, RATE, channels=1)
    track = torch.cat([side, side]) + 1e-3 * music(SECONDS, RATE, seed=9)
    assert found(track, delayed(track, 30)).placement.mix == plain_mix(2, 2)


def nominal(alignment, said: str) -> bool:
    return alignment.placement.anchors == ((0, 0.0),) and codes(alignment) == [said]


def test_without_context_the_nominal_place_is_taken_and_said(track):
    assert nominal(found(track, delayed(track, 300), known=()), "no_context")


def test_silent_context_tells_nothing(track):
    assert nominal(found(torch.zeros_like(track), track), "silent_context")


@pytest.mark.parametrize("seed", range(4))
def test_unrelated_sound_is_not_aligned(track, seed):
    assert nominal(found(track, music(SECONDS, RATE, seed=100 + seed)), "weak_context")


def test_a_render_that_is_silent_in_the_context_is_not_aligned(track):
    rendered = torch.zeros_like(track)
    rendered[:, RANGE[0] : RANGE[1]] = music(2, RATE)
    assert nominal(found(track, rendered), "weak_context")


def test_a_delay_beyond_the_search_is_not_guessed(track):
    assert nominal(found(track, delayed(track, 2 * RATE)), "weak_context")


def test_sides_that_contradict_each_other_are_said(track):
    middle = sum(RANGE) // 2
    rendered = torch.cat([delayed(track[:, :middle], 500), track[:, middle:]], dim=1)
    rendered = torch.cat([rendered[:, :middle], rendered[:, middle + 500 - 6000 :]], dim=1)  # 6000 later on the right
    alignment = found(track, rendered)
    assert alignment.placement.anchors == ((0, 0.0),)
    (said,) = alignment.remarks
    assert said.code == "contradictory_context" and "(11.3 and 136.1 ms)" in said.sentence()


def test_sides_a_few_samples_apart_are_both_met(track):
    middle = sum(RANGE) // 2
    rendered = torch.cat([track[:, :middle], track[:, middle - 40 :]], dim=1)
    alignment = found(track, rendered)
    assert abs(alignment.placement.delay_at(RANGE[0])) < 0.1
    assert abs(alignment.placement.delay_at(RANGE[1]) - 40) < 0.1
    assert abs(alignment.placement.delay_at(middle) - 20) < 0.2
    assert codes(alignment) == ["stretched"]


def test_a_clock_that_runs_fast_is_followed(track):
    """100 ppm: 31 samples at 7 s, 40 at 9 s."""
    longer = round(track.shape[1] * 1.0001)
    rendered = torch.nn.functional.interpolate(track[None], size=longer, mode="linear", align_corners=False)[0]
    placement = found(track, rendered).placement
    assert abs(placement.delay_at(RANGE[0]) - RANGE[0] * 1e-4) < 2
    assert abs(placement.delay_at(RANGE[1]) - RANGE[1] * 1e-4) < 2


def test_music_that_repeats_itself_takes_the_nearest_repeat_and_says_so():
    loop = music(0.4, RATE)
    track = loop.repeat(1, 40)
    alignment = found(track, delayed(track, 100))
    assert abs(delay_of(alignment) - 100) < 0.05
    assert codes(alignment) == ["repeating_music"]


@pytest.mark.parametrize("seed", range(4))
def test_among_equal_repeats_the_nearest_is_taken_and_not_a_chance_one(seed):
    size = RATE // 4
    track = music(0.25, RATE, seed=seed).repeat(1, 64)
    assert abs(delay_of(found(track, torch.roll(track, size - 2000, dims=1))) + 2000) < 0.05


def test_lost_phases_are_aligned_by_onsets(track):
    alignment = found(track, delayed(phase_lost(with_new_range(track)), 2000))
    assert abs(delay_of(alignment) - 2000) < 0.002 * RATE
    assert codes(alignment) == ["aligned_by_onsets"]


def test_the_place_of_a_render_that_begins_later_is_kept():
    """Only the part around the range is ever resampled, so a render may begin in the middle of the window."""
    track = music(SECONDS, RATE)
    late = delayed(track, 250)
    alignment = align(Track(track, RATE), KNOWN, Render(Sound(late[:, 1000:], RATE), RATE, 1000))
    assert abs(delay_of(alignment) - 250) < 0.02


def test_a_placement_between_anchors_runs_straight():
    placement = Placement(plain_mix(1, 1), ((100, 2.0), (200, 12.0)))
    assert [placement.delay_at(at) for at in (0, 100, 150, 200, 900)] == [2.0, 2.0, 7.0, 12.0, 12.0]


def test_a_stretch_reads_every_sample_where_it_lies():
    rate = 8_000
    clock = torch.arange(3 * rate, dtype=torch.float64)
    tone = torch.sin(2 * torch.pi * 300 * clock / rate).float()[None]
    placement = Placement(plain_mix(1, 1), ((rate, 0.0), (2 * rate, 30.0)))
    got = placement.take(Render(Sound(tone, rate), rate, 0), rate, 2 * rate)
    at = torch.arange(rate, 2 * rate, dtype=torch.float64)
    wanted = torch.sin(2 * torch.pi * 300 * (at + 30 * (at - rate) / rate) / rate).float()
    assert float((got - wanted).abs().max()) < 1e-3


def test_little_and_changed_context_is_doubted(track):
    known = ((6 * RATE, 6 * RATE + RATE // 3),)
    noisy = track + 0.05 * torch.randn(track.shape, generator=torch.Generator().manual_seed(0))
    assert "little_context" in codes(found(track, noisy, known))
    assert "little_context" not in codes(found(track, track, known))
