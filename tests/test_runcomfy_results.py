"""Everything paid for can be fetched: results of every shape, files of every kind, models under every name."""

import json

import numpy as np
import pytest
from acestep_nodes.nodes.backends.runcomfy.endpoints import MODELS, TEXT_TO_AUDIO, V1, V1_5, model_meant_by
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.errors import UnusableAnswer
from runcomfy_runs import generate, hurried, inpaint, journal, place_for, repair, song, window
from test_audio_codec import encoded

pytest_plugins = ("runcomfy_fixtures",)

ELSEWHERE = "https://files.example.com/a.mp3"

SHAPES = [
    {"audio": "URL"},
    {"audios": ["URL"]},
    {"audio": {"url": "URL"}},
    {"audios": [{"url": "URL", "content_type": "audio/mpeg"}]},
    {"audio": ["URL"]},
    {"audio_url": "URL"},
    {"audio_url": {"url": "URL"}},
    {"url": "URL"},
    {"audios": [], "audio": None, "audio_url": "URL"},
    "URL",
    ["URL"],
    [{"url": "URL"}],
    {"audio": "URL", "audios": ["URL", "URL"]},
    {"audio": "URL?signature=1", "audios": ["URL?signature=2"]},
    {"audio": {"url": "URL?a=1#b"}, "audio_url": " URL "},
    {"audio": "URL", "audios": [ELSEWHERE]},  # what may not be fetched does not stand in the way of what may
]


def delivered_as(simulator, shape, times=1) -> None:
    """Let the result of the one request look like that."""
    job = simulator.service.jobs()[0]
    address = f"{simulator.url}/files/{job.request_id}.{job.form}"
    simulator.fault("result", "change", times, set={"output": json.loads(json.dumps(shape).replace("URL", address))})


@pytest.mark.parametrize("shape", SHAPES, ids=json.dumps)
def test_a_result_of_any_shape_is_fetched(simulator, place, shape):
    generate(place)
    delivered_as(simulator, shape)
    ran = generate(place)
    assert ran.error is None, ran.words
    assert ran.sounds[0].seconds > 4.9 and simulator.paid == 1


@pytest.mark.parametrize(
    "shape, words",
    [
        ({}, "0 files"),
        ([], "0 files"),
        ({"audio": ["", {"url": None}, 7]}, "0 files"),
        ({"audios": ["URL", "URL.other"]}, "2 files"),
        ({"audio": ELSEWHERE}, "not one of RunComfy's own"),
        ([[[[[["URL"]]]]]], "0 files"),
        (json.loads("[" * 500 + "]" * 500), "0 files"),
    ],
)
def test_anything_else_is_an_unusable_answer(simulator, place, shape, words):
    generate(place)
    delivered_as(simulator, shape)
    ran = generate(place)
    assert isinstance(ran.error, UnusableAnswer) and words in ran.words
    assert generate(place).error is None and simulator.paid == 1


def test_of_two_names_of_a_file_one_that_works_is_enough(simulator, place):
    generate(place)
    delivered_as(simulator, {"audios": ["URL?expired", "URL?fresh"]})
    simulator.fault("file", "http", status=403)
    assert generate(place).error is None and simulator.paid == 1


@pytest.mark.parametrize(
    "muxer, encoder", [("adts", "aac"), ("ipod", "aac"), ("webm", "libopus"), ("wav", "pcm_s16le")]
)
def test_a_file_of_any_kind_is_delivered(simulator, place, muxer, encoder):
    time = np.arange(5 * 48_000, dtype=np.float32) / 48_000
    data = encoded(np.repeat(0.5 * np.sin(2 * np.pi * 440 * time)[None], 2, axis=0), muxer, encoder)
    simulator.fault("file", "bytes", data=data, content_type="application/octet-stream")
    ran = generate(place)
    assert ran.error is None and abs(ran.sounds[0].seconds - 5.0) < 0.1


# Cost


def test_a_cost_that_is_missing_is_asked_for_once_more_after_the_download(simulator, place):
    simulator.fault("result", "change", remove=["cost"])
    ran = generate(place)
    assert ran.facts["cost_usd"] == journal(place)[0].cost_usd == pytest.approx(0.001)
    asked = [request["path"].split("?")[0].rsplit("/", 1)[-1] for request in simulator.requests]
    assert asked[-1] == "result" and asked[-2].endswith(".mp3")


@pytest.mark.parametrize("kind, options", [("change", {"remove": ["cost"]}), ("http", {"status": 500})])
def test_a_cost_that_stays_missing_costs_nothing_else(simulator, place, kind, options):
    simulator.fault("result", "change", remove=["cost"])
    simulator.fault("result", kind, times=100, **options)
    ran = generate(place)
    assert ran.error is None and ran.facts["cost_usd"] is None
    assert journal(place)[0].state is State.DELIVERED
    assert sum("/result" in request["path"] for request in simulator.requests) == 2


# Models


@pytest.mark.parametrize("suffix", ["", "@1.0", ":2026-11-01", "/v2", "#latest", "-v1.1"])
def test_a_model_may_be_named_with_a_version(simulator, place, suffix):
    name = {"model_id": TEXT_TO_AUDIO[V1] + suffix}
    simulator.fault("catalogue", "change", set=name)
    simulator.fault("result", "change", set=name)
    ran = generate(place)
    assert ran.error is None, ran.words


def test_no_model_is_taken_for_another():
    assert [model_meant_by(f"{model}@3") for model in MODELS] == list(MODELS)
    assert {model_meant_by(text) for text in ("", "acestep-ai/ace-step", f"{MODELS[0]}2", f"x/{MODELS[0]}")} == {None}


def test_a_request_of_1_5_from_elsewhere_is_what_it_was(simulator, place, tmp_path):
    request_id = generate(place, song(version="ace-step-1.5")).facts["request_ids"][0]
    elsewhere = place_for(simulator, tmp_path / "another computer")
    for _ in range(2):  # the second time its journal knows it
        ran = generate(elsewhere, song(resume_request_id=request_id))
        assert ran.error is None, ran.words
        assert (ran.version, ran.model) == (V1_5, TEXT_TO_AUDIO[V1_5])
    assert journal(elsewhere)[0].model == TEXT_TO_AUDIO[V1_5] and simulator.paid == 1


def test_a_song_that_another_version_rendered_is_delivered_and_said(simulator, place):
    simulator.fault("result", "change", set={"model_id": TEXT_TO_AUDIO[V1_5]})
    ran = generate(place)
    assert ran.error is None and ran.model == TEXT_TO_AUDIO[V1_5]
    assert any("rendered it by" in warning for warning in ran.facts["warnings"])


def test_a_song_is_never_put_into_a_track_as_its_edit(simulator, place, tmp_path):
    request_id = generate(place).facts["request_ids"][0]
    elsewhere = hurried(place_for(simulator, tmp_path / "another computer"))
    ran = inpaint(elsewhere, window(), request=repair(resume_request_id=request_id))
    assert isinstance(ran.error, UnusableAnswer) and "was rendered by" in ran.words
