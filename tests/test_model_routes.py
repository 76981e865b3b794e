"""The routes about installed models and downloads: same origin, JSON, small; what they refuse, and their shapes."""

import asyncio
import json

import pytest
import small_models
from acestep_nodes.nodes.backends.local.download.downloads import Downloads
from acestep_nodes.nodes.backends.local.download.hub import Hub
from acestep_nodes.nodes.routes import local
from acestep_nodes.nodes.routes import models as models_route
from acestep_nodes.nodes.routes.same_origin import MAX_BODY_BYTES
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hub_server import HubServer
from local_models import checkpoints as made
from small_models import MEGABYTE

pytest_plugins = ["model_folders"]

PATHS = ["local", "models", "models/get", "models/pause", "models/cancel", "models/state"]


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with HubServer() as running:
        yield small_models.serve(running)


@pytest.fixture
def ask(hub, models):
    """Ask routes one after the other on a server of their own: [(status, answer), …]."""
    downloads = Downloads(lambda state: None, small_models.entries, Hub(hub.url))

    def ask(*questions, origin="same", headers=None, method="post"):
        return asyncio.run(_ask(downloads, questions, origin, headers or {}, method))

    yield ask
    hub.released.set()
    downloads.wait()


async def _ask(downloads, questions, origin, headers, method):
    app, routes = web.Application(), web.RouteTableDef()
    local.register_routes(routes)
    models_route.register_routes(routes, lambda: downloads)
    app.add_routes(routes)
    answers = []
    async with TestClient(TestServer(app)) as client:
        own = f"http://{client.server.host}:{client.server.port}"
        sent = {"Content-Type": "application/json", **headers}
        if origin is not None:
            sent["Origin"] = own if origin == "same" else origin
        for path, body in questions:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            async with client.request(method, f"/acestep/{path}", data=data, headers=sent) as answer:
                is_json = answer.content_type == "application/json"
                answers.append((answer.status, await answer.json() if is_json else await answer.text()))
    return answers


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("origin", [None, "null", "http://example.com", "http://127.0.0.1:1", "", "http://["])
def test_every_route_wants_its_own_origin(ask, hub, path, origin):
    ((status, answer),) = ask((path, {"id": "turbo"}), origin=origin)
    assert status == 403 and set(answer) == {"message", "said"}
    assert ask(("models/state", {}))[0][1]["phase"] == "idle" and hub.requests == []


@pytest.mark.parametrize("path", PATHS)
def test_only_small_json_objects_by_post_are_read(ask, path):
    for method in ("get", "put", "delete"):
        assert ask((path, {}), method=method)[0][0] == 405
    assert ask((path, {}), headers={"Content-Type": "text/plain"})[0][0] == 415
    assert ask((path, b'{"x": "' + b"y" * MAX_BODY_BYTES + b'"}'))[0][0] == 413
    for body in (b"", b"{", b"[]", b"7", b"\xff"):
        assert ask((path, body))[0][0] == 400


@pytest.mark.parametrize("entry", [None, "", 7, ["turbo"], {"a": 1}, "sft", "../turbo", "turbo\0", "TURBO"])
def test_only_what_is_offered_can_be_got(ask, hub, entry):
    ((status, answer),) = ask(("models/get", {"id": entry}))
    assert status == 400 and answer["message"].endswith("choose one of turbo, base, xl_turbo, xl_base, xl_sft, v1.")
    assert hub.requests == []


def test_looking_at_what_is_offered_asks_nobody(ask, hub):
    (_, offered), (_, state) = ask(("models", {}), ("models/state", {}))
    assert [model["id"] for model in offered["models"]] == ["turbo", "base", "xl_turbo", "xl_base", "xl_sft", "v1"]
    assert set(offered["models"][0]) == {
        "id", "title", "licence", "site", "files", "bytes", "missing_bytes", "free_bytes",
    }  # fmt: skip
    assert offered["download"] == state == {
        "id": None, "title": None, "phase": "idle", "file": None, "done_bytes": 0, "total_bytes": 0,
        "bytes_per_second": None, "message": None, "said": None,
    }  # fmt: skip
    assert hub.requests == []


