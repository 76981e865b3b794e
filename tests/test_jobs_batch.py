"""A batch on an engine of the tests' own: order, lanes, failures, the limit on cost, and what is said at its end."""

import json
import threading
from dataclasses import replace

import numpy
import pytest
from acestep_nodes.nodes.backends.runcomfy import errors
from acestep_nodes.nodes.backends.runcomfy.entries import Entry, State
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.place import Place
from acestep_nodes.nodes.errors import InputError
from runcomfy_simulator import rendering
from runner import graph
from runner.client import PromptFailed
from runner.errors import Refused, RunFailed, Unavailable
from runner.jobs import page
from runner.jobs.batch import MAY_BE_PAID, Batch, Rendered, closing_error
from runner.jobs.bought import Bought, bought_by
from runner.jobs.command import _told_price
from runner.jobs.file import parse
from runner.jobs.graphs import Sources, check_values, made
from runner.jobs.price import Budget, Estimate, estimate, unknown_is_sent_again
from runner.jobs.records import Records

PRICE = 0.0002


class Prices:
    """A service that charges PRICE for a second."""

    def of(self, model):
        from acestep_nodes.nodes.backends.runcomfy.price import Price

        return Price(model, PRICE, "second", live=True)


class Engine:
    """Renders a short tone for each job, or raises what `ends` says. Keeps who ran, and how many at once at most."""

    def __init__(self, folder, ends=None, lanes=1, cost=None, gate=None, facts=None, bought=None):
        self._sound, self._ends, self._lanes, self._gate = folder / "tone.flac", ends or {}, lanes, gate
        self._facts, self._bought = facts or {"cost_usd": cost, "request_ids": ["req"]}, bought
        tone = numpy.sin(numpy.arange(4410) / 10)[None].astype(numpy.float32)
        self._sound.write_bytes(rendering.write(rendering.Music(tone, 44_100), "flac"))
        self._lock = threading.Lock()
        self._now = 0
        self.ran, self.at_once, self.stopped, self.released = [], 0, False, 0

    def lanes(self, jobs):
        return self._lanes

    def render(self, lane, job, began):
        began()
        with self._lock:
            self.ran.append(job.name)
            self._now += 1
            self.at_once = max(self.at_once, self._now)
        try:
            if self._gate:
                self._gate.wait(20)
            if job.name in self._ends:
                raise self._ends[job.name]
            return Rendered([self._sound], self._facts, self._release, bought=self._bought)
        finally:
            with self._lock:
                self._now -= 1

    def _release(self):
        self.released += 1

    def stop(self):
        self.stopped = True


def jobs_of(tmp_path, *lines, backend="runcomfy", workflow="text_to_music", audio=None):
    base = graph.with_backend(graph.load(workflow)[1], backend)
    asked = parse("\n".join(map(json.dumps, lines)).encode(), "jobs.jsonl", workflow)
    return made(asked, base, tmp_path / "jobs.jsonl", audio, Sources())


@pytest.fixture
def ten(tmp_path):
    return jobs_of(tmp_path, *({"name": f"job {n}", "1.seed": n, "1.duration": 10} for n in range(10)))


def run(tmp_path, jobs, engine, limit=None, retries_unknown=False):
    records = Records(tmp_path / "out")
    records.reconcile(jobs)
    budget = Budget(jobs, records, Prices(), limit, retries_unknown)
    return Batch(jobs, records, engine, budget, lambda: None).run(), records, budget


def test_every_job_runs_once_in_order_and_its_copies_are_released(tmp_path, ten):
    engine = Engine(tmp_path, cost=0.5)
    outcome, records, budget = run(tmp_path, ten, engine)
    assert engine.ran == [job.name for job in ten] and engine.released == 10
    assert outcome.exit_code == 0 and closing_error(outcome, 10, tmp_path) is None
    assert all(records.is_done(job) for job in ten) and budget.spent == pytest.approx(5.0)
    record = records.of(ten[3])
    assert record["cost_usd"] == 0.5 and record["request_ids"] == ["req"] and record["files"][0]["seconds"] == 0.1
    assert len(record["files"][0]["waveform"]) == 200 and max(record["files"][0]["waveform"]) in range(95, 101)


