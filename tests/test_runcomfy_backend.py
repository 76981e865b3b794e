"""Prices and limits, the status shown, and what a run brings back and keeps."""

import json

import pytest
import torch
from acestep_nodes.nodes.audio.codec import decode
from acestep_nodes.nodes.backends.interface import Plan
from acestep_nodes.nodes.backends.runcomfy import account
from acestep_nodes.nodes.backends.runcomfy.backend import RunComfyBackend
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.errors import (
    CostRefused,
)
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.request.requests import Call
from runcomfy_runs import (
    generate,
    inpaint,
    journal,
    repair,
    song,
    window,
)

pytest_plugins = ("runcomfy_fixtures",)


# Money


def test_the_estimate_counts_every_take_item_and_part(place):
    backend = RunComfyBackend(song(batch_size=2), place)
    assert backend.estimate(Plan((10.2, 20.0), items=3, takes=2)) == pytest.approx((11 + 20) * 3 * 2 * 0.0002)
    backend.close()


def test_a_price_by_output_counts_requests(simulator, place):
    simulator.fault("catalogue", "change", set={"price_unit": "output", "base_price_usd": 0.05})
    ran = generate(place, song(batch_size=2))
    assert ran.estimate == pytest.approx(0.10)


@pytest.mark.parametrize("limit, paid", [(0.0, 0), (0.0019, 0), (0.002, 2), (0.5, 2)])
def test_the_runs_own_limit_is_all_or_nothing(simulator, place, limit, paid):
    ran = generate(place, song(batch_size=2, max_cost_usd=limit))
    assert simulator.paid == paid
    if not paid:
        assert isinstance(ran.error, CostRefused) and ran.error.exit_code == 64
        assert "max_cost_usd" in ran.words and "$0.0020" in ran.words and journal(place) == ()


@pytest.mark.parametrize("ceiling, paid", [(0.0, 0), (0.0019, 0), (0.002, 2)])
def test_a_workflow_cannot_raise_the_accounts_ceiling(simulator, place, ceiling, paid):
    account.save_ceiling(place, ceiling)
    ran = generate(place, song(batch_size=2, max_cost_usd=1000.0))
    assert simulator.paid == paid
    assert paid or (isinstance(ran.error, CostRefused) and "ceiling" in ran.words)


def test_what_is_paid_for_already_needs_no_budget(simulator, place):
    simulator.fault("submit", "http", status=422)
    generate(place, song(batch_size=3))
    ran = generate(place, song(batch_size=3, max_cost_usd=0.001))  # enough for the one that failed
    assert ran.error is None and simulator.paid == 3
    assert generate(place, song(batch_size=3, max_cost_usd=0.0)).error is None and simulator.paid == 3


def test_a_cost_above_the_estimate_is_said(simulator, place):
    simulator.fault("result", "change", set={"cost": 0.25})
    ran = generate(place)
    assert ran.facts["cost_usd"] == 0.25
    assert any("$0.2500" in warning and "more than its estimate" in warning for warning in ran.facts["warnings"])


@pytest.mark.parametrize("cost", [None, "about 0.1", "nan", "-1", "", -1, True, {"usd": 1}])
def test_a_cost_that_is_not_reported_is_not_made_up(simulator, place, cost):
    simulator.fault("result", "change", times=2, set={"cost": cost})  # asked for again after the download
    assert generate(place).facts["cost_usd"] is None


# Status


def test_the_status_tells_the_queue_the_state_the_id_and_the_cost_and_no_percentage(simulator, place):
    simulator.change({"queue_seconds": 1.0, "run_seconds": 1.0})
    simulator.fault("submit", "hang", seconds=1.0)
    ran = generate(place)
    states = ran.watcher.states
    assert states == sorted(states, key=("preparing", "submitting", "in_queue", "in_progress", "completed",
                                         "downloading", "delivered").index)  # fmt: skip
    assert {"submitting", "in_queue", "in_progress"} <= set(states)  # the others may be too short to be shown
    assert states[-1] == "delivered"
    queued = next(s for s in ran.watcher.statuses if s["state"] == "in_queue")
    assert queued["queue_position"] == 0 and queued["take"] == 1 and queued["test_server"] is True
    last = ran.watcher.statuses[-1]
    assert last["request_id"] == ran.facts["request_ids"][0] and last["cost_usd"] == pytest.approx(0.001)
    elapsed = [s["elapsed"] for s in ran.watcher.statuses if s["state"] != "preparing"]
    assert elapsed == sorted(elapsed)
    assert not any("percent" in key or key == "progress" for s in ran.watcher.statuses for key in s)
    json.dumps(ran.watcher.statuses)


def test_a_file_of_another_length_cannot_be_spliced(simulator, place):
    import numpy as np
    from runcomfy_simulator.rendering import Music, write

    simulator.fault("file", "bytes", data=write(Music(np.zeros((2, 44_100), np.float32), 44_100), "flac"))
    ran = inpaint(place, window(4.0))
    assert "1.0 s of sound where 4.0 s were asked for" in ran.words
    assert inpaint(place, window(4.0)).error is None and simulator.paid == 1


def test_the_journal_holds_what_is_needed_and_no_words_of_the_song(simulator, place):
    request = repair(tags="secret tag", lyrics="secret words")
    inpaint(place, window(4.0), span=(1.0, 2.0), request=request)
    (entry,) = journal(place)
    assert entry.state is State.DELIVERED and entry.where == (1.0, 2.0) and entry.seed == 7
    assert entry.body_sha256 == simulator.service.jobs()[0].body_sha256
    assert entry.estimate_usd == pytest.approx(0.0008) == pytest.approx(entry.cost_usd)
    assert "secret" not in Journal(place).path.read_text()
    (saved,) = Journal(place).read().runs
    assert saved.entry_key(Call()) == entry.key and len(saved.sources) == 1


def test_the_file_fetched_is_what_is_returned(simulator, place):
    ran = generate(place)
    assert torch.equal(ran.sounds[0].waveform, decode(simulator.service.jobs()[0].file).waveform)
