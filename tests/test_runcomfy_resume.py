"""Fetching again: by queueing the same, by request ids, from another run, place or account."""

from dataclasses import replace

import pytest
import torch
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.backends.interface import Plan
from acestep_nodes.nodes.backends.runcomfy.backend import RunComfyBackend
from acestep_nodes.nodes.backends.runcomfy.errors import (
    NothingToFetch,
    NotSignedIn,
)
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.errors import InputError
from runcomfy_runs import (
    extension,
    generate,
    hurried,
    inpaint,
    journal,
    place_for,
    repair,
    run,
    song,
    window,
)

pytest_plugins = ("runcomfy_fixtures",)


def test_queueing_again_buys_nothing(simulator, place):
    first = generate(place)
    again = generate(place)
    assert simulator.paid == 1 and torch.equal(first.sounds[0].waveform, again.sounds[0].waveform)
    assert again.facts["cost_usd"] == first.facts["cost_usd"]


@pytest.mark.parametrize("change", [{"seed": 8}, {"tags": "jazz"}, {"lyrics": "[Verse]\nla"}, {"duration": 6}])
def test_another_request_is_bought(simulator, place, change):
    generate(place)
    generate(place, song(**change))
    assert simulator.paid == 2


def test_another_account_buys_its_own(simulator, place, tmp_path):
    generate(place)
    simulator.service.token = "another-token"
    ran = generate(replace(place, environment={"RUNCOMFY_API_TOKEN": "another-token"}))
    assert ran.error is None and simulator.paid == 2
    assert len({entry.account for entry in journal(place)}) == 2


def test_the_request_id_alone_fetches_the_whole_run(simulator, place):
    first = generate(place, song(batch_size=3, seed=40))
    before = len(simulator.requests)
    resumed = generate(place, song(seed=999, batch_size=1, resume_request_id=first.facts["request_ids"][1]))
    assert resumed.error is None and simulator.paid == 3 and resumed.estimate == 0.0
    assert not any(r["method"] == "POST" for r in simulator.requests[before:])
    assert resumed.facts["request_ids"] == first.facts["request_ids"]
    for take in range(3):
        assert torch.equal(resumed.sounds[take].waveform, first.sounds[take].waveform)


def test_resuming_ignores_the_limits_since_nothing_is_bought(simulator, place):
    first = generate(place)
    ran = generate(place, song(max_cost_usd=0.0, resume_request_id=first.facts["request_ids"][0]))
    assert ran.error is None


def test_the_version_of_a_resumed_run_is_its_own(place):
    first = generate(place, song(version="ace-step-1.5"))
    request = song(version="auto", resume_request_id=first.facts["request_ids"][0])
    backend = RunComfyBackend(request, place)
    assert (backend.version, backend.model) == ("ace-step-1.5", "acestep-ai/ace-step-1.5/text-to-audio")
    backend.close()


def test_a_missing_part_is_named_and_not_bought(simulator, place):
    simulator.fault("submit", "http", status=422)
    generate(place, song(batch_size=2))
    assert simulator.paid == 1
    ran = generate(place, song(resume_request_id=simulator.service.jobs()[0].request_id))
    assert isinstance(ran.error, NothingToFetch) and "accepted: take " in ran.words and simulator.paid == 1


def test_ids_the_journal_does_not_know_are_fetched_in_order(simulator, place, tmp_path):
    first = generate(place, song(batch_size=2))
    elsewhere = place_for(simulator, tmp_path / "another computer")
    ids = ", ".join(first.facts["request_ids"])
    ran = generate(elsewhere, song(batch_size=9, resume_request_id=ids))
    assert ran.error is None and simulator.paid == 2
    assert torch.equal(ran.sounds[1].waveform, first.sounds[1].waveform)
    assert "not in this computer's journal" in ran.facts["warnings"][0]
    wrong = inpaint(elsewhere, window(), request=repair(resume_request_id="unknown-1, unknown-2"))
    assert isinstance(wrong.error, InputError) and "2 ids" in wrong.words


def test_ids_fetched_on_another_computer_are_a_run_there_from_then_on(simulator, place, tmp_path):
    ids = generate(place, song(batch_size=2)).facts["request_ids"]
    elsewhere = place_for(simulator, tmp_path / "another computer")
    for _ in range(3):
        assert generate(elsewhere, song(resume_request_id=", ".join(ids))).error is None
    whole = generate(elsewhere, song(resume_request_id=ids[1]))
    assert whole.facts["request_ids"] == ids and simulator.paid == 2
    assert len(journal(elsewhere)) == 2 and len(Journal(elsewhere).read().runs) == 1


def test_ids_of_which_only_some_could_be_fetched_can_be_fetched_again(simulator, place, tmp_path):
    ids = generate(place, song(batch_size=2)).facts["request_ids"]
    elsewhere = hurried(place_for(simulator, tmp_path / "another computer"))
    job = simulator.service.job(ids[1])
    job.forgotten = True
    first = generate(elsewhere, song(resume_request_id=", ".join(ids)))
    assert ids[0] in first.words and f"does not know request {ids[1]}" in first.words and "Check the id" in first.words
    assert [entry.request_id for entry in journal(elsewhere)] == [ids[0]]  # an id that may be a slip is not kept
    job.forgotten = False
    again = generate(elsewhere, song(resume_request_id=", ".join(ids)))
    assert again.error is None and again.facts["request_ids"] == ids
    other = inpaint(elsewhere, window(), request=repair(resume_request_id=f"{ids[0]}, unknown"))
    assert isinstance(other.error, InputError)


