"""The example graphs, their API twins and their pictures.

Twins and pictures come from the real front end. After changing a graph, make them anew, and look at the pictures:

    python3 tests/run.py tests/comfyui/test_workflow_files.py --update-workflows
    python3 tests/run.py tests/workflow_pictures.py
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from acestep_nodes.nodes.backends.local.catalogue import TURBO_WHOLE, V1_WHOLE
from acestep_nodes.nodes.routes import example_track
from editor import browsing, opened
from PIL import Image, ImageStat
from runner.graph import API_DIR, EXAMPLE_TRACK, editor_graphs

GRAPHS = editor_graphs()
TWINS = sorted(API_DIR.glob("*.json"))
NAMES = {
    "text_to_music", "vocal_song_1_5", "multilingual_launch", "section_repair", "rewrite_ending", "hook_to_full_track",
    "fade_out", "game_loop_bed", "background_library", "draft_then_polish", "multi_repair", "long_mix_repair",
}  # fmt: skip
PANELS = {
    "TimeRange": "waveform", "TagBuilder": "chips", "ACEStepGenerate": "status", "ACEStepInpaint": "status",
    "ACEStepOutpaint": "status",
}  # fmt: skip
FILES = {"ace-step": V1_WHOLE, "ace-step-1.5": TURBO_WHOLE}


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def twin_of(name):
    return API_DIR / f"{name}.json"


each_example = pytest.mark.parametrize("name", GRAPHS)


def test_every_pattern_has_its_graph_and_its_twin():
    assert set(GRAPHS) == {twin.stem for twin in TWINS} == NAMES


def test_the_template_browser_has_them_in_an_order_that_begins_with_the_first_step():
    """It sorts by name or not at all, so their numbers tell."""
    titles = [path.stem for path in GRAPHS.values()]
    assert titles[0] == "01 Text to music"
    assert [int(title.split()[0]) for title in titles] == list(range(1, len(titles) + 1))


@pytest.fixture(scope="module")
def editor(newest_comfyui, chromium_path):
    with browsing(chromium_path) as browser, opened(browser, newest_comfyui.url) as page:
        yield page


@pytest.mark.browser
@pytest.mark.server
@each_example
def test_the_twin_is_what_the_front_end_makes_of_the_graph(editor, name, request):
    editor.load(read(GRAPHS[name]))
    prompt = editor.prompt()
    for node in prompt.values():
        if node["class_type"] == "LoadAudio":
            # The editor marks a file that is not there as an error, a lint a name that is none.
            assert node["inputs"]["audio"] == ""
            node["inputs"]["audio"] = EXAMPLE_TRACK
    text = json.dumps(prompt, indent=2, ensure_ascii=False) + "\n"
    if request.config.getoption("--update-workflows"):
        twin_of(name).write_text(text, encoding="utf-8")
    assert twin_of(name).read_text(encoding="utf-8") == text


@pytest.mark.server
def test_no_node_is_one_that_comfyui_wants_replaced(newest_comfyui):
    described = newest_comfyui.client.get("/object_info")
    used = {node["class_type"] for twin in TWINS for node in read(twin).values()}
    assert not [name for name in sorted(used) if described[name].get("deprecated")]


@pytest.mark.server
def test_a_lint_has_nothing_against_the_twins(newest_comfyui):
    assert f"{example_track.STEM}.flac" == EXAMPLE_TRACK
    (newest_comfyui.input / EXAMPLE_TRACK).touch()
    lint = [Path(sys.executable).with_name("comfy-lint"), "--strict", "--server", newest_comfyui.url, *TWINS]
    done = subprocess.run(lint, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


@each_example
def test_a_graph_is_complete(name):
    graph = read(GRAPHS[name])
    nodes = {node["id"]: node for node in graph["nodes"]}
    notes = [node for node in nodes.values() if node["type"] == "MarkdownNote"]
    assert len(notes) == 1 and len(notes[0]["widgets_values"][0]) > 200
    for _, source, output, target, slot, kind in graph["links"]:
        assert nodes[source]["outputs"][output]["type"] == kind == nodes[target]["inputs"][slot]["type"]
    rendering = [node for node in nodes.values() if node["type"].startswith("ACEStep")]
    assert rendering and all(node["outputs"][0]["links"] for node in rendering)


@each_example
def test_a_graph_is_an_app(name):
    """Its rows are widgets that nothing feeds; it shows what to hear, and opens as a graph all the same."""
    graph = read(GRAPHS[name])
    app = graph["extra"]["linearData"]
    labels = []
    for node_id, row in app["inputs"]:
        (node,) = [node for node in graph["nodes"] if str(node["id"]) == node_id]
        if row != PANELS.get(node["type"]):
            (own,) = [item for item in node["inputs"] if item.get("widget", {}).get("name") == row]
            assert own["link"] is None
            labels.append(own.get("label", row))
    assert len(set(labels)) == len(labels)  # of several nodes that render, each has its own
    rows = [tuple(row) for row in app["inputs"]]
    assert len(set(rows)) == len(rows)
    panels = {(str(node["id"]), PANELS[node["type"]]) for node in graph["nodes"] if node["type"] in PANELS}
    assert panels <= set(rows)
    saving = [str(node["id"]) for node in graph["nodes"] if node["type"] == "SaveAudioAdvanced"]
    assert app["outputs"] == saving and graph["extra"]["linearMode"] is False


@each_example
def test_a_graph_for_one_version_names_its_file_as_the_node_does(name):
    """So that front ends that read a graph's list offer the file that the node's own message asks for."""
    content = read(GRAPHS[name])
    versions = {node["inputs"]["version"] for node in read(twin_of(name)).values() if "version" in node["inputs"]} - {
        "auto"
    }
    assert {model["name"]: model["directory"] for model in content.get("models", [])} == {
        FILES[version].name: FILES[version].folder for version in versions
    }
    assert {model["url"] for model in content.get("models", [])} == {FILES[version].url for version in versions}


@each_example
def test_a_graph_has_its_picture_for_a_tile(name):
    path = GRAPHS[name].with_suffix(".jpg")
    with Image.open(path) as picture:
        assert picture.format == "JPEG" and picture.width == picture.height >= 500
        assert ImageStat.Stat(picture.convert("L")).mean[0] > 150  # bright, unlike a whole graph
    assert path.stat().st_size < 100_000
