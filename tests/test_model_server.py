"""Getting a model through the real ComfyUI server: two pages at once, and a server that is killed in between."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import aiohttp
import pinned
import pytest
import small_models
from comfyui_server import PACK_FOLDER_NAME, PROBE_FOLDER_NAME, RUN_LIMIT_SECONDS
from conftest import NEWEST_VERSION
from hub_server import HubServer
from runcomfy_runs import wait_until
from runner import server, workspace
from runner.client import Client
from runner.places import PACK_DIR
from small_models import LARGE, MEGABYTE

pytestmark = pytest.mark.server
CHUNK = 10 * MEGABYTE  # what huggingface_hub hands on at a time
TURBO = "ace_step_1.5_turbo_aio.safetensors"


@pytest.fixture
def hub():
    with HubServer() as running:
        yield small_models.serve(running)


@pytest.fixture
def place():
    """A workspace without models, and what starts a server in it."""
    scratch = workspace.self_contained(
        {PACK_FOLDER_NAME: PACK_DIR, PROBE_FOLDER_NAME: Path(__file__).with_name("probe_nodes")}
    )
    yield scratch
    scratch.remove()


def started(place, hub):
    running = server.start(
        Path(sys.executable), pinned.tree(NEWEST_VERSION), place, ["--cpu"], environment=small_models.environment(hub)
    )
    small_models.put_into(running.url)
    return running


class Page:
    """What a browser's page does: asks with its origin, and hears events."""

    def __init__(self, session, url):
        self._session, self._url = session, url

    async def ask(self, route, **question):
        async with self._session.post(
            f"{self._url}/acestep/{route}", json=question, headers={"Origin": self._url}
        ) as answer:
            return answer.status, await answer.json()

    async def open(self, name):
        self._socket = await self._session.ws_connect(f"{self._url}/ws?clientId={name}")
        return self

    async def hears(self, phase):
        """The states until one of ``phase``, that one included."""
        states = []
        async for message in self._socket:
            event = message.json() if message.type is aiohttp.WSMsgType.TEXT else {}
            if event.get("type") == "acestep.download":
                states.append(event["data"])
                if event["data"]["phase"] == phase:
                    return states
        raise AssertionError(states)


def with_pages(url, visit):
    """Two pages of the server, given to ``visit``."""

    async def main():
        async with aiohttp.ClientSession() as session:
            pages = [await Page(session, url).open(name) for name in ("one", "two")]
            await asyncio.wait_for(visit(*pages), RUN_LIMIT_SECONDS)

    asyncio.run(main())


def test_two_pages_that_click_at_once_get_one_download_and_both_see_it(place, hub):
    running = started(place, hub)

    async def visit(one, two):
        _, before = await one.ask("local")
        assert not before["installed"] and before["offer"] == "turbo"
        assert str(place.models / "checkpoints") in before["message"]
        hub.hold_after(MEGABYTE)
        (_, first), (_, second) = await asyncio.gather(
            one.ask("models/get", id="turbo"), two.ask("models/get", id="turbo")
        )
        assert first["phase"] == second["phase"] == "running"
        status, answer = await two.ask("models/get", id="v1")
        assert status == 409 and "being downloaded" in answer["message"]
        hub.released.set()
        for states in await asyncio.gather(one.hears("done"), two.hears("done")):
            assert [state["phase"] for state in states[-2:]] == ["checking", "done"]
            assert states[-1]["done_bytes"] == states[-1]["total_bytes"] == LARGE
        _, after = await two.ask("local")
        assert after["installed"] and after["name"] == f"ACE-Step 1.5 turbo ({TURBO})"

    try:
        with_pages(running.url, visit)
        assert Client(running.url).get("/models/checkpoints") == [TURBO]
    finally:
        running.stop()
    assert hub.sent() == LARGE and len([asked for asked in hub.requests if asked.where == "cdn"]) == 1
    assert [path.name for path in (place.models / "checkpoints").iterdir()] == [TURBO]


def test_a_server_that_is_killed_goes_on_after_its_restart(place, hub):
    running = started(place, hub)
    folder = place.models / "checkpoints"

    async def click(one, two):
        await one.ask("models/get", id="turbo")

    try:
        hub.hold_after(CHUNK + MEGABYTE)
        with_pages(running.url, click)
        wait_until(lambda: sum(path.stat().st_size for path in folder.glob("*.part")) == CHUNK)
        os.kill(running.process.pid, signal.SIGKILL)
        running.process.wait()
    finally:
        running.stop()
    hub.released.set()
    assert not (folder / TURBO).exists()
    before = len(hub.requests)
    running = started(place, hub)

    async def go_on(one, two):
        _, state = await one.ask("models/state")
        assert (state["phase"], state["id"], state["done_bytes"]) == ("paused", "turbo", CHUNK)
        assert len(hub.requests) == before  # nothing goes on by itself
        await two.ask("models/get", id="turbo")
        assert (await one.hears("done"))[-1]["message"] == "ACE-Step 1.5 turbo is installed."

    try:
        with_pages(running.url, go_on)
    finally:
        running.stop()
    (asked,) = [asked for asked in hub.requests[before:] if asked.where == "cdn"]
    assert asked.range == f"bytes={CHUNK}-" and asked.sent == LARGE - CHUNK
    wanted = next(file for file in small_models.files() if file.name == TURBO)
    assert (folder / TURBO).read_bytes() == small_models.content_of(wanted)
