"""Whole edits on RunComfy: long sources, several ranges, chains; what goes out, what comes back, what is paid."""

import asyncio
import resource
import sys

import pytest
import torch
from acestep_nodes.nodes.backends.runcomfy.errors import SomeFailed
from acestep_nodes.nodes.backends.runcomfy.place import Place
from acestep_nodes.nodes.run.rendering import render_generate, render_inpaint, render_outpaint
from runcomfy_runs import extension, journal, place_for, repair, song
from runcomfy_simulator import Simulator

RATE = 8_000  # low, so that an hour is small; the arithmetic is the same


@pytest.fixture
def simulator():
    with Simulator() as running:
        yield running


@pytest.fixture
def place(simulator, tmp_path, monkeypatch):
    here = place_for(simulator, tmp_path)
    monkeypatch.setattr(Place, "of_comfyui", classmethod(lambda cls: here))
    return here


def audio(seconds, rate=RATE, seed=0, batch=1):
    samples = round(seconds * rate)
    steps = torch.arange(samples, dtype=torch.float32) / rate
    tones = sum(torch.sin(2 * torch.pi * hz * steps) for hz in (220.0, 330.0, 415.3)) / 12
    noise = torch.rand(batch, 1, samples, generator=torch.Generator().manual_seed(seed)) - 0.5
    return {"waveform": tones + 0.05 * noise, "sample_rate": rate}


def ranges(*spans):
    return tuple((start, "start", end, "start") for start, end in spans)


def inpaint(source, *spans, **changes):
    return asyncio.run(render_inpaint(repair(**changes), source, ranges(*spans)))


def test_of_an_hour_only_the_window_goes_out(simulator, place):
    source = audio(3600)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    out, facts = inpaint(source, (1800.0, 1812.5), context_seconds=20.0)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * (1 if sys.platform == "darwin" else 1024)
    (job,) = simulator.service.jobs()
    assert job.seconds == pytest.approx(52.5) and job.cost == pytest.approx(53 * 0.0002)
    assert job.body_bytes < 52.5 * RATE * 2 * 4 / 3 + 1000  # 16 bits a sample at most, in base64
    assert (job.body["start_time"], job.body["end_time"]) == (20.0, 32.5)
    a, b = 1800 * RATE, round(1812.5 * RATE)
    new, old = out["waveform"], source["waveform"]
    assert torch.equal(new[..., :a], old[..., :a]) and torch.equal(new[..., b:], old[..., b:])
    assert not torch.equal(new[..., a:b], old[..., a:b])
    assert facts["cost_usd"] == pytest.approx(job.cost)
    # The copy that is returned, and room for the window and the simulator, which runs in this process too.
    assert grown < old.nbytes + 150e6


def test_several_ranges_are_a_request_each(simulator, place):
    source = audio(60)
    out, facts = inpaint(source, (10.0, 14.0), (40.0, 43.0), context_seconds=8.0)
    assert [job.body["end_time"] - job.body["start_time"] for job in simulator.service.jobs()] == [4.0, 3.0]
    assert facts["request_ids"] == [job.request_id for job in simulator.service.jobs()]
    assert facts["cost_usd"] == pytest.approx(sum(job.cost for job in simulator.service.jobs()))
    outside = torch.ones(60 * RATE, dtype=torch.bool)
    for start, end in ((10, 14), (40, 43)):
        outside[start * RATE : end * RATE] = False
    assert torch.equal(out["waveform"][..., outside], source["waveform"][..., outside])


def test_every_item_and_take_is_a_request(simulator, place):
    source = audio(20, batch=2)
    out, facts = inpaint(source, (8.0, 10.0), batch_size=2, context_seconds=5.0)
    assert out["waveform"].shape[0] == 4 and simulator.paid == 4
    seeds = {job.request_id: job.body["seed"] for job in simulator.service.jobs()}
    assert [seeds[request_id] for request_id in facts["request_ids"]] == [7, 8, 7, 8]


