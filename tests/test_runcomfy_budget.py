"""The two limits, under any order of runs, takes and threads of any prompts."""

import gc
import threading
import time
import weakref
from decimal import Decimal

import pytest
from acestep_nodes.nodes.backends.runcomfy.account import save_ceiling
from acestep_nodes.nodes.backends.runcomfy.budget import PROMPTS, Budget, Prompt, Prompts
from acestep_nodes.nodes.backends.runcomfy.endpoints import MODELS
from acestep_nodes.nodes.backends.runcomfy.errors import CostRefused, SomeFailed
from acestep_nodes.nodes.backends.runcomfy.price import RunPrice, list_price, told_apart
from acestep_nodes.nodes.backends.runcomfy.queued import Queued
from acestep_nodes.nodes.request.requests import Call
from hypothesis import given
from hypothesis import strategies as st
from runcomfy_runs import Watcher, generate, hurried, inpaint, place_for, song, window
from runcomfy_simulator import Simulator, rendering

pytest_plugins = ("runcomfy_fixtures",)


def budget(prompt, costs, max_cost=1000.0, ceiling=2.0) -> Budget:
    made = Budget(prompt, max_cost, lambda: ceiling)
    made.expect({Call(take=take): usd for take, usd in enumerate(costs)})
    return made


def admitted(made: Budget) -> bool:
    try:
        made.admit(Call(), made._amounts[Call()], "$0.0002 per second of audio")
    except CostRefused:
        return False
    return True


@given(st.lists(st.lists(st.floats(0, 1), min_size=1, max_size=4), max_size=8), st.floats(0, 3))
def test_what_is_admitted_of_a_prompt_never_exceeds_the_ceiling(runs, ceiling):
    prompt, total = Prompt(), 0.0
    for costs in runs:
        fits = total + sum(costs) <= ceiling
        if admitted(budget(prompt, costs, ceiling=ceiling)):
            total += sum(costs)
            assert total <= ceiling + 1e-6
        else:
            assert not fits or abs(total + sum(costs) - ceiling) < 1e-6


