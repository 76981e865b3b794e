"""What a run sends, gets, reports and keeps: all four endpoints, takes, limits, fetching again."""

import asyncio
import json
from dataclasses import replace

import pytest
import torch
from acestep_nodes.nodes.audio.codec import decode
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.backends.interface import Plan
from acestep_nodes.nodes.backends.runcomfy import account
from acestep_nodes.nodes.backends.runcomfy.backend import RunComfyBackend
from acestep_nodes.nodes.backends.runcomfy.endpoints import lyrics_sent, tags_sent
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.errors import (
    CostRefused,
    NothingToFetch,
    NotSignedIn,
    SomeFailed,
)
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.place import Patience
from acestep_nodes.nodes.errors import BackendUnavailable, InputError
from acestep_nodes.nodes.request import Call
from acestep_nodes.nodes.vocabulary import LANGUAGE_NAMES, LANGUAGES
from runcomfy_runs import (
    extension,
    generate,
    inpaint,
    journal,
    outpaint,
    place_for,
    repair,
    run,
    song,
    window,
)
from runcomfy_simulator import Simulator, rendering


@pytest.fixture
def simulator():
    with Simulator(compose=rendering.tone) as running:
        yield running


@pytest.fixture
def place(simulator, tmp_path):
    return place_for(simulator, tmp_path)


@pytest.fixture
def musical():
    """A simulator that renders music, and so gives edits back with their context."""
    with Simulator() as running:
        yield running


def bodies(simulator):
    return [job.body for job in simulator.service.jobs()]


# What is sent


@pytest.mark.parametrize(
    "version, model",
    [
        ("auto", "acestep-ai/ace-step/text-to-audio"),
        ("ace-step", "acestep-ai/ace-step/text-to-audio"),
        ("ace-step-1.5", "acestep-ai/ace-step-1.5/text-to-audio"),
    ],
)
def test_a_song_is_asked_of_the_right_model(simulator, place, version, model):
    ran = generate(place, song(version=version, tags="jazz, trio", lyrics="[Verse]\nhello", seed=123, duration=6))
    assert ran.error is None
    (job,) = simulator.service.jobs()
    assert job.model == model
    assert job.body == {"tags": "jazz, trio", "lyrics": "[Verse]\nhello", "duration": 6, "seed": 123}
    assert ran.sounds[0].seconds == pytest.approx(6.0, abs=0.06)
    assert ran.facts["request_ids"] == [job.request_id]
    assert ran.facts["cost_usd"] == pytest.approx(job.cost) == pytest.approx(ran.estimate)


def test_an_inpaint_sends_its_window_as_flac_and_the_range_in_window_time(musical, tmp_path):
    source = window(8.0)
    ran = inpaint(place_for(musical, tmp_path), source, span=(2.5, 4.25))
    assert ran.error is None
    (job,) = musical.service.jobs()
    assert job.model == "acestep-ai/ace-step/audio-inpaint"
    body = dict(job.body)
    head, _, payload = body.pop("audio").partition(",")
    assert head == "data:audio/flac;base64"
    assert body == {
        "tags": "lo-fi, piano", "lyrics": "[inst]", "seed": 7, "start_time": 2.5, "end_time": 4.25,
        "start_time_relative_to": "start", "end_time_relative_to": "start",
    }  # fmt: skip
    sent = rendering.source_in(job.body["audio"])
    assert sent.rate == 44_100
    assert torch.allclose(torch.from_numpy(sent.samples), source.waveform, atol=1 / 32768)
    assert ran.sounds[0].seconds == pytest.approx(8.0, abs=0.1)


def test_an_outpaint_sends_its_extensions(musical, tmp_path):
    request = extension(extend_before_duration=2.0, extend_after_duration=3.5)
    ran = outpaint(place_for(musical, tmp_path), window(6.0), request)
    (job,) = musical.service.jobs()
    assert job.model == "acestep-ai/ace-step/audio-outpaint"
    assert (job.body["extend_before_duration"], job.body["extend_after_duration"]) == (2.0, 3.5)
    assert ran.sounds[0].seconds == pytest.approx(11.5, abs=0.1)
    assert job.seconds == pytest.approx(11.5) and job.cost == pytest.approx(12 * 0.0002)
    assert ran.estimate == pytest.approx(12 * 0.0002)


