"""The account's routes: same origin, JSON, small, and never a token in an answer."""

import asyncio
import json
import stat
import time
from dataclasses import replace

import pytest
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.place import Place
from acestep_nodes.nodes.backends.runcomfy.queued import Queued
from acestep_nodes.nodes.routes.account import register_routes
from acestep_nodes.nodes.routes.same_origin import MAX_BODY_BYTES
from acestep_nodes.nodes.words.remarks import remark
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from runcomfy_runs import IMPATIENT, generate, place_for, song, without_codes
from runcomfy_simulator import Simulator, rendering

PATHS = [
    "account", "account/token", "account/clear", "account/check", "account/ceiling", "price", "journal",
    "journal/runs", "journal/strike",
]  # fmt: skip


@pytest.fixture
def simulator():
    with Simulator(compose=rendering.tone) as running:
        yield running


@pytest.fixture
def place(simulator, tmp_path):
    """Without a token, and talking to the simulator."""
    return Place(tmp_path / "acestep", simulator.url, {"HOME": str(tmp_path)}, IMPATIENT)


def check_words(answer) -> None:
    """Whatever an answer says in words has codes, and they say the same."""
    if isinstance(answer, dict) and answer.keys() & {"message", "problem"}:
        sentence, said = answer.get("message", answer.get("problem")), answer["said"]
        assert (said is None) == (sentence is None)
        assert said is None or (without_codes(said) == [] and sentence_of(said) == sentence)


def sentence_of(said: dict) -> str:
    values = said["values"].items()
    return remark(said["code"], **{k: sentence_of(v) if isinstance(v, dict) else v for k, v in values}).sentence()


def ask(place, *questions, origin="same", headers=None, method="post"):
    """Ask routes one after the other on a server of their own: [(status, answer), …]."""

    async def main():
        app, routes = web.Application(), web.RouteTableDef()
        register_routes(routes, lambda: place)
        app.add_routes(routes)
        answers = []
        async with TestClient(TestServer(app)) as client:
            own = f"http://{client.server.host}:{client.server.port}"
            sent = dict(headers or {})
            if origin is not None:
                sent["Origin"] = own if origin == "same" else origin
            for path, body in questions:
                data = body if isinstance(body, bytes) else json.dumps(body).encode()
                more = {"Content-Type": "application/json"} | sent
                async with client.request(method, f"/acestep/{path}", data=data, headers=more) as answer:
                    is_json = answer.content_type == "application/json"
                    answers.append((answer.status, await answer.json() if is_json else await answer.text()))
        for _, answer in answers:
            check_words(answer)
        return answers

    return asyncio.run(main())


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "origin", [None, "null", "http://example.com", "http://127.0.0.1:1", "", "http://[", "http://a]b["]
)
def test_every_route_wants_its_own_origin(place, path, origin):
    ((status, answer),) = ask(place, (path, {}), origin=origin)
    assert status == 403 and answer["said"]["code"] in ("not_own_page", "unknown_page")
    assert set(answer) == {"message", "said"}
    assert not place.directory.exists()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_nothing_answers_to_another_method(place, path, method):
    ((status, _),) = ask(place, (path, {}), method=method)
    assert status == 405


@pytest.mark.parametrize("path", PATHS)
def test_only_small_json_objects_are_read(place, path):
    assert ask(place, (path, {}), headers={"Content-Type": "text/plain"})[0][0] == 415
    assert ask(place, (path, b'{"x": "' + b"y" * MAX_BODY_BYTES + b'"}'))[0][0] == 413
    for body in (b"", b"{", b"[]", b"7", b"\xff", b"[" * 10_000):
        assert ask(place, (path, body))[0][0] == 400


