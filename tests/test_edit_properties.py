"""Edits, whatever the rate, the length, the ranges and the service: exact outside, finite inside, nothing lost."""

import math

import pytest
import torch
from acestep_nodes.nodes.audio.fit import EditOptions, fit_extension, fit_ranges
from acestep_nodes.nodes.audio.resample import resample, with_channels
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.audio.windows import plan_extensions, plan_windows
from acestep_nodes.nodes.errors import RenderError
from hypothesis import example, given, settings
from hypothesis import strategies as st

MAX_SECONDS = (240.0, 600.0)
rates = st.integers(8_000, 192_000)
contexts = st.floats(0, 120, allow_nan=False)


@st.composite
def tracks_with_ranges(draw, longest_seconds, shortest_seconds=0.2):
    """(rate, samples, sorted disjoint ranges of at least 0.05 s) of a track."""
    rate = draw(rates)
    samples = draw(st.integers(math.ceil(shortest_seconds * rate), round(longest_seconds * rate)))
    shortest = math.ceil(0.05 * rate)
    count = draw(st.integers(1, 4))
    edges = sorted(draw(st.lists(st.integers(0, samples), min_size=2 * count, max_size=2 * count, unique=True)))
    spans, last = [], -1
    for a, b in zip(edges[::2], edges[1::2]):
        if b - a >= shortest and a > last:
            spans.append((a, b))
            last = b
    return rate, samples, tuple(spans) or ((0, samples),)


@settings(deadline=None)
@given(tracks_with_ranges(3600), contexts, st.sampled_from(MAX_SECONDS), st.booleans())
def test_windows_cover_every_range_once_and_fit_the_backend(track, context, longest, share):
    rate, samples, ranges = track
    windows = plan_windows(samples, rate, ranges, context, longest, share)
    for window in windows:
        assert 0 <= window.start < window.stop <= samples
        assert window.samples <= longest * rate
        assert all(window.start <= a < b <= window.stop for a, b in window.ranges)
    pieces = [piece for window in windows for piece in window.ranges]
    starts, joined = {start for start, _ in ranges}, []
    for a, b in pieces:  # already left to right
        if joined and joined[-1][1] == a and a not in starts:
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    assert tuple(joined) == ranges
    for before, after in zip(windows, windows[1:]):
        if after.chained:
            assert before.continued and before.ranges[-1][1] == after.ranges[0][0]


@settings(deadline=None)
@given(tracks_with_ranges(3600), contexts, st.sampled_from(MAX_SECONDS))
def test_a_range_that_fits_has_its_context(track, context, longest):
    rate, samples, ranges = track
    for window in plan_windows(samples, rate, ranges, context, longest, share=False):
        ((a, b),) = window.ranges
        if window.chained or window.continued or (b - a) + 2 * context * rate > longest * rate:
            continue
        wanted = min(samples - (b - a), round(2 * context * rate))
        assert abs((a - window.start) + (window.stop - b) - wanted) <= 2


@settings(deadline=None)
@given(
    rates,
    st.floats(0.2, 3600),
    st.floats(0, 240),
    st.floats(0.1, 240),
    contexts,
    st.sampled_from(MAX_SECONDS),
)
def test_extensions_fill_exactly_what_is_new(rate, seconds, before, after, context, longest):
    samples = round(seconds * rate)
    head, tail = round(before * rate), round(after * rate)
    known = (head, head + samples)
    for extension in plan_extensions(samples, rate, before, after, context, longest):
        assert extension.samples <= longest * rate
        assert known[0] <= extension.start < extension.stop <= known[1], "a pass uses sound that is not there yet"
        known = (
            min(known[0], extension.start - extension.before),
            max(known[1], extension.stop + extension.after),
        )
    assert known == (0, head + samples + tail)


def service(window, ranges, rate, theirs, channels, delay, gain, generator):
    """What a service gives back: new sound in ranges, everything delayed, at another level, rate and channel count."""
    wave = window.clone()
    for a, b in ranges:
        wave[:, a:b] = 0.3 * torch.randn(wave.shape[0], b - a, generator=generator)
    late = torch.nn.functional.pad(gain * wave, (delay, 0))
    return Sound(with_channels(resample(late, rate, theirs), channels), theirs)