@pytest.mark.parametrize("rate, sent_rate", [(22_050, 22_050), (48_000, 48_000), (96_000, 48_000), (192_000, 48_000)])
def test_more_than_48_khz_is_never_sent(simulator, place, rate, sent_rate):
    assert inpaint(place, window(2.0, rate), span=(0.5, 1.0)).error is None
    sent = rendering.source_in(bodies(simulator)[0]["audio"])
    assert (sent.rate, sent.samples.shape[1]) == (sent_rate, 2 * sent_rate)


def test_a_loud_window_is_scaled_and_not_clipped(musical, tmp_path):
    """Samples beyond ±1 are usual in ComfyUI; clipped, they would be other music."""
    source = window(4.0, level=4.0)
    peak = float(source.waveform.abs().max())
    assert peak > 2
    ran = inpaint(place_for(musical, tmp_path), source, span=(1.0, 2.0))
    sent = torch.from_numpy(rendering.source_in(musical.service.jobs()[0].body["audio"]).samples)
    assert torch.allclose(sent * peak, source.waveform, atol=2 * peak / 32768)
    # The scale is undone in what comes back: the untouched end is the source's level times the service's own gain.
    back = ran.sounds[0]
    tail = back.waveform[:, int(3 * back.sample_rate) :]
    wanted = source.waveform[:, 3 * 44_100 :]
    assert float(tail.std() / wanted.std()) == pytest.approx(rendering.GAIN, rel=0.05)


def test_the_largest_window_there_is_still_fits_a_request(simulator, place):
    """The worst FLAC there is: 240 s of stereo noise at 96 kHz. It has to stay under RunComfy's 64 MiB."""
    generator = torch.Generator().manual_seed(0)
    source = Sound(torch.rand(2, 240 * 96_000, generator=generator) * 2 - 1, 96_000)
    patient = replace(place, patience=Patience())  # the simulator decodes all of it before it answers
    ran = inpaint(patient, source, span=(100.0, 120.0), request=repair())
    assert ran.error is None, ran.words
    assert simulator.service.jobs()[0].body_bytes < 64 * 2**20


@pytest.mark.parametrize("language", ["auto", "unknown"])
def test_no_language_is_no_tag(language):
    assert tags_sent(song(language=language)) == "lo-fi, piano"
    assert tags_sent(song(language="fr", tags="calm, instrumental")) == "calm, instrumental"


@pytest.mark.parametrize("language", [code for code in LANGUAGES if code != "unknown"])
def test_every_language_is_sent_as_one_more_tag(language):
    sent = tags_sent(song(language=language, tags="pop"))
    assert sent == f"pop, {LANGUAGE_NAMES[language]} vocal"
    assert tags_sent(song(language=language, tags=sent)) == sent  # and only once


@pytest.mark.parametrize(
    "tags, lyrics, sent",
    [
        ("ambient, instrumental", "", "[inst]"),
        ("ambient, no vocals", " \n", "[inst]"),
        ("ambient", "", ""),
        ("ambient, instrumental", "[Verse]\nla", "[Verse]\nla"),
    ],
)
def test_blank_lyrics_with_instrumental_tags_say_so(tags, lyrics, sent):
    assert lyrics_sent(song(tags=tags, lyrics=lyrics)) == sent


def test_blank_lyrics_are_said_to_be_written_by_the_model(place):
    assert any("writes its own words" in warning for warning in generate(place, song(lyrics="")).facts["warnings"])
    assert not generate(place, song(lyrics="", tags="calm, instrumental")).facts["warnings"]


