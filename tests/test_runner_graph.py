"""Applying a command line to an API graph: the right node changes, nothing else does."""

import copy

import pytest
from acestep_nodes.nodes import errors as pack_errors
from acestep_nodes.nodes.backends.runcomfy import errors as runcomfy_errors
from acestep_nodes.nodes.backends.runcomfy import following
from runner import errors, graph
from runner.graph import Setting

GRAPH = {
    "1": {"class_type": "LoadAudio", "inputs": {"audio": "a.mp3"}, "_meta": {"title": "My song"}},
    "2": {"class_type": "TimeRange", "inputs": {"audio": ["1", 0], "start_time": 1.0}},
    "3": {"class_type": "ACEStepInpaint", "inputs": {"audio": ["1", 0], "time_range": ["2", 0], "backend": "auto"}},
    "4": {"class_type": "ACEStepOutpaint", "inputs": {"audio": ["3", 0], "backend": "runcomfy"}},
    "5": {"class_type": "SaveAudio", "inputs": {"audio": ["4", 0]}},
}


@pytest.fixture(autouse=True)
def unchanged():
    before = copy.deepcopy(GRAPH)
    yield
    assert before == GRAPH


@pytest.mark.parametrize(
    "text, setting",
    [
        ("3.seed=7", Setting("3", "seed", 7)),
        ("My song.audio=b.mp3", Setting("My song", "audio", "b.mp3")),
        ("A.B.tags=pop, 120 BPM", Setting("A.B", "tags", "pop, 120 BPM")),
        ("3.tags=a=b", Setting("3", "tags", "a=b")),
        ('3.audio=["1", 0]', Setting("3", "audio", ["1", 0])),
        ("3.lyrics=", Setting("3", "lyrics", "")),
        ('3.lyrics="7"', Setting("3", "lyrics", "7")),
    ],
)
def test_parse_setting(text, setting):
    assert graph.parse_setting(text) == setting


@pytest.mark.parametrize("name, node_id", [("3", "3"), ("My song", "1"), ("LoadAudio", "1"), ("TimeRange", "2")])
def test_a_node_is_found_by_id_title_and_class(name, node_id):
    changed = graph.with_setting(GRAPH, Setting(name, "start_time", 4.5))
    assert changed[node_id]["inputs"]["start_time"] == 4.5
    assert {other: changed[other] for other in changed if other != node_id} == {
        other: GRAPH[other] for other in GRAPH if other != node_id
    }


def test_unknown_input_lists_the_inputs_of_the_node():
    info = {"input": {"required": {"start_time": []}, "optional": {"bpm": []}}}
    graph.check_input_exists(GRAPH, Setting("TimeRange", "bpm", 120), info)
    with pytest.raises(errors.Refused, match="TimeRange has no input “start”.*start_time, bpm"):
        graph.check_input_exists(GRAPH, Setting("TimeRange", "start", 1), info)


def test_backend_on_every_rendering_node_or_only_on_undecided_ones():
    assert graph.backends(GRAPH) == {"auto", "runcomfy"}
    assert graph.backends(graph.with_backend(GRAPH, "local")) == {"local"}
    undecided = graph.with_backend(GRAPH, "sketch", replacing=("auto",))
    assert [undecided[node_id]["inputs"]["backend"] for node_id in "34"] == ["sketch", "runcomfy"]


def test_a_backend_over_a_link_is_known_only_when_it_runs_and_may_pay():
    linked = copy.deepcopy(GRAPH)
    linked["3"]["inputs"]["backend"] = ["9", 0]
    assert graph.backends(linked) == {graph.LINKED, "runcomfy"}
    assert graph.paying_nodes(linked) == ["3", "4"] and graph.paying_nodes(GRAPH) == ["4"]
    assert graph.backends(graph.with_backend(linked, "sketch", replacing=("auto",))) == {graph.LINKED, "runcomfy"}
    # Who names a backend for every node means that one too.
    assert graph.backends(graph.with_backend(linked, "sketch")) == {"sketch"}


def test_audio_goes_to_every_load_node():
    assert graph.with_audio(GRAPH, "b.wav")["1"]["inputs"] == {"audio": "b.wav"}


def test_upstream_is_nearest_first():
    assert graph.upstream(GRAPH, "5") == ["4", "3", "1", "2"]


def family(base):
    for child in base.__subclasses__():
        yield child
        yield from family(child)


def test_exit_codes_are_those_of_the_packs_exceptions():
    assert runcomfy_errors.RunComfyError in family(pack_errors.ACEStepError)
    modules = (pack_errors.__name__, runcomfy_errors.__name__, following.__name__)
    codes = {
        child.__name__: child.exit_code
        for child in family(pack_errors.ACEStepError)
        if child.__module__ in modules and child is not runcomfy_errors.RunComfyError
    }
    table = {name: code for name, code in errors.EXIT_CODE_OF_EXCEPTION.items() if name != "ExecutionBlocked"}
    assert table == codes


def test_exit_code_of_a_class_named_by_the_server():
    assert errors.exit_code_of("custom_nodes.some_folder.nodes.errors.InputError") == 64
    assert errors.exit_code_of("BackendUnavailable") == 69
    assert errors.exit_code_of("builtins.ValueError") == 1
