"""TIME_RANGE: anchors, checks, and the way to samples."""

import math

import pytest
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.request import time_ranges as tr
from hypothesis import given
from hypothesis import strategies as st


def spans(entries, seconds, rate=1000):
    return tr.in_samples("N", entries, round(seconds * rate), rate)


def test_anchors():
    assert spans(((1.0, "start", 2.5, "start"),), 10) == ((1000, 2500),)
    assert spans(((15.0, "end", 0.0, "end"),), 60) == ((45000, 60000),)
    assert spans(((2.0, "start", 1.0, "end"),), 10) == ((2000, 9000),)
    assert spans(((4.0, "end", 9.0, "start"),), 10) == ((6000, 9000),)


def test_ranges_are_sorted_and_merged_when_they_overlap_or_touch():
    entries = ((6.0, "start", 7.0, "start"), (1.0, "start", 2.0, "start"), (2.0, "start", 3.0, "start"))
    assert spans(entries, 10) == ((1000, 3000), (6000, 7000))
    assert spans(((1.0, "start", 9.0, "start"), (2.0, "start", 3.0, "start")), 10) == ((1000, 9000),)


@pytest.mark.parametrize("end", [10.0, 10.005, 10.0099])
def test_a_time_barely_past_the_end_is_the_end(end):
    assert spans(((5.0, "start", end, "start"),), 10) == ((5000, 10000),)


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        (((5.0, "start", 10.02, "start"),), ("end_time is 10.02 s", "10.00 s long", "0 to 10.00 s")),
        (((11.0, "end", 0.0, "end"),), ("start_time is 11 s before the end", "10.00 s long")),
        (((9.0, "start", 2.0, "end"),), ("end_time", "8.00 s", "later than", "9.00 s")),
        (((3.0, "start", 7.0, "end"),), ("end_time", "the same as")),
        (((4.0, "start", 2.0, "start"),), ("end_time", "must be later than", "turn on loop")),
        (((9.98, "start", 0.0, "end"),), ("0.020 s long", "at least 0.05 s")),
    ],
)
def test_refused_against_the_track(entries, words):
    with pytest.raises(InputError) as caught:
        spans(entries, 10)
    assert str(caught.value).startswith("N: ")
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, -0.01, 3600.5, 10**400, pytest.param(-(10**5000), id="huge"), "3", None, True]
)
@pytest.mark.parametrize("place", [0, 2])
def test_a_time_must_be_a_number_in_range(value, place):
    item = [1.0, "start", 2.0, "start"]
    item[place] = value
    with pytest.raises(InputError, match=r"(start|end)_time is .*0 to 3600"):
        tr.entry("N", *item)


@pytest.mark.parametrize(
    "item",
    [
        (2.0, "start", 2.0, "start"),
        (3.0, "end", 3.0, "end"),
        (1.0, "start", 1.04, "start"),
        (1.04, "end", 1.0, "end"),
    ],
)
def test_equal_anchors_are_checked_without_a_track(item):
    with pytest.raises(InputError):
        tr.entry("N", *item)


@pytest.mark.parametrize("item", [(3.0, "start", 2.0, "start"), (1.0, "end", 2.0, "end"), (4.0, "end", 4.0, "start")])
def test_a_range_across_the_end_is_handed_on(item):
    assert tr.entry("N", *item) == item
    ((start, end),) = tr.resolve("N", (item,), 10.0)
    assert end < start


def test_the_shortest_range_is_allowed():
    assert tr.entry("N", 0.1, "start", 0.15, "start") == (0.1, "start", 0.15, "start")
    assert spans(((0.1, "start", 0.15, "start"),), 1) == ((100, 150),)


@pytest.mark.parametrize("value", [None, 5, "1-2", (), ((1, "start", 2),), {"start": 1}, (1.0, 2.0)])
def test_what_is_not_a_time_range_is_refused(value):
    with pytest.raises(InputError, match="must be a TIME_RANGE"):
        tr.checked("N: time_range", value)


def test_one_bare_entry_and_lists_are_accepted():
    item = (1.0, "start", 2.0, "end")
    assert tr.checked("N: time_range", item) == (item,)
    assert tr.checked("N: time_range", [list(item), list(item)]) == (item, item)


times = st.floats(0, 3600, allow_nan=False)
anchors = st.sampled_from(tr.ANCHORS)


@given(
    st.lists(st.tuples(times, anchors, times, anchors), min_size=1, max_size=6),
    st.integers(8_000, 192_000),
    st.integers(1, 3600 * 48_000),
)
def test_resolved_samples_lie_in_the_track_sorted_and_apart(entries, rate, samples):
    try:
        checked = tr.checked("N", tuple(entries))
        found = tr.in_samples("N", checked, samples, rate)
    except InputError as refusal:
        assert str(refusal).endswith(".")
        return
    assert all(0 <= a < b <= samples for a, b in found)
    assert all(left[1] < right[0] for left, right in zip(found, found[1:]))
    assert all(b - a >= tr.SHORTEST_SECONDS * rate - 2 for a, b in found)