def test_what_runcomfy_ignores_is_said_once_each(place):
    request = replace(song(variant="turbo", steps=20, guidance=3.0), model=object(), clip=object(), vae=object())
    warnings = generate(place, request).facts["warnings"]
    for name in ("variant turbo", "steps 20", "guidance 3.0", "connected model", "connected clip", "connected vae"):
        assert sum(name in warning for warning in warnings) == 1, name
    strength = inpaint(place, window(), request=repair(strength=0.5)).facts["warnings"]
    assert any("strength 0.5" in warning for warning in strength)
    assert not any("no effect" in warning for warning in generate(place).facts["warnings"])


# Refused before any cost


def test_edits_with_15_are_refused_with_the_way_out(simulator, place):
    for ran in (
        inpaint(place, window(), request=repair(version="ace-step-1.5")),
        outpaint(place, window(), extension(version="ace-step-1.5")),
    ):
        assert isinstance(ran.error, InputError) and ran.error.exit_code == 64
        assert "ace-step-1.5" in ran.words and "auto" in ran.words and "local" in ran.words
    assert simulator.requests == []


def test_more_than_240_seconds_are_refused_with_the_number(simulator, place):
    ran = generate(place, song(duration=241))
    assert isinstance(ran.error, InputError) and "241" in ran.words and "240" in ran.words
    assert simulator.requests == []
    assert generate(place, song(duration=240)).error is None


def test_without_a_token_the_ways_to_get_one_are_named(simulator, place):
    ran = generate(replace(place, environment={"HOME": str(place.directory)}))
    assert isinstance(ran.error, NotSignedIn) and ran.error.exit_code == 77
    assert "RUNCOMFY_API_TOKEN" in ran.words and "account dialog" in ran.words
    assert simulator.requests == []


def test_without_httpx_the_command_to_install_it_is_named(place, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "httpx", None)
    ran = generate(place)
    assert isinstance(ran.error, BackendUnavailable) and "pip install httpx" in ran.words


# Takes


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


def test_a_failed_part_names_the_parts_that_are_paid_for(simulator, place):
    """One take, two ranges, each a request; the second is refused."""
    source = window(4.0)

    def plan_of(request):
        return Plan((4.0, 4.0), sources=(source,))

    async def render(backend, call):
        request = backend.request
        await backend.inpaint(source, [(0.5, 1.0)], request.for_call(call))
        simulator.fault("submit", "http", status=422)
        await backend.inpaint(source, [(2.5, 3.0)], request.for_call(replace(call, part=1)))

    ran = run(place, repair(), plan_of, render)
    paid = simulator.service.jobs()[0].request_id
    assert isinstance(ran.error, SomeFailed) and simulator.paid == 1
    assert f"part 1 {paid} ($0.0008)" in ran.words and "part 2: " in ran.words


# Fetching again


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


# Money


def test_the_estimate_counts_every_take_item_and_part(place):
    backend = RunComfyBackend(song(batch_size=2), place)
    assert backend.estimate(Plan((10.2, 20.0), items=3, takes=2)) == pytest.approx((11 + 20) * 3 * 2 * 0.0002)
    backend.close()


def test_a_price_by_output_counts_requests(simulator, place):
    simulator.fault("catalogue", "change", set={"price_unit": "output", "base_price_usd": 0.05})
    ran = generate(place, song(batch_size=2))
    assert ran.estimate == pytest.approx(0.10)


@pytest.mark.parametrize("limit, paid", [(0.0, 0), (0.0019, 0), (0.002, 2), (0.5, 2)])
def test_the_runs_own_limit_is_all_or_nothing(simulator, place, limit, paid):
    ran = generate(place, song(batch_size=2, max_cost_usd=limit))
    assert simulator.paid == paid
    if not paid:
        assert isinstance(ran.error, CostRefused) and ran.error.exit_code == 64
        assert "max_cost_usd" in ran.words and "$0.0020" in ran.words and journal(place) == ()


