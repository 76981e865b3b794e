"""Fetching again: by queueing the same, by request ids, from another run, place or account."""

from dataclasses import replace

import pytest
import torch
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.backends.interface import Plan
from acestep_nodes.nodes.backends.runcomfy import journal as journal_module
from acestep_nodes.nodes.backends.runcomfy.backend import RunComfyBackend
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.errors import (
    NothingToFetch,
    OtherAccount,
    RenderFailed,
    SomeFailed,
)
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.errors import InputError
from runcomfy_runs import (
    Watcher,
    extension,
    fail_take,
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


def resumed(place, request_id, **changes):
    return generate(place, song(seed=999, resume_request_id=request_id, **changes))


def left_out(ran):
    (words,) = [warning for warning in ran.facts["warnings"] if warning.startswith("Left out: ")]
    return words


def codes_in(said) -> list[str]:
    """Of a remark and of those in it."""
    inner = [value for value in said["values"].values() if isinstance(value, dict)]
    return [said["code"], *(code for each in inner for code in codes_in(each))]


def test_what_is_left_out_and_why_has_codes(simulator, place):
    compose = fail_take(simulator, 8)
    simulator.fault("submit", "http", status=422)
    generate(place, song(batch_size=4))
    simulator.service.compose = compose
    ran = resumed(place, next(job.request_id for job in simulator.service.jobs() if job.body["seed"] > 8))
    (said,) = [codes_in(each) for each in ran.facts["codes"] if "left_out" in codes_in(each)]
    assert {"left_out_call", "never_accepted", "missing_anew"} <= set(said) and "text" not in said


def test_a_take_that_was_never_accepted_is_left_out_named_and_not_bought(simulator, place):
    simulator.fault("submit", "http", status=422)
    generate(place, song(batch_size=3))
    there = {job.body["seed"] - 7: job.request_id for job in simulator.service.jobs()}
    ran = resumed(place, min(there.values()))
    assert ran.error is None and set(ran.sounds) == set(there) and simulator.paid == 2
    (missing,) = {0, 1, 2} - set(there)
    assert f"take {missing + 1}: RunComfy never accepted" in left_out(ran) and "about $0.0010" in left_out(ran)
    assert generate(place, song(batch_size=3)).error is None and simulator.paid == 3  # as that sentence says


@pytest.mark.parametrize("struck_off", [False, True])
def test_a_take_of_unknown_outcome_is_not_said_to_have_never_been_accepted(simulator, place, struck_off):
    simulator.fault("submit", "drop_after")
    generate(place, song(batch_size=3))
    unknown = next(entry for entry in journal(place) if entry.state is State.UNKNOWN)
    there = next(entry.request_id for entry in journal(place) if entry.request_id)
    if struck_off:
        Journal(place).strike_off({unknown.key})
    ran = resumed(place, there)
    words = left_out(ran)
    assert ran.error is None and len(ran.sounds) == 2 and simulator.paid == 3
    assert (
        f"take {unknown.seed - 6}: Its request was sent to" in words and "may have been accepted and charged" in words
    )
    assert "never accepted" not in words and "about $0.0010" in words
    assert generate(place, song(batch_size=3)).error is None and simulator.paid == 4  # as that sentence says


def test_a_take_that_the_journal_does_not_hold_any_more_is_not_said_to_have_never_been_accepted(simulator, place):
    ids = generate(place, song(batch_size=3)).facts["request_ids"]
    saved = Journal(place)
    content = saved.read()
    kept = tuple(each for each in content.entries if each.request_id != ids[1])
    saved._store(replace(content, entries=kept))
    ran = resumed(place, ids[0])
    assert ran.error is None and set(ran.sounds) == {0, 2} and simulator.paid == 3
    assert "take 2: The journal does not hold its request, which may have been paid for." in left_out(ran)
    assert "never accepted" not in left_out(ran)


@pytest.mark.parametrize("status", [200, 422])
def test_a_defect_is_not_left_out_of_a_run_that_is_fetched(simulator, place, status):
    """Whether another take cannot be had (HTTP 422) or all are there."""
    if status != 200:
        simulator.fault("submit", "http", status=status)
    generate(place, song(batch_size=3))

    async def render(backend, call):
        sound = await backend.generate(backend.request.for_call(call))
        if backend.request.seeds[call.take] == last.body["seed"]:
            raise ZeroDivisionError("a defect")
        return sound

    def plan_of(request):
        return Plan((float(request.duration),), takes=request.batch_size)

    first, *_, last = sorted(simulator.service.jobs(), key=lambda job: job.body["seed"])
    ran = run(place, song(resume_request_id=first.request_id), plan_of, render)
    assert isinstance(ran.error, ZeroDivisionError)


def test_a_run_with_most_of_a_song_is_fetched_before_a_later_one_that_was_stopped(simulator, place, monkeypatch):
    """Also where what it was refused is forgotten."""
    monkeypatch.setattr(journal_module, "KEPT_REFUSED", 0)
    simulator.change({"balance_usd": 0.001 * 3 + 1e-9})
    assert "1 of 4 takes failed" in generate(place, song(batch_size=4)).words
    generate(place, song(batch_size=4), watcher=Watcher(lambda status: status["state"] == "delivered"))
    ran = resumed(place, next(job.request_id for job in simulator.service.jobs()))
    assert ran.error is None and len(ran.sounds) == 3 and simulator.paid == 3


def test_takes_that_failed_are_left_out_and_said_once(simulator, place):
    compose = fail_take(simulator, 8)
    first = generate(place, song(batch_size=4))
    assert isinstance(first.error, SomeFailed) and simulator.paid == 4
    ids = {job.body["seed"]: job.request_id for job in simulator.service.jobs()}
    ran = resumed(place, ids[7])
    assert ran.error is None and set(ran.sounds) == {0, 2, 3}
    assert "take 2: " in left_out(ran) and ids[8] in left_out(ran) and "failed" in left_out(ran)
    simulator.service.compose = compose
    again = generate(place, song(batch_size=4))  # what the warning says, and it has been read
    assert again.error is None and simulator.paid == 5


def test_a_take_left_out_because_its_file_cannot_be_used_is_not_bought_by_queueing_again(simulator, place):
    simulator.change({"run_seconds": 0.0})
    simulator.fault("file", "bytes", times=1, data=b"no sound")
    generate(place, song(batch_size=2))
    ids = [job.request_id for job in simulator.service.jobs()]
    simulator.fault("file", "bytes", times=1, data=b"no sound")
    ran = resumed(place, ids[0])
    assert ran.error is None and len(ran.sounds) == 1
    assert "asked for again" in left_out(ran) and "then bought" not in left_out(ran)
    assert generate(place, song(batch_size=2)).error is None and simulator.paid == 2


@pytest.mark.parametrize("known_by", ["another token of the account", "its ids alone"])
def test_what_is_left_out_of_a_run_that_this_account_did_not_buy_here_is_bought_whole(
    simulator, place, tmp_path, known_by
):
    compose = fail_take(simulator, 8)
    generate(place, song(batch_size=2))
    ids = {job.body["seed"]: job.request_id for job in simulator.service.jobs()}
    if known_by == "its ids alone":
        here = place_for(simulator, tmp_path / "another computer")
    else:
        here = with_new_token(simulator, place)
    ran = generate(here, song(resume_request_id=f"{ids[7]}, {ids[8]}"))
    assert ran.error is None and set(ran.sounds) == {0}
    assert "all of it is then bought, for about $0.0020" in left_out(ran) and "fetched without" not in left_out(ran)
    simulator.service.compose = compose
    assert generate(here, song(batch_size=2)).error is None and simulator.paid == 4  # as that sentence says


def test_nothing_of_a_run_that_can_be_had_is_an_error_that_says_so(simulator, place):
    fail_take(simulator, 7)
    generate(place)
    (job,) = simulator.service.jobs()
    ran = resumed(place, job.request_id)
    assert isinstance(ran.error, RenderFailed) and "Nothing is bought on resume" in ran.words and simulator.paid == 1


def test_several_ids_of_a_run_are_just_those_takes(simulator, place):
    ids = generate(place, song(batch_size=4)).facts["request_ids"]
    ran = resumed(place, f"{ids[3]}, {ids[1]}")
    assert ran.error is None and set(ran.sounds) == {1, 3} and ran.facts["request_ids"] == [ids[1], ids[3]]
    assert "takes 2, 4 of 4." in ran.facts["warnings"][0] and simulator.paid == 4


@pytest.mark.parametrize("ids", ["a,,b", ",a", "a,", ",", "a, ,b"])
def test_a_gap_between_ids_is_refused(ids):
    with pytest.raises(InputError, match="comma"):
        song(resume_request_id=ids)


def test_an_id_named_twice_is_refused():
    with pytest.raises(InputError, match="twice"):
        song(resume_request_id="a, a")


def test_a_run_that_is_fetched_keeps_its_own_length(simulator, place):
    first = generate(place, song(duration=8))
    request = song(duration=5, resume_request_id=first.facts["request_ids"][0])
    backend = RunComfyBackend(request, place)
    assert backend.request.duration == 8
    backend.close()


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
    refused = generate(other, song(resume_request_id=request_id))
    assert isinstance(refused.error, OtherAccount) and "403001" in refused.words
    assert "queue again" not in refused.words  # that would buy it for this account
    simulator.fault("status", "documented", times=1000, code=404001)
    ran = generate(other, song(resume_request_id=request_id))
    assert isinstance(ran.error, NothingToFetch) and "another RunComfy token" in ran.words
    simulator.faults.clear()
    simulator.service.token = own
    assert generate(place).error is None and simulator.paid == 1


def with_new_token(simulator, place):
    """The account has another token from now on, as after signing in again."""
    simulator.service.token = "renewed-token"
    for job in simulator.service.jobs():
        job.owner = "renewed-token"
    return replace(place, environment={"RUNCOMFY_API_TOKEN": "renewed-token"})


def test_a_token_that_expires_is_not_said_to_find_its_requests_by_queueing_again(simulator, place):
    simulator.fault("file", "slow", times=1000, seconds=0.0)
    simulator.fault("status", "documented", code=400004)
    ran = generate(place, song(batch_size=2))
    ids = [job.request_id for job in simulator.service.jobs()]
    assert "free with this token only" in ran.words and "queueing the same again would buy them anew" in ran.words
    assert "queue the same again" not in ran.words.lower()
    fetched = generate(with_new_token(simulator, place), song(resume_request_id=ids[0]))
    assert fetched.facts["request_ids"] and len(fetched.sounds) == 2 and simulator.paid == 2


@pytest.mark.parametrize(
    "fault", [("file", "bytes", {"data": b"no sound"}), ("status", "documented", {"code": 403001})]
)
def test_a_run_that_is_fetched_is_not_said_to_change_with_the_seed_alone(simulator, place, fault):
    first = generate(place)
    step, kind, options = fault
    simulator.fault(step, kind, times=1000, **options)
    ran = generate(place, song(resume_request_id=first.facts["request_ids"][0]))
    assert "clear resume_request_id and change the seed" in ran.words
    simulator.faults.clear()
    assert generate(place, song(seed=8)).error is None and simulator.paid == 2


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