def test_many_threads_at_once_do_not_slip_past_it():
    prompt, passed = Prompt(), []
    gate = threading.Barrier(16)

    def run():
        mine = budget(prompt, [0.3])
        gate.wait()
        if admitted(mine):
            passed.append(mine)

    threads = [threading.Thread(target=run) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 6  # 6 × $0.30 within $2


def test_what_was_not_bought_is_given_back_and_what_was_is_not():
    prompt = Prompt()
    first = budget(prompt, [0.9, 0.9])
    assert admitted(first) and not admitted(budget(prompt, [0.5]))
    first.buying(Call(take=0))
    first.close()
    assert admitted(budget(prompt, [1.1])) and not admitted(budget(prompt, [0.1]))


@pytest.mark.parametrize("costs", [[1.5], [1.0, 0.5]])
def test_nothing_stays_set_aside_for_a_run_that_bought_nothing(costs):
    """It was admitted, and then the journal could not be written, or Stop came before the submission."""
    prompt = Prompt()
    first = budget(prompt, costs)
    assert admitted(first)
    first.settle(Call(), 0.0)
    rest = sum(costs[1:])  # what it may still submit
    assert not admitted(budget(prompt, [2.01 - rest])) and admitted(other := budget(prompt, [1.99 - rest]))
    other.close()
    first.close()
    assert admitted(budget(prompt, [2.0]))


def test_a_run_that_only_fetches_sets_nothing_aside():
    prompt = Prompt()
    first = budget(prompt, [1.0, 1.5])
    first.settle(Call(), 0.0)
    assert admitted(budget(prompt, [2.0]))
    first.settle(Call(take=1), 0.0)
    first.close()
    assert not admitted(budget(prompt, [0.1]))


def test_the_known_cost_replaces_the_estimate():
    prompt = Prompt()
    first = budget(prompt, [1.5])
    assert admitted(first)
    first.buying(Call())
    first.settle(Call(), 0.5)
    second = budget(prompt, [1.4])
    assert admitted(second)
    second.buying(Call())
    second.settle(Call(), 1.6)  # dearer than its estimate
    assert not admitted(budget(prompt, [0.01]))


def test_a_prompt_is_found_again_by_its_id_only():
    prompts = Prompts()
    assert prompts.get("a") is prompts.get("a") is not prompts.get("b")
    assert prompts.get(None) is not prompts.get(None)


def test_the_words_name_the_other_runs(tmp_path):
    prompt = Prompt()
    admitted(budget(prompt, [1.5]))
    with pytest.raises(CostRefused, match=r"on top of \$1.5000 for the prompt's other runs.*ceiling of \$2.0000"):
        budget(prompt, [1.0]).admit(Call(), 1.0, "p")


def test_nodes_of_one_prompt_share_the_ceiling_and_prompts_do_not(tmp_path):
    with Simulator(compose=rendering.tone) as simulator:
        place = place_for(simulator, tmp_path)
        save_ceiling(place, 0.0025)  # two songs of 5 s at $0.0010

        def queue(prompt_id, seed):
            return generate(place, song(seed=seed), queued=Queued(prompt_id, time.time()))

        assert queue("first", 1).error is None and queue("first", 2).error is None
        refused = queue("first", 3)
        assert isinstance(refused.error, CostRefused) and simulator.paid == 2
        assert queue("first", 1).error is None and simulator.paid == 2  # paid for: needs no budget
        assert queue("second", 3).error is None and simulator.paid == 3


@pytest.mark.parametrize("ends", ["well", "badly", "stopped"])
def test_a_run_that_has_ended_leaves_no_sound_in_memory_though_its_prompt_is_remembered(tmp_path, ends):
    with Simulator(compose=rendering.tone) as simulator:
        place = place_for(simulator, tmp_path)
        if ends == "badly":
            simulator.fault("submit", "drop_after")
        watcher = Watcher(lambda status: ends == "stopped" and "request_id" in status)
        source = window()
        sounds = [weakref.ref(source.waveform)]
        queued = Queued(f"a prompt that ends {ends}", time.time())
        ran = inpaint(place, source, watcher=watcher, queued=queued)
        sounds += [weakref.ref(sound.waveform) for sound in ran.sounds.values()]
        assert (ran.error is None) == (ends == "well") and simulator.paid == 1
    del source, ran, watcher
    gc.collect()
    assert [sound() for sound in sounds if sound() is not None] == []
    assert queued.prompt_id in PROMPTS._prompts  # what it cost counts for its ceiling


def test_an_unknown_outcome_stays_counted_and_a_refusal_does_not(tmp_path):
    def queue(seed):
        return generate(place, song(seed=seed), queued=Queued("a prompt with faults", time.time()))

    with Simulator(compose=rendering.tone) as simulator:
        place = place_for(simulator, tmp_path)
        save_ceiling(place, 0.0015)
        simulator.fault("submit", "http", status=422)
        queue(1)
        simulator.fault("submit", "drop_after")
        queue(2)  # fits, as the refused one cost nothing
        assert simulator.paid == 1
        assert isinstance(queue(3).error, CostRefused)
        assert simulator.paid == 1


@pytest.mark.parametrize("limit", ["max_cost_usd", "ceiling"])
def test_what_was_paid_for_and_is_gone_is_bought_again_within_the_limits_only(tmp_path, limit):
    """It was expected to cost nothing; RunComfy no longer having it must not open a way past the limits."""
    with Simulator(compose=rendering.tone) as simulator:
        place = hurried(place_for(simulator, tmp_path))
        assert generate(place, song(batch_size=3)).error is None
        simulator.fault("file", "http", times=1000, status=404)
        assert "bought again" in generate(place, song(batch_size=3)).words
        if limit == "ceiling":
            save_ceiling(place, 0.0025)  # two songs of 5 s at $0.0010
            refused = generate(place, song(batch_size=3))
        else:
            refused = generate(place, song(batch_size=3, max_cost_usd=0.0025))
        assert "$0.0020 of this run is spent" in refused.words and limit.split("_")[0] in refused.words
        assert simulator.paid == 3 + 2  # two fit; the third does not


def test_a_call_that_costs_after_all_is_looked_at_again():
    prompt = Prompt()
    made = budget(prompt, [1.5, 0.0])
    assert admitted(made)
    with pytest.raises(CostRefused):
        made.admit(Call(take=1), 0.6, "p")
    made.admit(Call(take=1), 0.5, "p")
    assert not admitted(budget(prompt, [0.1]))


def test_a_ceiling_lowered_while_the_run_was_queued_counts(tmp_path):
    with Simulator(compose=rendering.tone) as simulator:
        place = place_for(simulator, tmp_path)

        def lower(status):
            save_ceiling(place, 0.0)
            return False

        ran = generate(place, watcher=Watcher(lower))
        assert isinstance(ran.error, CostRefused) and simulator.paid == 0


# What turns out during a run


@pytest.mark.parametrize("limit", ["max_cost_usd", "ceiling"])
def test_renders_that_cost_more_than_their_estimate_end_the_run_at_the_limit(simulator, place, limit):
    simulator.fault("result", "change", times=1000, set={"cost": 0.003})
    save_ceiling(place, 0.012 if limit == "ceiling" else 2.0)
    run = song(batch_size=12, max_cost_usd=0.012 if limit == "max_cost_usd" else 1.0)
    ran = generate(place, run)  # $0.0120 by its estimate
    assert isinstance(ran.error, SomeFailed) and limit.split("_")[0] in ran.words and "spent or on its way" in ran.words
    # Each was submitted only while what was known then left room; those in flight were known by their estimate.
    assert 4 <= simulator.paid <= 6
    assert all(job.request_id in ran.words for job in simulator.service.jobs()) and "Paid for and kept" in ran.words
    simulator.faults.clear()
    save_ceiling(place, 2.0)
    assert generate(place, song(batch_size=12)).error is None and simulator.paid == 12


@pytest.mark.parametrize(
    "fault",
    [
        ("result", "change", {"set": {"cost": 0.4, "status": "failed", "output": None}}),
        ("result", "change", {"set": {"cost": 0.4, "output": {"audio": "https://elsewhere.example/a.mp3"}}}),
        ("file", "bytes", {"data": b"no sound"}),
    ],
)
def test_what_failed_or_cannot_be_used_is_spent_too(simulator, place, fault):
    step, kind, options = fault
    simulator.fault(step, kind, times=1000, **options)
    if step == "file":
        simulator.fault("result", "change", times=1000, set={"cost": 0.4})
    ran = generate(place, song(batch_size=12, max_cost_usd=0.5))
    assert isinstance(ran.error, SomeFailed) and "spent or on its way" in ran.words
    assert simulator.paid <= 6  # the next may go out before the second cost is known


def test_a_price_that_rises_during_a_run_is_noticed_before_the_next_submission(simulator, place):
    """Costs are not reported, so the live price is all that is known."""
    simulator.fault("result", "change", times=1000, remove=["cost"])

    def rise(status):
        if simulator.paid == 4:
            simulator.service.prices["acestep-ai/ace-step/text-to-audio"] = 0.02
        return False

    simulator.change({"run_seconds": 0.2})
    ran = generate(place, song(batch_size=8, max_cost_usd=0.05), Watcher(rise))
    assert isinstance(ran.error, SomeFailed) and "$0.1000 ($0.02 per second of audio)" in ran.words
    assert simulator.paid < 8 and all(job.cost == pytest.approx(0.001) for job in simulator.service.jobs())


def test_the_price_is_asked_for_again_only_once_something_was_submitted_at_it():
    asked = []
    price = RunPrice(lambda: asked.append(1) or list_price(MODELS[0]))
    price.now(), price.now()
    price.used()
    price.now(), price.now()
    assert len(asked) == 2


@given(st.lists(st.floats(0, 1000), min_size=1, max_size=3), st.floats(0, 1000))
def test_a_sentence_never_says_that_an_amount_is_above_itself(parts, limit):
    if sum(parts) > limit + 1e-9:
        *shown, most = (Decimal(text.removeprefix("$")) for text in told_apart(parts, limit))
        assert sum(shown) > most


def test_the_words_show_the_digits_that_tell_the_estimate_from_the_limit(simulator, place):
    ran = generate(place, song(duration=80, max_cost_usd=0.0159999))
    assert "estimated at $0.0160000" in ran.words and "max_cost_usd of $0.0159999" in ran.words
