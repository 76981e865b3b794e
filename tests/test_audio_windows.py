"""Which samples go to a backend and which come back: properties of every plan, and the plans people will see."""

import pytest
from acestep_nodes.nodes.audio.windows import (
    CHAIN_OVERLAP_SECONDS,
    MIN_CONTEXT_SECONDS,
    MIN_JOINED_CONTEXT_SECONDS,
    Extension,
    Window,
    plan_extensions,
    plan_windows,
)
from hypothesis import given, settings
from hypothesis import strategies as st

RATE = 44_100


def seconds(window: Window) -> tuple[float, float]:
    return window.start / RATE, window.stop / RATE


def plan(length, *ranges, context=30.0, most=240.0, share=True) -> tuple[Window, ...]:
    spans = [(round(a * RATE), round(b * RATE)) for a, b in ranges]
    return plan_windows(round(length * RATE), RATE, spans, context, most, share)


def extend(length, before, after, context=30.0, most=240.0) -> tuple[Extension, ...]:
    return plan_extensions(round(length * RATE), RATE, before, after, context, most)


@st.composite
def edits(draw):
    """(samples, rate, ranges, context_seconds, max_seconds, share) of an edit somebody might ask for."""
    rate = draw(st.integers(8_000, 192_000))
    samples = draw(st.one_of(st.integers(rate // 5, 60 * rate), st.integers(60 * rate, 3600 * rate)))
    count = draw(st.integers(1, min(6, samples // 4)))
    edges = sorted(draw(st.sets(st.integers(0, samples), min_size=2 * count, max_size=2 * count)))
    ranges = list(zip(edges[::2], edges[1::2]))
    context = draw(st.one_of(st.just(0.0), st.floats(0, 120)))
    most = draw(st.sampled_from([30.0, 240.0, 600.0]))
    return samples, rate, ranges, context, most, draw(st.booleans())


@settings(max_examples=300, deadline=None)
@given(edits())
def test_every_plan_covers_each_range_sample_once_within_the_limits(edit):
    samples, rate, ranges, context, most, share = edit
    windows = plan_windows(*edit)
    pieces = sorted(piece for window in windows for piece in window.ranges)
    joined = []
    for a, b in pieces:
        assert a < b
        if joined and joined[-1][1] == a and any(start < a < stop for start, stop in ranges):
            joined[-1] = (joined[-1][0], b)
        else:
            joined.append((a, b))
    assert joined == ranges
    for window in windows:
        assert 0 <= window.start < window.stop <= samples
        assert window.samples <= most * rate
        assert all(window.start <= a < b <= window.stop for a, b in window.ranges)
        assert window.ranges == tuple(sorted(window.ranges))
        if not share:
            assert len(window.ranges) == 1


@settings(max_examples=300, deadline=None)
@given(edits())
def test_context_is_what_was_asked_for_or_what_the_window_can_hold(edit):
    samples, rate, ranges, context, most, share = edit
    limit = int(most * rate)
    joined = round(MIN_JOINED_CONTEXT_SECONDS * rate)
    for window in plan_windows(*edit):
        wanted = round(context * rate)
        least = min(wanted, round(MIN_CONTEXT_SECONDS * rate), limit // 4)
        if window.chained or window.continued:
            wanted = max(wanted, joined)
            least = min(max(least, joined), limit // 4)
        first, last = window.ranges[0][0], window.ranges[-1][1]
        left, right = first - window.start, window.stop - last
        # All the room is used, and each side has its least unless the track itself ends there.
        assert window.samples == min(samples, limit, last - first + 2 * wanted)
        assert left >= min(least, first) and right >= min(least, samples - last)


@settings(max_examples=200, deadline=None)
@given(edits())
def test_a_window_is_chained_exactly_when_it_continues_the_one_before(edit):
    windows = plan_windows(*edit)
    for before, after in zip((None, *windows), (*windows, None)):
        if after is None:
            assert not before.continued
        else:
            contiguous = before is not None and before.continued
            assert after.chained == contiguous
            if contiguous:
                assert before.ranges[-1][1] == after.ranges[0][0]


@settings(max_examples=200, deadline=None)
@given(edits())
def test_stale_spans_are_the_finished_ranges_a_window_still_shows_as_source(edit):
    windows = plan_windows(*edit)
    done: list[tuple[int, int]] = []
    for window in windows:
        if window.chained:
            assert window.stale == ()
        else:
            stale = {sample for a, b in window.stale for sample in (a, b - 1)}
            assert all(any(a <= sample < b for a, b in done) for sample in stale)
            for a, b in done:
                if b > window.start and a < window.stop:
                    assert any(x <= max(a, window.start) and y >= min(b, window.stop) for x, y in window.stale)
        done.extend(window.ranges)


def test_a_range_in_the_middle_has_context_on_both_sides():
    (window,) = plan(180, (60, 80))
    assert seconds(window) == (30, 110) and not window.chained and not window.continued


def test_context_a_track_end_cuts_off_moves_to_the_other_side():
    assert seconds(plan(180, (0, 20))[0]) == (0, 80)
    assert seconds(plan(180, (170, 180))[0]) == (110, 180)
    assert seconds(plan(40, (10, 20))[0]) == (0, 40)


def test_a_range_longer_than_a_window_is_cut_into_equal_chunks():
    windows = plan(1000, (100, 500))
    assert [seconds_of(w) for w in windows] == [(100, 300), (300, 500)]
    assert [w.chained for w in windows] == [False, True]
    assert [w.continued for w in windows] == [True, False]
    assert [seconds(w) for w in windows] == [(80, 320), (280, 520)]


def seconds_of(window: Window) -> tuple[float, float]:
    return window.ranges[0][0] / RATE, window.ranges[-1][1] / RATE


def test_a_range_that_just_fits_is_one_call():
    assert len(plan(1000, (100, 320))) == 1
    assert len(plan(1000, (100, 321))) == 2
    # At the track's end there is only one side to keep context on.
    assert len(plan(1000, (770, 1000))) == 1
    assert len(plan(240, (0, 240))) == 1


def test_without_context_the_window_is_the_range():
    (window,) = plan(180, (60, 80), context=0)
    assert seconds(window) == (60, 80)


def test_close_ranges_share_a_window_where_the_backend_takes_several():
    assert [w.ranges for w in plan(300, (60, 70), (90, 95))] == [((60 * RATE, 70 * RATE), (90 * RATE, 95 * RATE))]
    assert len(plan(300, (60, 70), (90, 95), share=False)) == 2
    assert len(plan(300, (60, 70), (200, 205))) == 2
    # Not at the price of context.
    assert len(plan(900, (100, 200), (250, 340))) == 2


def test_a_window_beside_an_earlier_one_knows_what_it_may_not_trust():
    first, second = plan(300, (60, 70), (90, 95), share=False)
    assert first.stale == ()
    assert second.stale == ((60 * RATE, 70 * RATE),)


def test_a_window_without_a_sample_is_a_mistake():
    with pytest.raises(ValueError, match="no sample"):
        plan_windows(100, 8_000, [(0, 10)], 0, 1e-9, True)


@settings(max_examples=300, deadline=None)
@given(
    rate=st.integers(8_000, 192_000),
    length=st.floats(0.2, 3600),
    before=st.floats(0, 240),
    after=st.floats(0, 240),
    context=st.floats(0, 120),
    most=st.sampled_from([60.0, 240.0, 600.0]),
)
def test_extensions_fill_exactly_what_is_new_in_an_order_that_can_be_run(rate, length, before, after, context, most):
    samples = round(length * rate)
    head, tail = round(before * rate), round(after * rate)
    passes = plan_extensions(samples, rate, before, after, context, most)
    known = (head, head + samples)
    for each in passes:
        assert each.samples <= most * rate + 1e-6
        # What is sent out exists by then, and it is enough to join to.
        assert known[0] <= each.start < each.stop <= known[1]
        least = min(MIN_JOINED_CONTEXT_SECONDS * rate, known[1] - known[0], samples)
        assert each.stop - each.start >= least - 1
        if each.before:
            assert each.start - each.before < known[0] and each.start - head <= 0
        if each.after:
            assert each.stop + each.after > known[1] and each.stop >= head + samples
        known = (min(known[0], each.start - each.before), max(known[1], each.stop + each.after))
    assert known == (0, head + samples + tail)
    assert bool(passes) == bool(head or tail)


def test_a_short_source_is_extended_on_both_sides_in_one_call():
    assert extend(50, 10, 20) == (Extension(10 * RATE, 60 * RATE, 10 * RATE, 20 * RATE),)


def test_a_long_source_is_extended_by_a_head_and_a_tail_that_do_not_depend_on_each_other():
    head, tail = extend(200, 10, 20)
    assert head == Extension(10 * RATE, 40 * RATE, 10 * RATE, 0)
    assert tail == Extension(180 * RATE, 210 * RATE, 0, 20 * RATE)


def test_one_call_never_costs_more_than_two():
    for length in (10, 30, 59, 60, 61, 100):
        separate = sum(each.samples for each in extend(length, 10, 0) + extend(length, 0, 20))
        assert sum(each.samples for each in extend(length, 10, 20)) <= separate


def test_an_extension_that_just_fits_gives_up_context_before_it_takes_a_second_call():
    (only,) = extend(100, 0, 225)
    assert only.stop - only.start == 15 * RATE
    assert len(extend(100, 0, 231)) == 2


def test_the_passes_of_a_chain_overlap():
    first, second = extend(100, 0, 240)
    overlap = round(CHAIN_OVERLAP_SECONDS * RATE)
    assert first.stop + first.after - second.stop == overlap
    assert second.stop + second.after == 340 * RATE
    back, back2 = extend(100, 240, 0)
    assert back2.start - (back.start - back.before) == overlap
    assert back2.start - back2.before == 0


def test_an_extension_sees_some_of_the_track_even_when_no_context_was_asked_for():
    (only,) = extend(100, 0, 10, context=0)
    assert only.stop - only.start == round(MIN_JOINED_CONTEXT_SECONDS * RATE)


def test_nothing_to_add_is_no_call():
    assert extend(100, 0, 0) == ()
