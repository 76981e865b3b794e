"""Putting a rendered window in its place: bit-exact outside, exact inside, nothing half-written, for any edit."""

import math

import pytest
import torch
from acestep_nodes.nodes.audio.codec import decode
from acestep_nodes.nodes.audio.fit import EditOptions, fit_extension, fit_ranges
from acestep_nodes.nodes.audio.resample import resample, resample_sound
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.audio.windows import Extension, Window, plan_extensions, plan_windows
from acestep_nodes.nodes.errors import RenderError
from audio_samples import codes, delayed, level_db, music, skewed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

RATE = 44_100
OPTIONS = EditOptions(crossfade_ms=30.0, match_loudness=True)


def one_window(samples, rate, *ranges, context=30.0, most=240.0) -> Window:
    (window,) = plan_windows(samples, rate, ranges, context, most, share=True)
    return window


def same_outside(out, source, ranges) -> bool:
    at = 0
    for start, stop in (*ranges, (source.shape[1], None)):
        if not torch.equal(out[:, at:start], source[:, at:start]):
            return False
        at = stop
    return True


def edited(source, window, truth, change=lambda x: x, rate=RATE, rendered_rate=None, options=OPTIONS):
    """(out, fit) of the edit that should give ``truth``, by a service that does ``change`` to its window."""
    rendered_rate = rendered_rate or rate
    rendered = change(resample(truth[:, window.start : window.stop], rate, rendered_rate))
    out = source.clone()
    return out, fit_ranges(out, rate, window, Sound(rendered, rendered_rate), options)


# ---------------------------------------------------------------- any edit at all


@st.composite
def edits(draw):
    # A filter between rates without a common divisor takes longer to make than all the rest: 44,056 Hz alone has one.
    odd = st.integers(160, 3840).map(lambda fifties: 50 * fifties)
    rate = draw(st.one_of(st.sampled_from([8_000, 22_050, 44_056, 44_100, 48_000, 96_000]), odd))
    channels = draw(st.integers(1, 2))
    samples = draw(st.integers(rate // 5, (8 if rate <= 48_000 else 3) * rate))
    count = draw(st.integers(1, 3))
    edges = sorted(draw(st.sets(st.integers(0, samples), min_size=2 * count, max_size=2 * count)))
    service = {
        "rate": draw(st.sampled_from([rate, 44_100, 48_000])),
        "channels": draw(st.integers(1, 2)),
        "delay": draw(st.floats(-0.1, 0.5)),
        "gain": draw(st.floats(0.1, 3)),
    }
    plan = {
        "context_seconds": draw(st.sampled_from([0.0, 0.1, 1.0, 30.0])),
        "max_seconds": draw(st.sampled_from([2.0, 240.0])),
        "share": draw(st.booleans()),
    }
    options = EditOptions(draw(st.sampled_from([0.0, 30.0, 1000.0])), draw(st.booleans()))
    return rate, channels, samples, list(zip(edges[::2], edges[1::2])), service, plan, options


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits())
def test_any_edit_changes_its_ranges_and_nothing_else(edit):
    rate, channels, samples, ranges, service, plan, options = edit
    source = music(samples / rate, rate, channels, seed=1)[:, :samples]
    kept = source.clone()
    out = source.clone()
    for window in plan_windows(samples, rate, ranges, **plan):
        before = out.clone()
        known = out if window.chained else source
        sent = known[:, window.start : window.stop].expand(2, -1)[: service["channels"]]
        late = delayed(sent, round(service["delay"] * rate)) * service["gain"]
        if not late.shape[1]:
            continue
        rendered = Sound(resample(late, rate, service["rate"]), service["rate"])
        try:
            fit = fit_ranges(out, rate, window, rendered, options)
        except RenderError:  # what was trimmed away lay in the range
            assert torch.equal(out, before)
            continue
        assert same_outside(out, before, window.ranges)
        assert all(seam.verdict in ("good", "fair", "poor") for seam in fit.seams)
        assert all(math.isfinite(v) for seam in fit.seams for v in seam.as_dict().values() if isinstance(v, float))
    assert out.shape == kept.shape and torch.isfinite(out).all()
    assert torch.equal(source, kept)
    assert same_outside(out, kept, ranges)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rate=st.sampled_from([8_000, 22_050, 44_100, 48_000, 96_000]),
    channels=st.integers(1, 2),
    length=st.floats(0.2, 6),
    before=st.one_of(st.just(0.0), st.floats(0.01, 5)),
    after=st.floats(0.01, 5),
    delay=st.floats(0, 0.3),
    most=st.sampled_from([8.0, 240.0]),
)
def test_any_extension_keeps_the_source_and_has_the_exact_length(rate, channels, length, before, after, delay, most):
    source = music(length, rate, channels, seed=2)
    samples, head = source.shape[1], round(before * rate)
    out = torch.zeros(channels, head + samples + round(after * rate))
    out[:, head : head + samples] = source
    for extension in plan_extensions(samples, rate, before, after, 5.0, most):
        known = out.clone()
        sent = known[:, extension.start : extension.stop]
        new = music(extension.samples / rate + 1, rate, channels, seed=3)
        whole = torch.cat([new[:, : extension.before], sent, new[:, : extension.after]], dim=1)
        rendered = Sound(resample(delayed(whole, round(delay * rate)), rate, 48_000), 48_000)
        fit_extension(out, rate, extension, rendered, OPTIONS)
        start, stop = extension.start, extension.stop
        written = (start - extension.before, start), (stop, stop + extension.after)
        assert same_outside(out, known, [span for span in written if span[0] < span[1]])
    assert torch.equal(out[:, head : head + samples], source)
    assert torch.isfinite(out).all()