def test_a_token_is_saved_checked_and_cleared_and_never_comes_back(simulator, place):
    token = simulator.token
    answers = ask(
        place,
        ("account", {}),
        ("account/check", {}),
        ("account/token", {"token": f"  {token}\n"}),
        ("account", {}),
        ("account/check", {}),
        ("price", {"task": "generate"}),
        ("journal", {}),
        ("account/clear", {}),
    )
    assert all(status == 200 for status, _ in answers)
    assert token not in json.dumps(answers)
    states = [answer for _, answer in answers]
    assert (states[0]["configured"], states[0]["source"], states[0]["test_server"]) == (False, None, simulator.url)
    assert states[1]["ok"] is False
    assert (states[2]["configured"], states[2]["source"], states[2]["saved"]) == (True, "saved in ComfyUI", True)
    assert states[3] == states[2] and states[4]["ok"] is True
    assert (states[7]["configured"], states[7]["saved"]) == (False, False)
    assert simulator.paid == 0


def test_the_saved_token_is_private(place):
    ask(place, ("account/token", {"token": "abc"}))
    assert stat.S_IMODE((place.directory / "token").stat().st_mode) == 0o600


@pytest.mark.parametrize("body", [{}, {"token": 7}, {"token": ""}, {"token": "two words"}, {"token": None}])
def test_a_malformed_token_is_refused(place, body):
    ((status, answer),) = ask(place, ("account/token", body))
    assert status == 400 and "token" in answer["message"] and "two words" not in answer["message"]
    assert not (place.directory / "token").exists()


def test_a_rejected_token_is_said_to_be(simulator, place):
    answers = ask(place, ("account/token", {"token": "wrong"}), ("account/check", {}))
    assert answers[1][1]["ok"] is False and "rejected" in answers[1][1]["message"]


def test_the_ceiling_is_set_within_its_range(place):
    answers = ask(place, ("account/ceiling", {"ceiling_usd": 5}), ("account", {}))
    assert answers[1][1]["ceiling_usd"] == 5.0
    for bad in (-1, 1000.01, "5", None, True, [1]):
        assert ask(place, ("account/ceiling", {"ceiling_usd": bad}))[0][0] == 400
    assert ask(place, ("account", {}))[0][1]["ceiling_usd"] == 5.0


def test_a_damaged_account_is_a_problem_and_can_be_mended(place):
    place.directory.mkdir()
    (place.directory / "settings.json").write_text("{")
    answers = ask(place, ("account", {}), ("account/ceiling", {"ceiling_usd": 1}), ("account", {}))
    assert "ceiling" in answers[0][1]["problem"] and answers[0][1]["ceiling_usd"] is None
    assert answers[2][1]["problem"] is None and answers[2][1]["ceiling_usd"] == 1.0


def test_the_price_is_the_list_price_until_there_is_a_token(simulator, place):
    (_, shown), (_, of_15) = ask(
        place, ("price", {"task": "inpaint"}), ("price", {"task": "generate", "version": "ace-step-1.5"})
    )
    assert shown == {
        "model": "acestep-ai/ace-step/audio-inpaint", "usd": 0.0002, "unit": "second", "live": False,
        "words": "$0.0002 per second of audio (list price)", "message": None, "said": None,
    }  # fmt: skip
    assert of_15["usd"] == 0.0003 and simulator.requests == []


def test_the_live_price_is_asked_for_once_a_minute(simulator, tmp_path):
    simulator.service.prices["acestep-ai/ace-step/text-to-audio"] = 0.0005
    place = place_for(simulator, tmp_path)
    answers = ask(place, *[("price", {"task": "generate"})] * 3)
    assert all(answer["live"] and answer["usd"] == 0.0005 for _, answer in answers)
    assert len(simulator.requests) == 1


def test_a_price_that_cannot_be_had_is_marked(simulator, tmp_path):
    simulator.fault("catalogue", "http", times=100, status=403)
    ((status, answer),) = ask(place_for(simulator, tmp_path), ("price", {"task": "generate"}))
    assert status == 200 and not answer["live"] and "rejected" in answer["message"]


