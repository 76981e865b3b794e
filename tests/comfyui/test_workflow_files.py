"""The example graphs, their API twins and their pictures.

Twins and pictures come from the real front end. After changing a graph, make them anew and look at the pictures:

    python3 tests/run.py tests/comfyui/test_workflow_files.py --update-workflows
"""

import json
from pathlib import Path

import pytest
from acestep_nodes.nodes.backends.local import missing
from browser.canvas import MUSIC, workflow
from editor import browsing, opened

WORKFLOWS = Path(__file__).resolve().parents[2] / "workflows"
GRAPHS = sorted(WORKFLOWS.glob("*.json"))
NAMES = {
    "text_to_music", "vocal_song_1_5", "multilingual_launch", "section_repair", "rewrite_ending", "hook_to_full_track",
    "fade_out", "game_loop_bed", "background_library", "draft_then_polish", "multi_repair", "long_mix_repair",
}  # fmt: skip
# Nothing but the graph: for the pictures.
BARE = {
    "Comfy.Minimap.Visible": False,
    "Comfy.Graph.CanvasInfo": False,
    "Comfy.Graph.CanvasMenu": False,
    "Comfy.NodeBadge.NodeSourceBadgeMode": "None",
    "Comfy.NodeBadge.NodeLifeCycleBadgeMode": "None",
}
FILES = {"ace-step": missing._V1_AIO, "ace-step-1.5": missing._TURBO_AIO}
PANELS = "Workspace.ToggleFocusMode"


def read(graph):
    return json.loads(graph.read_text(encoding="utf-8"))


def test_every_pattern_has_its_graph():
    assert {graph.stem for graph in GRAPHS} == NAMES


@pytest.fixture(scope="module")
def editor(newest_comfyui, chromium_path, example_music):
    (newest_comfyui.input / MUSIC).write_bytes(example_music[0].read_bytes())
    with browsing(chromium_path) as browser, opened(browser, newest_comfyui.url, **BARE) as page:
        page.page.evaluate(f"app.extensionManager.command.execute('{PANELS}')")
        yield page


def draw(editor, graph):
    """The picture of a graph, with music in it where it loads some."""
    editor.load(workflow(graph.stem))
    editor.page.wait_for_timeout(3000)  # for waveforms to be decoded; a picture is no assertion
    editor.picture(graph.with_suffix(".jpg"))


@pytest.mark.browser
@pytest.mark.server
@pytest.mark.parametrize("graph", GRAPHS, ids=lambda path: path.stem)
def test_the_twin_is_what_the_front_end_makes_of_the_graph(editor, graph, request):
    editor.load(read(graph))
    twin = WORKFLOWS / "api" / graph.name
    text = json.dumps(editor.prompt(), indent=2, ensure_ascii=False) + "\n"
    if request.config.getoption("--update-workflows"):
        twin.write_text(text, encoding="utf-8")
        draw(editor, graph)
    assert twin.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda path: path.stem)
def test_a_graph_is_complete(graph):
    nodes = {node["id"]: node for node in read(graph)["nodes"]}
    notes = [node for node in nodes.values() if node["type"] == "MarkdownNote"]
    assert len(notes) == 1 and len(notes[0]["widgets_values"][0]) > 200
    for _, source, output, target, slot, kind in read(graph)["links"]:
        assert nodes[source]["outputs"][output]["type"] == kind == nodes[target]["inputs"][slot]["type"]
    rendering = [node for node in nodes.values() if node["type"].startswith("ACEStep")]
    assert rendering and all(node["outputs"][0]["links"] for node in rendering)


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda path: path.stem)
def test_a_graph_for_one_version_names_its_file_as_the_node_does(graph):
    """So that front ends that read a graph's list offer the file that the node's own message asks for."""
    content = read(graph)
    twin = json.loads((WORKFLOWS / "api" / graph.name).read_text(encoding="utf-8"))
    versions = {node["inputs"]["version"] for node in twin.values() if "version" in node["inputs"]} - {"auto"}
    assert {model["name"]: model["directory"] for model in content.get("models", [])} == {
        FILES[version][0]: FILES[version][2] for version in versions
    }
    for model in content.get("models", []):
        assert model["url"].startswith("https://") and model["url"].endswith("/" + model["name"])


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda path: path.stem)
def test_a_graph_has_its_picture(graph):
    picture = graph.with_suffix(".jpg")
    assert picture.read_bytes()[:3] == b"\xff\xd8\xff"
    assert picture.stat().st_size < 300_000
