"""Nothing is asked for a second time before the user has been told what became of the first."""

import itertools
import time

import pytest
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.errors import AskedBefore, OutcomeUnknown
from acestep_nodes.nodes.backends.runcomfy.queued import Queued, at_of
from acestep_nodes.nodes.backends.runcomfy.told import Told
from runcomfy_runs import Interrupt, Watcher, generate, hurried, journal, song

pytest_plugins = ("runcomfy_fixtures",)


def failing(status):
    """A render that fails, whether its status or its result is asked for."""
    return [(step, "change", {"set": {"status": status, "output": None}}) for step in ("status", "result")]


# Faults that leave an identical request in need of a word, and the state that they leave.
ENDINGS = [
    ([("submit", "drop_after", {})], State.UNKNOWN),
    ([("submit", "gateway_after", {"status": 502})], State.UNKNOWN),
    (failing("failed"), State.FAILED),
    (failing("expired"), State.FAILED),
    (failing("cancelled"), State.CANCELLED),
    ([("status", "documented", {"code": 404001})], State.GONE),
    ([("file", "http", {"status": 404})], State.ACCEPTED),
]


def set_up(simulator, faults):
    for step, kind, options in faults:
        simulator.fault(step, kind, times=1000, **options)


@pytest.mark.parametrize("faults, state", ENDINGS)
def test_copies_that_were_queued_before_it_could_be_read_buy_nothing(simulator, place, faults, state):
    """Batch count 10 in ComfyUI: the user sees the first error when all of them are in the queue."""
    place, queued = hurried(place), Queued(None, time.time())
    set_up(simulator, faults)
    errors = [generate(place, queued=queued).error for _ in range(10)]
    assert all(errors) and simulator.paid == 1
    assert [entry.state for entry in journal(place)] == [state]
    simulator.faults.clear()
    assert generate(place).error is None  # queued by somebody who has read it


def test_copies_do_not_pass_when_the_clock_is_put_back(simulator, place, monkeypatch):
    """What was queued at a moment still to come was queued before the sentence, whatever the clock says now."""
    place, now = hurried(place), time.time()
    simulator.fault("submit", "drop_after", times=1000)
    generate(place, queued=Queued(None, now))
    monkeypatch.setattr(time, "time", lambda: now - 3600)
    for _ in range(3):
        ran = generate(place, queued=Queued(None, at_of(now + 0.5, time.time())))
        assert isinstance(ran.error, AskedBefore) and simulator.paid == 1


@pytest.mark.parametrize("faults, state", ENDINGS)
def test_a_sentence_that_stop_hides_does_not_count(simulator, place, faults, state):
    """Take 1 ends badly while take 2 is rendered; Stop then shows "interrupted" and no more."""
    place = hurried(place)
    set_up(simulator, faults)
    generate(place, queued=Queued(None, 0.0))
    (before,) = journal(place)
    if state is not State.ACCEPTED:  # whether its file is missing is found out anew by every run
        simulator.faults.clear()
    simulator.change({"run_seconds": 600.0})
    for _ in range(3):
        take_2 = Watcher(lambda status: status.get("take") == 2 and status["state"] == "in_progress")
        ran = generate(place, song(batch_size=2), take_2, Queued(None, 1.0))
        assert isinstance(ran.error, Interrupt) and simulator.paid == 2
        assert journal(place)[0].shown == before.shown and journal(place)[0].state is state


def test_an_unknown_outcome_that_stop_has_hidden_is_said_by_the_next_run(simulator, place):
    simulator.change({"run_seconds": 600.0})
    simulator.fault("submit", "drop_after")
    ended = itertools.count()

    def one_is_rendered(status):
        return status["state"] == "in_progress" and next(ended) > 3  # the other has failed by then

    ran = generate(place, song(batch_size=2), Watcher(one_is_rendered))
    assert isinstance(ran.error, Interrupt) and simulator.paid == 2
    unknown = next(entry for entry in journal(place) if entry.state is State.UNKNOWN)
    assert unknown.shown is None
    for job in simulator.service.jobs():
        job.run_seconds = 0.0
    simulator.change({"run_seconds": 0.0})
    told = generate(place, song(batch_size=2))
    assert "already sent" in told.words and simulator.paid == 2
    assert generate(place, song(batch_size=2)).error is None and simulator.paid == 3


def test_of_several_errors_of_a_prompt_only_the_one_that_comfyui_has_shown_counts():
    told, shown = Told(), {}
    told.note(Queued("p", 1.0, "4"), "One sentence.", {"one"})
    told.note(Queued("p", 1.0, "5"), "One sentence.", {"other"})  # the same words about another node's request
    told.note(Queued("q", 1.0, "4.0.7"), "In a node that 4 expanded to.", {"inner"})
    told.note(Queued(None, 1.0), "Not in ComfyUI.", {"nowhere"})
    assert told.hidden(shown.get) == set()  # neither has ended
    shown["p"] = ("4", "ACEStepGenerate: One sentence.\n")
    assert told.hidden(shown.get) == {"other"} and told.hidden(shown.get) == set()
    shown["q"] = ("4", "In a node that 4 expanded to.\n")
    assert told.hidden(shown.get) == set()
    told.note(Queued("r", 1.0, "4"), "Stop came first.", {"hidden"})
    shown["r"] = ("", "")
    assert told.hidden(shown.get) == {"hidden"}


def test_the_first_word_about_an_unknown_outcome_is_not_the_last(simulator, place):
    simulator.fault("submit", "drop_after")
    first = generate(place)
    assert type(first.error) is OutcomeUnknown and "queue again twice" in first.words
    second = generate(place)
    assert type(second.error) is AskedBefore and "already sent" in second.words and simulator.paid == 1
    assert generate(place).error is None and simulator.paid == 2