def test_tuning_the_splice_buys_nothing(simulator, place):
    source = audio(60)
    spans = [(10.0, 14.0), (40.0, 43.0)]
    first, facts = inpaint(source, *spans, context_seconds=8.0)
    second, again = inpaint(source, *spans, context_seconds=8.0, crossfade_ms=200.0, match_loudness=False)
    assert again["request_ids"] == facts["request_ids"] and simulator.paid == 2
    assert not torch.equal(first["waveform"], second["waveform"])


def test_a_long_outpaint_chains_requests_of_at_most_240_seconds(simulator, place):
    source = audio(40)
    request = extension(extend_before_duration=0.0, extend_after_duration=240.0, context_seconds=30.0)
    out, facts = asyncio.run(render_outpaint(request, source))
    jobs = simulator.service.jobs()
    assert len(jobs) >= 2 and all(job.seconds <= 240.01 for job in jobs)
    assert torch.equal(out["waveform"][..., : 40 * RATE], source["waveform"])
    assert out["waveform"].shape[-1] == 280 * RATE
    assert [entry.request_id for entry in journal(place)] == [job.request_id for job in jobs]
    assert facts["cost_usd"] == pytest.approx(sum(job.cost for job in jobs)) and facts["estimate_usd"] >= 280 * 0.0002

    resumed, fetched = asyncio.run(render_outpaint(extension(
        extend_before_duration=0.0, extend_after_duration=240.0, context_seconds=30.0,
        resume_request_id=jobs[0].request_id), source))  # fmt: skip
    assert torch.equal(resumed["waveform"], out["waveform"]) and simulator.paid == len(jobs)
    assert fetched["request_ids"] == facts["request_ids"]


def test_a_resumed_run_has_its_own_seeds_and_takes(simulator, place):
    first, facts = asyncio.run(render_generate(song(batch_size=3, seed=50)))
    resumed, again = asyncio.run(render_generate(song(resume_request_id=facts["request_ids"][2])))
    assert again["seeds"] == facts["seeds"] == [50, 51, 52]
    assert torch.equal(first["waveform"], resumed["waveform"]) and simulator.paid == 3


def test_sound_that_is_loud_and_stereo_and_odd_in_rate_survives(simulator, place):
    source = audio(30, rate=47_999)
    source["waveform"] = torch.cat([source["waveform"] * 6, source["waveform"] * -5], dim=1)
    out, _ = inpaint(source, (12.0, 14.0), context_seconds=8.0)
    a, b = 12 * 47_999, 14 * 47_999
    assert torch.equal(out["waveform"][..., :a], source["waveform"][..., :a])
    inside, around = out["waveform"][..., a:b].std(), source["waveform"].std()
    assert 0.3 < float(inside / around) < 3  # its level is the surroundings', though they were scaled to be sent


def test_an_edit_is_fetched_without_the_take_that_failed(simulator, place):
    source, compose = audio(20), simulator.service.compose

    def second_fails(model, body):
        if body["seed"] == 8:
            raise RuntimeError("out of notes")
        return compose(model, body)

    simulator.service.compose = second_fails
    with pytest.raises(SomeFailed):
        inpaint(source, (8.0, 10.0), batch_size=3, context_seconds=5.0)
    first = next(job.request_id for job in simulator.service.jobs() if job.body["seed"] == 7)
    out, facts = inpaint(source, (8.0, 10.0), context_seconds=5.0, resume_request_id=first)
    assert out["waveform"].shape[0] == 2 and facts["seeds"] == [7, 9] and simulator.paid == 3
    assert {seam["take"] for seam in facts["seams"]} == {0, 1}
    assert any(warning.startswith("Left out: take 2: ") for warning in facts["warnings"])
    simulator.service.compose = compose
    again, _ = inpaint(source, (8.0, 10.0), batch_size=3, context_seconds=5.0)
    assert simulator.paid == 4 and torch.equal(again["waveform"][[0, 2]], out["waveform"])
