"""Jobs as graphs: what identifies one, where its sound comes from, and what is refused before anything runs."""

import json

import pytest
from runner import graph
from runner.errors import Refused
from runner.jobs.file import parse
from runner.jobs.graphs import Sources, check_against, made, of_deployed


@pytest.fixture
def jobs(tmp_path):
    """Jobs of lines in a file of that folder."""

    def make(*lines, workflow="text_to_music", audio=None, seeds=()):
        asked = parse("\n".join(map(json.dumps, lines)).encode(), "jobs.jsonl", workflow, seeds)
        return made(asked, graph.load(workflow)[1], tmp_path / "jobs.jsonl", audio, Sources())

    return make


def identity(jobs, line, **options):
    [job] = jobs(line, **options)
    return job.identity


def test_a_job_is_what_it_renders_and_neither_its_name_nor_its_limit(jobs):
    usual = identity(jobs, {"name": "a", "1.seed": 5})
    assert usual == identity(jobs, {"name": "b", "ACEStepGenerate.seed": 5, "1.max_cost_usd": 0.5})
    others = [{"1.seed": 6}, {"1.seed": 5, "1.tags": "x"}, {"1.seed": 5, "1.backend": "sketch"}, {"2.format": "mp3"}]
    assert len({usual, *(identity(jobs, other) for other in others)}) == 5


def test_a_seed_left_open_is_drawn_from_the_job_and_stays_the_same(jobs):
    lines = [{"name": "a", "1.seed": -1}, {"name": "b", "1.seed": -1}]
    first, again = jobs(*lines), jobs(*lines)
    seeds = [job.graph["1"]["inputs"]["seed"] for job in first]
    assert seeds == [job.graph["1"]["inputs"]["seed"] for job in again]
    assert seeds[0] != seeds[1] and all(0 <= seed < 2**31 for seed in seeds)


def test_an_open_seed_stays_when_lines_are_renamed_moved_and_added(jobs):
    lines = [{"name": name, "1.seed": -1} for name in "abc"] + [{"name": "d", "1.tags": "jazz", "1.seed": -1}]
    before = {job.identity for job in jobs(*lines)}
    assert len(before) == 4
    renamed = [line | {"name": f"other {line['name']}"} for line in lines]
    for changed in (renamed, lines[::-1], [lines[3], *lines[:3]]):
        assert {job.identity for job in jobs(*changed)} == before
    # Nor does a line that asks for something else matter, wherever it is put, or one more of the same after them.
    more = [{"name": "new", "1.tags": "rock", "1.seed": -1}, *lines, {"name": "e", "1.seed": -1}]
    assert {job.identity for job in jobs(*more)} > before
    # What is only in a name makes no job another one, so each of these draws its own.
    found = jobs({"name": "take {n}", "1.seed": -1, "n": [1, 2, 3]})
    assert {job.identity for job in found} < before and len({job.identity for job in found}) == 3


def test_open_seeds_of_several_nodes_are_drawn_each(jobs):
    base = graph.load("multilingual_launch")[1]
    nodes = graph.nodes_of(base, *graph.RENDERING_NODES)
    [job] = jobs({f"{node}.seed": -1 for node in nodes}, workflow="multilingual_launch")
    assert len({job.graph[node]["inputs"]["seed"] for node in nodes}) == len(nodes) == 3


def test_seeds_reach_every_node_that_renders(jobs):
    found = jobs({"name": "song"}, workflow="multilingual_launch", seeds=(3, 4))
    for job, seed in zip(found, (3, 4)):
        nodes = graph.nodes_of(job.graph, *graph.RENDERING_NODES)
        assert len(nodes) == 3 and {job.graph[node]["inputs"]["seed"] for node in nodes} == {seed}


def test_a_sound_is_found_beside_the_file_and_told_by_its_content(jobs, tmp_path, example_music):
    (tmp_path / "one.mp3").write_bytes(example_music[0].read_bytes())
    (tmp_path / "same.mp3").write_bytes(example_music[0].read_bytes())
    (tmp_path / "other.mp3").write_bytes(example_music[1].read_bytes())
    found = {
        name: identity(jobs, {"LoadAudio.audio": f"{name}.mp3"}, workflow="section_repair")
        for name in ("one", "same", "other")
    }
    assert found["one"] == found["same"] != found["other"]
    assert found["one"] == identity(jobs, {"name": "x"}, workflow="section_repair", audio=tmp_path / "one.mp3")
    [job] = jobs({"LoadAudio.audio": "one.mp3"}, workflow="section_repair")
    [source] = job.sources.values()
    assert job.graph["1"]["inputs"]["audio"] == source.file and source.path == tmp_path / "one.mp3"


