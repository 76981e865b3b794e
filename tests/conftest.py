"""Fixtures: the pack without ComfyUI, ComfyUI's modules in this process, and real ComfyUI servers."""

import contextlib
import gc
import os
import sys
import types
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples on every run: a rare one found by chance would stop somebody else's work.
settings.register_profile("fixed", derandomize=True, deadline=None)
settings.load_profile("fixed")

ROOT = Path(__file__).resolve().parents[1]

# The pack under a name of its own, without running its __init__.py: `from acestep_nodes.nodes.audio…` works
# where there is no ComfyUI.
pack = types.ModuleType("acestep_nodes")
pack.__path__ = [str(ROOT)]
sys.modules["acestep_nodes"] = pack

sys.path.insert(0, str(ROOT / "workflows"))  # the runner

SUPPORTED_VERSIONS = "0.26.0,0.30.0"
NEWEST_VERSION = "0.30.0"


def pytest_addoption(parser):
    parser.addoption(
        "--comfyui-versions",
        default=SUPPORTED_VERSIONS,
        help="ComfyUI versions that the `comfyui` fixture runs on, separated by commas; "
        'each may be followed by flags of its server: "0.26.0,0.30.0 --cache-classic"',
    )
    parser.addoption("--update-workflows", action="store_true", help="make the API twins of the example graphs anew")


def pytest_generate_tests(metafunc):
    if "comfyui_version" in metafunc.fixturenames:
        versions = metafunc.config.getoption("--comfyui-versions").split(",")
        metafunc.parametrize("comfyui_version", versions, scope="session")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With several test processes a file stays in one, and a folder does, so that what they start is shared."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = nodeid.split("::")[0]
            return file.rpartition("/")[0] or file

    return ByFolder(config, log)


@pytest.fixture(scope="session")
def comfyui_servers():
    """Starts servers on demand: `comfyui_servers.get("0.30.0", "--cache-classic")`; ends them with the session."""
    from comfyui_server import Servers

    with contextlib.ExitStack() as cleanup:
        yield Servers(cleanup)


@pytest.fixture
def comfyui(comfyui_servers, comfyui_version):
    """A real server of each supported version in turn."""
    return comfyui_servers.get(*comfyui_version.split())


@pytest.fixture(scope="session")
def newest_comfyui(comfyui_servers):
    """A real server of the newest version only, for what does not depend on the version."""
    return comfyui_servers.get(NEWEST_VERSION)


@pytest.fixture(scope="session")
def comfy_path():
    """ComfyUI's modules (comfy, folder_paths, nodes …) importable in this process, on the CPU; the tree's path."""
    import pinned
    from runner.torch_builds import declare_torchvision_operators

    tree = pinned.tree(NEWEST_VERSION)
    declare_torchvision_operators()
    sys.path.insert(0, str(tree))
    from comfy.cli_args import args

    args.cpu = True
    import comfy.sd  # noqa: F401

    # ComfyUI collects garbage with each model that it loads; what these imports left is none.
    gc.collect()
    gc.freeze()
    return tree


@pytest.fixture(scope="session")
def example_music():
    """The three real pieces that come with ComfyUI's templates: paths of MP3s, 44.1 kHz stereo, about 30 s."""
    from runner import sound

    files = sorted(sound.example().parent.glob("api_stability_ai_*.mp3"))
    assert len(files) == 3, f"ComfyUI's templates hold {len(files)} of the three MP3s"
    return files


@pytest.fixture(scope="session")
def chromium_path():
    """Path of a Chromium for browser tests; where there is none they fail in CI and are skipped elsewhere."""
    import chromium

    try:
        return chromium.ensure()
    except chromium.NoChromium as reason:
        if os.environ.get("CI", "").lower() in ("1", "true"):
            pytest.fail(str(reason))
        pytest.skip(str(reason))
