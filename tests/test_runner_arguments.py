"""What workflows/run.py refuses before it builds or starts anything: one sentence on stderr and an exit code."""

import json
import shutil
import socket

import pytest
from runner import cli, environment, process, server
from runner.client import PromptRejected
from runner.delivery import ReportFile


@pytest.fixture
def refused(monkeypatch, capsys, tmp_path):
    """Runs the command line, which must end early; returns (exit code, what it said on stderr)."""

    def build(_):
        raise AssertionError("the environment was about to be built")

    monkeypatch.setattr(process, "interrupt_on_signals", lambda: None)
    monkeypatch.setattr(environment.Environment, "build", build)
    monkeypatch.setattr(environment.Environment, "is_this_one", False)
    monkeypatch.delenv("COMFYUI_PATH", raising=False)

    def run(*arguments):
        code = cli.main([*arguments, "--out", str(tmp_path / "out")] if "--out" not in arguments else [*arguments])
        said = capsys.readouterr().err
        assert "Traceback" not in said and len(said.strip().splitlines()) == 1, said
        return code, said

    return run


def test_unknown_workflow(refused):
    code, said = refused("section_repiar")
    assert code == 64 and "Did you mean “section_repair”?" in said and "text_to_music" in said


def test_unknown_option(refused):
    code, said = refused("--seed", "3")
    assert code == 64 and "--seed" in said and "--help" in said


def test_unknown_backend_lists_the_known(refused):
    code, said = refused("--backend", "cloud")
    assert code == 64 and "cloud" in said and "runcomfy" in said


def test_missing_audio_file(refused, tmp_path):
    code, said = refused("section_repair", "--audio", str(tmp_path / "none.mp3"))
    assert code == 64 and "none.mp3" in said


def test_audio_for_a_workflow_without_input(refused, example_music):
    code, said = refused("text_to_music", "--audio", str(example_music[0]))
    assert code == 64 and "LoadAudio" in said


@pytest.mark.parametrize("text", ["duration=30", "ACEStepGenerate.duration", "ACEStepGenerate.=3", "=", ""])
def test_malformed_setting(refused, text):
    code, said = refused("--set", text)
    assert code == 64 and "NODE.INPUT=VALUE" in said and f"“{text}”" in said


def test_setting_on_an_unknown_node_lists_the_nodes(refused):
    code, said = refused("--set", "Generator.duration=30")
    assert code == 64 and "“Generator”" in said and "1 (ACE-Step Generate)" in said


def test_setting_on_an_ambiguous_node_asks_for_an_id(refused, tmp_path):
    path = tmp_path / "two.json"
    path.write_text(
        json.dumps({"7": {"class_type": "SaveAudio", "inputs": {}}, "9": {"class_type": "SaveAudio", "inputs": {}}})
    )
    code, said = refused(str(path), "--set", "SaveAudio.filename_prefix=x")
    assert code == 64 and "2 nodes" in said and "7" in said and "9" in said