@pytest.mark.parametrize("lost", [0.0, 0.02, 0.08])
def test_a_render_that_ends_before_a_tiny_source_leaves_all_of_it(lost):
    source = music(0.02, RATE)
    out = torch.cat([torch.zeros(source.shape[0], RATE), source], dim=1)
    (extension,) = plan_extensions(source.shape[1], RATE, 1.0, 0.0, 5.0, 240.0)
    rendered = music(1.0 - lost, RATE, source.shape[0], seed=3)
    fit_extension(out, RATE, extension, Sound(rendered, RATE), OPTIONS)
    assert torch.equal(out[:, RATE:], source)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rate=st.one_of(st.sampled_from([44_100, 48_000]), st.integers(8_000, 192_000)),
    minutes=st.floats(1, 60),
    place=st.floats(0, 1),
    length=st.floats(0.05, 3),
    context=st.sampled_from([0.0, 0.5, 2.0]),
    delay=st.floats(0, 0.04),
    channels=st.integers(1, 2),
)
def test_of_an_hour_only_the_window_is_read_and_only_the_range_is_written(
    rate, minutes, place, length, context, delay, channels
):
    """Sparse: all but the window does not exist, so that the test needs no hour's memory."""
    samples, size = round(60 * minutes * rate), round(length * rate)
    start = round(place * (samples - size))
    (window,) = plan_windows(samples, rate, [(start, start + size)], context, 240.0, share=False)
    part = music(window.samples / rate, rate, channels)
    track = _Sparse(samples, rate, window, part)
    before = track.part.clone()
    fit = fit_ranges(track, rate, window, Sound(delayed(part, round(delay * rate)) * 0.5, rate), OPTIONS)
    assert all(start <= a < b <= start + size for a, b in track.written) and track.written
    assert same_outside(track.part, before, [(start - track.first, start + size - track.first)])
    if context:
        assert all(round(seam.made.delay_ms * rate / 1000) == round(delay * rate) for seam in fit.seams)


class _Sparse:
    """A track [C, samples] of which only the surroundings of one window exist; it notes what is written."""

    def __init__(self, samples, rate, window, part):
        self.shape = (len(part), samples)
        # Six seconds beyond the window: what is usual beside a seam is measured there.
        self.first, self.last = max(0, window.start - 6 * rate), min(samples, window.stop + 6 * rate)
        self.part = music((self.last - self.first) / rate + 0.01, rate, len(part), seed=9)
        self.part = self.part[:, : self.last - self.first]
        self.part[:, window.start - self.first : window.stop - self.first] = part
        self.written = []

    def __getitem__(self, key):
        return self.part[:, self._inside(key[1])]

    def __setitem__(self, key, value):
        self.written.append((key[1].start, key[1].stop))
        self.part[:, self._inside(key[1])] = value

    def _inside(self, key):
        if not isinstance(key, slice):
            return self._inside(slice(key, key + 1)).start
        start, stop = key.start, min(key.stop, self.shape[1])
        assert self.first <= start and stop <= self.last, "the edit looked outside its window"
        return slice(start - self.first, stop - self.first)


