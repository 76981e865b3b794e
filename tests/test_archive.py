"""The archive that the registry would publish: what is in it, and that it works by itself in a fresh ComfyUI."""

import sys
import urllib.parse
import zipfile
from dataclasses import replace
from pathlib import Path

import pinned
import published
import pytest
from conftest import NEWEST_VERSION
from runner import graph, server, workspace
from runner.client import Client
from runner.places import PACK_DIR

pytestmark = [pytest.mark.server, pytest.mark.slow]
# As a user who unpacks the archive by hand may call it.
FOLDER_NAME = "My-ace.step_1-0"
NODES = {"ACEStepGenerate", "ACEStepInpaint", "ACEStepOutpaint", "TimeRange", "TagBuilder"}
RUN_LIMIT_SECONDS = 240


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """The zip of what the registry would publish."""
    names = published.names()
    path = tmp_path_factory.mktemp("archive") / "node.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name in names:
            file.write(PACK_DIR / name, name)
    return path


@pytest.fixture(scope="module")
def unpacked(archive):
    """A client of a fresh server with the archive, and nothing else, in its custom_nodes."""
    tree = pinned.tree(NEWEST_VERSION)
    place = replace(workspace.self_contained({}), custom_nodes=(FOLDER_NAME,))
    try:
        with zipfile.ZipFile(archive) as file:
            file.extractall(place.folder / "custom_nodes" / FOLDER_NAME)
        running = server.start(Path(sys.executable), tree, place, ["--cpu"])
        try:
            yield Client(running.url)
        finally:
            running.stop()
    finally:
        place.remove()


def test_what_only_a_clone_needs_is_not_in_it(archive):
    names = zipfile.ZipFile(archive).namelist()
    tops = {name.split("/")[0] for name in names}
    assert {"__init__.py", "pyproject.toml", "LICENSE", "README.md", "nodes", "js", "locales", "workflows"} <= tops
    assert not tops & {"tests", "out", ".ci"}
    assert not [name for name in names if name == "workflows/run.py" or name.startswith("workflows/runner/")]
    assert zipfile.Path(archive, "workflows/01 Text to music.json").exists()


def test_it_installs_nothing_at_run_time(archive):
    with zipfile.ZipFile(archive) as file:
        code = [name for name in file.namelist() if name.endswith(".py")]
        assert len(code) > 20
        for name in code:
            text = file.read(name).decode()
            assert "import subprocess" not in text and "import pip" not in text, name


def test_the_nodes_are_there(unpacked):
    described = unpacked.get("/object_info")
    ours = {name for name, info in described.items() if FOLDER_NAME in info["python_module"]}
    assert ours == NODES


def test_web_files_and_help_are_served(unpacked, archive):
    listed = unpacked.get("/extensions")
    assert f"/extensions/{FOLDER_NAME}/acestep.js" in [urllib.parse.unquote(path) for path in listed]
    folder = urllib.parse.quote(f"/extensions/{FOLDER_NAME}")
    with zipfile.ZipFile(archive) as file:
        files = [name for name in file.namelist() if name.startswith("js/")]
        assert {f"js/docs/{node}.md" for node in NODES} <= set(files)
        for name in files:
            assert unpacked.get_bytes(f"{folder}/{name.removeprefix('js/')}") == file.read(name), name


def test_templates_and_translations_are_served(unpacked):
    assert set(unpacked.get("/workflow_templates")[FOLDER_NAME]) == {
        path.stem for path in graph.editor_graphs().values()
    }
    folder = urllib.parse.quote(f"/api/workflow_templates/{FOLDER_NAME}")
    for path in graph.editor_graphs().values():
        assert unpacked.get(f"{folder}/{urllib.parse.quote(path.name)}")["nodes"]
        picture = urllib.parse.quote(path.with_suffix(".jpg").name)
        assert unpacked.get_bytes(f"{folder}/{picture}").startswith(b"\xff\xd8")
    translated = unpacked.get("/i18n")
    assert all(set(translated[language]["nodeDefs"]) >= NODES for language in ("en", "zh"))


def test_it_makes_music(unpacked):
    _, wanted = graph.load("text_to_music")
    done = unpacked.run(graph.with_backend(wanted, "sketch"), limit_seconds=RUN_LIMIT_SECONDS)
    assert done.outputs["1"]["acestep"][0]["backend"] == "sketch" and done.outputs["2"]["audio"]
