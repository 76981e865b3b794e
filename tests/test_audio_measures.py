"""What is heard, in numbers: loudness against an independent meter, and what the other measures see."""

import math

import numpy as np
import pyloudnorm
import pytest
import torch
from acestep_nodes.nodes.audio.faults import clipped_share, highest_click, holes, longest_alike
from acestep_nodes.nodes.audio.measures import (
    balance_db,
    bass_db,
    blocks_of,
    loudness_db,
    treble_db,
    width_db,
)
from audio_samples import music
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 44_100


def ours(wave, rate) -> float:
    return float(loudness_db(blocks_of(wave, rate).mean()))


def ungated(wave, rate) -> float:
    """LUFS by pyloudnorm's filters, over all of the sound as ours is: its gates leave out what is soft."""
    meter = pyloudnorm.Meter(rate)
    total = 0.0
    for row in wave.double().numpy():
        for stage in meter._filters.values():
            row = stage.apply_filter(row)
        total += float((row**2).mean())
    return -0.691 + 10 * math.log10(total)


@pytest.mark.parametrize("rate", [22_050, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_loudness_is_that_of_an_independent_meter(rate, channels):
    wave = music(8, rate, channels)
    assert ours(wave, rate) == pytest.approx(ungated(wave, rate), abs=0.25)


def test_the_loudness_of_real_music_is_that_of_an_independent_meter_gates_and_all(example_music):
    """Gates matter little for music that plays all the time; 4 s of it, as they are compared at a joint."""
    for path in example_music:
        wave, rate = decoded(path)
        for start in (4, 12, 20):
            piece = wave[:, start * rate : (start + 4) * rate]
            assert ours(piece, rate) == pytest.approx(ungated(piece, rate), abs=0.3)
            meter = pyloudnorm.Meter(rate)
            loud, soft = (meter.integrated_loudness(x.T.double().numpy()) for x in (piece, 0.25 * piece))
            assert ours(piece, rate) - ours(0.25 * piece, rate) == pytest.approx(loud - soft, abs=0.05)


def decoded(path):
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler(format="fltp")
        frames = [f.to_ndarray() for frame in container.decode(stream) for f in resampler.resample(frame)]
        return torch.from_numpy(np.concatenate(frames, axis=1)), stream.rate


@pytest.mark.parametrize("hz", [60, 250, 1000, 4000, 10_000])
def test_a_tone_is_as_loud_as_the_standard_says(hz):
    tone = 0.1 * torch.sin(2 * torch.pi * hz * torch.arange(4 * 48_000, dtype=torch.float64) / 48_000)[None].float()
    assert ours(tone, 48_000) == pytest.approx(ungated(tone, 48_000), abs=0.2)


@settings(max_examples=30)
@given(st.floats(-20, 20), st.floats(-12, 12), st.integers(0, 20))
def test_width_and_balance_are_what_was_mixed(width, balance, seed):
    generator = torch.Generator().manual_seed(seed)
    mid, side = torch.randn(2, 4 * RATE, generator=generator)
    wide = torch.stack([mid + 10 ** (width / 20) * side, mid - 10 ** (width / 20) * side])
    power = 10 ** (width / 10)
    heard = 10 * math.log10((power + 1e-3) / (1 + 1e-3 * power))  # within 30 dB, as width_db says
    assert float(width_db(blocks_of(0.05 * wide, RATE).mean())) == pytest.approx(heard, abs=0.4)
    left, right = torch.randn(2, 4 * RATE, generator=generator)
    leaning = torch.stack([left * 10 ** (balance / 20), right])
    assert float(balance_db(blocks_of(0.05 * leaning, RATE).mean())) == pytest.approx(balance, abs=0.3)


def test_mono_has_the_least_width_and_lost_treble_and_bass_show():
    wave = music(4, RATE)
    mono = wave.mean(0, keepdim=True).expand(2, -1)
    assert float(width_db(blocks_of(mono, RATE).mean())) == pytest.approx(-30, abs=0.1)
    spectrum = torch.fft.rfft(wave)
    spectrum[:, round(5000 / (RATE / 2) * spectrum.shape[1]) :] *= 1e-3
    dull = torch.fft.irfft(spectrum, wave.shape[1])
    lost = treble_db(blocks_of(dull, RATE).mean()) - treble_db(blocks_of(wave, RATE).mean())
    assert float(lost) < -15
    spectrum = torch.fft.rfft(wave)
    spectrum[:, : round(200 / (RATE / 2) * spectrum.shape[1])] *= 1e-3
    thin = torch.fft.irfft(spectrum, wave.shape[1])
    lost = bass_db(blocks_of(thin, RATE).mean()) - bass_db(blocks_of(wave, RATE).mean())
    assert float(lost) < -15


@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize(("at", "height"), [(0.37, 0.2), (1.234, -0.5)])
def test_a_click_is_found_where_it_is_and_an_attack_is_none(rate, at, height):
    wave = music(3, rate)
    assert highest_click(wave, rate) is None
    hit = 0.3 * torch.randn(2, rate, generator=torch.Generator().manual_seed(1)) * torch.linspace(1, 0, rate)
    wave[:, rate : 2 * rate] += hit
    assert highest_click(wave, rate) is None
    quiet = 0.1 * music(3, rate)
    first = round(at * rate)
    quiet[1, first] += height
    click = highest_click(quiet, rate)
    assert abs(click.start - first) <= 0.0015 * rate and click.height == pytest.approx(abs(height), rel=0.25)


@pytest.mark.parametrize("milliseconds", [15, 40, 200])
@pytest.mark.parametrize("at", [0.0, 1.3])
def test_a_gap_is_found_where_it_is(milliseconds, at):
    wave = 0.1 * torch.randn(2, 3 * RATE, generator=torch.Generator().manual_seed(1))
    power = float(wave.square().mean())
    assert not holes(wave, RATE, power, sound_before=True)
    first = round(at * RATE)
    wave[:, first : first + round(milliseconds * RATE / 1000)] = 0
    (hole,) = holes(wave, RATE, power, sound_before=True)
    assert abs(hole.start - first) <= 0.003 * RATE
    assert 1000 * hole.seconds == pytest.approx(milliseconds, abs=5.1)


def test_an_ending_and_a_decay_are_no_gap():
    wave = 0.1 * torch.randn(2, 3 * RATE, generator=torch.Generator().manual_seed(1))
    power = float(wave.square().mean())
    ending = wave.clone()
    ending[:, 2 * RATE :] = 0
    assert not holes(ending, RATE, power, open_end=True)
    assert len(holes(ending, RATE, power)) == 1
    decay = wave * torch.exp(-torch.arange(3 * RATE) / (0.2 * RATE))
    assert not holes(decay, RATE, power)


def test_a_cut_is_told_from_a_gate_that_closes_and_opens_all_the_time():
    wave = 0.1 * torch.randn(2, 4 * RATE, generator=torch.Generator().manual_seed(1))
    # Closes within 25 ms, stays closed for 40 ms, twice a second.
    clock = torch.arange(4 * RATE) / RATE % 0.5
    gated = wave * 10 ** ((-60 * ((clock - 0.3) / 0.025).clamp(0, 1) * (clock < 0.365)) / 20)
    power = float(gated.square().mean())
    natural = holes(gated, RATE, power)
    assert len(natural) == 8
    cut = gated.clone()
    cut[:, RATE : RATE + round(0.03 * RATE)] = 0
    (planted,) = [hole for hole in holes(cut, RATE, power) if abs(hole.start - RATE) < 0.01 * RATE]
    assert longest_alike(natural, planted) == 0
    assert all(longest_alike(natural, hole) >= 0.03 for hole in natural)


def test_clipping_is_seen_at_full_scale_and_below_it():
    wave = music(3, RATE)
    assert clipped_share(wave) == 0
    hot = (12 * wave).clamp(-1, 1)
    assert clipped_share(hot) > 0.01
    assert clipped_share(0.3 * hot) > 0.01
    assert clipped_share(torch.zeros(2, 1000)) == 0


@settings(max_examples=30)
@given(st.integers(5_000, 5_200), st.integers(1, 20))
def test_eight_equal_samples_are_flat_wherever_they_stand(at, length):
    wave = music(1, RATE)[:1].clone()
    wave[0, at : at + length] = 0.9 * wave.abs().max()
    assert (clipped_share(wave) > 0) == (length >= 8)