# ---------------------------------------------------------------- what the right answer is known for


@pytest.fixture(scope="module")
def source():
    return music(30, RATE)


@pytest.fixture(scope="module")
def truth(source):
    """The source with other music from 14 to 17 s."""
    track = source.clone()
    track[:, 14 * RATE : 17 * RATE] = music(3, RATE, seed=4)
    return track


RANGE = (14 * RATE, 17 * RATE)
# Past the fades, wherever they begin: 175 ms and a fade of 120 at most.
REACH = round(0.3 * RATE)


@pytest.mark.parametrize("delay", [0, 1105, -529, 22_050])
@pytest.mark.parametrize("gain_db", [-5.5, 0, 5.5])
def test_the_new_sound_lands_where_it_belongs_at_its_level(source, truth, delay, gain_db):
    window = one_window(source.shape[1], RATE, RANGE)
    out, fit = edited(source, window, truth, lambda x: delayed(x, delay) * 10 ** (gain_db / 20))
    inner = slice(RANGE[0] + REACH, RANGE[1] - REACH)  # past the fades
    assert level_db(out[:, inner] - truth[:, inner]) < level_db(truth[:, inner]) - 45
    for seam in fit.seams:
        assert seam.made.delay_ms == pytest.approx(1000 * delay / RATE, abs=0.001)
        assert seam.made.gain_db == pytest.approx(-gain_db, abs=0.05)
        assert seam.jump < 1
    assert [seam.made.edge for seam in fit.seams] == ["start", "end"]
    assert [seam.made.time_seconds for seam in fit.seams] == [14, 17]


