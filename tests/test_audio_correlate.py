"""The estimators beneath alignment: what raises or lowers a correlation that should be 1."""

import math

import pytest
import torch
from acestep_nodes.nodes.audio.correlate import correlogram

RATE = 44_100
MARGIN = 2_000


def noise(samples, seed=0):
    return torch.randn(1, samples, generator=torch.Generator().manual_seed(seed))


def drone(samples):
    """Partials of 110 Hz that wander slowly, so that no period repeats."""
    clock = torch.arange(samples, dtype=torch.float64) / RATE
    partials = (
        torch.sin(2 * math.pi * 110 * k * clock + 2 * torch.sin(2 * math.pi * 0.37 * k * clock)) / k
        for k in range(1, 9)
    )
    return (0.2 * sum(partials)).float()[None]


def best(x, y):
    """(lag in samples, to every second one; height) of the highest correlation."""
    found = correlogram(x, y, RATE)
    values = found.values[0, 0]
    return (int(values.argmax()) - found.reach) * found.step, float(values.amax())


def test_what_a_codec_leaves_between_a_drones_partials_does_not_hide_the_drone():
    whole = drone(3 * RATE)
    late = 321
    came_back = whole[:, : -2 * late].clone()
    came_back = torch.nn.functional.pad(came_back, (late, late)) + 10 ** (-70 / 20) * noise(whole.shape[1])
    lag, height = best(whole[:, MARGIN:-MARGIN], came_back)
    assert lag == pytest.approx(late, abs=1) and height > 0.9


def test_hats_alone_are_found_by_what_little_of_them_is_low():
    whole = noise(3 * RATE)
    spectrum = torch.fft.rfft(whole)
    hertz = torch.linspace(0, RATE / 2, spectrum.shape[1])
    # 48 dB an octave below 8 kHz, and the same noise floor on one side only.
    hats = torch.fft.irfft(spectrum / (1 + (8_000 / hertz.clamp_min(1)) ** 16).sqrt(), whole.shape[1])
    came_back = torch.nn.functional.pad(hats[:, :-600], (300, 300))
    lag, height = best(hats[:, MARGIN:-MARGIN], came_back + 1e-3 * hats.std() * noise(whole.shape[1], seed=1))
    assert lag == pytest.approx(300, abs=1) and height > 0.4  # MP3 leaves 0.7


@pytest.mark.parametrize("seconds", [0.3, 2.0])
def test_sound_that_came_back_as_it_was_correlates_wholly(seconds):
    whole = noise(round(seconds * RATE) + 2 * MARGIN, seed=1)
    lag, height = best(whole[:, MARGIN:-MARGIN], whole)
    assert lag == 0 and height == pytest.approx(1, abs=0.02)
