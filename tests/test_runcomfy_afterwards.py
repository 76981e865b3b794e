"""What a run has left and cost: all of its requests are named, in the status row after Stop and from the journal."""

import threading
import time
from dataclasses import replace

import pytest
from acestep_nodes.nodes.backends.interface import Plan
from acestep_nodes.nodes.backends.runcomfy import afterwards
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.queued import Queued
from runcomfy_runs import Interrupt, Watcher, generate, hurried, journal, repair, run, song, wait_until, window

pytest_plugins = ("runcomfy_fixtures",)


def sentences(left) -> dict[str, str]:
    """What is said, by its code."""
    return {said["code"]: afterwards.remark(said["code"], **said["values"]).sentence() for said in left["said"]}


def stop_when(condition) -> Watcher:
    """Stop pressed once ``condition(watcher)`` is true, whatever is shown."""
    watcher = Watcher()

    def press():
        try:
            wait_until(lambda: condition(watcher))
        finally:
            watcher.stop()

    threading.Thread(target=press, daemon=True).start()
    return watcher


def states_of(watcher) -> dict[int, str]:
    return {status["take"]: status["state"] for status in list(watcher.statuses) if "take" in status}


def stop_four_takes(simulator, place, watcher=None):
    """One take is delivered, one runs, one waits, and of one the submission had no answer. Ids by what they are."""
    simulator.change({"queue_seconds": 600.0, "run_seconds": 600.0})
    simulator.fault("submit", "drop_after")
    ids = {}

    def as_far(watcher) -> bool:
        accepted = {entry.request_id for entry in journal(place) if entry.state is State.ACCEPTED}
        waiting = [job for job in simulator.service.jobs() if job.request_id in accepted]
        if not ids:
            if len(waiting) < 3 or "unknown" not in states_of(watcher).values():
                return False
            done, runs, waits = waiting
            ids.update(done=done.request_id, runs=runs.request_id, waits=waits.request_id)
            done.queue_seconds = done.run_seconds = runs.queue_seconds = 0.0
        return {"delivered", "in_progress", "in_queue"} <= set(states_of(watcher).values())

    return generate(place, song(batch_size=4), watcher=stop_when(as_far)), ids


def test_a_stop_names_every_request_and_what_was_charged(simulator, place, caplog):
    caplog.set_level("INFO")
    ran, ids = stop_four_takes(simulator, place)
    assert isinstance(ran.error, Interrupt) and simulator.paid == 4
    left, said = ran.watcher.left, sentences(ran.watcher.left)
    assert set(left["ids"]) == set(ids.values())
    assert set(left["resumable"]) == {ids["done"], ids["runs"]}
    assert said["run_cost_open"] == "Charged: ≈ $0.0020, and perhaps ≈ $0.0010 more of what is unknown."
    assert f"{ids['done']} ($0.0010)." in said["run_delivered"] and said["run_delivered"].startswith("Delivered: take ")
    assert f"{ids['runs']} (≈ $0.0010)." in said["run_running"]
    assert said["run_cancelled"].endswith(f"{ids['waits']}.") and "$" not in said["run_cancelled"]
    assert said["run_unanswered"].startswith("Sent without an answer so far, perhaps charged: 1 of the requests.")
    assert "with seed 7 " in said["run_rest"] and "run_resume" in said
    (logged,) = [record.getMessage() for record in caplog.records if ": Stopped. " in record.getMessage()]
    assert all(each in logged for each in ids.values()) and said["run_cost_open"] in logged


def test_resuming_what_a_stop_left_buys_nothing_and_delivers_just_that(simulator, place):
    ran, ids = stop_four_takes(simulator, place)
    for job in simulator.service.jobs():
        job.queue_seconds = job.run_seconds = 0.0
    again = generate(place, song(resume_request_id=", ".join(ran.watcher.left["resumable"])))
    assert again.error is None and len(again.sounds) == 2 and simulator.paid == 4
    assert set(again.facts["request_ids"]) == {ids["done"], ids["runs"]}
    assert not [each for each in again.facts["warnings"] if each.startswith("Left out")]


