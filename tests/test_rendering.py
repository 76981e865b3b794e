"""Edits and generation end to end with the sketch backend: exactness outside the range, takes, batches, reports."""

import asyncio
import json
import math

import pytest
import torch
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.backends.sketch import SketchBackend
from acestep_nodes.nodes.errors import InputError, RenderError
from acestep_nodes.nodes.request.requests import generate_request, inpaint_request, outpaint_request
from acestep_nodes.nodes.run import report
from acestep_nodes.nodes.run.rendering import render_generate, render_inpaint, render_outpaint

REPORT_KEYS = [
    "schema", "backend", "version", "model", "seeds", "request_ids", "cost_usd", "estimate_usd", "windows", "seams",
    "warnings", "timings", "codes", "recipe", "kept",
]  # fmt: skip
SHARED = {
    "node": "N",
    "tags": "jazz, piano, 120 BPM, A minor",
    "lyrics": "",
    "seed": 5,
    "version": "auto",
    "backend": "sketch",
    "batch_size": 1,
}
SECONDS = 6


def source(rate=44100, channels=2, batch=1, seconds=SECONDS):
    """Tones with noise, so that every sample differs and any write outside the range shows."""
    torch.manual_seed(rate + channels)
    time = torch.arange(round(seconds * rate)) / rate
    tone = 0.3 * torch.sin(2 * torch.pi * 220 * time) + 0.2 * torch.sin(2 * torch.pi * 331 * time)
    wave = tone + 0.05 * torch.randn(batch, channels, len(time))
    return {"waveform": wave, "sample_rate": rate}


def inpaint(audio, *ranges, **inputs):
    time_range = tuple((start, "start", end, "start") for start, end in ranges)
    return asyncio.run(render_inpaint(inpaint_request(**{**SHARED, **inputs}), audio, time_range))


def outpaint(audio, before, after, **inputs):
    request = outpaint_request(**{**SHARED, **inputs}, extend_before_duration=before, extend_after_duration=after)
    return asyncio.run(render_outpaint(request, audio))


def generate(duration, **inputs):
    return asyncio.run(render_generate(generate_request(**{**SHARED, **inputs}, duration=duration)))


RANGES = {
    "middle": [(2.0, 3.0)],
    "start": [(0.0, 1.5)],
    "end": [(4.5, 6.0)],
    "whole": [(0.0, 6.0)],
    "several": [(0.5, 1.0), (2.0, 2.05), (5.9, 6.0)],
    "touching": [(1.0, 2.0), (2.0, 3.0)],
    "overlapping": [(1.0, 2.5), (2.0, 3.0)],
}