def test_a_second_run_has_nothing_left_to_do(tmp_path, ten):
    run(tmp_path, ten, Engine(tmp_path))
    engine = Engine(tmp_path)
    outcome, _, _ = run(tmp_path, ten, engine)
    assert engine.ran == [] and outcome.exit_code == 0


def test_jobs_run_side_by_side_and_never_more_than_the_lanes(tmp_path, ten):
    gate = threading.Event()
    engine = Engine(tmp_path, lanes=4, gate=gate)
    waiting = threading.Thread(target=lambda: (wait_for(lambda: len(engine.ran) == 4), gate.set()))
    waiting.start()
    run(tmp_path, ten, engine)
    waiting.join()
    assert engine.at_once == 4 and sorted(engine.ran) == sorted(job.name for job in ten)


def wait_for(condition):
    from runcomfy_runs import wait_until

    wait_until(condition, 20)


def test_one_that_fails_stops_no_other_and_is_tried_again_alone(tmp_path, ten):
    engine = Engine(tmp_path, {"job 3": RunFailed("It was too hard.", "x.RenderFailed")}, lanes=2)
    outcome, records, _ = run(tmp_path, ten, engine)
    assert len(engine.ran) == 10 and outcome.exit_code == 69 and not records.is_done(ten[3])
    assert records.of(ten[3])["error"] == "It was too hard." and records.of(ten[3])["kind"] == "RenderFailed"
    said = str(closing_error(outcome, 10, tmp_path))
    assert "1 of 10 jobs failed" in said and "tries these again, and no other" in said
    engine = Engine(tmp_path)
    outcome, _, _ = run(tmp_path, ten, engine)
    assert engine.ran == ["job 3"] and outcome.exit_code == 0


def test_failures_of_several_kinds_end_with_1(tmp_path, ten):
    ends = {"job 1": RunFailed("a", "x.RenderFailed"), "job 2": RunFailed("b", "x.InputError")}
    outcome, _, _ = run(tmp_path, ten, Engine(tmp_path, ends))
    assert outcome.exit_code == 1


@pytest.mark.parametrize(
    "error",
    [RunFailed("Top up.", "x.BalanceExhausted"), Unavailable("The disk is full."), RunFailed("a", "x.NotSignedIn")],
)
def test_what_would_end_every_job_ends_the_batch(tmp_path, ten, error):
    engine = Engine(tmp_path, {"job 2": error})
    outcome, _, _ = run(tmp_path, ten, engine)
    assert engine.ran == ["job 0", "job 1", "job 2"] and outcome.not_begun == 7
    assert outcome.exit_code == error.exit_code and str(error) in str(closing_error(outcome, 10, tmp_path))


def test_a_service_out_of_reach_ends_it_at_the_third_in_a_row(tmp_path, ten):
    away = {f"job {n}": RunFailed("Away.", "x.ServiceUnavailable") for n in (1, 2, 4, 5, 6, 7)}
    engine = Engine(tmp_path, away)
    outcome, _, _ = run(tmp_path, ten, engine)
    assert engine.ran[-1] == "job 6" and outcome.not_begun == 3


def test_a_mistake_of_the_programs_own_ends_the_batch_and_stops_the_engine(tmp_path, ten):
    engine = Engine(tmp_path, {"job 1": ZeroDivisionError("x")})
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, ten, engine)
    assert engine.stopped


# The limit on what all may cost


def test_above_the_limit_nothing_begins(tmp_path, ten):
    records = Records(tmp_path / "out")
    budget = Budget(ten, records, Prices(), 0.0199)
    assert budget.expected == pytest.approx(10 * 10 * PRICE)
    with pytest.raises(Refused, match=r"\$0\.0200.*--max-cost-usd 0\.0199.*nothing was bought"):
        budget.check_all()
    Budget(ten, records, Prices(), 0.02).check_all()


def test_known_costs_bind_while_it_runs(tmp_path, ten):
    engine = Engine(tmp_path, cost=0.005)  # dearer than the price said
    outcome, _, budget = run(tmp_path, ten, engine, limit=0.02)
    assert len(engine.ran) == 4 and outcome.not_begun == 6 and budget.spent == pytest.approx(0.02)
    assert outcome.exit_code == 64 and "--max-cost-usd 0.02" in str(closing_error(outcome, 10, tmp_path))
    # Where nothing is left to buy, nothing is refused.
    Budget(ten[:4], Records(tmp_path / "out"), Prices(), 0.01).check_all()
    # What was paid counts in the next run too.
    engine = Engine(tmp_path, cost=0.005)
    _, records, budget = run(tmp_path, ten, engine, limit=0.03)
    assert len(engine.ran) == 2 and budget.spent == pytest.approx(0.03)


