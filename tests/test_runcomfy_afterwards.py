"""What a run has left and cost: all of its requests are named, in the status row after Stop and from the journal."""

import errno
import threading
import time
from contextlib import contextmanager
from dataclasses import replace

import pytest
from acestep_nodes.nodes.backends.interface import Plan
from acestep_nodes.nodes.backends.runcomfy import afterwards
from acestep_nodes.nodes.backends.runcomfy.account import identity_in_use
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.queued import Queued
from runcomfy_runs import Interrupt, Watcher, generate, hurried, journal, repair, run, song, wait_until, window
from runcomfy_stories import Machine

pytest_plugins = ("runcomfy_fixtures",)


def sentences(left) -> dict[str, str]:
    """What is said, by its code."""
    return {said["code"]: afterwards.remark(said["code"], **said["values"]).sentence() for said in left["said"]}


def remembered(place) -> dict:
    """What the journal says of the newest run to whoever uses the token of ``place``."""
    content = Journal(place).read()
    return afterwards.remembered(content.runs[-1], content, identity_in_use(place)).as_dict()


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
    assert sentences(ran.watcher.left) == {"run_free": "This run added no charge."}


def test_what_could_not_be_cancelled_for_sure_is_perhaps_charged(simulator, place):
    simulator.change({"queue_seconds": 600.0})
    simulator.fault("cancel", "http", times=100, status=500)
    ran = generate(hurried(place), watcher=Watcher(lambda status: status["state"] == "in_queue"))
    (job,) = simulator.service.jobs()
    left, said = ran.watcher.left, sentences(ran.watcher.left)
    assert left["resumable"] == [job.request_id]
    assert said["run_cost_perhaps"] == "Perhaps charged: ≈ $0.0010 for what is unknown."
    assert said["run_unknown"] == f"Outcome unknown, perhaps charged: {job.request_id} (≈ $0.0010)."


PERHAPS = {"run_cost_perhaps": "Perhaps charged: ≈ $0.0010 for what is unknown."}
FREE = {"run_free": "This run added no charge."}


@pytest.mark.parametrize(
    "status, reported, said",
    [
        ("failed", 0.0007, {"run_cost": "Charged: $0.0007.", "run_failed_priced": "Failed at RunComfy: {} ($0.0007)."}),
        ("failed", None, {**PERHAPS, "run_failed": "Failed at RunComfy, perhaps charged: {} (≈ $0.0010)."}),
        ("cancelled", 0.0007, {"run_cost": "Charged: $0.0007.",
                               "run_cancelled_priced": "Cancelled, and yet with a cost: {} ($0.0007)."}),
        ("cancelled", None, {**FREE, "run_cancelled": "Cancelled while waiting, not charged: {}."}),
    ],
)  # fmt: skip
def test_what_ended_at_runcomfy_is_free_only_if_it_was_cancelled_without_a_cost(
    simulator, place, status, reported, said
):
    for step in ("status", "result"):
        simulator.fault(step, "change", times=1000, set={"status": status, "output": None, "cost": reported})
    ran = generate(place)
    (job,) = simulator.service.jobs()
    assert journal(place)[0].cost_usd == reported
    for left in (ran.watcher.left, remembered(place)):
        assert sentences(left) == {code: words.format(job.request_id) for code, words in said.items()}
        assert left["ids"] == [job.request_id] and left["resumable"] == []


def test_what_runcomfy_no_longer_has_was_perhaps_charged(simulator, place):
    simulator.fault("status", "documented", times=1000, code=404001)
    ran = generate(hurried(place))
    (job,) = simulator.service.jobs()
    assert simulator.paid == 1 and ran.watcher.states[-1] == "gone"
    words = f"No longer at RunComfy or struck off, perhaps charged: {job.request_id} (≈ $0.0010)."
    for left in (ran.watcher.left, remembered(place)):
        assert sentences(left) == {**PERHAPS, "run_gone": words} and left["resumable"] == []