@pytest.mark.parametrize("rate", [8_000, 22_050, 48_000, 96_000])
@pytest.mark.parametrize("service_rate", [44_100, 48_000])
def test_a_service_at_another_rate_is_placed_to_the_sample(rate, service_rate):
    # No treble that the service's rate could not carry.
    source = resample(music(16, min(rate, 22_050)), min(rate, 22_050), rate)
    window = one_window(source.shape[1], rate, (7 * rate, 9 * rate))
    out, fit = edited(source, window, source, lambda x: delayed(x, service_rate // 10), rate, service_rate)
    assert fit.seams[0].made.delay_ms == pytest.approx(100, abs=0.01)
    assert level_db(out - source) < level_db(source) - 35


def test_the_same_music_back_is_the_same_music(source):
    """Equal sounds are faded linearly, so a perfect service leaves no trace at all."""
    window = one_window(source.shape[1], RATE, RANGE)
    out, fit = edited(source, window, source)
    assert float((out - source).abs().max()) < 1e-6
    assert [seam.verdict for seam in fit.seams] == ["good", "good"] and fit.remarks == ()


def test_mono_gets_the_average_and_stereo_both_of_what_comes_back(source, truth):
    mono = truth.mean(0, keepdim=True)
    window = one_window(source.shape[1], RATE, RANGE)
    out, _ = edited(source.mean(0, keepdim=True), window, mono, lambda x: x.repeat(2, 1))
    inner = slice(RANGE[0] + REACH, RANGE[1] - REACH)
    assert torch.allclose(out[:, inner], mono[:, inner], atol=1e-3)
    out, _ = edited(source, window, truth, lambda x: x.mean(0, keepdim=True))
    assert torch.equal(out[0, inner], out[1, inner])


def test_with_match_loudness_off_the_level_is_untouched(source, truth):
    window = one_window(source.shape[1], RATE, RANGE)
    out, fit = edited(source, window, truth, lambda x: x * 0.5, options=EditOptions(30.0, False))
    inner = slice(RANGE[0] + REACH, RANGE[1] - REACH)
    assert torch.equal(out[:, inner], 0.5 * truth[:, inner])
    assert [seam.made.gain_db for seam in fit.seams] == [0, 0]


def test_only_what_is_louder_than_the_source_is_limited(source):
    window = one_window(source.shape[1], RATE, RANGE)
    loud = source.clone()
    loud[:, RANGE[0] + 5000 : RANGE[0] + 5100] = 7.0
    out, _ = edited(source, window, loud)
    ceiling = max(1.0, float(source.abs().max()))
    assert float(out.abs().max()) <= ceiling
    quiet = (loud.abs() < ceiling)[:, slice(*RANGE)]
    assert torch.allclose(out[:, slice(*RANGE)][quiet], source[:, slice(*RANGE)][quiet], atol=1e-6)


def test_a_range_at_the_tracks_own_ends_has_no_fade_there(source):
    ranges = ((0, 3 * RATE), (27 * RATE, 30 * RATE))
    window = one_window(source.shape[1], RATE, *ranges)
    new = source.clone()
    for seed, (a, b) in enumerate(ranges):
        new[:, a:b] = music(3, RATE, seed=20 + seed)
    out, fit = edited(source, window, new)
    assert torch.allclose(out[:, :100], new[:, :100], atol=1e-4)
    assert torch.allclose(out[:, -100:], new[:, -100:], atol=1e-4)
    assert [(seam.made.time_seconds, seam.made.edge) for seam in fit.seams] == [(3, "end"), (27, "start")]


def test_the_whole_track_may_be_replaced():
    source, new = music(5, RATE), music(5, RATE, seed=7)
    window = one_window(source.shape[1], RATE, (0, source.shape[1]))
    out, fit = edited(source, window, new)
    assert torch.equal(out, new) and fit.seams == ()
    assert codes(fit) == ["no_context"]


def test_a_short_range_has_short_fades(source, truth):
    a, b = 15 * RATE, 15 * RATE + 2205
    window = one_window(source.shape[1], RATE, (a, b))
    out, _ = edited(source, window, truth, options=EditOptions(1000.0, False))
    quarter = 2205 // 4
    assert torch.equal(out[:, a + quarter : b - quarter], truth[:, a + quarter : b - quarter])
    assert not torch.equal(out[:, a : a + quarter], truth[:, a : a + quarter])


def test_chunks_continue_each_other_without_the_old_music_showing():
    """Left to right, each chunk cut from the output; the old sound in the range must not come back between them."""
    rate = 22_050
    source, new = music(40, rate), music(40, rate, seed=8)
    a, b = 10 * rate, 30 * rate
    windows = plan_windows(source.shape[1], rate, [(a, b)], 4.0, 16.0, share=False)
    assert len(windows) > 1
    out = source.clone()
    joints = []
    for window in windows:
        known = out if window.chained else source
        rendered = known[:, window.start : window.stop].clone()
        start, stop = window.ranges[0]
        rendered[:, start - window.start : stop - window.start] = new[:, start:stop]
        fit = fit_ranges(out, rate, window, Sound(delayed(rendered, 700) * 0.8, rate), OPTIONS)
        joints += [seam.made.time_seconds for seam in fit.seams]
    inner = slice(a + 6700, b - 6700)
    assert level_db(out[:, inner] - new[:, inner]) < level_db(new[:, inner]) - 30
    assert joints == [windows[0].ranges[0][0] / rate, *(w.ranges[0][0] / rate for w in windows[1:]), b / rate]


def test_what_an_earlier_window_changed_is_not_mistaken_for_context():
    """Two close ranges, one call each with the source as context: the second must not be levelled to the first."""
    source = music(20, RATE)
    ranges = [(6 * RATE, 9 * RATE), (10 * RATE, 12 * RATE)]
    first, second = plan_windows(source.shape[1], RATE, ranges, 5.0, 240.0, share=False)
    out = source.clone()
    out[:, slice(*first.ranges[0])] = 0.05 * music(3, RATE, seed=11)
    rendered = 0.5 * source[:, second.start : second.stop]
    fit = fit_ranges(out, RATE, second, Sound(delayed(rendered, 99), RATE), OPTIONS)
    assert [seam.made.gain_db for seam in fit.seams] == [pytest.approx(6, abs=0.1)] * 2
    assert fit.seams[0].made.delay_ms == pytest.approx(99_000 / RATE, abs=0.001)


# ---------------------------------------------------------------- outpaint


@pytest.mark.parametrize(("before", "after"), [(3.0, 0.0), (0.0, 4.0), (2.0, 3.0)])
def test_an_extension_goes_on_where_the_source_stops(before, after):
    whole = music(20, RATE, seed=6)
    head, tail = round(before * RATE), round(after * RATE)
    at = 6 * RATE
    source = whole[:, at : at + 8 * RATE]
    truth = whole[:, at - head : at + source.shape[1] + tail]
    out = torch.zeros_like(truth)
    out[:, head : head + source.shape[1]] = source
    for extension in plan_extensions(source.shape[1], RATE, before, after, 30.0, 240.0):
        sent = truth[:, extension.start - extension.before : extension.stop + extension.after]
        fit = fit_extension(out, RATE, extension, Sound(delayed(sent, 50) * 0.7, RATE), OPTIONS)
        for seam in fit.seams:
            assert seam.made.delay_ms == pytest.approx(50_000 / RATE, abs=0.001)
            assert seam.made.gain_db == pytest.approx(3.1, abs=0.02) and seam.jump < 1
    # The last 50 samples of the delayed render are beyond its end.
    assert level_db((out - truth)[:, :-1000]) < level_db(truth) - 60


def test_the_joint_of_an_extension_does_not_step_even_when_the_render_differs():
    source = music(6, RATE)
    samples = source.shape[1]
    out = torch.cat([source, torch.zeros(2, 2 * RATE)], dim=1)
    other = torch.cat([source + 0.05, music(2, RATE, seed=13) + 0.05], dim=1)  # an offset the source does not have
    fit = fit_extension(out, RATE, Extension(0, samples, 0, 2 * RATE), Sound(other, RATE), OPTIONS)
    assert torch.equal(out[:, :samples], source)
    assert fit.seams[0].jump < 1


def test_a_level_bias_is_undone_over_the_whole_extension():
    whole = music(30, RATE, seed=6)
    samples = 10 * RATE
    out = torch.zeros_like(whole)
    out[:, :samples] = whole[:, :samples]
    fit_extension(out, RATE, Extension(0, samples, 0, 20 * RATE), Sound(whole * 0.6, RATE), OPTIONS)
    last = slice(25 * RATE, 30 * RATE)
    assert level_db(out[:, last]) == pytest.approx(level_db(whole[:, last]), abs=0.1)


# ---------------------------------------------------------------- renders that are no good


def unusable(source, window, rendered, match):
    out = source.clone()
    with pytest.raises(RenderError, match=match):
        fit_ranges(out, RATE, window, rendered, OPTIONS)
    assert torch.equal(out, source)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("channel", [0, 1])
def test_samples_that_are_not_numbers_are_refused_wherever_they_are(source, bad, channel):
    window = one_window(source.shape[1], RATE, RANGE)
    rendered = source.clone()
    rendered[channel, 20 * RATE] = bad
    unusable(source, window, Sound(rendered, RATE), "not numbers; nothing was changed")


@pytest.mark.parametrize("peak", [1e20, 3e38])
def test_samples_far_beyond_any_sound_are_refused(source, peak):
    window = one_window(source.shape[1], RATE, RANGE)
    rendered = source.clone()
    rendered[0, 15 * RATE] = peak
    unusable(source, window, Sound(rendered, RATE), r"samples up to \de\+\d\d times full scale, which is no sound")


def test_silence_is_refused_beside_sound_and_accepted_beside_silence(source):
    window = one_window(source.shape[1], RATE, RANGE)
    unusable(source, window, Sound(torch.zeros_like(source), RATE), "returned silence; nothing was changed")
    out = torch.zeros_like(source)
    fit = fit_ranges(out, RATE, window, Sound(torch.zeros_like(source), RATE), OPTIONS)
    assert torch.equal(out, torch.zeros_like(source)) and len(fit.seams) == 2


def test_too_little_sound_is_refused(source):
    window = one_window(source.shape[1], RATE, RANGE)
    unusable(source, window, Sound(source[:, : 16 * RATE], RATE), "1.00 s of the 3.00 s to fill are missing")
    unusable(source, window, Sound(source[:, : 2 * RATE], RATE), "returned only|too little sound")


def test_a_frame_missing_at_the_tracks_end_becomes_a_fade_and_is_said(source):
    a, b = 25 * RATE, 30 * RATE
    window = one_window(source.shape[1], RATE, (a, b))
    out = source.clone()
    fit = fit_ranges(out, RATE, window, Sound(source[:, : -round(0.09 * RATE)], RATE), OPTIONS)
    assert torch.equal(out[:, -3900:], torch.zeros(2, 3900))
    assert torch.allclose(out[:, b - 8000 : b - 5000], source[:, b - 8000 : b - 5000], atol=1e-3)
    assert [said.sentence() for said in fit.remarks] == ["The backend returned 0.09 s less sound than was asked for."]


def test_a_missing_end_inside_the_track_leaves_the_source_there():
    source = music(10, RATE)
    a, b = 4 * RATE, 9 * RATE
    window = Window(0, b, ((a, b),))
    out = source.clone()
    rendered = Sound(0.9 * source[:, : b - 4000], RATE)
    fit_ranges(out, RATE, window, rendered, EditOptions(30.0, False))
    assert torch.equal(out[:, b - 4000 :], source[:, b - 4000 :])


def test_an_unaligned_edit_says_so_and_is_placed_as_rendered(source):
    window = one_window(source.shape[1], RATE, RANGE)
    rendered = music(window.samples / RATE, RATE, seed=55)
    out = source.clone()
    fit = fit_ranges(out, RATE, window, Sound(rendered, RATE), EditOptions(30.0, False))
    inner = slice(RANGE[0] + REACH, RANGE[1] - REACH)
    assert torch.equal(out[:, inner], rendered[:, inner])
    assert codes(fit)[0] == "weak_context"


def test_a_poor_seam_is_a_warning(source):
    window = one_window(source.shape[1], RATE, RANGE)
    rendered = source.clone()
    rendered[:, slice(*RANGE)] = 1e-3 * torch.randn(2, 3 * RATE, generator=torch.Generator().manual_seed(1))
    out = source.clone()
    fit = fit_ranges(out, RATE, window, Sound(rendered, RATE), OPTIONS)
    assert [seam.verdict for seam in fit.seams] == ["poor", "poor"]
    assert any(said.code == "seam_softer" and said.sentence().startswith("At 14.00 s ") for said in fit.remarks)


@pytest.mark.parametrize(("db", "said"), [(0, False), (-9, True), (9, True)])
def test_a_change_of_level_inside_a_long_range_is_said(db, said):
    track = music(30, RATE)
    window = one_window(track.shape[1], RATE, (8 * RATE, 22 * RATE))
    rendered = track.clone()
    rendered[:, 12 * RATE : 18 * RATE] *= 10 ** (db / 20)
    fit = fit_ranges(track.clone(), RATE, window, Sound(rendered, RATE), OPTIONS)
    parts = [dict(each.values) for each in fit.remarks if each.code in ("range_softer", "range_louder")]
    assert bool(parts) == said and codes(fit) == (["range_softer" if db < 0 else "range_louder"] if said else [])
    for part in parts:
        assert 11 <= part["start"] <= 13.5 and 16.5 <= part["end"] <= 19


@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize(("sounding", "said"), [(10.0, []), (8.5, []), (5.0, ["range_silent"])])
def test_an_extension_that_is_silent_to_its_end_is_said_with_its_times(place, sounding, said):
    track, new = music(12, RATE, seed=2), music(10, RATE, seed=3)
    sides = (10.0, 0.0) if place == "before" else (0.0, 10.0)
    (extension,) = plan_extensions(12 * RATE, RATE, *sides, 12.0, 240.0)
    if place == "before":
        out = torch.cat((torch.zeros(2, 10 * RATE), track), 1)
        new[:, : round((10 - sounding) * RATE)] = 0
        rendered = torch.cat((new, track), 1)
        span = (0.0, 10 - sounding)
    else:
        out = torch.cat((track, torch.zeros(2, 10 * RATE)), 1)
        new[:, round(sounding * RATE) :] = 0
        rendered = torch.cat((track, new), 1)
        span = (12 + sounding, 22.0)
    fit = fit_extension(out, RATE, extension, Sound(rendered, RATE), OPTIONS)
    found = [dict(each.values) for each in fit.remarks if each.code == "range_silent"]
    assert codes(fit) == said
    for each in found:
        assert (each["start"], each["end"]) == pytest.approx(span, abs=0.02)


def test_a_range_at_the_end_that_was_silent_there_before_may_be(source):
    """The end of a song whose last seconds are silent is made anew."""
    stop = source.shape[1]
    source = source.clone()
    source[:, -5 * RATE :] = 0
    window = one_window(stop, RATE, (stop - 9 * RATE, stop))
    fit = fit_ranges(source.clone(), RATE, window, Sound(source[:, window.start :].clone(), RATE), OPTIONS)
    assert "range_silent" not in codes(fit)


@pytest.mark.parametrize("channel", [0, 1])
def test_one_channel_that_drops_out_is_said(source, channel):
    rendered = source.clone()
    rendered[channel, 15 * RATE : round(15.2 * RATE)] = 0
    fit = fit_ranges(source.clone(), RATE, one_window(source.shape[1], RATE, RANGE), Sound(rendered, RATE), OPTIONS)
    (hole,) = [dict(each.values) for each in fit.remarks if each.code == "range_hole"]
    assert hole["time"] == pytest.approx(15.0, abs=0.01) and hole["ms"] == pytest.approx(200, abs=10)


def test_a_drop_that_is_a_hole_is_said_once(source):
    track = music(30, RATE)
    window = one_window(track.shape[1], RATE, (8 * RATE, 22 * RATE))
    for change, said in ((0.0, ["range_hole"]), (0.1, ["range_softer"])):
        rendered = track.clone()
        rendered[:, 14 * RATE : round(15.2 * RATE)] *= change
        fit = fit_ranges(track.clone(), RATE, window, Sound(rendered, RATE), OPTIONS)
        assert codes(fit) == said


def test_peaks_that_a_codec_let_overshoot_are_no_clipping(source):
    """A limited track, whose softer part stood where now its loudest is."""
    loud = 1.02 * (6 * source / source.abs().max()).clamp(-1, 1)
    loud[:, ::3] *= 0.98  # no sample like the next one
    track = loud.clone()
    track[:, slice(*RANGE)] *= 0.5
    fit = fit_ranges(track, RATE, one_window(source.shape[1], RATE, RANGE), Sound(loud, RATE), OPTIONS)
    assert "range_clipped" not in codes(fit)


def with_a_hole(window):
    window = window.clone()
    window[:, 15 * RATE : 15 * RATE + RATE // 20] = 0
    return window


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda window: window, []),
        (with_a_hole, ["At 15.00 s the new part drops out for 50 ms"]),
        (lambda window: (8 * window).clamp(-1, 1), ["From 14.00 to 17.00 s the new part is clipped"]),
    ],
)
def test_a_hole_and_clipping_in_the_range_are_said(source, truth, change, said):
    _, fit = edited(source, one_window(source.shape[1], RATE, RANGE), truth, change)
    found = [each.sentence() for each in fit.remarks if each.code in ("range_hole", "range_clipped")]
    assert len(found) == len(said) and all(each.startswith(words) for each, words in zip(found, said)), fit.remarks