def test_what_may_have_been_charged_without_an_answer_counts(tmp_path, ten):
    ends = {job.name: RunFailed("Who knows.", "x.OutcomeUnknown") for job in ten}
    outcome, _, _ = run(tmp_path, ten, engine := Engine(tmp_path, ends), limit=0.006)
    assert len(engine.ran) == 3 and outcome.not_begun == 7


def test_what_is_fetched_again_counts_once(tmp_path, ten):
    _, records, budget = run(tmp_path, ten, Engine(tmp_path, cost=0.5))
    for number in (3, 4):
        (tmp_path / "out" / records.of(ten[number])["files"][0]["file"]).unlink()
    ends = {"job 4": RunFailed("Not now.", "x.ServiceUnavailable")}
    _, records, budget = run(tmp_path, ten, engine := Engine(tmp_path, ends, cost=0.5))
    assert engine.ran == ["job 3", "job 4"] and budget.spent == pytest.approx(5.0)
    # Nor is what was paid forgotten where fetching fails.
    _, _, budget = run(tmp_path, ten, engine := Engine(tmp_path, cost=0.5))
    assert engine.ran == ["job 4"] and budget.spent == pytest.approx(5.0)


def test_what_is_fetched_in_part_is_not_taken_for_the_whole(tmp_path, ten):
    job, ids = ten[0], ["req-1", "req-2", "req-3"]
    paid = {"cost_usd": 0.3, "estimate_usd": 0.4, "request_ids": ids, "requests": {"1": ids}}
    _, records, _ = run(tmp_path, [job], Engine(tmp_path, facts=paid))
    path = tmp_path / "out" / records.of(job)["files"][0]["file"]
    path.unlink()
    part = {"cost_usd": 0.2, "estimate_usd": 0.0, "request_ids": ["req-1", "req-3"], "requests": {"1": ids[::2]}}
    for _ in range(2):
        outcome, records, budget = run(tmp_path, [job], engine := Engine(tmp_path, facts=part))
        record = records.of(job)
        assert outcome.exit_code == 69 and record["kind"] == "NothingToFetch" and engine.released == 1
        assert record["error"].startswith("1 of the 3 requests that were paid for could not be fetched: req-2. ")
        assert "resume_request_id req-1,req-3" in record["error"] and "another seed" in record["error"]
        assert {name: record[name] for name in paid} == paid and budget.spent == pytest.approx(0.3)
        assert not path.exists()
    # Nor does a fetch that reports no cost make it cheaper.
    _, records, budget = run(tmp_path, [job], Engine(tmp_path, facts=paid | {"cost_usd": None, "estimate_usd": 0.0}))
    assert records.is_done(job) and {name: records.of(job)[name] for name in paid} == paid
    assert budget.spent == pytest.approx(0.3)


def test_a_sound_is_put_back_also_when_fetching_it_has_failed(tmp_path, ten):
    job = ten[0]
    _, records, _ = run(tmp_path, [job], Engine(tmp_path, cost=0.5))
    path = tmp_path / "out" / records.of(job)["files"][0]["file"]
    sound = path.read_bytes()
    path.unlink()
    _, records, _ = run(tmp_path, [job], Engine(tmp_path, {job.name: RunFailed("Not now.", "x.ServiceUnavailable")}))
    assert not records.is_done(job)
    path.write_bytes(sound)
    outcome, records, budget = run(tmp_path, [job], engine := Engine(tmp_path))
    assert engine.ran == [] and outcome.exit_code == 0 and records.of(job)["took_seconds"] >= 0
    assert budget.spent == pytest.approx(0.5)


@pytest.mark.parametrize("kind", ["NothingToFetch", "UnknownId"])
def test_what_is_nowhere_any_more_says_how_it_is_made_anew(tmp_path, ten, kind):
    # A batch sets resume_request_id by itself, so that clearing it, as the pack says, is no way out.
    name = ten[0].name
    _, records, _ = run(tmp_path, ten, Engine(tmp_path, {name: RunFailed("It is gone.", f"x.{kind}")}))
    assert records.of(ten[0])["error"].startswith("It is gone. With --jobs, another seed")


