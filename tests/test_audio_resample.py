"""Resampling: exact length, no delay, no audible loss, at every pair of rates, whatever ComfyUI brings for it."""

import math

import pytest
import torch
from acestep_nodes.nodes.audio.resample import resample, resample_part, resampled_length, with_channels
from hypothesis import given, settings
from hypothesis import strategies as st

pytest_plugins = ["resamplers"]
pytestmark = pytest.mark.usefixtures("either_resampler")

# The last three share no grid, or a fine one: the Fourier transform's.
PAIRS = [
    (44_100, 48_000), (48_000, 44_100), (22_050, 48_000), (48_000, 32_000), (32_000, 44_100), (96_000, 48_000),
    (88_200, 48_000), (192_000, 44_100), (8_000, 44_100), (50_000, 44_100), (44_101, 48_000), (48_000, 44_056),
    (47_980, 44_100),
]  # fmt: skip
# Of half the lower rate: 20 kHz at 44.1 kHz passes, 1 kHz above half of it is gone.
PASSES, GONE = 20_000 / 22_050, 23_050 / 22_050


def tone(hz, rate, seconds=1.0):
    return torch.sin(2 * math.pi * hz * torch.arange(round(rate * seconds), dtype=torch.float64) / rate).float()[None]


def middle(sound):
    """Without the ends, where the filter sees silence outside."""
    return sound[:, sound.shape[1] // 10 : -sound.shape[1] // 10]


def decibels(ratio):
    return 20 * math.log10(float(ratio))


def level(sound):
    return sound.double().square().mean().sqrt()


def gain_and_rest(made, wanted):
    """How much of ``wanted`` is in ``made``, and the level of all else against ``wanted``, in dB."""
    made, wanted = middle(made).double(), middle(wanted).double()
    gain = (made * wanted).sum() / wanted.square().sum()
    return decibels(gain), decibels(level(made - gain * wanted) / level(wanted))


def test_of_a_track_that_a_model_heard_at_48_khz_nothing_audible_is_lost():
    def there_and_back(hz):
        source = tone(hz, 44_100)
        return resample(resample(source, 44_100, 48_000), 48_000, 44_100), source

    gain, rest = gain_and_rest(*there_and_back(20_000))
    assert -0.1 <= gain <= 0.1 and rest < -80
    for hz in (30, 1_000, 5_000, 15_000):
        made, source = there_and_back(hz)
        assert decibels(level(middle(made - source)) / level(middle(source))) < -95


@pytest.mark.parametrize(("rate", "other"), PAIRS)
def test_what_both_rates_hold_passes_alone(rate, other):
    half = min(rate, other) / 2
    for share in (0.01, 0.3, 0.7, PASSES):
        hz = share * half
        gain, rest = gain_and_rest(resample(tone(hz, rate), rate, other), tone(hz, other))
        assert abs(gain) <= 0.05 and rest < -90


@pytest.mark.parametrize(("rate", "other"), [(rate, other) for rate, other in PAIRS if rate > GONE * other])
def test_what_the_new_rate_cannot_hold_does_not_fold_back(rate, other):
    for hz in torch.linspace(GONE * other / 2, rate / 2 - 10, 15).tolist():
        source = tone(hz, rate)
        assert decibels(level(middle(resample(source, rate, other))) / level(source)) < -90


@pytest.mark.parametrize(
    ("rate", "other"),
    [(a, b) for a in (22050, 32000, 44100, 47999, 48000, 96000, 44101) for b in (44100, 48000) if a != b],
)
def test_a_round_trip_gives_the_sound_back_in_place(rate, other):
    hz = 5000
    source = tone(hz, rate)
    there = resample(source, rate, other)
    back = resample(there, other, rate)[:, : source.shape[1]]
    assert decibels(level(middle(back - source)) / level(source)) < -90  # a sample of delay would leave -3 dB


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20_000), st.integers(8_000, 192_000), st.sampled_from([44100, 48000]))
def test_the_length_is_as_announced(samples, rate, other):
    out = resample(torch.zeros(1, samples), rate, other)
    assert out.shape[1] == resampled_length(samples, rate, other) == math.ceil(samples * other / rate)


@pytest.mark.parametrize("samples", [294_034, 19_110_034])
def test_the_length_is_exact_where_single_precision_is_not(samples):
    assert resample(torch.zeros(1, samples), 44_100, 48_000).shape[1] == math.ceil(samples * 160 / 147)


@pytest.mark.parametrize("rate", [44_100, 44_101])
def test_a_long_sound_is_made_in_blocks_without_joints(rate):
    made = resample(tone(997, rate, seconds=30), rate, 48_000)
    error = middle(made - tone(997, 48_000, seconds=30))
    assert float(error.abs().max()) < 2e-5


def test_equal_rates_are_left_alone():
    wave = torch.rand(2, 10)
    assert resample(wave, 48000, 48000) is wave


def test_channels():
    stereo = torch.tensor([[1.0, 0.0], [0.0, 0.5]])
    assert with_channels(stereo, 1).tolist() == [[0.5, 0.25]]
    assert with_channels(stereo[:1], 2).tolist() == [[1.0, 0.0], [1.0, 0.0]]
    assert with_channels(stereo, 2) is stereo


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([1000, 8000, 22050, 32000, 44100, 47980, 47999, 48000, 96000]),
    st.sampled_from([44100, 48000]),
    st.integers(1, 150_000),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_part_is_what_the_whole_has_there(rate, other, samples, share):
    wave = torch.rand(2, samples, generator=torch.Generator().manual_seed(samples)) - 0.5
    whole = resample(wave, rate, other)
    start, stop = sorted(round(part * whole.shape[1]) for part in share)
    part = resample_part(wave, rate, other, start, stop)
    assert part.shape == (2, stop - start)
    assert torch.allclose(part, whole[:, start:stop], atol=2e-6)