@pytest.mark.parametrize(
    "body", [{}, {"task": "sing"}, {"task": "generate", "version": "2"}, {"task": "inpaint", "version": "ace-step-1.5"}]
)
def test_a_price_of_nothing_is_refused(place, body):
    assert ask(place, ("price", body))[0][0] == 400


def test_the_journal_lists_requests_and_strikes_them_off(simulator, tmp_path):
    place = place_for(simulator, tmp_path)
    generate(place, song(seed=1))
    simulator.fault("submit", "drop_after")
    generate(place, song(seed=2, tags="secret tag"))
    ((_, answer),) = ask(place, ("journal", {}))
    newest, oldest = answer["requests"]
    assert (newest["state"], newest["open"], newest["resumable"], newest["seed"]) == ("unknown", True, False, 2)
    assert (oldest["state"], oldest["open"], oldest["resumable"]) == ("delivered", False, True)
    assert oldest["node"] == "ACEStepGenerate" and oldest["cost_usd"] == pytest.approx(0.001)
    assert "secret" not in json.dumps(answer) and simulator.token not in json.dumps(answer)
    answers = ask(place, ("journal/strike", {"keys": [newest["key"]]}), ("journal", {}))
    assert answers[0][1] == {"struck": 1} and not answers[1][1]["requests"][0]["open"]
    for bad in ({}, {"keys": "x"}, {"keys": [1]}):
        assert ask(place, ("journal/strike", bad))[0][0] == 400


def test_the_journal_tells_the_last_run_of_a_workflows_nodes(simulator, tmp_path):
    place = place_for(simulator, tmp_path)
    generate(place, song(seed=1), queued=Queued("p", time.time(), "3:7", "w"))
    (job,) = simulator.service.jobs()
    of_it, of_others = ask(place, ("journal/runs", {"workflow": "w"}), ("journal/runs", {"workflow": "v"}))
    run = of_it[1]["runs"]["3:7"]
    assert (run["node"], run["seed"], run["ids"], run["resumable"]) == (
        "ACEStepGenerate", 1, [job.request_id], [job.request_id],
    )  # fmt: skip
    assert [said["code"] for said in run["said"]] == ["run_cost", "run_delivered", "run_resume"]
    for environment in ({"RUNCOMFY_API_TOKEN": "another-token"}, {"HOME": str(tmp_path)}):
        ((_, answer),) = ask(replace(place, environment=environment), ("journal/runs", {"workflow": "w"}))
        codes = [said["code"] for said in answer["runs"]["3:7"]["said"]]
        assert codes == ["run_cost", "run_delivered", "run_other_token", "run_resume_other_token"]
    assert of_others == (200, {"runs": {}}) and simulator.token not in json.dumps(of_it[1])
    for bad in ({}, {"workflow": None}, {"workflow": ["w"]}):
        assert ask(place, ("journal/runs", bad))[0][0] == 400


def test_a_damaged_journal_is_an_error_and_not_an_empty_list(simulator, tmp_path):
    place = place_for(simulator, tmp_path)
    Journal(place).read()
    (tmp_path / "journal.json").write_text("{")
    ((status, answer),) = ask(place, ("journal", {}))
    assert status == 400 and "cannot be read" in answer["message"]


def test_a_journal_that_vanished_is_a_problem(simulator, tmp_path):
    place = place_for(simulator, tmp_path)
    generate(place)
    (tmp_path / "journal.json").unlink()
    ((status, answer),) = ask(place, ("journal", {}))
    assert status == 200 and "resume_request_id still fetches" in answer["problem"] and answer["requests"] == []
    assert answer["said"]["code"] == "journal_vanished_with_ids"


def test_a_folder_that_cannot_be_used_is_a_sentence(simulator, tmp_path):
    (tmp_path / "file").write_text("in the way")
    ((status, answer),) = ask(place_for(simulator, tmp_path / "file"), ("account/token", {"token": "abc"}))
    assert status == 500 and "cannot be used" in answer["message"]