@pytest.mark.parametrize("kind", ["OutcomeUnknown", "AskedBefore", "FileMissing", "SomeFailed"])
def test_what_may_have_been_charged_says_how_it_is_sent_again(tmp_path, ten, kind):
    # The pack's own words say "queue again", which in a batch is not enough.
    name = ten[0].name
    _, records, _ = run(tmp_path, ten, Engine(tmp_path, {name: RunFailed("Queue again.", f"x.{kind}")}))
    record = records.of(ten[0])
    assert record["kind"] == kind and record["error"].startswith("Queue again. With --jobs")
    assert "--retry-unknown" in record["error"]


def test_what_is_said_to_be_sent_again_counts_as_told_only_while_it_is(tmp_path):
    place = Place(tmp_path)
    journal, kinds = Journal(place), (State.UNKNOWN, State.FAILED, State.ACCEPTED)
    for number, state in enumerate(kinds):
        known = {"account": "a", "model": "m", "seed": 0, "seconds": 1.0, "body_sha256": str(number)}
        known |= {"estimate_usd": 0.1, "created": 1.0, "updated": 1.0, "state": state}
        journal.update(Entry(request_id=None if state is State.UNKNOWN else f"req-{number}", **known))

    def told():
        return [entry.shown is not None for entry in journal.read().entries]

    with pytest.raises(KeyboardInterrupt), unknown_is_sent_again(place):
        assert told() == [True, True, False]  # what was accepted is fetched
        raise KeyboardInterrupt
    assert told() == [False, False, False]


def test_no_error_of_unknown_outcome_is_left_out():
    kinds = {errors.OutcomeUnknown, *errors.OutcomeUnknown.__subclasses__()}
    assert {kind.__name__ for kind in kinds} <= MAY_BE_PAID


def test_what_is_not_reported_is_told_as_about(tmp_path, ten, capsys):
    facts = {"cost_usd": None, "estimate_usd": PRICE, "request_ids": ["req"]}
    _, records, budget = run(tmp_path, ten, Engine(tmp_path, facts=facts), None)
    assert f"10 of 10 done, about ${10 * PRICE:.4f})" in capsys.readouterr().out
    assert budget.so_far == Budget(ten, records, Prices(), None).so_far == f"about ${10 * PRICE:.4f}"


def test_the_line_of_each_job_tells_what_may_have_been_charged(tmp_path, ten, capsys):
    ends = {"job 0": RunFailed("Who knows.", "x.OutcomeUnknown")}
    cost = 10 * PRICE
    run(tmp_path, ten, Engine(tmp_path, ends, cost=cost), None)
    out = capsys.readouterr().out
    assert f"9 of 10 done, 1 failed, ${9 * cost:.4f} (perhaps ${cost:.4f} more))" in out


def test_what_was_sent_without_an_answer_counts_beside_what_is_sent_again(tmp_path, ten):
    ends = {"job 0": RunFailed("Who knows.", "x.OutcomeUnknown"), "job 1": RunFailed("Later.", "x.ServiceUnavailable")}
    cost = 10 * PRICE
    limit = 10.5 * cost
    _, records, _ = run(tmp_path, ten, Engine(tmp_path, ends, cost=cost), limit)
    assert [records.of(job)["may_have_cost_usd"] for job in ten[:2]] == [cost, cost]
    # As often as the command is given without --retry-unknown, nothing more is sent.
    ends = {"job 0": RunFailed("As I said.", "x.AskedBefore")}
    _, records, _ = run(tmp_path, ten, Engine(tmp_path, ends, cost=cost), limit)
    assert records.of(ten[0])["may_have_cost_usd"] == cost
    assert records.is_done(ten[1]) and "may_have_cost_usd" not in records.of(ten[1])  # it was fetched
    # Bought again, it may cost twice: that is more than the limit, though what is known to be spent is not.
    again = Budget(ten, records, Prices(), limit, retries_unknown=True)
    with pytest.raises(Refused, match=r"so far they have cost \$0\.0180, and perhaps \$0\.0020 more"):
        again.check_all()
    _, records, budget = run(tmp_path, ten, Engine(tmp_path, cost=cost), 11 * cost, retries_unknown=True)
    assert budget.spent == pytest.approx(10 * cost) and records.of(ten[0])["may_have_cost_usd"] == cost
    # And is not forgotten when all is done.
    more = jobs_of(tmp_path, {"name": "more", "1.seed": 99, "1.duration": 10})
    with pytest.raises(Refused, match=r"perhaps \$0\.0020 more for requests that gave no sound"):
        Budget([*ten, *more], records, Prices(), 11.5 * cost).check_all()


