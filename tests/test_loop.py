"""``loop``: the track's end is followed by its start. Ranges on the ring, exactness, loops played 100 times."""

import asyncio

import pytest
import torch
from acestep_nodes.nodes.audio.spaces import Ring
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.request import time_ranges as tr
from acestep_nodes.nodes.request.requests import inpaint_request, outpaint_request
from acestep_nodes.nodes.run.rendering import render_inpaint, render_outpaint
from audio_samples import music
from hypothesis import given
from hypothesis import strategies as st

SHARED = {
    "node": "N", "tags": "jazz, piano, 120 BPM, A minor", "lyrics": "", "seed": 5, "version": "auto",
    "backend": "sketch", "batch_size": 1,
}  # fmt: skip


def inpaint(wave, rate, *entries, **inputs):
    request = inpaint_request(**SHARED, loop=True, **inputs)
    audio, facts = asyncio.run(render_inpaint(request, {"waveform": wave[None], "sample_rate": rate}, entries))
    return audio["waveform"][0], facts


def codes(facts) -> list[str]:
    return [each["code"] for each in facts["codes"]]


# ---------------------------------------------------------------- places


def on_ring(entries, seconds=10, rate=1000):
    return tr.on_ring("N", entries, seconds * rate, rate)


def test_a_range_that_ends_before_it_starts_goes_on_across_the_end():
    assert on_ring(((4.0, "end", 3.0, "start"),)) == ((6000, 13000),)
    assert on_ring(((8.0, "start", 1.0, "start"),)) == ((8000, 11000),)
    assert on_ring(((2.0, "start", 3.0, "start"),)) == ((2000, 3000),)


def test_ranges_are_merged_round_the_ring():
    across = (9.0, "start", 1.0, "start")
    assert on_ring((across, (0.5, "start", 2.0, "start"))) == ((9000, 12000),)
    assert on_ring((across, (8.0, "start", 9.5, "start"))) == ((8000, 11000),)
    assert on_ring((across, (4.0, "start", 5.0, "start"))) == ((4000, 5000), (9000, 11000))
    touching = ((9.0, "start", 0.0, "end"), (0.0, "start", 1.0, "start"))
    assert on_ring(touching) == ((9000, 11000),)


@pytest.mark.parametrize(
    "entries",
    [
        ((0.0, "start", 0.0, "end"),),
        ((5.0, "start", 4.97, "start"),),
        ((0.0, "start", 6.0, "start"), (5.0, "start", 0.0, "end")),
        ((6.0, "start", 5.0, "start"), (4.0, "start", 7.0, "start")),
    ],
)
def test_something_has_to_be_left_to_lead_back_to(entries):
    with pytest.raises(InputError, match="N: the ranges leave .* of the track for the loop"):
        on_ring(entries)


def test_without_loop_a_crossing_range_is_refused_with_the_way_out():
    with pytest.raises(InputError, match="end_time .* must be later than start_time .* turn on loop"):
        tr.in_samples("N", ((4.0, "end", 4.0, "start"),), 10_000, 1000)


@given(
    st.integers(1000, 100_000),
    st.lists(st.tuples(st.floats(0, 0.999), st.floats(0.01, 0.3)), min_size=1, max_size=3),
)
def test_the_ring_is_opened_where_nothing_is_written(samples, places):
    seconds = samples / 1000
    entries = []
    for place, share in places:
        start = place * seconds
        entries.append((start, "start", (start + max(0.051, share * seconds)) % seconds, "start"))
    try:
        spans = tr.on_ring("N", tuple(entries), samples, 1000)
    except InputError:
        return
    ring = Ring.around(spans, samples)
    opened = sorted(ring.opened(span) for span in spans)
    assert opened[0][0] > 0 and opened[-1][1] < samples
    assert all(a[1] <= b[0] for a, b in zip(opened, opened[1:]))
    track = torch.arange(samples)[None]
    row = torch.empty_like(track)
    ring.open_into(row, track)
    for (a, b), (start, stop) in zip(opened, sorted(spans, key=lambda span: ring.opened(span))):
        assert torch.equal(row[0, a:b], torch.arange(start, stop) % samples)
        assert torch.equal(ring.cut(track, a, b), row[:, a:b])
        assert ring.position(a) == start % samples
    ring.close(row[None])
    assert torch.equal(row, track)


# ---------------------------------------------------------------- edits


@pytest.mark.parametrize(("rate", "channels"), [(22_050, 1), (44_100, 2), (48_000, 1), (96_000, 2)])
@pytest.mark.parametrize(
    ("entry", "kept"),
    [
        ((2.0, "end", 1.5, "start"), (1.5, 6.0)),
        ((2.0, "end", 0.0, "end"), (0.0, 6.0)),  # touches
        ((0.0, "start", 2.0, "start"), (2.0, 8.0)),  # touches
        ((3.0, "start", 4.0, "start"), None),
    ],
)
def test_only_the_range_is_new_and_the_joint_is_a_seam_like_any_other(rate, channels, entry, kept):
    source = music(8, rate, channels)
    out, facts = inpaint(source, rate, entry)
    inside = torch.ones(source.shape[1], dtype=torch.bool)
    if kept:
        inside[round(kept[0] * rate) : round(kept[1] * rate)] = False
    else:
        inside[: 3 * rate] = inside[4 * rate :] = False
    assert torch.equal(out[:, ~inside], source[:, ~inside])
    assert (out[:, inside] != source[:, inside]).float().mean() > 0.8
    assert len(facts["seams"]) == 2 and {seam["edge"] for seam in facts["seams"]} == {"start", "end"}
    if kept:
        assert sorted(seam["time_seconds"] for seam in facts["seams"]) == sorted((kept[1] % 8, kept[0] or 8.0))


