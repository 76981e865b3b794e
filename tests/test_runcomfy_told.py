"""Nothing is asked for a second time before the user has been told what became of the first."""

import functools
import itertools
import time

import pytest
from acestep_nodes.nodes.backends.runcomfy import backend
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.errors import AskedBefore, OutcomeUnknown
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.queued import Queued, Shown, at_of
from acestep_nodes.nodes.backends.runcomfy.told import Told
from runcomfy_runs import Interrupt, Watcher, fail_take, generate, hurried, journal, song

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


class Record:
    """A journal that keeps what is noted in it."""

    def __init__(self):
        self.shown = {}

    def note_shown(self, keys, at):
        self.shown |= dict.fromkeys(keys, at)


def test_only_what_the_history_of_its_prompt_holds_has_been_shown(monkeypatch):
    told, record, shown = Told(), Record(), {}
    monkeypatch.setattr(time, "time", itertools.count(1.0).__next__)

    def note(prompt_id, node_id, error, *keys):
        told.note(Queued(prompt_id, 0.0, node_id), error, record, set(keys))

    def recorded():
        told.record(shown.get)
        new, record.shown = record.shown, {}
        return new

    note("p", "4", "One sentence.", "one", "with it")
    note("p", "4", "Another one.", "of another run")  # of a node that runs for each of a list
    note("p", "5", "One sentence.", "other")  # the same words about another node's request
    note("q", "4.0.7", "In a node that 4 expanded to.", "inner")
    assert recorded() == {}  # neither has ended
    shown["p"] = Shown("4", "ACEStepGenerate: One sentence.\n")
    assert recorded() == {"one": 1.0, "with it": 1.0} and recorded() == {}
    shown["q"] = Shown("4", "In a node that 4 expanded to.\n")
    assert recorded() == {"inner": 4.0}
    note("r", "4", "Stop came first.", "hidden")
    shown["r"] = Shown()
    assert recorded() == {}
    note("s", "4", None, "in a report")
    note("s", "5", None, "in one that was lost")  # what came after the render failed, or Stop came
    shown["s"] = Shown("5", "No memory left.", frozenset({"4"}))
    assert recorded() == {"in a report": 6.0}
    note(None, None, "Outside ComfyUI.", "at once")
    assert record.shown == {"at once": 8.0}


class Prompts:
    """ComfyUI's prompts: each run is one, of node 4, and has a history once it is ``shown``."""

    def __init__(self, place, monkeypatch):
        self._place, self._monkeypatch, self._ids = place, monkeypatch, map(str, itertools.count())
        self.history: dict[str, Shown] = {}
        self.begin()

    def begin(self):
        """A process that knows nothing of what the one before it said."""
        self.history.clear()
        self.told = Told()
        self._monkeypatch.setattr(backend, "TOLD", self.told)
        self._monkeypatch.setattr(self.told, "record", functools.partial(Told.record, self.told, self.history.get))

    def queue(self, shows=True, request=None):
        prompt_id = next(self._ids)
        ran = generate(self._place, request, queued=Queued(prompt_id, time.time(), "4"))
        if shows:
            ended = Shown("4", ran.words) if ran.error else Shown(reports=frozenset({"4"}))
            self.history[prompt_id] = ended
        return ran


@pytest.mark.parametrize("faults, state", ENDINGS)
def test_what_nobody_has_seen_of_a_prompt_is_said_again_after_a_restart(simulator, place, monkeypatch, faults, state):
    """The page is closed, or the process dies, before ComfyUI has shown why the prompt failed."""
    place = hurried(place)
    set_up(simulator, faults)
    prompts = Prompts(place, monkeypatch)
    for _ in range(3):
        assert prompts.queue(shows=False).error is not None
        assert simulator.paid == 1 and journal(place)[0].shown is None and journal(place)[0].state is state
        prompts.begin()
    shown = prompts.queue()
    assert shown.error is not None and simulator.paid == 1
    simulator.faults.clear()
    assert prompts.queue().error is None  # the sentence was there to be read


@pytest.mark.parametrize("ends_well", [True, False])
def test_what_a_process_had_no_time_to_record_is_asked_once_more(simulator, place, monkeypatch, ends_well):
    prompts = Prompts(place, monkeypatch)
    simulator.fault("submit", "drop_after")
    for kind in (OutcomeUnknown, AskedBefore):
        assert isinstance(prompts.queue().error, kind)
    if ends_well:
        prompts.told.record()  # as ComfyUI ends
    prompts.begin()
    if not ends_well:
        assert isinstance(prompts.queue().error, AskedBefore) and simulator.paid == 1
    assert prompts.queue().error is None and simulator.paid == 2


@pytest.mark.parametrize("shows", [True, False])
def test_what_a_report_leaves_out_counts_once_the_report_is_there(simulator, place, monkeypatch, shows):
    """A run that is fetched goes on without a take that failed; where its edit then fails, nobody has read that."""
    prompts, compose = Prompts(place, monkeypatch), fail_take(simulator, 8)
    generate(place, song(batch_size=2))
    (entry,) = (entry for entry in journal(place) if entry.state is State.FAILED)
    Journal(place).take_back_shown({entry.key})
    simulator.service.compose = compose
    there = next(job.request_id for job in simulator.service.jobs() if job.body["seed"] == 7)
    ran = prompts.queue(shows, song(resume_request_id=there))
    assert any(words.startswith("Left out: ") for words in ran.facts["warnings"])
    assert (prompts.queue(request=song(batch_size=2)).error is None) == shows and simulator.paid == 2 + shows


def test_a_sentence_about_a_vanished_journal_counts_once_it_is_shown(simulator, place, monkeypatch):
    prompts = Prompts(place, monkeypatch)
    assert prompts.queue().error is None
    (place.directory / "journal.json").unlink()
    for shows in (False, False, True):
        assert "was deleted" in prompts.queue(shows).words and simulator.paid == 1
    assert prompts.queue().error is None and simulator.paid == 2


def test_the_first_word_about_an_unknown_outcome_is_not_the_last(simulator, place):
    simulator.fault("submit", "drop_after")
    first = generate(place)
    assert type(first.error) is OutcomeUnknown and "queue again twice with seed 7" in first.words
    second = generate(place)
    assert type(second.error) is AskedBefore and "already sent" in second.words and simulator.paid == 1
    before = [status["before_usd"] for status in second.watcher.statuses if "before_usd" in status]
    (estimate,) = {status["estimate_usd"] for status in first.watcher.statuses if "estimate_usd" in status}
    assert before == [estimate]
    assert generate(place).error is None and simulator.paid == 2