def test_what_was_delivered_once_and_is_gone_was_charged(simulator, place):
    generate(place)
    simulator.fault("status", "documented", times=1000, code=404001)
    ran = generate(hurried(place))
    (job,) = simulator.service.jobs()
    assert sentences(remembered(place)) == {
        "run_cost": "Charged: $0.0010.",
        "run_gone_priced": f"No longer at RunComfy or struck off: {job.request_id} ($0.0010).",
    }
    assert sentences(ran.watcher.left).keys() == {"run_free", "run_gone"}  # it only asked for it


def struck_off(place) -> dict[str, str]:
    Journal(place).strike_off({entry.key for entry in journal(place)})
    assert journal(place)[0].state is State.GONE
    return sentences(remembered(place))


def test_what_is_struck_off_without_a_known_cost_was_perhaps_charged_and_did_not_fail(simulator, place):
    simulator.fault("status", "http", times=1000, status=503)
    generate(hurried(place))
    assert struck_off(place).keys() == {"run_cost_perhaps", "run_gone"}


@pytest.mark.parametrize("status", [403, 404])
def test_what_is_struck_off_keeps_the_cost_that_was_reported(simulator, place, status):
    """The render is complete and has a cost, and its file cannot be had."""
    simulator.fault("file", "http", times=1000, status=status)
    simulator.fault("result", "change", times=1000, set={"cost": 0.0007})
    ran = generate(hurried(place))
    assert sentences(ran.watcher.left)["run_cost"] == "Charged: $0.0007."
    assert journal(place)[0].state is State.ACCEPTED and journal(place)[0].cost_usd == 0.0007
    said = struck_off(place)
    assert said["run_cost"] == "Charged: $0.0007." and "($0.0007)" in said["run_gone_priced"]


def test_a_cost_known_before_a_stop_stays_known(simulator, place):
    simulator.fault("file", "hang", seconds=0.5)
    generate(place, watcher=Watcher(lambda status: status["state"] == "downloading" and "cost_usd" in status))
    assert journal(place)[0].cost_usd == pytest.approx(0.001)
    assert sentences(remembered(place))["run_cost"] == "Charged: $0.0010."


def test_a_cost_of_nothing_is_no_charge(simulator, place):
    simulator.fault("result", "change", times=1000, set={"cost": 0.0})
    generate(place)
    assert sentences(remembered(place)).items() > FREE.items()


@contextmanager
def disk_full_once_it_is_sent(simulator):
    with Machine() as machine:

        def fill(step, moment):
            if (step, moment) == ("submit", "arrived"):
                machine.failing = OSError(errno.ENOSPC, "No space left on device")

        simulator.on_step = fill
        yield


def test_an_id_that_could_not_be_recorded_is_named_and_can_be_resumed(simulator, place):
    """The disk is full by the time the answer to the submission is there."""
    with disk_full_once_it_is_sent(simulator):
        ran = generate(place)
    (job,) = simulator.service.jobs()
    left, said = ran.watcher.left, sentences(ran.watcher.left)
    assert job.request_id in ran.words and ran.watcher.states[-1] == "unknown"
    assert said.keys() == {"run_cost_perhaps", "run_unknown", "run_resume"} and said.items() > PERHAPS.items()
    assert left["ids"] == left["resumable"] == [job.request_id]


def test_an_answer_that_could_not_be_recorded_is_an_unknown_outcome(simulator, place):
    with disk_full_once_it_is_sent(simulator):
        simulator.fault("submit", "drop_after")
        ran = generate(place)
    assert simulator.paid == 1 and sentences(ran.watcher.left).keys() == {"run_cost_perhaps", "run_unanswered"}


@pytest.mark.parametrize("fault", [{"kind": "documented", "code": 400002}, {"kind": "http", "status": 422}])
def test_what_was_refused_added_no_charge(simulator, place, fault):
    simulator.fault("submit", **fault)
    ran = generate(place)
    assert simulator.paid == 0 and sentences(ran.watcher.left) == FREE