def test_what_was_lost_twice_may_have_cost_twice(tmp_path, ten):
    job, cost = ten[0], 10 * PRICE
    lost = {"job 0": RunFailed("Who knows.", "x.OutcomeUnknown")}
    told = {"job 0": RunFailed("As I said.", "x.AskedBefore")}
    later = {"job 0": RunFailed("Not now.", "x.ServiceUnavailable")}
    steps = [(lost, False, 1), (lost, True, 2), (told, False, 2), (later, False, 2), ({}, False, 1)]
    for ends, again, may_have in steps:
        _, records, budget = run(tmp_path, [job], Engine(tmp_path, ends, cost=cost), None, again)
        assert records.of(job)["may_have_cost_usd"] == pytest.approx(may_have * cost), (ends, again)
        assert budget.perhaps == pytest.approx(may_have * cost), (ends, again)


def failed(kind, *calls):
    """How ComfyUI tells of a run whose calls ended so: each a state, what it was expected to cost, what it has cost."""
    events = []
    for take, (state, expected, cost) in enumerate(calls, 1):
        facts = {"node": "1", "take": take, "state": state, "estimate_usd": expected, "cost_usd": cost}
        known = {name: value for name, value in facts.items() if value is not None}
        events += [("acestep.status", known | {"state": "submitting"}), ("acestep.status", known)]
    events.append(("acestep.status", {"node": "1", "state": "failed", "run": {}}))
    error = {"exception_message": "It failed.", "exception_type": f"x.{kind}", "node_id": "1"}
    return PromptFailed(error, {}, events)


@pytest.mark.parametrize(
    "calls, lost, still_open, lost_before, before",
    [
        ([("failed", 0.2, 0.3), ("failed", 0.2, None), ("gone", 0.2, None), ("cancelled", 0.2, 0.1)], 0.8, 0, 0, 0),
        ([("cancelled", 0.2, None), ("stopped", None, None), ("preparing", None, None)], 0, 0, 0, 0),
        (
            [("delivered", 0.2, 0.1), ("unknown", 0.2, None), ("in_queue", 0.2, None), ("charged", 0.2, None)],
            0,
            0.7,
            0,
            0,
        ),
        ([("delivered", None, 0.1), ("failed", None, 0.3)], 0, 0, 0.3, 0.1),
        ([("failed", None, None)], 0, 0, float("inf"), 0),
    ],
)
def test_what_a_run_has_bought_is_told_from_its_events(calls, lost, still_open, lost_before, before):
    told = bought_by(failed("x", *calls).events)
    assert (told.lost, told.open, told.lost_before, told.before) == pytest.approx(
        (lost, still_open, lost_before, before)
    )


@pytest.mark.parametrize("error, each", [
    (RunFailed("It failed.", "x.RenderFailed"), 10 * PRICE),
    (failed("RenderFailed", ("failed", 10 * PRICE, 0.003)), 0.003),
    (failed("SomeFailed", ("failed", 10 * PRICE, None)), 10 * PRICE),
    (failed("InputError", ("failed", 10 * PRICE, 0.001)), 0.001),  # the second node of a job whose first has paid
])  # fmt: skip
def test_what_a_failed_render_was_charged_counts_in_every_later_run(tmp_path, ten, error, each):
    [job, other], cost = ten[:2], 10 * PRICE
    for number in range(1, 4):
        _, records, budget = run(tmp_path, [job], Engine(tmp_path, {job.name: error}))
        assert records.of(job)["may_have_cost_usd"] == pytest.approx(number * each)
        assert budget.so_far == f"$0.0000, and perhaps ${number * each:.4f} more for requests that gave no sound"
    outcome, *_ = run(tmp_path, [job], engine := Engine(tmp_path, cost=cost), 3 * each + 0.9 * cost)
    assert engine.ran == [] and outcome.exit_code == 64
    outcome, records, budget = run(tmp_path, [job], Engine(tmp_path, cost=cost), 3 * each + cost)
    assert outcome.exit_code == 0 and records.of(job)["may_have_cost_usd"] == pytest.approx(3 * each)
    with pytest.raises(Refused):
        Budget([job, other], records, Prices(), 3 * each + 1.9 * cost).check_all()
    Budget([job, other], records, Prices(), 3 * each + 2 * cost).check_all()


