"""Stop: within a second while waiting, nothing unrecorded, nothing abandoned, and the words say what happened."""

import asyncio
import errno
import logging
import os
import threading
import time
from dataclasses import replace

import pytest
from acestep_nodes.nodes.backends.interface import Plan
from acestep_nodes.nodes.backends.runcomfy import journal as journal_module
from acestep_nodes.nodes.backends.runcomfy.account import find_account
from acestep_nodes.nodes.backends.runcomfy.backend import RunComfyBackend
from acestep_nodes.nodes.backends.runcomfy.client import Client
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.queued import Queued
from acestep_nodes.nodes.backends.runcomfy.stopping import Stop
from acestep_nodes.nodes.request.requests import Call
from runcomfy_runs import HURRIED, Interrupt, Watcher, generate, hurried, journal, song, wait_until

pytest_plugins = ("runcomfy_fixtures",)


# Seconds. Far below the waits that Stop cuts short, and far above what a busy machine adds to a tenth of a second.
AT_ONCE = 10.0


def stop_at(state):
    return Watcher(lambda status: status["state"] == state)


def cancels(simulator):
    return [r["path"] for r in simulator.requests if r["path"].endswith("/cancel")]


def stop_once(condition) -> Watcher:
    """Stop pressed when ``condition`` has come true, whatever is shown."""
    watcher = Watcher()

    def press():
        wait_until(condition)
        watcher.stop()

    threading.Thread(target=press, daemon=True).start()
    return watcher


def asked(simulator, step, times=1):
    """Whether the simulator has been asked for a step of the protocol so often."""
    return lambda: len([r for r in simulator.requests if r["path"].split("?")[0].endswith(step)]) >= times


@pytest.fixture
def release():
    """Ends the simulator's wait for it, at the test's end at the latest."""
    event = threading.Event()
    yield event
    event.set()


