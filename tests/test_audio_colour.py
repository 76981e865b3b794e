"""Whether sound came back in the colour it went away with."""

import math

import pytest
import torch
from acestep_nodes.nodes.audio.colour import recoloured
from acestep_nodes.nodes.audio.context import Context
from audio_samples import phase_lost

RATE = 44_100


def music(seconds=3.0, rate=RATE, seed=0):
    """[2, n]: noise that falls 3 dB an octave, in strokes, over a bass."""
    samples = round(seconds * rate)
    spectrum = torch.fft.rfft(torch.randn(2, samples, generator=torch.Generator().manual_seed(seed)))
    hertz = torch.fft.rfftfreq(samples, 1 / rate)
    pink = torch.fft.irfft(spectrum / hertz.clamp_min(20).sqrt(), samples)
    clock = torch.arange(samples) / rate
    strokes = torch.exp(-(clock % 0.25) / 0.08)
    return 0.1 * pink / pink.std() * strokes + 0.1 * torch.sin(2 * math.pi * 55 * clock)


def without(sound, low, high, rate=RATE):
    spectrum = torch.fft.rfft(sound)
    hertz = torch.fft.rfftfreq(sound.shape[1], 1 / rate)
    spectrum[:, (hertz >= low) & (hertz < high)] *= 1e-2
    return torch.fft.irfft(spectrum, sound.shape[1])


def noise(sound, seed=9):
    return torch.randn(sound.shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 96_000])
@pytest.mark.parametrize("gain", [0.05, 1.0, 3.0])
def test_level_and_phase_are_no_colour(rate, gain):
    kept = music(rate=rate)
    assert recoloured(Context(kept, gain * kept, rate)) is None
    assert recoloured(Context(kept, -gain * kept.flip(0), rate)) is None
    assert recoloured(Context(kept, gain * phase_lost(kept), rate)) is None


@pytest.mark.parametrize("low", [30, 125, 1_000, 4_000])
def test_an_octave_that_is_gone_is_named(low):
    kept = music()
    found = recoloured(Context(kept, 0.3 * without(kept, low, 2 * low), RATE))
    assert found and found.low_hz == low and found.db < -8
    assert found.remark().code == "context_less"


def test_what_was_added_is_named():
    kept = without(music(), 3_000, RATE)
    found = recoloured(Context(kept, kept + 0.01 * noise(kept), RATE))
    assert found and found.low_hz >= 4_000 and found.db > 8
    assert found.remark().code == "context_more"
    clock = torch.arange(kept.shape[1]) / RATE
    found = recoloured(Context(kept, kept + 0.2 * torch.sin(2 * math.pi * 200 * clock), RATE))
    assert found and (found.low_hz, found.high_hz) == (125, 250) and found.db > 8


def test_what_nobody_hears_beside_the_rest_is_not_named():
    kept = without(music(), 3_000, RATE)
    assert recoloured(Context(kept, kept + 3e-5 * noise(kept), RATE)) is None


def test_too_little_sound_tells_nothing():
    kept = music(0.4)
    assert recoloured(Context(kept, noise(kept), RATE)) is None
    assert recoloured(Context(torch.zeros(2, RATE), torch.zeros(2, RATE), RATE)) is None
    assert recoloured(Context(music(), torch.zeros(2, 3 * RATE), RATE)) is None