@pytest.mark.parametrize(
    "content, word",
    [("{", "JSON"), ("[]", "API format"), ('{"nodes": []}', "Export (API)"), ('{"1": 2}', "API format")],
)
def test_file_that_is_no_api_graph(refused, tmp_path, content, word):
    path = tmp_path / "graph.json"
    path.write_text(content)
    code, said = refused(str(path))
    assert code == 64 and word in said and "graph.json" in said


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["--simulator"], "--backend runcomfy"),
        (["--simulator", "--backend", "sketch"], "--backend runcomfy"),
        (["--simulator", "--backend", "runcomfy", "--keep-server"], "ends with"),
    ],
)
def test_simulator_that_would_serve_nothing(refused, arguments, word):
    code, said = refused(*arguments)
    assert code == 64 and word in said


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["--seeds", "1-3"], "--seeds goes with --jobs"),
        (["--dry-run"], "--dry-run goes with --jobs"),
        (["--max-cost-usd", "0"], "--max-cost-usd goes with --jobs"),
        (["--retry-unknown"], "--retry-unknown goes with --jobs"),
        (["text_to_music", "--deployment", "x", "--parallel", "2"], "--parallel goes with --jobs"),
        (["--jobs", "missing.jsonl"], "missing.jsonl cannot be read"),
        (["--jobs", "JOBS", "--seeds", "3-1"], "“3-1”"),
        (["--jobs", "JOBS", "--parallel", "2"], "--parallel goes with --deployment"),
        (["--jobs", "JOBS", "--keep-server"], "--keep-server"),
        (["--jobs", "JOBS", "--port", "8188"], "--port"),
        (["--jobs", "JOBS", "--max-cost-usd", "-1"], "got -1"),
        (["--jobs", "JOBS", "--max-cost-usd", "nan"], "got nan"),
        (["--jobs", "JOBS", "--deployment", "x", "--seeds", "1-3"], "write ID.seed in each line"),
        (["--jobs", "JOBS", "--deployment", "x", "--audio", "song.mp3"], "--set ID.audio="),
        (["text_to_music", "--jobs", "JOBS", "--deployment", "x/y"], "x/y"),
        (["text_to_music", "--jobs", "JOBS", "--deployment", "x", "--parallel", "65"], "1 to 64"),
        (["text_to_music", "--jobs", "JOBS", "--deployment", "x", "--max-cost-usd", "1"], "does not bound"),
        (["--jobs", "BAD"], "bad.jsonl, line 2: "),
    ],
)
def test_jobs_that_cannot_be(refused, tmp_path, arguments, word):
    (tmp_path / "jobs.jsonl").write_text('{"name": "a"}')
    (tmp_path / "bad.jsonl").write_text('{"name": "a"}\n{"name": 3.5}')
    files = {"JOBS": str(tmp_path / "jobs.jsonl"), "BAD": str(tmp_path / "bad.jsonl")}
    code, said = refused(*(files.get(argument, argument) for argument in arguments))
    assert code == 64 and word in said


@pytest.mark.parametrize(
    "arguments, word",
    [
        (["--audio", "song.mp3"], "--set ID.audio="),
        (["text_to_music", "--audio", "song.mp3"], "no LoadAudio"),
        (["section_repair", "--audio", "song.aiff"], "song.aiff must be one of .mp3"),
        (["section_repair", "--audio", "missing.mp3"], "missing.mp3 cannot be read"),
        (["text_to_music", "--set", "1.tags=half \ud83d"], "half of a character"),
        (["--port", "8188"], "--port"),
        (["--backend", "local"], "--set ID.backend"),
        (["--set", "ACEStepGenerate.seed=7"], "such as 1.seed"),
        (["section_repair"], "LoadAudio.audio="),
        (["no_such"], "no_such"),
    ],
)
def test_what_a_deployment_cannot_take(refused, arguments, word):
    code, said = refused("--deployment", "abc-123", *arguments)
    assert code == 64 and word in said


@pytest.mark.parametrize("deployment", ["", "../x", "a b"])
def test_deployment_that_is_no_id(refused, deployment):
    code, said = refused("--deployment", deployment)
    assert code == 64 and "--deployment" in said


@pytest.mark.parametrize("port", ["0", "70000", "-1"])
def test_port_out_of_range(refused, port):
    code, said = refused("--port", port)
    assert code == 64 and "65535" in said


def test_port_in_use(refused):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        code, said = refused("--port", str(port))
    assert code == 69 and str(port) in said and "--port" in said


def test_output_folder_that_cannot_be(refused, tmp_path):
    (tmp_path / "file").write_text("")
    code, said = refused("--out", str(tmp_path / "file" / "out"))
    assert code == 64 and "--out" in said


def comfyui(folder, version):
    (folder / "comfy").mkdir(parents=True)
    (folder / "main.py").write_text("")
    (folder / "requirements.txt").write_text("")
    if version:
        (folder / "comfyui_version.py").write_text(f'__version__ = "{version}"\n')
    return str(folder)