def test_of_a_run_that_failed_in_part_only_what_is_lost_stays(tmp_path):
    [job] = jobs_of(tmp_path, {"name": "song", "1.duration": 5, "1.batch_size": 4})
    delivered, cost = ("delivered", 0.001, 0.001), 0.004
    first = failed("SomeFailed", ("failed", 0.001, 0.002), *[delivered] * 2, ("unknown", 0.001, None))
    _, records, _ = run(tmp_path, [job], Engine(tmp_path, {"song": first}), 0.004)
    assert records.of(job)["may_have_cost_usd"] == pytest.approx(0.005)
    # What was delivered is fetched, and nothing is sent: it costs nothing.
    again = failed("SomeFailed", ("preparing", None, None), *[("delivered", None, 0.001)] * 2)
    _, records, budget = run(tmp_path, [job], Engine(tmp_path, {"song": again}))
    assert budget.perhaps == pytest.approx(0.005)
    # What is missing of it is 0.001; the same once more for the one without an answer.
    Budget([job], records, Prices(), 0.006).check_all()
    with pytest.raises(Refused):
        Budget([job], records, Prices(), 0.0059).check_all()
    engine = Engine(tmp_path, cost=cost, bought=Bought(open=0.002))
    _, records, budget = run(tmp_path, [job], engine, None, retries_unknown=True)
    assert budget.spent == cost and budget.perhaps == pytest.approx(0.003)
    said = page.page([job], records, "songs")
    assert "1 of 1 done, $0.0040, perhaps $0.0030 more for requests that gave no sound" in said
    assert "$0.0040 · perhaps $0.0030 more" in said


def test_what_was_accepted_and_then_fails_is_lost_and_counts_beside_what_is_bought_anew(tmp_path, ten):
    job, cost = ten[0], 10 * PRICE
    away = failed("ServiceUnavailable", ("in_progress", cost, None))
    _, records, budget = run(tmp_path, [job], Engine(tmp_path, {job.name: away}))
    assert budget.perhaps == cost
    Budget([job], records, Prices(), cost).check_all()  # fetching it costs nothing
    for reported in (None, cost):
        lost = failed("RenderFailed", ("failed", None, reported))
        _, records, budget = run(tmp_path, [job], Engine(tmp_path, {job.name: lost}), cost)
        assert budget.perhaps == cost
        with pytest.raises(Refused):
            Budget([job], records, Prices(), 1.9 * cost).check_all()
    _, _, budget = run(tmp_path, [job], Engine(tmp_path, cost=cost))
    assert budget.spent == budget.perhaps == cost


def test_what_a_run_that_was_killed_may_have_bought_counts_once_it_is_found(tmp_path, ten):
    """It left no record: the next run finds its request without an answer, as often as the command is given."""
    job, cost = ten[0], 10 * PRICE
    found = failed("AskedBefore", ("preparing", None, None))
    found.events[-2][1]["before_usd"] = cost
    for _ in range(2):
        _, records, budget = run(tmp_path, [job], Engine(tmp_path, {job.name: found}))
        assert records.of(job)["may_have_cost_usd"] == budget.perhaps == cost
    _, _, budget = run(tmp_path, [job], Engine(tmp_path, cost=cost, bought=Bought(open=cost)), None, True)
    assert budget.spent == budget.perhaps == cost


