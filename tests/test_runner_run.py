"""workflows/run.py as a user runs it: a process of its own, a real server, real sound, and no trace left behind."""

import http.server
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import numpy
import psutil
import pytest
import readme
from PIL import Image
from runcomfy_simulator.rendering import read
from runner import server, sound, workspace
from runner.errors import Unavailable
from runner.places import PACK_DIR
from runner_command import LIMIT_SECONDS, Command, assert_stopped, run

pytestmark = [pytest.mark.server, pytest.mark.slow]

LONG_RENDER = [
    "--backend",
    "sketch",
    "--set",
    "ACEStepGenerate.duration=600",
    "--set",
    "ACEStepGenerate.batch_size=8",
]


def test_no_argument_gives_sound_report_and_picture(tmp_path):
    code, out, err = run(*readme.arguments("hear"), "--out", tmp_path)
    assert code == 0, err
    heard = sound.outline(tmp_path / "text_to_music.flac")
    assert heard.seconds >= 20 and -12 < heard.peak_dbfs <= 0
    bins = heard.rate // sound.BIN_SAMPLES
    for second in range(0, int(heard.seconds)):
        assert heard.high[:, second * bins : (second + 1) * bins].max() > 0.001, second
    report = json.loads((tmp_path / "text_to_music_report.json").read_text())
    assert report["schema"] == 1 and report["backend"] == "sketch"
    with Image.open(tmp_path / "text_to_music_waveform.png") as picture:
        assert picture.format == "PNG" and picture.width > picture.height
    [said] = [line for line in out.splitlines() if line.startswith("No ACE-Step weights found")]
    assert "not ACE-Step" in said and "--get-model turbo" in said and "--backend runcomfy" in said
    assert heard.describe() in out and "text_to_music_waveform.png" in out
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "text_to_music.flac",
        "text_to_music_report.json",
        "text_to_music_waveform.png",
    ]


def test_repair_of_the_users_own_file(tmp_path, example_music):
    code, out, err = run(
        *readme.arguments("repair", song=example_music[0]),
        "--out",
        tmp_path,
        "--set",
        "TimeRange.start_time=3",
        "--set",
        "TimeRange.end_time=5.5",
    )
    assert code == 0, err
    source, repaired = (read(path.read_bytes()) for path in (example_music[0], tmp_path / "section_repair.flac"))
    assert repaired.rate == source.rate and repaired.samples.shape == source.samples.shape
    # FLAC as ComfyUI writes it has 16 bits and cannot go beyond full scale.
    difference = numpy.abs(repaired.samples - source.samples.clip(-1, 1 - 2**-15))
    first, last = round(3 * source.rate), round(5.5 * source.rate)
    assert max(difference[:, :first].max(), difference[:, last:].max()) <= 1 / 32768
    assert difference[:, first:last].max() > 0.05
    report = json.loads((tmp_path / "section_repair_report.json").read_text())
    assert [window["ranges"] for window in report["windows"]] == [[[3.0, 5.5]]]


def test_unreadable_audio_is_refused_before_a_server_starts(tmp_path):
    broken = tmp_path / "song.mp3"
    broken.write_bytes(b"no music in here")
    code, out, err = run("section_repair", "--audio", broken, "--out", tmp_path / "out")
    assert code == 64 and "song.mp3" in err and "ready" not in out and len(err.strip().splitlines()) == 1


