"""What a run sends: the right model, the right body, and never more than the service takes."""

import base64
from dataclasses import replace

import pytest
import torch
from acestep_nodes.nodes.audio.codec import decode
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.backends.runcomfy.endpoints import lyrics_sent, tags_sent
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.errors import (
    NotSignedIn,
    RequestRefused,
)
from acestep_nodes.nodes.errors import BackendUnavailable, InputError
from acestep_nodes.nodes.words.vocabulary import LANGUAGE_NAMES, LANGUAGES
from runcomfy_runs import (
    extension,
    generate,
    inpaint,
    journal,
    outpaint,
    place_for,
    repair,
    song,
    window,
)
from runcomfy_simulator import rendering

pytest_plugins = ("runcomfy_fixtures",)


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
    """The worst FLAC there is: 240 s of stereo noise at 96 kHz. It has to stay under RunComfy's 64 MiB, also as WAV."""
    generator = torch.Generator().manual_seed(0)
    source = Sound(torch.rand(2, 240 * 96_000, generator=generator) * 2 - 1, 96_000)
    simulator.fault("submit", "http", times=2, status=422)  # its size is all that matters here
    inpaint(place, source, span=(100.0, 120.0), request=repair())
    flac, wav = (r["bytes"] for r in simulator.requests if r["method"] == "POST")
    assert 40 * 2**20 < flac < 64 * 2**20 and 40 * 2**20 < wav < 64 * 2**20


@pytest.mark.parametrize("status", [400, 415, 422])
def test_a_sound_that_is_refused_as_flac_is_sent_as_wav(musical, tmp_path, status):
    place = place_for(musical, tmp_path)
    musical.fault("submit", "http", status=status)
    source = window()
    ran = inpaint(place, source)
    (job,) = musical.service.jobs()
    assert ran.error is None and job.body["audio"].startswith("data:audio/wav;base64,")
    sent = decode(base64.b64decode(job.body["audio"].partition(",")[2]))
    assert torch.allclose(sent.waveform, source.waveform, atol=1 / 32768)
    (said,) = (each for each in ran.facts["warnings"] if "sent as WAV" in each)
    assert str(status) in said
    (entry,) = journal(place)
    assert entry.state is State.DELIVERED and ran.facts["cost_usd"] == pytest.approx(job.cost)
    # By now the service reads FLAC, and what was paid for is found all the same.
    again = inpaint(place, source)
    assert again.error is None and musical.paid == 1 and again.facts["request_ids"] == ran.facts["request_ids"]


def test_a_sound_is_sent_as_wav_once_and_only_where_a_body_was_refused(musical, tmp_path):
    for number, (fault, posts) in enumerate([({"status": 422}, 2), ({"status": 402}, 1), ({"status": 500}, 1)]):
        before = len(musical.requests)
        musical.fault("submit", "http", times=2, **fault)
        ran = inpaint(place_for(musical, tmp_path / str(number)), window())
        assert ran.error is not None and musical.paid == 0
        assert len([r for r in musical.requests[before:] if r["method"] == "POST"]) == posts
        musical.faults.clear()


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
    request = replace(
        song(variant="turbo", steps=20, guidance=3.0, recipe="comfyui", planning="off", variation=0.5),
        model=object(),
        clip=object(),
        vae=object(),
    )
    warnings = generate(place, request).facts["warnings"]
    for name in (
        "variant turbo", "steps 20", "guidance 3.0", "recipe comfyui", "planning off", "variation 0.5",
        "connected model", "connected clip", "connected vae",
    ):  # fmt: skip
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
    simulator.fault("submit", "http", status=422)
    assert isinstance(generate(place, song(duration=240)).error, RequestRefused)  # 240 s do go out


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