def test_what_edited_and_removed_lines_have_cost_counts(tmp_path, ten):
    cost = 10 * PRICE
    lost = {"job 1": failed("RenderFailed", ("failed", cost, 0.003))}
    run(tmp_path, ten[:3], Engine(tmp_path, lost, cost=cost))
    records = Records(tmp_path / "out")
    budget = Budget(ten[3:5], records, Prices(), 2 * cost)
    assert (budget.spent, budget.perhaps, budget.expected) == pytest.approx((2 * cost, 0.003, 2 * cost))
    with pytest.raises(Refused, match=r"\$0\.0040, and perhaps \$0\.0030 more .*\$0\.0070 of that for what is no"):
        budget.check_all()
    _, _, budget = run(tmp_path, ten[3:5], engine := Engine(tmp_path, cost=cost), 0.003 + 4 * cost)
    assert engine.ran == ["job 3", "job 4"] and budget.spent == pytest.approx(4 * cost)
    # A line that comes back counts once.
    assert Budget(ten[:5], Records(tmp_path / "out"), Prices(), None).spent == pytest.approx(4 * cost)


def test_what_cannot_be_brought_here_was_bought(tmp_path, ten, monkeypatch):
    def full(*_):
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(Records, "bring", full)
    engine = Engine(tmp_path, cost=0.001, bought=Bought(open=0.001))
    _, records, budget = run(tmp_path, ten[:1], engine)
    assert budget.perhaps == 0.001
    Budget(ten[:1], records, Prices(), 10 * PRICE).check_all()


def test_what_was_refused_before_it_was_charged_does_not(tmp_path, ten):
    ends = {job.name: RunFailed("No.", "x.CostRefused") for job in ten}
    run(tmp_path, ten, engine := Engine(tmp_path, ends), limit=0.006)
    assert len(engine.ran) == 10


@pytest.mark.parametrize(
    "workflow, line, seconds",
    [
        ("text_to_music", {"1.duration": 30}, 30),
        ("text_to_music", {"1.duration": 30, "1.batch_size": 3}, 90),
        ("text_to_music", {"1.backend": "sketch"}, 0),
        # 30.0 s of music: 8 s from 12 to 20 with 5 s around them
        ("section_repair", {"3.context_seconds": 5}, 18),
        ("section_repair", {"3.context_seconds": 5, "3.batch_size": 2}, 36),
        ("multi_repair", {"4.context_seconds": 2}, 16),
    ],
)
def test_the_price_of_a_job_is_that_of_the_sound_it_will_ask_for(tmp_path, example_music, workflow, line, seconds):
    [job] = jobs_of(tmp_path, line, workflow=workflow, audio=example_music[0])
    assert estimate(job, Prices()) == Estimate(pytest.approx(seconds * PRICE), capped=False)


# What is known only when the graph runs


def linked(job, **inputs):
    """The job with these inputs, NODE_INPUT, coming over a link."""
    nodes = dict(job.graph)
    for node, _, name in (key.partition("_") for key in inputs):
        nodes[node] = nodes[node] | {"inputs": nodes[node]["inputs"] | {name: ["99", 0]}}
    return replace(job, graph=nodes)


def of_chain(tmp_path):
    """A job that generates at node 1 and extends that at node 2."""
    [job] = jobs_of(tmp_path, {"1.duration": 20, "1.max_cost_usd": 0.1})
    words = {"tags": "jazz", "lyrics": "", "backend": "runcomfy", "audio": ["1", 0], "max_cost_usd": 0.25}
    sizes = {"extend_before_duration": 0.0, "extend_after_duration": 10.0, "context_seconds": 5.0}
    return replace(job, graph=job.graph | {"2": {"class_type": "ACEStepOutpaint", "inputs": words | sizes}})


@pytest.mark.parametrize("name", ["1_duration", "1_batch_size", "1_version"])
def test_what_comes_over_a_link_is_unknown_and_the_nodes_own_limit_is_its_price(tmp_path, name):
    [job] = jobs_of(tmp_path, {"1.duration": 20, "1.max_cost_usd": 0.75})
    assert estimate(linked(job, **{name: True}), Prices()) == Estimate(0.75, capped=True)


@pytest.mark.parametrize("name", ["context_seconds", "batch_size", "loop", "version"])
def test_of_an_edit_too(tmp_path, example_music, name):
    [job] = jobs_of(tmp_path, {"3.max_cost_usd": 0.5}, workflow="section_repair", audio=example_music[0])
    assert estimate(linked(job, **{f"3_{name}": True}), Prices()) == Estimate(0.5, capped=True)


