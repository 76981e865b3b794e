"""The simulator itself: what it refuses, bills, delivers and does on demand. Spoken to with plain HTTP."""

import base64
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from runcomfy_simulator import Simulator, rendering
from runcomfy_simulator.rendering import DELAY_SAMPLES, GAIN, Music, read, write
from runcomfy_simulator.schemas import SCHEMAS, problems

SONG = "acestep-ai/ace-step/text-to-audio"
INPAINT = "acestep-ai/ace-step/audio-inpaint"
OUTPAINT = "acestep-ai/ace-step/audio-outpaint"


@pytest.fixture
def simulator():
    with Simulator() as running:
        yield running


def ask(simulator, path, body=None, token=True, method=None):
    """(HTTP status, JSON) of one request."""
    headers = {"Authorization": f"Bearer {simulator.token}"} if token else {}
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(simulator.url + path, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def uri(seconds=6.0, rate=44_100, form="flac"):
    steps = np.arange(round(seconds * rate), dtype=np.float32) / rate
    sound = np.repeat(0.3 * np.sin(2 * np.pi * 330 * steps)[None], 2, axis=0)
    kind = {"flac": "flac", "mp3": "mpeg", "wav": "wav"}[form]
    return f"data:audio/{kind};base64,{base64.b64encode(write(Music(sound, rate), form)).decode()}"


def finished(simulator, request_id):
    deadline = time.monotonic() + 30
    while (result := ask(simulator, f"/v1/requests/{request_id}/result?include_cost=true")[1])["status"] != "completed":
        assert time.monotonic() < deadline, result
        time.sleep(0.05)
    return result


def download(result):
    with urllib.request.urlopen(result["output"]["audio"]) as answer:
        return answer.headers["Content-Type"], answer.read()


@pytest.mark.parametrize(
    "model, body",
    [
        (SONG, {}),
        (SONG, {"tags": ""}),
        (SONG, {"tags": 7}),
        (SONG, {"tags": "a", "duration": 4}),
        (SONG, {"tags": "a", "duration": 241}),
        (SONG, {"tags": "a", "duration": 5.5}),
        (SONG, {"tags": "a", "duration": True}),
        (SONG, {"tags": "a", "seed": -2}),
        (SONG, {"tags": "a", "seed": 2**31}),
        (SONG, {"tags": "a", "steps": 20}),
        (SONG, []),
        (INPAINT, {"tags": "a"}),
        (INPAINT, {"tags": "a", "audio": "data:audio/flac;base64,AAAA"}),
        (INPAINT, {"tags": "a", "audio": "not a uri"}),
        (OUTPAINT, {"tags": "a", "audio": "data:text/plain;base64,AAAA"}),
    ],
)
def test_bodies_that_break_the_schema_are_refused_and_not_billed(simulator, model, body):
    assert ask(simulator, f"/v1/models/{model}", body)[0] == 422
    assert simulator.paid == 0


@pytest.mark.parametrize(
    "model, fields",
    [
        (INPAINT, {"start_time": 4.0, "end_time": 2.0}),
        (INPAINT, {"start_time": 1.0, "end_time": 9.0}),
        (INPAINT, {"start_time": -1.0, "end_time": 2.0}),
        (INPAINT, {"start_time": 1.0, "end_time": 2.0, "start_time_relative_to": "middle"}),
        (OUTPAINT, {"extend_after_duration": 240}),
        (OUTPAINT, {"extend_after_duration": 241}),
    ],
)
def test_times_that_make_no_sense_are_refused(simulator, model, fields):
    body = {"tags": "a", "audio": uri(), **fields}
    assert ask(simulator, f"/v1/models/{model}", body)[0] == 422 and simulator.paid == 0


@pytest.mark.parametrize("model", SCHEMAS)
def test_every_default_is_valid(model):
    body = {"tags": "a"} | ({"audio": "x"} if "audio" in SCHEMAS[model]["required"] else {})
    assert problems(model, body) == []


def test_a_wrong_token_an_unknown_model_and_an_unknown_request(simulator):
    assert ask(simulator, f"/v1/models/{SONG}", {"tags": "a"}, token=False)[0] == 401
    assert ask(simulator, "/v1/models/acestep-ai/ace-step-1.5/audio-inpaint", {"tags": "a"})[0] == 404
    assert ask(simulator, "/v1/requests/nothing/status")[0] == 404
    assert ask(simulator, f"/v1/models/{SONG}", b"{")[0] == 400


def test_the_balance_runs_out(simulator):
    simulator.change({"balance_usd": 0.0015})
    assert ask(simulator, f"/v1/models/{SONG}", {"tags": "a", "duration": 5})[0] == 200
    assert ask(simulator, f"/v1/models/{SONG}", {"tags": "a", "duration": 5})[0] == 400
    assert simulator.ledger()["charged_usd"] == pytest.approx(0.001)


def test_states_queue_positions_and_cancelling(simulator):
    simulator.change({"queue_seconds": 0.6, "run_seconds": 0.6})
    first, second = (ask(simulator, f"/v1/models/{SONG}", {"tags": "a", "duration": 5})[1] for _ in range(2))
    assert set(first) == {"request_id", "status_url", "result_url", "cancel_url"}
    status = ask(simulator, f"/v1/requests/{second['request_id']}/status")[1]
    assert (status["status"], status["queue_position"]) == ("in_queue", 1)
    assert ask(simulator, f"/v1/requests/{second['request_id']}/cancel", b"")[1]["outcome"] == "cancelled"
    time.sleep(0.7)
    assert ask(simulator, f"/v1/requests/{first['request_id']}/status")[1]["status"] == "in_progress"
    assert ask(simulator, f"/v1/requests/{first['request_id']}/cancel", b"")[1]["outcome"] == "not_cancellable"
    assert ask(simulator, f"/v1/requests/{first['request_id']}/result")[1]["status"] == "in_progress"
    finished(simulator, first["request_id"])
    assert simulator.ledger()["charged_usd"] == pytest.approx(0.001)  # the cancelled one costs nothing


def test_files_come_as_mp3_and_flac_at_two_rates(simulator):
    kinds = set()
    for seed in range(4):
        body = {"tags": "a", "duration": 5, "seed": seed}
        result = finished(simulator, ask(simulator, f"/v1/models/{SONG}", body)[1]["request_id"])
        content_type, data = download(result)
        music = read(data)
        kinds.add((content_type, music.rate))
        assert music.seconds == pytest.approx(5.0, abs=0.06) and result["cost"] == pytest.approx(0.001)
    assert kinds == {(kind, rate) for kind in ("audio/mpeg", "audio/flac") for rate in (44_100, 48_000)}


def test_an_edit_comes_back_late_quieter_and_changed_in_its_range(simulator):
    body = {"tags": "jazz, piano", "lyrics": "[inst]", "audio": uri(), "start_time": 2.0, "end_time": 4.0, "seed": 1}
    ask(simulator, f"/v1/models/{SONG}", {"tags": "a", "duration": 5})  # so that the next is a FLAC at 48 kHz
    result = finished(simulator, ask(simulator, f"/v1/models/{INPAINT}", body)[1]["request_id"])
    back, source = read(download(result)[1]), rendering.source_in(uri(rate=48_000))
    assert back.rate == 48_000
    late = back.samples[:, DELAY_SAMPLES:]
    for a, b in ((0.5, 1.8), (4.3, 5.5)):
        span = slice(round(a * 48_000), round(b * 48_000))
        assert np.abs(late[:, span] - GAIN * source.samples[:, span]).max() < 0.01
    span = slice(round(2.3 * 48_000), round(3.7 * 48_000))
    assert np.abs(late[:, span] - GAIN * source.samples[:, span]).max() > 0.05


def test_control_over_http(simulator):
    assert ask(simulator, "/control/fault", {"step": "status", "kind": "http", "status": 418, "times": 2})[0] == 200
    request_id = ask(simulator, f"/v1/models/{SONG}", {"tags": "a", "duration": 5})[1]["request_id"]
    assert ask(simulator, f"/v1/requests/{request_id}/status")[0] == 418
    assert ask(simulator, "/control/fault", method="DELETE")[0] == 200
    assert ask(simulator, f"/v1/requests/{request_id}/status")[0] == 200
    assert len(ask(simulator, "/control/ledger")[1]["submissions"]) == 1
    assert ask(simulator, "/control/settings", {"queue_seconds": 9})[0] == 200
    assert ask(simulator, "/control/forget", {"request_id": request_id})[0] == 200
    assert ask(simulator, f"/v1/requests/{request_id}/status")[0] == 404
    assert [r["token"] for r in ask(simulator, "/control/requests")[1]["requests"]][0] is True


def test_a_serverless_deployment_takes_overrides_or_a_graph(simulator):
    base = "/prod/v1/deployments/simulated-deployment"
    for bad in ({}, [], {"workflow": {}}, {"overrides": {"1": {"seed": 1}}}, {"workflow_api_json": {"1": {}}}):
        assert ask(simulator, f"{base}/inference", bad)[0] == 422
    assert ask(simulator, "/prod/v1/deployments/other/inference", {"overrides": {}})[0] == 404
    good = {"overrides": {"1": {"inputs": {"seed": 4}}}}
    request_id = ask(simulator, f"{base}/inference", good)[1]["request_id"]
    assert ask(simulator, f"{base}/requests/{request_id}/status")[1]["status"] == "completed"
    result = ask(simulator, f"{base}/requests/{request_id}/result")[1]
    (file,) = result["outputs"]["1"]["audio"]
    with urllib.request.urlopen(file["url"]) as answer:
        assert read(answer.read()).seconds == pytest.approx(5.0)
    assert ask(simulator, f"{base}/requests/{request_id}/cancel", b"")[1]["outcome"] == "not_cancellable"


def test_it_runs_on_its_own():
    command = [sys.executable, "-m", "runcomfy_simulator", "--port", "0", "--queue-seconds", "0", "--run-seconds", "0"]
    with subprocess.Popen(command, cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = json.loads(process.stdout.readline())
            assert line["url"].startswith("http://127.0.0.1:") and line["deployment"] == "simulated-deployment"
            request = urllib.request.Request(
                f"{line['url']}/v1/models/{SONG}", headers={"Authorization": f"Bearer {line['token']}"}
            )
            with urllib.request.urlopen(request, timeout=30) as answer:
                assert json.load(answer)["price_unit"] == "second"
        finally:
            process.terminate()
        assert process.wait(10) == 0