@pytest.mark.parametrize("ceiling, paid", [(0.0, 0), (0.0019, 0), (0.002, 2)])
def test_a_workflow_cannot_raise_the_accounts_ceiling(simulator, place, ceiling, paid):
    account.save_ceiling(place, ceiling)
    ran = generate(place, song(batch_size=2, max_cost_usd=1000.0))
    assert simulator.paid == paid
    assert paid or (isinstance(ran.error, CostRefused) and "ceiling" in ran.words)


def test_what_is_paid_for_already_needs_no_budget(simulator, place):
    simulator.fault("submit", "http", status=422)
    generate(place, song(batch_size=3))
    ran = generate(place, song(batch_size=3, max_cost_usd=0.001))  # enough for the one that failed
    assert ran.error is None and simulator.paid == 3
    assert generate(place, song(batch_size=3, max_cost_usd=0.0)).error is None and simulator.paid == 3


def test_a_cost_above_the_estimate_is_said(simulator, place):
    simulator.fault("result", "change", set={"cost": 0.25})
    ran = generate(place)
    assert ran.facts["cost_usd"] == 0.25
    assert any("$0.2500" in warning and "more than its estimate" in warning for warning in ran.facts["warnings"])


@pytest.mark.parametrize("cost", [None, "0.1", -1, True, {"usd": 1}])
def test_a_cost_that_is_not_reported_is_not_made_up(simulator, place, cost):
    simulator.fault("result", "change", set={"cost": cost})
    assert generate(place).facts["cost_usd"] is None


# Status


def test_the_status_tells_the_queue_the_state_the_id_and_the_cost_and_no_percentage(simulator, place):
    simulator.change({"queue_seconds": 1.0, "run_seconds": 1.0})
    simulator.fault("submit", "hang", seconds=1.0)
    ran = generate(place)
    states = ran.watcher.states
    assert states == sorted(states, key=("preparing", "submitting", "in_queue", "in_progress", "completed",
                                         "downloading", "delivered").index)  # fmt: skip
    assert {"submitting", "in_queue", "in_progress"} <= set(states)  # the others may be too short to be shown
    assert states[-1] == "delivered"
    queued = next(s for s in ran.watcher.statuses if s["state"] == "in_queue")
    assert queued["queue_position"] == 0 and queued["take"] == 1 and queued["test_server"] is True
    last = ran.watcher.statuses[-1]
    assert last["request_id"] == ran.facts["request_ids"][0] and last["cost_usd"] == pytest.approx(0.001)
    elapsed = [s["elapsed"] for s in ran.watcher.statuses if s["state"] != "preparing"]
    assert elapsed == sorted(elapsed)
    assert not any("percent" in key or key == "progress" for s in ran.watcher.statuses for key in s)
    json.dumps(ran.watcher.statuses)


def test_a_file_of_another_length_cannot_be_spliced(simulator, place):
    import numpy as np
    from runcomfy_simulator.rendering import Music, write

    simulator.fault("file", "bytes", data=write(Music(np.zeros((2, 44_100), np.float32), 44_100), "flac"))
    ran = inpaint(place, window(4.0))
    assert "1.0 s of sound where 4.0 s were asked for" in ran.words
    assert inpaint(place, window(4.0)).error is None and simulator.paid == 1


def test_the_journal_holds_what_is_needed_and_no_words_of_the_song(simulator, place):
    request = repair(tags="secret tag", lyrics="secret words")
    inpaint(place, window(4.0), span=(1.0, 2.0), request=request)
    (entry,) = journal(place)
    assert entry.state is State.DELIVERED and entry.where == (1.0, 2.0) and entry.seed == 7
    assert entry.body_sha256 == simulator.service.jobs()[0].body_sha256
    assert entry.estimate_usd == pytest.approx(0.0008) == pytest.approx(entry.cost_usd)
    assert "secret" not in Journal(place).path.read_text()
    (saved,) = Journal(place).read().runs
    assert saved.entry_key(Call()) == entry.key and len(saved.sources) == 1


def test_the_file_fetched_is_what_is_returned(simulator, place):
    ran = generate(place)
    assert torch.equal(ran.sounds[0].waveform, decode(simulator.service.jobs()[0].file).waveform)