@pytest.mark.parametrize(
    "name, first, second",
    [
        ("2_extend_before_duration", 20 * PRICE, 0.25),
        ("2_extend_after_duration", 20 * PRICE, 0.25),
        ("2_context_seconds", 20 * PRICE, 0.25),
        # Neither is what comes of it.
        ("1_duration", 0.1, 0.25),
        ("1_batch_size", 0.1, 0.25),
    ],
)
def test_of_a_chain_too(tmp_path, name, first, second):
    job = of_chain(tmp_path)
    assert estimate(job, Prices()) == Estimate(pytest.approx((20 + 15) * PRICE), capped=False)
    assert estimate(linked(job, **{name: True}), Prices()) == Estimate(pytest.approx(first + second), capped=True)


def test_an_extension_over_a_link_may_be_the_only_one(tmp_path):
    job = of_chain(tmp_path)
    job.graph["2"]["inputs"]["extend_after_duration"] = 0.0
    check_values(linked(job, **{"2_extend_before_duration": True}).graph)
    with pytest.raises(InputError, match="extend"):
        check_values(job.graph)


def test_how_much_of_an_edited_edit_is_handed_on_over_a_link(tmp_path):
    job = of_chain(tmp_path)
    again = {"class_type": "ACEStepOutpaint", "inputs": job.graph["2"]["inputs"] | {"audio": ["2", 0]}}
    job = replace(job, graph=job.graph | {"3": again})
    assert not estimate(job, Prices()).capped
    kept = estimate(linked(job, **{"2_keep": True}), Prices())
    assert kept == Estimate(pytest.approx((20 + 15) * PRICE + 0.25), capped=True)


def test_a_backend_over_a_link_may_pay(tmp_path):
    [job] = jobs_of(tmp_path, {"1.duration": 20}, backend="sketch")
    assert not job.may_pay and estimate(job, Prices()).usd == 0
    job = linked(job, **{"1_backend": True})
    assert job.may_pay and estimate(job, Prices()) == Estimate(1.0, capped=True)


def test_an_edit_whose_backend_comes_over_a_link_may_be_one_that_runcomfy_does_not_have(tmp_path, example_music):
    line = {"3.version": "ace-step-1.5"}
    [job] = jobs_of(tmp_path, line, workflow="section_repair", audio=example_music[0])
    assert estimate(linked(job, **{"3_backend": True}), Prices()) == Estimate(1.0, capped=True)


def test_where_neither_the_price_nor_its_limit_is_known_it_is_refused(tmp_path):
    [job] = jobs_of(tmp_path, {"1.duration": 20})
    job = linked(job, **{"1_max_cost_usd": True})
    assert not estimate(job, Prices()).capped  # the price is known
    with pytest.raises(Refused, match=r"jobs.jsonl, line 1: .*max_cost_usd to a number from 0 to 1000"):
        estimate(linked(job, **{"1_duration": True}), Prices())


def test_an_edit_that_runcomfy_does_not_have_is_refused_with_its_line(tmp_path, example_music):
    line = {"3.version": "ace-step-1.5"}
    [job] = jobs_of(tmp_path, line, workflow="section_repair", audio=example_music[0])
    with pytest.raises(Refused, match=r"jobs.jsonl, line 1: .*ace-step-1\.5"):
        estimate(job, Prices())


def test_that_a_price_is_only_a_limit_is_said(tmp_path, capsys):
    known, unknown = jobs_of(tmp_path, {"name": "known", "1.seed": 1, "1.duration": 10}, {"name": "open", "1.seed": 2})
    jobs = [known, linked(unknown, **{"1_batch_size": True})]
    prices = Prices()
    prices.basis = ""
    with pytest.raises(
        Refused, match=r"\$1\.0020.*Of 1 of these the price is known only when the job runs.*max_cost_usd"
    ):
        _told_price(jobs, Budget(jobs, Records(tmp_path / "out"), prices, 0.5), prices)
    first, second, all_of_it = capsys.readouterr().out.splitlines()
    assert first == "known: about $0.0020" and second == "open: at most $1.0000 (max_cost_usd)"
    assert "2 jobs; those left to do cost about $1.0020. Of 1 of these" in all_of_it
    # And where nothing is unknown, nothing is said of it.
    _told_price([known], Budget([known], Records(tmp_path / "out"), prices, 0.5), prices)
    assert "max_cost_usd" not in capsys.readouterr().out