def test_of_what_crosses_the_end_the_start_is_the_larger_time():
    _, facts = inpaint(music(8, 8_000, 1), 8_000, (2.0, "end", 1.5, "start"), context_seconds=1.0)
    assert facts["windows"] == [{"start": 5.0, "end": 2.5, "ranges": [[6.0, 1.5]]}]
    assert [(seam["edge"], seam["time_seconds"]) for seam in facts["seams"]] == [("end", 1.5), ("start", 6.0)]


def repeated(wave: torch.Tensor, rate: int, times: int = 100) -> torch.Tensor:
    """[times, C, 1 s]: around each joint of the loop played so often in a row."""
    half = rate // 2
    row = wave.repeat(1, times + 1)
    return torch.stack(
        [row[:, k * wave.shape[1] - half : k * wave.shape[1] + half] for k in range(1, times + 1)]
    )  # fmt: skip


def level_steps_db(wave: torch.Tensor, rate: int) -> torch.Tensor:
    """[n]: the level of each 0.4 s of a loop less that of the 0.4 s before; the first is the step at its joint."""
    size = round(0.4 * rate)
    power = torch.cat([wave[:, -size:], wave, wave[:, :size]], dim=1).double().square().mean(0)
    before = torch.nn.functional.pad(power.cumsum(0), (1, 0))
    level = 10 * torch.log10((before[size:] - before[:-size]) / size + 1e-12)
    return level[size:] - level[:-size]


@pytest.mark.parametrize("rate", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    "entry",
    [(1.5, "end", 1.5, "start"), (2.0, "end", 0.0, "end"), (0.0, "start", 2.0, "start")],
    ids=["across", "before", "after"],
)
def test_a_repaired_loop_has_no_click_and_no_step_a_hundred_times(rate, channels, entry):
    source = music(9, rate, channels, seed=4)
    half = rate // 2
    click = 0.8 * torch.ones(channels, half) * torch.linspace(0, 1, half)
    source[:, -half:] += click  # ends far from where it begins
    out, facts = inpaint(source, rate, entry)
    joints = repeated(out, rate)
    assert torch.equal(joints, joints[:1].expand_as(joints))
    before = float((source[:, 0] - source[:, -1]).abs().amax())
    usual = out.diff(dim=1).abs().amax(0).quantile(0.999)
    assert before > 1.5 * usual
    assert float((out[:, 0] - out[:, -1]).abs().amax()) <= usual
    assert abs(float(level_steps_db(source, rate)[0])) > 12
    steps = level_steps_db(out, rate).abs()
    assert float(steps[0]) <= float(steps[:: rate // 100].quantile(0.95))
    assert "loop_joint" not in codes(facts)


def test_a_joint_that_nobody_repairs_is_told():
    source = music(9, 44_100, seed=4)
    source[:, -22_050:] += 0.8 * torch.linspace(0, 1, 22_050)
    _, facts = inpaint(source, 44_100, (3.0, "start", 4.0, "start"))
    assert "loop_joint" in codes(facts)
    time = torch.arange(9 * 44_100) / 44_100
    round_and_round = 0.2 * (torch.sin(2 * torch.pi * 220 * time) * (1 + torch.sin(2 * torch.pi * time)))[None]
    _, facts = inpaint(round_and_round, 44_100, (3.0, "start", 4.0, "start"))
    assert "loop_joint" not in codes(facts)


@pytest.mark.parametrize(("rate", "channels"), [(44_100, 2), (32_000, 1)])
def test_what_outpaint_adds_leads_back_to_the_start(rate, channels):
    source = music(6, rate, channels)
    request = outpaint_request(**SHARED, loop=True, extend_before_duration=0.0, extend_after_duration=2.5)
    audio, facts = asyncio.run(render_outpaint(request, {"waveform": source[None], "sample_rate": rate}))
    out = audio["waveform"][0]
    assert out.shape == (channels, source.shape[1] + round(2.5 * rate))
    assert torch.equal(out[:, : source.shape[1]], source)
    usual = out.diff(dim=1).abs().amax(0).quantile(0.999)
    assert float((out[:, 0] - out[:, -1]).abs().amax()) <= 1.5 * usual
    assert [(seam["edge"], seam["time_seconds"]) for seam in facts["seams"]] == [("start", 6.0), ("end", 8.5)]


def test_outpaint_with_loop_adds_nothing_before():
    with pytest.raises(InputError, match="extend_before_duration is 3 s, but with loop"):
        outpaint_request(**SHARED, loop=True, extend_before_duration=3.0, extend_after_duration=1.0)


@pytest.mark.parametrize("value", [1, "yes", None])
def test_loop_is_true_or_false(value):
    with pytest.raises(InputError, match="loop is .* true or false"):
        inpaint_request(**SHARED, loop=value)
