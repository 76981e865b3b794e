"""Takes and parts of one run: side by side, each kept, none bought twice."""

import asyncio
from dataclasses import replace

import pytest
from acestep_nodes.nodes.backends.interface import Plan
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.errors import (
    NotSignedIn,
    OutcomeUnknown,
    SomeFailed,
)
from runcomfy_runs import (
    generate,
    hurried,
    journal,
    repair,
    run,
    song,
    window,
)

pytest_plugins = ("runcomfy_fixtures",)


def test_takes_have_a_seed_a_request_and_an_entry_each(simulator, place):
    ran = generate(place, song(batch_size=3, seed=40))
    assert sorted(job.body["seed"] for job in simulator.service.jobs()) == [40, 41, 42]
    by_id = {job.request_id: job.body["seed"] for job in simulator.service.jobs()}
    assert [by_id[request_id] for request_id in ran.facts["request_ids"]] == [40, 41, 42]
    assert {entry.request_id for entry in journal(place)} == set(by_id)
    assert ran.facts["cost_usd"] == pytest.approx(3 * 5 * 0.0002)


def test_at_most_four_requests_are_in_flight(simulator, place):
    simulator.change({"run_seconds": 0.4})
    ran = generate(place, song(batch_size=7))
    assert ran.error is None and simulator.paid == 7
    spans = [(job.accepted, job.accepted + 0.4) for job in simulator.service.jobs()]
    assert max(sum(a <= moment < b for a, b in spans) for moment, _ in spans) == 4


def test_one_failing_take_loses_nothing_and_is_all_that_is_bought_again(simulator, place):
    simulator.fault("submit", "http", status=422)
    first = generate(place, song(batch_size=4))
    assert isinstance(first.error, SomeFailed) and first.error.exit_code == 65
    assert simulator.paid == 3 and len(first.sounds) == 3
    for job in simulator.service.jobs():
        assert job.request_id in first.words
    assert first.words.count("$0.0010") == 3 and "1 of 4 takes failed" in first.words and "422" in first.words

    again = generate(place, song(batch_size=4))
    assert again.error is None and simulator.paid == 4 and len(again.sounds) == 4
    assert len(set(again.facts["request_ids"])) == 4
    assert sum("not charged again" in warning for warning in again.facts["warnings"]) == 3


def test_when_all_fail_alike_it_is_said_once(simulator, place):
    simulator.service.token = "another"
    ran = generate(place, song(batch_size=3))
    assert isinstance(ran.error, NotSignedIn) and "of 3" not in ran.words and simulator.paid == 0


def test_two_identical_calls_at_once_are_bought_once(simulator, place):
    """A batch of two equal sources, or two equal nodes of a prompt."""
    simulator.change({"run_seconds": 0.3})
    source = window(2.0)

    def plan_of(request):
        return Plan((2.0,), items=2, sources=(source, source))

    async def render(backend, call):
        both = [backend.request.for_call(replace(call, item=item)) for item in (0, 1)]
        sounds = await asyncio.gather(*(backend.inpaint(source, [(0.5, 1.0)], request) for request in both))
        return sounds[0]

    ran = run(place, repair(), plan_of, render)
    assert ran.error is None and simulator.paid == 1
    assert len(ran.facts["request_ids"]) == 2 and len(set(ran.facts["request_ids"])) == 1


def equal_items(count):
    """A run of an edit whose source is a batch of equal items: so many identical requests."""
    source = window(2.0)

    def plan_of(request):
        return Plan((2.0,), items=count, sources=(source,) * count)

    async def render(backend, call):
        edits = [backend.request.for_call(replace(call, item=item)) for item in range(count)]
        jobs = [backend.inpaint(source, [(0.5, 1.0)], request) for request in edits]
        ended = await asyncio.gather(*jobs, return_exceptions=True)
        raise next(end for end in ended if isinstance(end, Exception))

    return lambda place: run(place, repair(), plan_of, render)


def test_an_unknown_outcome_is_not_sent_again_by_an_equal_call_of_the_same_run(simulator, place):
    """The first says that it is unknown, the second that it was; the third must not take the user for informed."""
    simulator.fault("submit", "drop_after", seconds=0.3)
    ran = equal_items(4)(place)
    assert isinstance(ran.error, OutcomeUnknown) and simulator.paid == 1
    assert [entry.state for entry in journal(place)] == [State.UNKNOWN]


def test_a_missing_file_is_not_bought_again_by_an_equal_call_of_the_same_run(simulator, place):
    simulator.fault("file", "http", times=1000, status=404)
    queue = equal_items(6)
    assert "bought again" in queue(hurried(place)).words and simulator.paid == 1


@pytest.mark.parametrize("ending", ["failed", "gone"])
def test_what_failed_or_is_gone_is_not_bought_again_by_an_equal_call_of_the_same_run(simulator, place, ending):
    if ending == "failed":
        for step in ("status", "result"):
            simulator.fault(step, "change", times=1000, set={"status": "failed", "output": None})
    else:
        simulator.fault("status", "documented", times=1000, code=404001)
    assert "at a new charge" in equal_items(6)(hurried(place)).words and simulator.paid == 1


def test_a_failed_part_names_the_parts_that_are_paid_for(simulator, place):
    """One take, two ranges, each a request; the second is refused."""
    source = window(4.0)

    def plan_of(request):
        return Plan((4.0, 4.0), sources=(source,))

    async def render(backend, call):
        request = backend.request
        await backend.inpaint(source, [(0.5, 1.0)], request.for_call(call))
        simulator.fault("submit", "http", times=2, status=422)  # as FLAC, and then as WAV
        await backend.inpaint(source, [(2.5, 3.0)], request.for_call(replace(call, part=1)))

    ran = run(place, repair(), plan_of, render)
    paid = simulator.service.jobs()[0].request_id
    assert isinstance(ran.error, SomeFailed) and simulator.paid == 1
    assert f"part 1 {paid} ($0.0008)" in ran.words and "part 2: " in ran.words
