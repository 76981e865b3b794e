"""Stop: within a second while waiting, nothing unrecorded, nothing abandoned, and the words say what happened."""

import asyncio
import logging
import threading
import time
from dataclasses import replace

import pytest
from acestep_nodes.nodes.backends.interface import Plan
from acestep_nodes.nodes.backends.runcomfy import backend as backend_module
from acestep_nodes.nodes.backends.runcomfy.backend import RunComfyBackend
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.request import Call
from runcomfy_runs import IMPATIENT, Interrupt, Watcher, generate, journal, place_for, song
from runcomfy_simulator import Simulator, rendering


@pytest.fixture
def simulator():
    with Simulator(compose=rendering.tone) as running:
        yield running


@pytest.fixture
def place(simulator, tmp_path):
    return place_for(simulator, tmp_path)


# Seconds. Far below the waits that Stop cuts short, and far above what a busy machine adds to a tenth of a second.
AT_ONCE = 2.5


def stop_at(state):
    return Watcher(lambda status: status["state"] == state)


def cancels(simulator):
    return [r["path"] for r in simulator.requests if r["path"].endswith("/cancel")]


def wait_until(condition, seconds=5.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_stop_in_the_queue_cancels(simulator, place):
    simulator.change({"queue_seconds": 60.0})
    ran = generate(place, watcher=stop_at("in_queue"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE
    (job,) = simulator.service.jobs()
    assert job.state() == "cancelled" and cancels(simulator) == [f"/v1/requests/{job.request_id}/cancel"]
    assert journal(place)[0].state is State.CANCELLED
    last = ran.watcher.statuses[-1]
    assert last["state"] == "cancelled" and job.request_id in last["message"]
    simulator.change({"queue_seconds": 0.0})
    assert generate(place).error is None and simulator.paid == 2  # a cancelled one is bought anew


def test_stop_while_it_runs_says_that_it_will_be_charged_and_the_next_run_fetches_it(simulator, place, caplog):
    caplog.set_level(logging.INFO)
    simulator.change({"run_seconds": 1.5})
    ran = generate(place, watcher=stop_at("in_progress"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE
    last = ran.watcher.statuses[-1]
    assert last["state"] == "charged" and "will be charged" in last["message"]
    assert any("will be charged" in record.getMessage() for record in caplog.records)
    assert journal(place)[0].state is State.ACCEPTED
    assert generate(place).error is None and simulator.paid == 1


def test_stop_during_the_download_keeps_the_paid_render(simulator, place):
    simulator.fault("file", "slow", seconds=6.0)
    ran = generate(place, watcher=stop_at("downloading"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE
    assert "already complete" in ran.watcher.statuses[-1]["message"]
    assert generate(place).error is None and simulator.paid == 1


@pytest.mark.parametrize("step", ["status", "result"])
def test_stop_ends_a_poll_that_hangs(simulator, place, step):
    simulator.fault(step, "hang", seconds=6.0)
    watcher = Watcher()
    threading.Timer(0.8, watcher.stop).start()
    ran = generate(place, watcher=watcher)
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE


def test_stop_during_a_retry_is_heard(simulator, place):
    patient = replace(place, patience=replace(IMPATIENT, failing_in_a_row=30.0, first_backoff=20.0))
    simulator.fault("status", "http", times=1000, status=500)
    watcher = Watcher()
    threading.Timer(0.8, watcher.stop).start()
    ran = generate(patient, watcher=watcher)
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE


@pytest.mark.parametrize(
    "fault",
    [
        ("http", {"status": 500}),
        ("drop_before", {}),
        ("hang", {"seconds": 8.0}),
        ("unreadable", {}),
        ("change", {"set": {"status": "thinking", "outcome": "thinking"}}),
    ],
)
def test_a_cancel_without_an_answer_is_unknown_and_bounded(simulator, place, fault):
    simulator.change({"queue_seconds": 1.5})
    kind, options = fault
    simulator.fault("cancel", kind, times=100, **options)
    ran = generate(place, watcher=stop_at("in_queue"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < IMPATIENT.after_stop + AT_ONCE
    last = ran.watcher.statuses[-1]
    assert last["state"] == "unknown" and "not known" in last["message"] and "may complete" in last["message"]
    assert journal(place)[0].request_id == simulator.service.jobs()[0].request_id


def test_stop_before_the_submission_sends_nothing(simulator, place):
    simulator.fault("catalogue", "slow", seconds=1.0)
    watcher = Watcher()
    threading.Timer(0.3, watcher.stop).start()
    ran = generate(place, watcher=watcher)
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE
    assert simulator.paid == 0 and journal(place) == ()


# A submission on its way


def test_an_answer_that_comes_soon_after_stop_is_recorded_and_cancelled(simulator, place):
    simulator.change({"queue_seconds": 60.0})
    simulator.fault("submit", "slow", seconds=0.5)
    ran = generate(place, watcher=stop_at("submitting"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < IMPATIENT.after_stop + AT_ONCE
    (job,) = simulator.service.jobs()
    assert job.state() == "cancelled" and journal(place)[0].state is State.CANCELLED


def test_an_answer_that_comes_late_is_awaited_in_the_background(simulator, place, caplog):
    caplog.set_level(logging.INFO)
    simulator.change({"queue_seconds": 60.0})
    simulator.fault("submit", "slow", seconds=1.8)
    ran = generate(place, watcher=stop_at("submitting"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < IMPATIENT.after_stop + AT_ONCE
    last = ran.watcher.statuses[-1]
    assert last["state"] == "unknown" and "being submitted" in last["message"]
    assert journal(place)[0].state is State.SENDING  # the node has ended, its submission has not
    (job,) = simulator.service.jobs()
    wait_until(lambda: journal(place)[0].state is State.CANCELLED)
    assert journal(place)[0].request_id == job.request_id and job.state() == "cancelled"
    assert any("was cancelled" in record.getMessage() for record in caplog.records)


def test_a_run_queued_meanwhile_waits_for_that_answer_instead_of_buying_again(simulator, place):
    simulator.fault("submit", "slow", seconds=1.8)
    simulator.change({"run_seconds": 1.0})
    generate(place, watcher=stop_at("submitting"))
    again = generate(place)
    assert again.error is None and simulator.paid == 1
    assert any("Another run" in status.get("message", "") for status in again.watcher.statuses)
    assert "message" not in again.watcher.statuses[-1]


@pytest.mark.parametrize("fault", ["drop_after", "unreadable"])
@pytest.mark.parametrize("delay", [0.5, 1.8])
def test_a_late_submission_that_fails_is_recorded_as_unknown(simulator, place, fault, delay):
    simulator.fault("submit", fault, delay=delay)
    ran = generate(place, watcher=stop_at("submitting"))
    assert isinstance(ran.error, Interrupt)
    assert ran.watcher.statuses[-1]["state"] == "unknown"
    wait_until(lambda: journal(place)[0].state is State.UNKNOWN)


def test_stop_during_a_wait_for_429_leaves_nothing_open(simulator, place):
    simulator.fault("submit", "http", status=429, retry_after="2")
    ran = generate(place, watcher=Watcher(lambda status: status["state"] == "retrying"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE
    assert journal(place)[0].state is State.REFUSED and simulator.paid == 0


# The three ways ComfyUI stops a node


def test_stop_reaches_every_take_though_only_one_sees_the_flag(simulator, place):
    simulator.change({"queue_seconds": 60.0})
    seen = set()

    def all_queued(status):
        if status["state"] == "in_queue":
            seen.add(status["take"])
        return len(seen) == 4

    ran = generate(place, song(batch_size=6), watcher=Watcher(all_queued))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE
    assert simulator.paid == 4  # the two that waited for a place were never submitted
    assert all(job.state() == "cancelled" for job in simulator.service.jobs())
    assert {entry.state for entry in journal(place)} == {State.CANCELLED}


async def one_run(place, request, watcher):
    backend = RunComfyBackend(replace(request, progress=watcher), place)
    try:
        plan = Plan((float(request.duration),), takes=request.batch_size)
        backend.check(plan)

        async def job(take):
            await backend.generate(backend.request.for_call(Call(take=take)))

        await backend.run([lambda take=take: job(take) for take in range(request.batch_size)])
    finally:
        backend.close()


def test_a_cancelled_coroutine_cleans_up_too(simulator, place):
    """Another node of the prompt saw the flag first: asyncio.run cancels every task that is left, all at once."""
    simulator.change({"queue_seconds": 60.0})
    watcher = Watcher()

    async def prompt():
        asyncio.ensure_future(one_run(place, song(batch_size=3), watcher))
        while simulator.paid < 3 or len([s for s in watcher.statuses if s["state"] == "in_queue"]) < 3:
            await asyncio.sleep(0.02)

    started = time.monotonic()
    asyncio.run(prompt())
    assert time.monotonic() - started < 6
    assert all(job.state() == "cancelled" for job in simulator.service.jobs())
    assert {entry.state for entry in journal(place)} == {State.CANCELLED}


def test_two_nodes_of_a_prompt_stop_together(simulator, place, monkeypatch):
    simulator.change({"queue_seconds": 60.0})
    monkeypatch.setattr(backend_module, "_running_prompt_id", lambda: "a prompt")
    watchers = [Watcher(), Watcher()]

    async def prompt():
        runs = [
            asyncio.ensure_future(one_run(place, song(seed=seed), watcher)) for seed, watcher in enumerate(watchers)
        ]
        while not all(any(s["state"] == "in_queue" for s in watcher.statuses) for watcher in watchers):
            await asyncio.sleep(0.02)
        watchers[1].stop()
        return await asyncio.gather(*runs, return_exceptions=True)

    errors = asyncio.run(prompt())
    assert all(isinstance(error, Interrupt) for error in errors)
    assert all(job.state() == "cancelled" for job in simulator.service.jobs())


def test_a_prompt_id_used_again_starts_unstopped(simulator, place, monkeypatch):
    monkeypatch.setattr(backend_module, "_running_prompt_id", lambda: "the same id twice")
    simulator.change({"queue_seconds": 60.0})
    assert isinstance(generate(place, watcher=stop_at("in_queue")).error, Interrupt)
    simulator.change({"queue_seconds": 0.0})
    assert generate(place).error is None


def test_no_thread_and_no_lock_is_left_behind(simulator, place):
    generate(place, song(batch_size=4))
    simulator.change({"queue_seconds": 60.0})
    generate(place, song(seed=99), watcher=stop_at("in_queue"))
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("acestep-runcomfy")])
    assert list(place.directory.glob("sending-*")) == []
    assert not logging.getLogger("httpx").filters


def test_polls_are_not_logged(simulator, place, caplog):
    caplog.set_level(logging.INFO)
    simulator.change({"run_seconds": 0.5})
    generate(place)
    assert not [record for record in caplog.records if record.name == "httpx"]