def test_another_backend_and_length_on_a_kept_server(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('not the one of the environment')")
    arguments = [*readme.arguments("set"), "--out", tmp_path / "out", "--keep-server"]
    command = Command(*arguments, PYTHONPATH=str(tmp_path))
    code, out, err = command.end()
    assert code == 0, err
    assert sound.outline(tmp_path / "out" / "text_to_music.flac").seconds == pytest.approx(20, abs=0.01)
    assert "No ACE-Step weights found" not in out  # sketch was asked for
    try:
        url, pid = re.search(r"keeps running at (\S+)\. End it with: kill (\d+)", out).groups()
        with urllib.request.urlopen(f"{url}/system_stats", timeout=20) as answer:
            assert answer.status == 200
        [left] = command.descendants()
        assert left.pid == int(pid)
    finally:
        for process in command.descendants():
            process.terminate()
    assert psutil.wait_procs([left], timeout=20)[1] == []


def test_a_graph_of_the_users_own_stopped_while_it_renders(tmp_path):
    own = shutil.copy(PACK_DIR / "workflows" / "api" / "text_to_music.json", tmp_path / "own.json")
    command = Command(own, *LONG_RENDER, "--out", tmp_path / "out")
    command.wait_for_line("Running ACE-Step Generate")
    assert_stopped(command, signal.SIGINT)
    assert list((tmp_path / "out").iterdir()) == []


def test_stopped_while_the_server_starts(tmp_path):
    command = Command("--out", tmp_path)
    command.wait_for_server_process()
    assert_stopped(command, signal.SIGTERM)


def test_stopped_while_the_environment_is_built(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent_index:
        command = Command(
            "--out",
            tmp_path / "out",
            ACESTEP_CACHE=str(tmp_path / "cache"),
            PIP_NO_INDEX="0",
            PIP_INDEX_URL=f"http://127.0.0.1:{silent_index.getsockname()[1]}/simple",
        )
        silent_index.settimeout(LIMIT_SECONDS)
        connection, _ = silent_index.accept()  # pip is there now, and waits for an answer that never comes
        with connection:
            assert command.descendants()
            assert_stopped(command, signal.SIGINT)
    assert not list((tmp_path / "cache").glob("env-*/"))


def test_server_ends_when_its_owner_is_killed(tmp_path):
    command = Command("--out", tmp_path)
    running = command.wait_for_server_process()
    command.process.kill()
    command.process.communicate(timeout=20)
    assert psutil.wait_procs([running], timeout=60)[1] == []
    assert command.descendants() == []


@pytest.fixture
def place():
    made = workspace.self_contained({})
    yield made
    made.remove()


def test_server_that_ends_gives_its_last_words(tmp_path, place):
    (tmp_path / "main.py").write_text("print('a first line')\nraise SystemExit('this ComfyUI is broken')\n")
    with pytest.raises(Unavailable) as failure:
        server.start(Path(sys.executable), tmp_path, place, [])
    assert "exit status 1" in str(failure.value) and "a first line | this ComfyUI is broken" in str(failure.value)
    log = re.search(r"The whole log is (\S+\.log)", str(failure.value)).group(1)
    assert "a first line" in Path(log).read_text()


@pytest.mark.parametrize("own", [True, False])
def test_another_server_on_the_port_is_not_taken_for_ours(tmp_path, place, own):
    argv = ["main.py", "--base-directory", str(place.folder if own else tmp_path)]

    class Stats(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"system": {"argv": argv}}).encode())

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Stats) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        found = server.Server(f"http://127.0.0.1:{other.server_port}", None, tmp_path / "log")
        assert server._answers(found, place) is own
        other.shutdown()


@pytest.mark.parametrize(
    "arguments, code, verdict",
    [(["tests/test_runner_graph.py"], 0, "Passed: pytest"), (["tests/no_such_file.py"], 4, "Failed: pytest")],
)
def test_the_command_for_the_tests_is_honest(arguments, code, verdict):
    done = subprocess.run(
        [sys.executable, str(PACK_DIR / "tests" / "run.py"), "-q", *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == code and done.stdout.splitlines()[-1] == verdict, done.stdout + done.stderr


def test_a_program_runs_in_the_environment_with_its_arguments(tmp_path):
    program = tmp_path / "measure.py"
    program.write_text("import sys, torch, hypothesis; print(sys.argv[1:]); sys.exit(7)")
    done = subprocess.run(
        [sys.executable, str(PACK_DIR / "tests" / "run.py"), str(program), "--rows", "3"],
        text=True,
        capture_output=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()) == (7, ["['--rows', '3']"]), done.stderr
