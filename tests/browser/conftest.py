"""Each front end and renderer in turn, opened once for all tests of this folder.

Not for longer: while Playwright's synchronous interface is open, asyncio cannot run in the same thread, and other
tests need it.
"""

import pytest
from conftest import NEWEST_VERSION
from editor import browsing
from playwright.sync_api import expect

from browser.canvas import MUSIC, STAGES, WAIT_MS, Canvas, Stage, editing

expect.set_options(timeout=WAIT_MS)


def pytest_collection_modifyitems(config, items):
    """What a test marked with one renderer does costs half a minute or more, and is the same in the other one; one that
    is marked with ``newest`` asks what older front ends did wrong themselves."""
    config.hook.pytest_deselected(items=[item for item in items if not _in_its_renderer(item)])
    items[:] = filter(_in_its_renderer, items)


def _in_its_renderer(item) -> bool:
    marker = item.get_closest_marker("renderer")
    if marker is None:
        return True
    stage = item.callspec.params["stage"]
    return marker.args[0] == stage.renderer and bool(stage.frontend or not marker.kwargs.get("newest"))


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


@pytest.fixture(scope="package")
def hub():
    """What a newcomer's server downloads models from: small ones in the place of the real."""
    import small_models
    from hub_server import HubServer

    with HubServer() as running:
        yield small_models.serve(running)


@pytest.fixture(scope="package")
def newcomers_comfyui(comfyui_servers, signed_out, hub):
    """A server without models, account and tracks."""
    import small_models

    environment = {"RUNCOMFY_CONFIG_DIR": str(signed_out), **small_models.environment(hub)}
    comfyui = comfyui_servers.start(NEWEST_VERSION, environment=environment)
    small_models.put_into(comfyui.url)
    return comfyui


@pytest.fixture(scope="package", params=[False, True], ids=["litegraph", "nodes2"])
def newcomers_stage(request):
    return Stage(NEWEST_VERSION, None, request.param)


@pytest.fixture(scope="package")
def newcomers_editor(newcomers_stage, newcomers_comfyui, browser):
    with editing(newcomers_comfyui, browser, newcomers_stage) as editor:
        yield editor


@pytest.fixture
def newcomer(newcomers_editor, newcomers_comfyui):
    """The open editor of somebody who has no track."""
    for ending in ("*.wav", "*.mp3", "*.flac", "*.ogg"):
        for file in newcomers_comfyui.input.glob(ending):
            file.unlink()
    canvas = Canvas(newcomers_editor)
    canvas.page.evaluate("window.dispatchEvent(new Event('focus'))")  # as when its user comes back from elsewhere
    canvas.take_errors()
    yield canvas
    assert canvas.take_errors() == []