def test_a_download_is_started_paused_and_cancelled(ask, hub):
    hub.hold_after(MEGABYTE)
    (_, started), (_, again), (status, other), (_, paused), (_, cancelled) = ask(
        ("models/get", {"id": "turbo"}),
        ("models/get", {"id": "turbo"}),
        ("models/get", {"id": "v1"}),
        ("models/pause", {}),
        ("models/cancel", {}),
    )
    assert (started["phase"], again["phase"], paused["phase"], cancelled["phase"]) == (
        "running", "running", "paused", "idle",
    )  # fmt: skip
    assert status == 409 and other["message"].startswith("ACE-Step 1.5 turbo is being downloaded")


def look(ask, **question):
    ((status, answer),) = ask(("local", question))
    assert status == 200 and set(answer) == {"installed", "version", "title", "name", "message", "said", "offer"}
    assert (answer["said"] is None) == (answer["message"] is None)
    return answer


def test_nothing_installed_says_what_is_missing_and_offers_it(ask):
    answer = look(ask)
    assert (answer["installed"], answer["title"], answer["name"], answer["offer"]) == (False, None, None, "turbo")
    assert answer["message"].startswith("ACE-Step 1.5 is not installed. Two ways forward: ")
    assert answer["said"]["values"]["first"]["code"] == "model_missing"
    assert look(ask, version="ace-step")["offer"] == "v1"
    assert look(ask, variant="xl_sft")["offer"] == "xl_sft"
    assert look(ask, variant="sft")["offer"] is None and look(ask, variant="sft")["message"]


def test_what_would_run_is_named(ask, models):
    made.write(models / "checkpoints" / "ace_step_v1_3.5b.safetensors", made.V1_AIO)
    assert (look(ask)["title"], look(ask)["version"]) == ("ACE-Step v1", "ace-step")
    made.write(models / "checkpoints" / "ace_step_1.5_turbo_aio.safetensors", made.V15_AIO)
    answer = look(ask)
    assert (answer["title"], answer["version"]) == ("ACE-Step 1.5 turbo", "ace-step-1.5")
    assert answer["name"] == "ACE-Step 1.5 turbo (ace_step_1.5_turbo_aio.safetensors)"
    assert look(ask, version="ace-step")["title"] == "ACE-Step v1"
    missing = look(ask, variant="base")
    assert not missing["installed"] and missing["offer"] == "base"
    assert "acestep_v1.5_base.safetensors (4.8 GB)" in missing["message"] and "qwen" not in missing["message"]


def test_connected_parts_are_not_missing(ask, models):
    assert not look(ask, connected=["model"])["installed"]
    all_connected = look(ask, connected=["model", "clip", "vae"])
    assert (all_connected["installed"], all_connected["title"], all_connected["name"]) == (True, None, None)
    made.write(models / "diffusion_models" / "acestep_v1.5_turbo.safetensors", made.V15_NETWORK)
    assert look(ask, connected=["clip", "vae"])["name"] == (
        "ACE-Step 1.5 turbo (acestep_v1.5_turbo.safetensors, connected)"
    )


def test_a_language_model_is_missed_only_where_a_song_is_planned(ask, models):
    made.write(models / "diffusion_models" / "acestep_v1.5_turbo.safetensors", made.V15_NETWORK)
    made.write(models / "text_encoders" / "qwen_0.6b_ace15.safetensors", made.TEXT_06B)
    made.write(models / "vae" / "ace_1.5_vae.safetensors", made.V15_VAE)
    for lm, installed in (("needed", False), ("if there", True), ("left out", True)):
        assert look(ask, lm=lm)["installed"] is installed
    assert not look(ask)["installed"]


@pytest.mark.parametrize(
    "question",
    [{"version": "2"}, {"version": None}, {"variant": ["turbo"]}, {"connected": "model"}, {"connected": ["audio"]},
     {"connected": [["model"]]}, {"connected": {}}, {"lm": "small"}],
)  # fmt: skip
def test_a_look_that_makes_no_sense_is_refused(ask, question):
    ((status, answer),) = ask(("local", question))
    assert status == 400 and answer["message"]