def test_a_run_that_only_fetched_does_not_say_that_nothing_was_charged(simulator, place):
    simulator.change({"run_seconds": 600.0})
    first, again = (stopped_as_it_runs(place) for _ in range(2))
    assert simulator.paid == 1 and sentences(first.watcher.left)["run_cost"] == "Charged: ≈ $0.0010."
    assert sentences(again.watcher.left).items() > FREE.items()
    with Machine() as machine:
        machine.failing = OSError(errno.ENOSPC, "No space left on device")
        full = stopped_as_it_runs(place)
    assert sentences(full.watcher.left).items() > FREE.items() and simulator.paid == 1


def stopped_as_it_runs(place):
    return generate(place, watcher=Watcher(lambda each: each["state"] == "in_progress"))


def test_a_run_of_which_the_journal_has_forgotten_a_request_has_no_sum(simulator, place):
    generate(place, song(batch_size=2))
    content = Journal(place).read()
    pruned = replace(content, entries=content.entries[1:])
    left = afterwards.remembered(content.runs[-1], pruned, content.entries[0].account).as_dict()
    assert sentences(left).keys() == {"run_delivered", "run_resume", "run_rest"}


def test_with_another_token_the_same_queued_again_is_said_to_be_bought_anew(simulator, place):
    """Also one of the same account: what it bought is not known to be that account's."""
    simulator.change({"balance_usd": 0.0015})
    generate(place, song(batch_size=2))
    assert simulator.paid == 1 and {"run_resume", "run_rest"} <= sentences(remembered(place)).keys()
    (job,) = simulator.service.jobs()
    simulator.service.token = job.owner = "another-token"  # of the same account
    simulator.change({"balance_usd": 9.0})
    other = replace(place, environment=place.environment | {"RUNCOMFY_API_TOKEN": "another-token"})
    left = remembered(other)
    said = sentences(left)
    assert said.keys() == {"run_cost", "run_delivered", "run_other_token", "run_resume_other_token"}
    resumed = generate(other, song(resume_request_id=", ".join(left["resumable"])))
    assert simulator.paid == 1 and len(resumed.sounds) == 1  # as the one sentence says
    generate(other, song(batch_size=2))
    assert simulator.paid == 3  # and the other


def test_with_another_token_there_is_no_advice_about_what_cost_nothing(simulator, place):
    simulator.change({"queue_seconds": 600.0})
    generate(place, watcher=Watcher(lambda status: status["state"] == "in_queue"))
    other = replace(place, environment=place.environment | {"RUNCOMFY_API_TOKEN": "another-token"})
    assert sentences(remembered(other)).keys() == {"run_free", "run_cancelled"}


def test_the_newest_run_of_each_node_of_a_workflow_is_remembered(simulator, place):
    def bought(seed, node_id, workflow_id="w") -> str:
        generate(place, song(seed=seed), queued=Queued("p", time.time(), node_id, workflow_id))
        return journal(place)[-1].request_id

    bought(1, "7")
    second, other = bought(2, "7"), bought(3, "3:7")
    bought(4, "7", "another")
    bought(5, "7", None)
    generate(place, song(resume_request_id=second), queued=Queued("p", time.time(), "9", "w"))  # it bought nothing
    account = identity_in_use(place)
    left = afterwards.of_workflow("w", Journal(place).read(), account)
    assert {node_id: each.ids for node_id, each in left.items()} == {"7": [second], "3:7": [other]}
    assert left["7"].as_dict()["node"] == "ACEStepGenerate" and left["7"].resumable == [second]
    assert afterwards.of_workflow("nobody's", Journal(place).read(), account) == {}


def test_the_journal_tells_the_same_later_as_far_as_it_is_written_there(simulator, place):
    ran, ids = stop_four_takes(simulator, place)
    left = remembered(place)
    said = sentences(left)
    assert set(left["ids"]) == set(ran.watcher.left["ids"]) and left["resumable"] == ran.watcher.left["resumable"]
    assert left["seed"] == 7 and left["created"] > 0
    assert f"{ids['runs']} (≈ $0.0010)." in said["run_accepted"]
    assert f"{ids['done']} ($0.0010)." in said["run_delivered"]
    assert said["run_cancelled"].endswith(f"{ids['waits']}.") and "run_unanswered" in said