@pytest.mark.parametrize("offset", [0.05, -0.3])
def test_an_offset_that_only_the_new_sound_has_is_taken_away(source, offset):
    window = one_window(source.shape[1], RATE, RANGE)
    truth = source.clone()
    truth[:, slice(*RANGE)] = music(3, RATE, seed=9)
    rendered = truth.clone()
    rendered[0, slice(*RANGE)] += offset
    fits = []
    for sound, track in ((truth, source), (rendered, source), (rendered + 0.02, source + 0.02)):
        out = track.clone()
        fits.append((out, fit_ranges(out, RATE, window, Sound(sound, RATE), OPTIONS)))
    inner = slice(RANGE[0] + REACH, RANGE[1] - REACH)
    assert float((fits[1][0] - fits[0][0])[:, inner].abs().max()) < 2e-3
    assert float((fits[2][0] - 0.02 - fits[0][0])[:, inner].abs().max()) < 4e-3
    assert not any(fit.remarks for _, fit in fits)


def test_a_click_inside_is_said_unless_the_music_clicks_by_itself(source):
    window = one_window(source.shape[1], RATE, RANGE)
    rendered = source.clone()
    rendered[:, RANGE[0] + RATE] += 0.4
    fit = fit_ranges(source.clone(), RATE, window, Sound(rendered, RATE), OPTIONS)
    [said] = fit.remarks
    assert said.code == "range_click" and dict(said.values)["time"] == pytest.approx(15.0, abs=0.002)
    assert fit.excess[0] > 1.4
    crackling = source.clone()
    crackling[:, RATE // 3 :: RATE // 2] += 0.4
    rendered = crackling.clone()
    rendered[:, slice(*RANGE)] = source[:, slice(*RANGE)]
    rendered[:, RANGE[0] + RATE] += 0.4
    fit = fit_ranges(crackling.clone(), RATE, window, Sound(rendered, RATE), OPTIONS)
    assert "range_click" not in codes(fit)


@pytest.mark.parametrize(("behind_seconds", "said"), [(0.05, ["range_hole"]), (0.72, ["range_hole", "range_click"])])
def test_a_click_at_the_edge_of_a_hole_is_one_fault_with_it_and_elsewhere_another(source, behind_seconds, said):
    rendered = with_a_hole(source)
    rendered[:, 15 * RATE + round(behind_seconds * RATE)] += 0.6
    fit = fit_ranges(source.clone(), RATE, one_window(source.shape[1], RATE, RANGE), Sound(rendered, RATE), OPTIONS)
    assert codes(fit) == said


@pytest.mark.parametrize(
    ("place", "ppm"), [("inside", 200), ("start", 50), ("end", -200), ("before", -50), ("after", 200)]
)
def test_of_a_clock_that_is_off_the_delay_at_the_joint_is_undone(place, ppm):
    """On both sides or on one of the range, 5 s of context and 25 ms late: half a sample at 50 ppm, two at 200."""
    rate, late = 22_050, 551
    track = music(12, rate, 1, seed=6)
    out, total, length = track.clone(), track.shape[1], 3 * rate
    if place in ("before", "after"):
        sides = (3.0, 0.0) if place == "before" else (0.0, 3.0)
        (extension,) = plan_extensions(total - length, rate, *sides, 5.0, 240.0)
        origin, stop = extension.start - extension.before, extension.stop + extension.after
        rendered = Sound(delayed(skewed(track[:, origin:stop], ppm), late), rate)
        fit = fit_extension(out, rate, extension, rendered, OPTIONS)
    else:
        first = {"inside": 5 * rate, "start": 0, "end": total - length}[place]
        window = one_window(total, rate, (first, first + length), context=5.0)
        origin = window.start
        rendered = Sound(delayed(skewed(track[:, origin : window.stop], ppm), late), rate)
        fit = fit_ranges(out, rate, window, rendered, OPTIONS)
    assert len(fit.seams) == (2 if place == "inside" else 1)
    for seam in fit.seams:
        wanted = late + (seam.made.time_seconds * rate - origin) * ppm * 1e-6
        assert abs(seam.made.delay_ms * rate / 1000 - wanted) <= (0.5 if abs(ppm) <= 50 else 2.0)


@pytest.mark.parametrize("ppm", [200, -200])
def test_a_clock_that_is_off_is_followed_where_a_long_context_has_no_peak_any_more(example_music, ppm):
    """Over 12 s on one side a fast clock blurs the correlation of this piece until none is trusted."""
    rate, late = 48_000, 1200
    music = resample_sound(decode(example_music[2].read_bytes()), rate)
    track = music.waveform.mean(0, keepdim=True)
    window = one_window(track.shape[1], rate, (0, 3 * rate), context=12.0)
    rendered = Sound(delayed(skewed(track[:, : window.stop], ppm), late), rate)
    fit = fit_ranges(track.clone(), rate, window, rendered, OPTIONS)
    (seam,) = fit.seams
    assert abs(seam.made.delay_ms * rate / 1000 - (late + 3 * rate * ppm * 1e-6)) <= 2.0