@pytest.mark.parametrize("version, told", [("0.3.40", "0.3.40"), ("0.25.9", "0.25.9"), (None, "0.0.0")])
def test_comfyui_that_is_too_old(refused, tmp_path, version, told):
    code, said = refused("--comfyui", comfyui(tmp_path / "ComfyUI", version))
    assert code == 64 and told in said and "0.26.0" in said


def test_comfyui_path_that_is_too_old(refused, tmp_path, monkeypatch):
    monkeypatch.setenv("COMFYUI_PATH", comfyui(tmp_path / "ComfyUI", "0.3.40"))
    code, said = refused()
    assert code == 64 and "0.3.40" in said


def test_folder_that_is_no_comfyui(refused, tmp_path):
    code, said = refused("--comfyui", str(tmp_path))
    assert code == 64 and "main.py" in said


def test_cache_that_cannot_be_made(refused, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ACESTEP_CACHE", str(tmp_path / "file" / "cache"))
    code, said = refused()
    assert code == 69 and "ACESTEP_CACHE" in said


def test_no_disk_space(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(process, "interrupt_on_signals", lambda: None)
    monkeypatch.setattr(environment.Environment, "is_this_one", False)
    monkeypatch.setenv("ACESTEP_CACHE", str(tmp_path / "cache"))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=700_000_000))
    assert cli.main(["--out", str(tmp_path / "out")]) == 69
    said = capsys.readouterr().err
    assert "0.7 GB free" in said and "ACESTEP_CACHE" in said
    assert not list((tmp_path / "cache").glob("env-*/"))


def test_list_has_a_line_for_every_workflow(capsys):
    from runner import graph

    assert cli.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == graph.available()
    assert all(line.split(maxsplit=1)[1].endswith(".") for line in lines)


def test_a_pack_that_did_not_load_is_said_with_its_reason(tmp_path):
    log = tmp_path / "server.log"
    log.write_text(
        "[WARNING] Cannot import /x/another-pack module: no torch\n"
        "\x1b[33m[WARNING]\x1b[0m Error while calling comfy_entrypoint in /x/acestep-pack: no module z\n"
    )
    running = server.Server("http://127.0.0.1:1", None, log)
    missing = PromptRejected({"error": {"type": "missing_node_type", "message": "Node 'X' not found."}}, {})
    told = cli._explained(missing, running)
    assert told.exit_code == 69 and "no module z" in str(told) and "no torch" not in str(told)
    other = PromptRejected({"error": {"type": "prompt_no_outputs", "message": "Prompt has no outputs"}}, {})
    assert cli._explained(other, running) is other and other.exit_code == 64
    log.write_text("all is well\n")
    assert cli._explained(missing, running) is missing


def test_the_cost_is_that_of_every_node_and_a_note_is_said_once(tmp_path, capsys):
    def report(cost, *request_ids):
        facts = {
            "warnings": ["Listen to the seam."],
            "cost_usd": cost,
            "estimate_usd": 0.01,
            "request_ids": request_ids,
        }
        return ReportFile(tmp_path / "r.json", facts)

    reports = [report(0.012, "a"), report(None), report(0.006, "b", "c")]
    cli._tell([], reports)
    assert capsys.readouterr().out.count("Listen to the seam.") == 1
    cli._tell_cost(reports)
    assert "Cost: $0.0180, as RunComfy reports it." in capsys.readouterr().out
    cli._tell_cost([report(None)])
    assert "Cost" not in capsys.readouterr().out
    cli._tell_cost([report(0.012, "a"), report(None, "b")])
    assert "$0.0120 for 1 of 2 nodes; all together were estimated at $0.0200" in capsys.readouterr().out
    cli._tell_cost([report(None, "a")])
    assert "reports none; all together were estimated at $0.0100" in capsys.readouterr().out
