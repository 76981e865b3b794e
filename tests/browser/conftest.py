"""Each front end and renderer in turn, opened once for all tests of this folder.

Not for longer: while Playwright's synchronous interface is open, asyncio cannot run in the same thread, and other
tests need it.
"""

import pytest
from editor import browsing

from browser.canvas import MUSIC, STAGES, Canvas, editing


@pytest.fixture(scope="package")
def simulator():
    from runcomfy_simulator import Simulator, rendering

    with Simulator(queue_seconds=0.6, run_seconds=0.6, compose=rendering.tone) as running:
        yield running


@pytest.fixture(scope="package")
def signed_out(tmp_path_factory):
    """A folder for RunComfy's command line in which nobody has signed in."""
    return tmp_path_factory.mktemp("config")


@pytest.fixture(scope="package", params=STAGES, ids=str)
def stage(request):
    return request.param


@pytest.fixture(scope="package")
def server(stage, comfyui_servers, simulator, signed_out, example_music):
    environment = {"ACESTEP_RUNCOMFY_BASE_URL": simulator.url, "RUNCOMFY_CONFIG_DIR": str(signed_out)}
    comfyui = comfyui_servers.get(stage.comfyui, *stage.flags, environment=environment)
    (comfyui.input / MUSIC).write_bytes(example_music[0].read_bytes())
    return comfyui


@pytest.fixture(scope="package")
def browser(chromium_path):
    with browsing(chromium_path) as running:
        yield running


@pytest.fixture(scope="package")
def editor(stage, server, browser):
    with editing(server, browser, stage) as opened:
        yield opened


@pytest.fixture
def canvas(editor):
    canvas = Canvas(editor)
    canvas.take_errors()
    yield canvas
    assert canvas.take_errors() == []