@pytest.mark.parametrize("rate", [22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("ranges", RANGES.values(), ids=RANGES.keys())
def test_inpaint_changes_the_ranges_and_nothing_else(rate, channels, ranges):
    audio = source(rate, channels)
    before = audio["waveform"].clone()
    out, facts = inpaint(audio, *ranges)
    assert torch.equal(audio["waveform"], before), "the source itself was changed"
    wave = out["waveform"]
    assert (out["sample_rate"], wave.shape, wave.dtype) == (rate, before.shape, torch.float32)
    assert wave.is_contiguous() and bool(torch.isfinite(wave).all())
    inside = torch.zeros(wave.shape[-1], dtype=torch.bool)
    for start, end in ranges:
        a, b = round(start * rate), round(end * rate)
        inside[a:b] = True
        changed = (wave[..., a:b] != before[..., a:b]).float().mean()
        assert changed > 0.95, f"only {changed:.0%} of {start}-{end} s changed"
    assert torch.equal(wave[..., ~inside], before[..., ~inside])
    assert list(facts) == REPORT_KEYS


@pytest.mark.parametrize("rate", [22050, 44100, 48000, 96000])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(("before", "after"), [(1.5, 0.0), (0.0, 2.0), (1.25, 0.5), (0.001, 0.0)])
def test_outpaint_keeps_the_source_and_has_the_exact_length(rate, channels, before, after):
    audio = source(rate, channels)
    wave = outpaint(audio, before, after)[0]["waveform"]
    head, tail = round(before * rate), round(after * rate)
    samples = audio["waveform"].shape[-1]
    assert wave.shape[-1] == head + samples + tail
    assert torch.equal(wave[..., head : head + samples], audio["waveform"])
    for new in (wave[..., :head], wave[..., head + samples :]):
        assert bool(torch.isfinite(new).all())
        assert new.shape[-1] < rate / 2 or float(new.abs().max()) > 0.001


def test_takes_of_a_batch_come_item_by_item_with_the_seeds_of_the_takes():
    audio = source(batch=2, seconds=3)
    out, facts = inpaint(audio, (1.0, 2.0), batch_size=3)
    wave = out["waveform"]
    assert wave.shape[0] == 6 and facts["seeds"] == [5, 6, 7]
    for index in range(6):
        assert torch.equal(wave[index, :, :44100], audio["waveform"][index // 3, :, :44100])
    singles = [inpaint(audio, (1.0, 2.0), seed=seed)[0]["waveform"] for seed in (5, 6, 7)]
    for index in range(6):
        assert torch.equal(wave[index], singles[index % 3][index // 3])
    assert {(seam["item"], seam["take"]) for seam in facts["seams"]} == {(i, t) for i in (0, 1) for t in (0, 1, 2)}


def test_generate_gives_exactly_the_duration_for_each_take():
    out, facts = generate(7, batch_size=2)
    assert out["waveform"].shape == (2, 2, 7 * out["sample_rate"])
    assert not torch.equal(out["waveform"][0], out["waveform"][1])
    assert facts["seeds"] == [5, 6] and facts["cost_usd"] is None and facts["estimate_usd"] is None
    again, _ = generate(7, seed=6)
    assert torch.equal(again["waveform"][0], out["waveform"][1])


@pytest.mark.parametrize("seconds, is_said", [(5.0, False), (5.4, False), (8.2, True)])
def test_a_take_that_is_longer_than_the_node_is_not_cut_in_silence(monkeypatch, seconds, is_said):
    """As of a request whose id was typed in."""

    async def longer(self, request):
        return Sound(torch.full((2, round(seconds * 44_100)), 0.1), 44_100)

    monkeypatch.setattr(SketchBackend, "generate", longer)
    out, facts = generate(5)
    assert out["waveform"].shape[2] == 5 * 44_100
    said = [code["values"] for code in facts["codes"] if code["code"] == "take_cut"]
    assert said == ([{"take": 1, "more": 3.2, "duration": 5, "whole": 9}] if is_said else [])


def test_a_take_beyond_full_scale_is_turned_down_as_a_whole_and_no_other(monkeypatch):
    plain, facts = generate(5, batch_size=3)
    assert not any("full scale" in text for text in facts["warnings"])
    original = SketchBackend.generate

    async def loud(self, request):
        sound = await original(self, request)
        return Sound(sound.waveform * (5.0 if request.call.take == 1 else 1.0), sound.sample_rate)

    monkeypatch.setattr(SketchBackend, "generate", loud)
    out, facts = generate(5, batch_size=3)
    takes, before = out["waveform"], plain["waveform"]
    assert torch.equal(takes[[0, 2]], before[[0, 2]])
    peak = float(before[1].abs().max())
    assert peak > 0.2 and float(takes[1].abs().max()) == 1.0
    torch.testing.assert_close(takes[1], before[1] / peak)
    (said,) = (text for text in facts["warnings"] if "full scale" in text)
    change = 20 * math.log10(5 * peak)
    assert (
        said == f"Take 2 went beyond full scale, so all of it was turned down by {change:.1f} dB; nothing is clipped."
    )


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_take_of_samples_that_are_not_numbers_is_handed_to_nobody(monkeypatch, bad):
    original = SketchBackend.generate

    async def broken(self, request):
        sound = await original(self, request)
        sound.waveform[-1, -1] = bad if request.call.take == 1 else 0.0
        return sound

    monkeypatch.setattr(SketchBackend, "generate", broken)
    with pytest.raises(RenderError, match="samples that are not numbers"):
        generate(5, batch_size=2)


def test_sketch_is_never_taken_for_ace_step():
    for _, facts in (generate(5), inpaint(source(), (1, 2)), outpaint(source(), 0, 1)):
        assert facts["warnings"][0] == "This is sketch, not ACE-Step."
        assert (facts["backend"], facts["version"]) == ("sketch", "none")


def test_the_report_says_where_and_how():
    _, facts = inpaint(source(), (2.0, 3.0))
    text = report.to_json(facts)
    assert json.loads(text) == facts and list(json.loads(text)) == REPORT_KEYS
    assert facts["schema"] == 1
    assert facts["windows"] == [{"start": 0.0, "end": 6.0, "ranges": [[2.0, 3.0]]}]
    assert [(seam["edge"], seam["time_seconds"]) for seam in facts["seams"]] == [("start", 2.0), ("end", 3.0)]
    assert facts["timings"]["total"] >= facts["timings"]["render"] >= 0


def test_a_report_never_holds_what_json_cannot():
    with pytest.raises(ValueError):
        report.to_json(report.build(backend="b", version="v", model="m", seeds=[1], cost_usd=float("nan")))


def test_refusals_come_before_any_work():
    with pytest.raises(InputError, match="N: time_range: end_time is 9 s, but the audio is 6.00 s long"):
        inpaint(source(), (5.0, 9.0))
    with pytest.raises(InputError, match="N: audio is empty"):
        inpaint(None, (1.0, 2.0))
    with pytest.raises(InputError, match="resume"):
        generate(5, resume_request_id="abc")


def test_only_a_window_of_a_long_source_is_rendered():
    audio = source(rate=8000, channels=1, seconds=600)
    out, facts = inpaint(audio, (300.0, 305.0), context_seconds=10)
    assert facts["windows"] == [{"start": 290.0, "end": 315.0, "ranges": [[300.0, 305.0]]}]
    assert torch.equal(out["waveform"][..., : 300 * 8000], audio["waveform"][..., : 300 * 8000])
    assert torch.equal(out["waveform"][..., 305 * 8000 :], audio["waveform"][..., 305 * 8000 :])