@pytest.mark.parametrize(
    "line, workflow, words",
    [
        ({"1.duration": 700}, "text_to_music", ["duration", "700", "600"]),
        ({"1.tags": " , "}, "text_to_music", ["tags"]),
        ({"1.seed": "one"}, "text_to_music", ["seed", "one"]),
        ({"1.backend": "cloud"}, "text_to_music", ["backend", "cloud", "runcomfy"]),
        ({"Generate.seed": 1}, "text_to_music", ["Generate", "ACE-Step Generate"]),
        ({"TimeRange.start_time": 4000}, "section_repair", ["start_time", "4000"]),
        ({"name": "x"}, "section_repair", ["LoadAudio.audio", "--audio"]),
        ({"LoadAudio.audio": "missing.mp3"}, "section_repair", ["missing.mp3", "folder of the file of jobs"]),
        ({"LoadAudio.audio": 3}, "section_repair", ["audio is 3"]),
        ({"LoadAudio.audio": "jobs.jsonl"}, "section_repair", ["jobs.jsonl", "cannot be read as sound"]),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_line(jobs, tmp_path, example_music, line, workflow, words):
    (tmp_path / "good.mp3").write_bytes(example_music[0].read_bytes())
    (tmp_path / "jobs.jsonl").write_text("no sound")
    good = {"LoadAudio.audio": "good.mp3"} if workflow == "section_repair" else {"name": "good"}
    lines = [good, line if workflow == "text_to_music" else {"LoadAudio.audio": "good.mp3"} | line]
    if line == {"name": "x"}:
        lines = [good, line]
    with pytest.raises(Refused) as refused:
        jobs(*lines, workflow=workflow)
    said = str(refused.value)
    assert said.startswith("jobs.jsonl, line 2: ") and all(word in said for word in words), said


@pytest.mark.parametrize(
    "lines, words",
    [
        ([{"name": "a", "1.seed": 2}, {"name": "b", "1.seed": 2}], "line 2: “b” asks for the same as “a” of line 1"),
        ([{"name": "a", "ACEStepGenerate.tags": "jazz"}], "line 1: ACEStepGenerate.tags: of the deployed workflow"),
    ],
)
def test_what_cannot_be_of_a_deployed_workflow_is_refused_with_its_line(tmp_path, lines, words):
    asked = parse("\n".join(map(json.dumps, lines)).encode(), "jobs.jsonl", "deployment")
    with pytest.raises(Refused, match=words):
        of_deployed(asked, tmp_path / "jobs.jsonl")


def test_the_same_twice_names_both_lines(jobs):
    with pytest.raises(Refused, match="line 2: “b” asks for the same as “a” of line 1"):
        jobs({"name": "a"}, {"name": "b"})


INFO = {
    "input": {
        "required": {"tags": ["STRING", {}], "duration": ["INT", {"min": 5, "max": 600}], "old": [["a", "b"], {}]},
        "optional": {
            "loop": ["BOOLEAN", {}],
            "format": ["COMBO", {"options": ["flac", "mp3"]}],
            "form": ["COMFY_DYNAMICCOMBO_V3", {"options": [{"key": "opus", "inputs": {}}, {"key": "ogg"}]}],
        },
    }
}


@pytest.mark.parametrize(
    "name, value, word",
    [
        ("tugs", "x", "tags"),
        ("tags", 3, "a text"),
        ("duration", "20", "a whole number"),
        ("duration", True, "a whole number"),
        ("duration", 2.5, "a whole number"),
        ("duration", 601, "5 to 600"),
        ("loop", 1, "true or false"),
        ("format", "wav", "flac, mp3"),
        ("old", "c", "a, b"),
        ("form", "wav", "opus, ogg"),
    ],
)
def test_what_comfyui_would_not_take_is_refused_with_its_line(jobs, monkeypatch, name, value, word):
    monkeypatch.setattr("runner.jobs.graphs.check_values", lambda wanted: None)
    bad = jobs({"name": "good", "1.tags": "x"}, {"name": "bad", f"1.{name}": value})
    with pytest.raises(Refused) as refused:
        check_against(bad, lambda class_type: INFO)
    said = str(refused.value)
    assert said.startswith("jobs.jsonl, line 2: ") and name in said and word in said, said


def test_what_comfyui_takes_passes(jobs):
    check_against(jobs({"1.tags": "x", "1.duration": 20, "1.loop": True, "1.format": "mp3"}), lambda class_type: INFO)
