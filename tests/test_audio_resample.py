"""Resampling: exact length, no delay, no audible loss, at every pair of rates."""

import math

import pytest
import torch
from acestep_nodes.nodes.audio.resample import resample, resample_part, resampled_length, with_channels
from hypothesis import given, settings
from hypothesis import strategies as st


def tone(hz, rate, seconds=1.0):
    return torch.sin(2 * math.pi * hz * torch.arange(round(rate * seconds), dtype=torch.float64) / rate).float()[None]


@pytest.mark.parametrize("rate", [22050, 32000, 44100, 47999, 48000, 96000, 44101])
@pytest.mark.parametrize("other", [44100, 48000])
def test_a_round_trip_gives_the_sound_back_in_place(rate, other):
    hz = 5000
    source = tone(hz, rate)
    there = resample(source, rate, other)
    back = resample(there, other, rate)[:, : source.shape[1]]
    # The middle: at the ends the filter sees silence outside.
    middle = slice(rate // 10, rate - rate // 10)
    error = (back - source)[:, middle].square().mean() / source[:, middle].square().mean()
    assert float(error) < 1e-5  # -50 dB; one sample of delay alone would leave more than 1e-2


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 20_000), st.integers(8_000, 192_000), st.sampled_from([44100, 48000]))
def test_the_length_is_as_announced(samples, rate, other):
    out = resample(torch.zeros(1, samples), rate, other)
    assert out.shape[1] == resampled_length(samples, rate, other) == math.ceil(samples * other / rate)


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
    st.sampled_from([8000, 22050, 32000, 44100, 47999, 48000, 96000]),
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
    # The Fourier transform, for rates that share no grid, knows the ends of what it is given.
    assert torch.allclose(part, whole[:, start:stop], atol=1e-3 if rate == 47999 else 1e-6)