@settings(deadline=None, max_examples=40)
@given(
    tracks_with_ranges(2.0),
    st.sampled_from([1, 2]),
    st.sampled_from([1, 2]),
    st.sampled_from([22_050, 44_100, 48_000]),
    st.floats(0, 0.05),
    st.floats(0.4, 2.5),
    st.floats(0, 1000),
    st.booleans(),
    st.floats(0, 2),
    st.integers(0, 2**31),
)
def test_only_the_ranges_are_written(
    track, channels, their_channels, theirs, delay, gain, crossfade, match, context, seed
):
    rate, samples, ranges = track
    generator = torch.Generator().manual_seed(seed)
    source = 0.3 * torch.randn(channels, samples, generator=generator)
    kept, out = source.clone(), source.clone()
    options = EditOptions(crossfade_ms=crossfade, match_loudness=match)
    for window in plan_windows(samples, rate, ranges, context, 240.0, share=True):
        known = out if window.chained else source
        spans = [(a - window.start, b - window.start) for a, b in window.ranges]
        cut = known[:, window.start : window.stop]
        rendered = service(cut, spans, rate, theirs, their_channels, round(delay * rate), gain, generator)
        fit = fit_ranges(out, rate, window, rendered, options)
        assert all(seam.verdict in ("good", "fair", "poor") for seam in fit.seams)
        assert all(said.sentence() for said in fit.remarks)
    inside = torch.zeros(samples, dtype=torch.bool)
    for a, b in ranges:
        inside[a:b] = True
    assert torch.equal(out[:, ~inside], kept[:, ~inside])
    assert torch.equal(source, kept), "the source was written to"
    assert bool(torch.isfinite(out).all()) and out.shape == kept.shape
    assert float(out.abs().max()) <= max(1.0, float(kept.abs().max())) + 1e-6
    assert (out[:, inside] != kept[:, inside]).float().mean() > 0.8


@settings(deadline=None, max_examples=40)
@given(
    rates,
    st.floats(0.2, 2.0),
    st.sampled_from([1, 2]),
    st.floats(0, 1.0),
    st.floats(0.05, 1.0),
    st.sampled_from([44_100, 48_000]),
    st.floats(0, 200),
    st.integers(0, 2**31),
)
@example(8000, 1.0, 1, 0.0001, 1.0, 44_100, 0.0, 0)  # one sample of head
def test_extensions_leave_the_track_alone(rate, seconds, channels, before, after, theirs, crossfade, seed):
    generator = torch.Generator().manual_seed(seed)
    samples = round(seconds * rate)
    head, tail = round(before * rate), round(after * rate)
    source = 0.3 * torch.randn(channels, samples, generator=generator)
    out = torch.cat([torch.zeros(channels, head), source, torch.zeros(channels, tail)], dim=1)
    for extension in plan_extensions(samples, rate, before, after, 30.0, 240.0):
        new = [0.3 * torch.randn(channels, n, generator=generator) for n in (extension.before, extension.after)]
        whole = torch.cat([new[0], out[:, extension.start : extension.stop], new[1]], dim=1)
        fit_extension(out, rate, extension, Sound(resample(whole, rate, theirs), theirs), EditOptions(crossfade, True))
    assert out.shape == (channels, head + samples + tail)
    assert torch.equal(out[:, head : head + samples], source)
    assert bool(torch.isfinite(out).all())


RATE = 44_100


def one_window(seconds=8.0, span=(3.0, 5.0)):
    generator = torch.Generator().manual_seed(3)
    source = 0.3 * torch.randn(2, round(seconds * RATE), generator=generator)
    ranges = ((round(span[0] * RATE), round(span[1] * RATE)),)
    (window,) = plan_windows(source.shape[1], RATE, ranges, 30.0, 240.0, share=True)
    return source, window


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_render_that_is_no_sound_changes_nothing(bad):
    source, window = one_window()
    out, rendered = source.clone(), source.clone()
    rendered[0, 4 * RATE] = bad
    with pytest.raises(RenderError, match="not numbers"):
        fit_ranges(out, RATE, window, Sound(rendered, RATE), EditOptions(30, True))
    assert torch.equal(out, source)