def test_of_several_ranges_only_whole_takes_are_resumed(simulator, place):
    """Two ranges, each a request: the first is delivered, the second waits when Stop is pressed."""
    source, queue_seconds = window(4.0), 600.0

    def plan_of(request):
        return Plan((4.0, 4.0), sources=(source,))

    async def render(backend, call):
        await backend.inpaint(source, [(0.5, 1.0)], backend.request.for_call(call))
        simulator.change({"queue_seconds": queue_seconds})
        return await backend.inpaint(source, [(2.5, 3.0)], backend.request.for_call(replace(call, part=1)))

    ran = run(place, repair(), plan_of, render, watcher=Watcher(lambda status: status["state"] == "in_queue"))
    first, second = (job.request_id for job in simulator.service.jobs())
    left, said = ran.watcher.left, sentences(ran.watcher.left)
    assert left["ids"] == [first, second] and left["resumable"] == []
    assert said["run_cost"] == "Charged: $0.0008."
    assert said["run_delivered"] == f"Delivered: part 1 {first} ($0.0008)."
    assert said["run_cancelled"] == f"Cancelled while waiting, not charged: part 2 {second}."
    assert "run_resume" not in said and "with seed 7" in said["run_rest"]
    queue_seconds = 0.0
    assert run(place, repair(), plan_of, render).error is None
    assert simulator.paid == 3  # as that sentence says


def test_a_stop_while_a_run_is_fetched_charges_nothing(simulator, place):
    generate(place, song(batch_size=2))
    ids = [job.request_id for job in simulator.service.jobs()]
    for job in simulator.service.jobs():
        job.queue_seconds = 600.0
    ran = generate(place, song(resume_request_id=ids[0]), watcher=Watcher(lambda status: status["state"] == "in_queue"))
    said = sentences(ran.watcher.left)
    assert set(ran.watcher.left["ids"]) <= set(ids) and said.keys() == {"run_free", "run_cancelled"}


def test_a_stop_before_anything_was_accepted_says_so(simulator, place):
    simulator.fault("submit", "http", status=429, retry_after="2")
    ran = generate(place, watcher=Watcher(lambda status: status["state"] == "retrying"))
    assert isinstance(ran.error, Interrupt) and simulator.paid == 0
    assert sentences(ran.watcher.left) == {"run_free": "Nothing was charged."}


def test_what_could_not_be_cancelled_for_sure_is_perhaps_charged(simulator, place):
    simulator.change({"queue_seconds": 600.0})
    simulator.fault("cancel", "http", times=100, status=500)
    ran = generate(hurried(place), watcher=Watcher(lambda status: status["state"] == "in_queue"))
    (job,) = simulator.service.jobs()
    left, said = ran.watcher.left, sentences(ran.watcher.left)
    assert left["resumable"] == [job.request_id]
    assert said["run_cost_open"] == "Charged: $0.0000, and perhaps ≈ $0.0010 more of what is unknown."
    assert said["run_unknown"] == f"Outcome unknown, perhaps charged: {job.request_id} (≈ $0.0010)."


@pytest.mark.parametrize("reported", [None, 0.0007])
def test_a_failed_request_costs_what_is_reported(simulator, place, reported):
    for step in ("status", "result"):
        simulator.fault(step, "change", times=1000, set={"status": "failed", "output": None, "cost": reported})
    generate(place)
    content = Journal(place).read()
    (job,) = simulator.service.jobs()
    left = afterwards.remembered(content.runs[-1], content).as_dict()
    price = "" if reported is None else " ($0.0007)"
    assert content.entries[0].cost_usd == reported
    assert sentences(left)["run_failed"] == f"Failed at RunComfy: {job.request_id}{price}."
    assert left["ids"] == [job.request_id] and left["resumable"] == []


def test_the_newest_run_of_each_node_of_a_workflow_is_remembered(simulator, place):
    def bought(seed, node_id, workflow_id="w") -> str:
        generate(place, song(seed=seed), queued=Queued("p", time.time(), node_id, workflow_id))
        return journal(place)[-1].request_id

    bought(1, "7")
    second, other = bought(2, "7"), bought(3, "3:7")
    bought(4, "7", "another")
    bought(5, "7", None)
    generate(place, song(resume_request_id=second), queued=Queued("p", time.time(), "9", "w"))  # it bought nothing
    left = afterwards.of_workflow("w", Journal(place).read())
    assert {node_id: each.ids for node_id, each in left.items()} == {"7": [second], "3:7": [other]}
    assert left["7"].as_dict()["node"] == "ACEStepGenerate" and left["7"].resumable == [second]
    assert afterwards.of_workflow("nobody's", Journal(place).read()) == {}


def test_the_journal_tells_the_same_later_as_far_as_it_is_written_there(simulator, place):
    ran, ids = stop_four_takes(simulator, place)
    content = Journal(place).read()
    left = afterwards.remembered(content.runs[-1], content).as_dict()
    said = sentences(left)
    assert set(left["ids"]) == set(ran.watcher.left["ids"]) and left["resumable"] == ran.watcher.left["resumable"]
    assert left["seed"] == 7 and left["created"] > 0
    assert f"{ids['runs']} (≈ $0.0010)." in said["run_accepted"]
    assert f"{ids['done']} ($0.0010)." in said["run_delivered"]
    assert said["run_cancelled"].endswith(f"{ids['waits']}.") and "run_unanswered" in said