def test_stop_in_the_queue_cancels(simulator, place):
    simulator.change({"queue_seconds": 600.0})
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
    simulator.change({"run_seconds": 600.0})
    ran = generate(place, watcher=stop_at("in_progress"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE
    last = ran.watcher.statuses[-1]
    assert last["state"] == "charged" and "will be charged" in last["message"]
    assert any("will be charged" in record.getMessage() for record in caplog.records)
    assert journal(place)[0].state is State.ACCEPTED
    simulator.service.jobs()[0].run_seconds = 0.0
    assert generate(place).error is None and simulator.paid == 1


def test_stop_during_the_download_keeps_the_paid_render(simulator, place, release):
    simulator.fault("file", "slow", until=release)
    ran = generate(place, watcher=stop_at("downloading"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE
    assert "already complete" in ran.watcher.statuses[-1]["message"]
    assert generate(place).error is None and simulator.paid == 1


@pytest.mark.parametrize("step", ["status", "result"])
def test_stop_ends_a_poll_that_hangs(simulator, place, step, release):
    simulator.fault(step, "hang", until=release)
    ran = generate(place, watcher=stop_once(asked(simulator, step)))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE


def test_stop_during_a_retry_is_heard(simulator, place):
    patient = replace(place, patience=replace(place.patience, first_backoff=30.0, longest_backoff=30.0))
    simulator.fault("status", "http", times=1000, status=500)
    ran = generate(patient, watcher=stop_once(asked(simulator, "status")))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE


@pytest.mark.parametrize(
    "fault",
    [
        ("http", {"status": 500}),
        ("drop_before", {}),
        ("hang", {"seconds": 60.0}),
        ("unreadable", {}),
        ("change", {"set": {"status": "thinking", "outcome": "thinking"}}),
    ],
)
def test_a_cancel_without_an_answer_is_unknown_and_bounded(simulator, place, fault):
    simulator.change({"queue_seconds": 600.0})
    kind, options = fault
    simulator.fault("cancel", kind, times=100, **options)
    ran = generate(hurried(place), watcher=stop_at("in_queue"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < HURRIED.after_stop + AT_ONCE
    last = ran.watcher.statuses[-1]
    assert last["state"] == "unknown" and "not known" in last["message"] and "may complete" in last["message"]
    assert journal(place)[0].request_id == simulator.service.jobs()[0].request_id


def test_stop_cancels_what_could_not_be_recorded_and_shows_its_id(simulator, place, monkeypatch, release):
    """The disk is full by the time the answer to the submission is there."""
    simulator.change({"queue_seconds": 600.0})
    simulator.fault("submit", "slow", until=release)
    write = journal_module.write_private

    def full(path, data):
        if simulator.paid:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, data)

    monkeypatch.setattr(journal_module, "write_private", full)

    def stop(status):
        if status["state"] == "submitting" and simulator.paid:
            threading.Timer(0.2, release.set).start()
            return True
        return False

    ran = generate(place, watcher=Watcher(stop))
    (job,) = simulator.service.jobs()
    last = ran.watcher.statuses[-1]
    assert isinstance(ran.error, Interrupt) and job.state() == "cancelled" and last["state"] == "cancelled"
    assert job.request_id in last["message"] and "cannot be written" in last["message"]


def test_stop_cancels_what_an_error_names(simulator, place):
    """HTTP 200 with an id and an error: it may have been accepted."""
    simulator.change({"queue_seconds": 600.0})
    simulator.fault("submit", "change", delay=0.2, set={"error_code": 500001, "error_message": "broken"})
    ran = generate(place, watcher=stop_at("submitting"))
    (job,) = simulator.service.jobs()
    last = ran.watcher.statuses[-1]
    assert isinstance(ran.error, Interrupt) and job.state() == "cancelled" and last["state"] == "cancelled"
    assert job.request_id in last["message"] and journal(place)[0].state is State.CANCELLED


def test_stop_before_the_submission_sends_nothing(simulator, place, release):
    simulator.fault("catalogue", "slow", until=release)
    ran = generate(place, watcher=stop_once(asked(simulator, "text-to-audio")))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE
    assert simulator.paid == 0 and journal(place) == ()


def test_stop_between_the_record_and_the_submission_leaves_nothing_to_wait_for(simulator, place, monkeypatch):
    """The intent is on disk, nothing is sent: the next run must neither wait for an answer nor ask about one."""
    watcher, begin = Watcher(), Journal.begin

    def begin_and_stop(self, *arguments):
        entry = begin(self, *arguments)
        watcher.stop()
        wait_until(lambda: watcher.statuses and not watcher._stopped.is_set())  # the coroutine has seen it
        return entry

    with monkeypatch.context() as patched:
        patched.setattr(Journal, "begin", begin_and_stop)
        ran = generate(place, watcher=watcher)
    assert isinstance(ran.error, Interrupt) and simulator.paid == 0
    assert [entry.state for entry in journal(place)] == [State.REFUSED]
    assert generate(place).error is None and simulator.paid == 1


# A submission on its way


def test_an_answer_that_comes_soon_after_stop_is_recorded_and_cancelled(simulator, place):
    simulator.change({"queue_seconds": 600.0})
    simulator.fault("submit", "slow", seconds=0.5)
    ran = generate(place, watcher=stop_at("submitting"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < place.patience.after_stop + AT_ONCE
    (job,) = simulator.service.jobs()
    assert job.state() == "cancelled" and journal(place)[0].state is State.CANCELLED


def test_an_answer_that_comes_late_is_awaited_in_the_background(simulator, place, caplog, release):
    caplog.set_level(logging.INFO)
    simulator.change({"queue_seconds": 600.0})
    simulator.fault("submit", "slow", until=release)
    ran = generate(hurried(place), watcher=stop_once(lambda: simulator.paid == 1))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < HURRIED.after_stop + AT_ONCE
    last = ran.watcher.statuses[-1]
    assert last["state"] == "unknown" and "being submitted" in last["message"]
    assert journal(place)[0].state is State.SENDING  # the node has ended, its submission has not
    (job,) = simulator.service.jobs()
    release.set()
    wait_until(lambda: journal(place)[0].state is State.CANCELLED)
    assert journal(place)[0].request_id == job.request_id and job.state() == "cancelled"
    assert any("was cancelled" in record.getMessage() for record in caplog.records)


def test_a_run_queued_meanwhile_waits_for_that_answer_instead_of_buying_again(simulator, place, release):
    simulator.fault("submit", "slow", until=release)
    generate(hurried(place), watcher=stop_once(lambda: simulator.paid == 1))

    def sharing_is_shown(status):
        if "Another run" in status.get("message", ""):
            release.set()
        return False

    again = generate(place, watcher=Watcher(sharing_is_shown))
    assert again.error is None and simulator.paid == 1
    assert any("Another run" in status.get("message", "") for status in again.watcher.statuses)
    assert "message" not in again.watcher.statuses[-1]


@pytest.mark.parametrize("fault", ["drop_after", "unreadable"])
@pytest.mark.parametrize("late", [False, True])
def test_a_submission_that_fails_after_stop_is_recorded_as_unknown(simulator, place, fault, late, release):
    simulator.fault("submit", fault, **({"until": release} if late else {"seconds": 0.5}))
    ran = generate(hurried(place) if late else place, watcher=stop_once(lambda: simulator.paid == 1))
    assert isinstance(ran.error, Interrupt)
    assert ran.watcher.statuses[-1]["state"] == "unknown"
    release.set()
    wait_until(lambda: journal(place)[0].state is State.UNKNOWN)


def test_stop_during_a_wait_for_429_leaves_nothing_open(simulator, place):
    simulator.fault("submit", "http", status=429, retry_after="2")
    ran = generate(place, watcher=Watcher(lambda status: status["state"] == "retrying"))
    assert isinstance(ran.error, Interrupt) and ran.seconds_after_stop < AT_ONCE
    assert journal(place)[0].state is State.REFUSED and simulator.paid == 0


# The three ways ComfyUI stops a node


def test_stop_reaches_every_take_though_only_one_sees_the_flag(simulator, place):
    simulator.change({"queue_seconds": 600.0})
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


async def one_run(place, request, watcher, prompt_id=None):
    backend = RunComfyBackend(replace(request, progress=watcher), place, Queued(prompt_id, time.time()))
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
    simulator.change({"queue_seconds": 600.0})
    watcher = Watcher()

    async def prompt():
        asyncio.ensure_future(one_run(place, song(batch_size=3), watcher))
        while simulator.paid < 3 or len([s for s in watcher.statuses if s["state"] == "in_queue"]) < 3:
            await asyncio.sleep(0.02)

    started = time.monotonic()
    asyncio.run(prompt())
    assert time.monotonic() - started < 60 + AT_ONCE  # the queue would have been 600 s
    assert all(job.state() == "cancelled" for job in simulator.service.jobs())
    assert {entry.state for entry in journal(place)} == {State.CANCELLED}


def test_two_nodes_of_a_prompt_stop_together(simulator, place):
    simulator.change({"queue_seconds": 600.0})
    watchers = [Watcher(), Watcher()]

    async def prompt():
        runs = [
            asyncio.ensure_future(one_run(place, song(seed=seed), watcher, "a prompt"))
            for seed, watcher in enumerate(watchers)
        ]
        while not all(any(s["state"] == "in_queue" for s in watcher.statuses) for watcher in watchers):
            await asyncio.sleep(0.02)
        watchers[1].stop()
        return await asyncio.gather(*runs, return_exceptions=True)

    errors = asyncio.run(prompt())
    assert all(isinstance(error, Interrupt) for error in errors)
    assert all(job.state() == "cancelled" for job in simulator.service.jobs())


def test_a_prompt_id_used_again_starts_unstopped(simulator, place):
    queued = Queued("the same id twice", time.time())
    simulator.change({"queue_seconds": 600.0})
    assert isinstance(generate(place, watcher=stop_at("in_queue"), queued=queued).error, Interrupt)
    simulator.change({"queue_seconds": 0.0})
    assert generate(place, queued=queued).error is None


def test_no_thread_and_no_lock_is_left_behind(simulator, place):
    generate(place, song(batch_size=4))
    simulator.change({"queue_seconds": 600.0})
    generate(place, song(seed=99), watcher=stop_at("in_queue"))
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("acestep-runcomfy")])
    assert list(place.directory.glob("sending-*")) == []
    assert not logging.getLogger("httpx").filters


def test_polls_are_not_logged(simulator, place, caplog):
    caplog.set_level(logging.INFO)
    simulator.change({"run_seconds": 600.0})

    def another_run_ends(status):
        if status["state"] == "in_progress":
            Client(place, find_account(place), Stop()).close()
            simulator.service.jobs()[0].run_seconds = 0.0
        return False

    assert generate(place, watcher=Watcher(another_run_ends)).error is None
    assert not [record for record in caplog.records if record.name == "httpx"]


def test_stop_cancels_what_is_bought_in_the_place_of_a_missing_file(simulator, place):
    """The request whose file is missing is complete, and the one sent in its place still waits."""
    simulator.fault("file", "http", times=1000, status=404)
    generate(hurried(place))
    simulator.change({"queue_seconds": 600.0})
    ran = generate(hurried(place, after_stop=5.0), watcher=stop_at("in_queue"))
    _, new = simulator.service.jobs()
    assert isinstance(ran.error, Interrupt) and simulator.paid == 2
    assert new.state() == "cancelled" and ran.watcher.statuses[-1]["state"] == "cancelled"
    assert ran.watcher.left["ids"] == [new.request_id]


def test_what_is_refused_in_the_place_of_a_missing_file_is_no_unknown_outcome(simulator, place):
    simulator.fault("file", "http", times=1000, status=404)
    generate(hurried(place))
    simulator.fault("submit", "http", status=422)
    ran = generate(hurried(place))
    assert simulator.paid == 1 and [said["code"] for said in ran.watcher.left["said"]] == ["run_free"]