def test_an_id_found_for_an_unknown_outcome_is_fetched_as_often_as_wanted(simulator, place):
    simulator.fault("submit", "drop_after")
    assert "set resume_request_id to its id" in generate(place).words
    found = song(resume_request_id=simulator.service.jobs()[0].request_id)
    assert generate(place, found).error is None and generate(place, found).error is None
    assert simulator.paid == 1


@pytest.mark.parametrize("ids", ["not/an/id", "a b", "x" * 129, "ok, é"])
def test_malformed_ids_are_refused_before_anything(simulator, place, ids):
    ran = generate(place, song(resume_request_id=ids))
    assert isinstance(ran.error, InputError) and "resume_request_id" in ran.words and simulator.requests == []


def test_ids_of_two_runs_or_of_another_kind_of_node_are_refused(simulator, place):
    one, two = (generate(place, song(seed=seed)).facts["request_ids"][0] for seed in (1, 2))
    ran = generate(place, song(resume_request_id=f"{one},{two}"))
    assert isinstance(ran.error, InputError) and "different runs" in ran.words
    other = inpaint(place, window(), request=repair(resume_request_id=one))
    assert isinstance(other.error, InputError) and "another kind of node" in other.words
    assert simulator.paid == 2


def test_a_run_of_another_account_is_not_taken_for_lost(simulator, place):
    """Its own account still has it: coming back, it is fetched and not bought again."""
    request_id = generate(place).facts["request_ids"][0]
    own, simulator.service.token = simulator.service.token, "another-token"
    other = hurried(replace(place, environment={"RUNCOMFY_API_TOKEN": "another-token"}))
    simulator.fault("status", "http", times=1000, status=404)
    ran = generate(other, song(resume_request_id=request_id))
    assert isinstance(ran.error, NothingToFetch) and "another RunComfy token" in ran.words
    simulator.faults.clear()
    simulator.fault("status", "http", times=1000, status=403)
    refused = generate(other, song(resume_request_id=request_id))
    assert isinstance(refused.error, NotSignedIn) and "another RunComfy token" in refused.words
    assert "queue again" not in refused.words  # that would buy it for this account
    simulator.faults.clear()
    simulator.service.token = own
    assert generate(place).error is None and simulator.paid == 1


def test_a_failing_fetch_of_an_unknown_id_says_only_what_is_true(simulator, place, tmp_path):
    request_id = generate(place).facts["request_ids"][0]
    elsewhere = hurried(place_for(simulator, tmp_path / "another computer"))
    simulator.fault("file", "http", times=1000, status=503)
    ran = generate(elsewhere, song(resume_request_id=request_id))
    assert f"Set resume_request_id to {request_id} again" in ran.words
    assert "is in the journal" not in ran.words and journal(elsewhere) == ()
    simulator.faults.clear()
    assert generate(elsewhere, song(resume_request_id=request_id)).error is None and simulator.paid == 1


def test_resuming_says_what_differs(musical, tmp_path):
    place, source = place_for(musical, tmp_path), window(6.0)
    first = inpaint(place, source, span=(2.0, 3.0))
    resume = first.facts["request_ids"][0]

    def differences(sound, **changes):
        span = changes.pop("span", (2.0, 3.0))
        ran = inpaint(place, sound, span=span, request=repair(resume_request_id=resume, **changes))
        assert ran.error is None, ran.words
        assert "batch_size and seed are ignored" in ran.facts["warnings"][0]
        return [warning for warning in ran.facts["warnings"][1:] if "fetched, not bought" not in warning]

    assert differences(source) == []
    assert "another range" in differences(source, span=(2.0, 3.5))[0]
    assert "other tags" in differences(source, tags="metal")[0]
    other = " ".join(differences(window(6.0, seed=1)))
    assert "source is not the one" in other and "another part of the source" in other
    assert musical.paid == 1


def test_a_chain_is_not_bought_again_when_only_its_splicing_changed(simulator, place):
    """Part 2 of a chain hears part 1 as it was spliced, so its window changes with every crossfade setting."""
    source = window(3.0)

    def chain(splice: float, sources=(source,)):
        def plan_of(request):
            return Plan((6.0, 6.0), sources=sources)

        async def render(backend, call):
            first = await backend.outpaint(source, 0.0, 3.0, backend.request.for_call(call))
            joined = Sound(first.waveform[:, : first.sample_rate * 3] * splice, first.sample_rate)
            return await backend.outpaint(joined, 0.0, 3.0, backend.request.for_call(replace(call, part=1)))

        return run(place, extension(extend_after_duration=6.0), plan_of, render)

    assert chain(1.0).error is None and simulator.paid == 2
    assert chain(0.9).error is None and simulator.paid == 2
    assert chain(0.9, (window(3.0, seed=5),)).error is None and simulator.paid == 3  # another source: only part 2