def test_a_render_that_ends_before_the_range_changes_nothing():
    source, window = one_window()
    out = source.clone()
    with pytest.raises(RenderError):
        fit_ranges(out, RATE, window, Sound(source[:, : 2 * RATE], RATE), EditOptions(30, True))
    assert torch.equal(out, source)


def test_silence_for_music_is_an_error():
    source, window = one_window()
    out = source.clone()
    with pytest.raises(RenderError, match="silence"):
        fit_ranges(out, RATE, window, Sound(torch.zeros_like(source), RATE), EditOptions(30, True))
    assert torch.equal(out, source)


@pytest.mark.parametrize("delay", [-0.5, -0.1234, 0.0, 0.011, 0.5])
@pytest.mark.parametrize("gain_db", [-6.0, 0.0, 6.0])
def test_delay_and_gain_are_found_and_undone(delay, gain_db):
    source, window = one_window(seconds=30.0, span=(12.0, 18.0))
    shift = round(delay * RATE)
    rendered = source.clone() * 10 ** (gain_db / 20)
    rendered = torch.roll(rendered, shift, dims=1)
    out = source.clone()
    fit = fit_ranges(out, RATE, window, Sound(rendered, RATE), EditOptions(0, True))
    for seam in fit.seams:
        assert seam.made.delay_ms == pytest.approx(1000 * shift / RATE, abs=0.02)
        assert seam.made.gain_db == pytest.approx(-gain_db, abs=0.3)
    # The render is the source itself, late and at another level: undone, the range is the source again.
    a, b = window.ranges[0]
    error = (out - source)[:, a:b].square().mean() / source[:, a:b].square().mean()
    assert float(error) < 1e-3


def test_swapped_and_inverted_channels_are_put_right():
    generator = torch.Generator().manual_seed(9)
    time = torch.arange(20 * RATE) / RATE
    left = torch.sin(2 * torch.pi * 220 * time) + 0.3 * torch.randn(20 * RATE, generator=generator)
    right = torch.sin(2 * torch.pi * 330 * time) + 0.3 * torch.randn(20 * RATE, generator=generator)
    source = 0.3 * torch.stack([left, right])
    (window,) = plan_windows(source.shape[1], RATE, ((8 * RATE, 12 * RATE),), 30.0, 240.0, share=True)
    for render in (source.flip(0), -source):
        out = source.clone()
        fit = fit_ranges(out, RATE, window, Sound(render.contiguous(), RATE), EditOptions(0, True))
        assert fit.remarks
        error = (out - source).square().mean() / source.square().mean()
        assert float(error) < 1e-3


def test_without_loudness_matching_the_level_is_the_backends():
    source, window = one_window(seconds=20.0, span=(8.0, 12.0))
    out = source.clone()
    fit_ranges(out, RATE, window, Sound(0.5 * source, RATE), EditOptions(0, False))
    a, b = window.ranges[0]
    middle = slice(a + RATE // 10, b - RATE // 10)
    assert torch.allclose(out[:, middle], 0.5 * source[:, middle], atol=1e-4)


def test_the_gain_goes_straight_from_one_side_to_the_other_across_blocks():
    source, window = one_window(seconds=50.0, span=(10.0, 40.0))
    a, b = window.ranges[0]
    db = torch.cat([torch.full((a,), 4.0), torch.linspace(4.0, -4.0, b - a), torch.full((source.shape[1] - b,), -4.0)])
    out = source.clone()
    fit = fit_ranges(out, RATE, window, Sound(source * 10 ** (db / 20), RATE), EditOptions(0, True))
    assert [seam.made.gain_db for seam in fit.seams] == pytest.approx([-4.0, 4.0], abs=0.05)
    assert torch.allclose(out, source, atol=0.01)
