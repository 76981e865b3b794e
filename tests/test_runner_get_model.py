"""`run.py --get-model`, in processes of its own: into the model folders of a ComfyUI, from a hub on loopback."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pinned
import pytest
import readme
import small_models
from acestep_nodes.nodes.backends.local.download.downloads import State
from conftest import NEWEST_VERSION
from hub_server import HubServer
from runcomfy_runs import wait_until
from runner import cli, environment, model_download, process
from runner_command import LIMIT_SECONDS
from small_models import LARGE, MEGABYTE

CHUNK = 10 * MEGABYTE  # what huggingface_hub hands on at a time
TURBO = "ace_step_1.5_turbo_aio.safetensors"

# run.py with the small catalogue, for a ComfyUI that needs no environment of its own.
RUN = """
import sys
sys.path[:0] = sys.argv[1].split(":")
import conftest, small_models
from acestep_nodes.nodes.backends.local import catalogue
from runner import cli, environment
catalogue.CATALOGUE = small_models.entries()
environment.Environment.is_this_one = True
sys.exit(cli.main(sys.argv[2:]))
"""


@pytest.fixture
def hub():
    with HubServer() as running:
        yield small_models.serve(running)


@pytest.fixture
def comfyui(tmp_path):
    """A ComfyUI with nothing in its model folders: the pinned one's files under another roof."""
    tree = tmp_path / "ComfyUI"
    tree.mkdir()
    for path in pinned.tree(NEWEST_VERSION).iterdir():
        if path.name not in ("models", "user", "custom_nodes", "input", "output", "temp"):
            (tree / path.name).symlink_to(path)
    return tree


@pytest.fixture
def get_model(hub, comfyui):
    def start(*arguments, **variables):
        command = [sys.executable, "-c", RUN, ":".join(filter(None, sys.path)), *arguments, "--comfyui", str(comfyui)]
        return subprocess.Popen(
            command,
            env={**os.environ, **small_models.environment(hub), **variables},
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return start


def end(command):
    out, err = command.communicate(timeout=LIMIT_SECONDS)
    assert "Traceback" not in err, err
    return command.returncode, out, err


def test_a_model_is_downloaded_and_then_there(get_model, hub, comfyui):
    code, out, err = end(get_model(*readme.arguments("get model")))
    assert code == 0, err
    first, second, *progress, last = out.splitlines()
    assert first == f"{TURBO} (0 GB) to {comfyui / 'models' / 'checkpoints'}"
    assert second.startswith("From https://huggingface.co/Comfy-Org/ace_step_1.5_ComfyUI_files, MIT licence; ")
    assert all(" %: " in line for line in progress)
    assert last == "ACE-Step 1.5 turbo is installed."
    target = comfyui / "models" / "checkpoints" / TURBO
    assert target.stat().st_size == hub.sent() == LARGE
    code, out, _ = end(get_model("--get-model", "turbo"))
    assert (code, out, hub.sent()) == (0, "ACE-Step 1.5 turbo is installed.\n", LARGE)
    code, out, _ = end(get_model("--get-model", "list"))
    assert code == 0 and [line.split()[0] for line in out.splitlines()[:-1]] == [
        "turbo", "base", "xl_turbo", "xl_base", "xl_sft", "v1",
    ]  # fmt: skip
    assert out.splitlines()[0].endswith("installed") and str(comfyui / "models") in out.splitlines()[-1]


def test_progress_is_a_line_for_each_tenth_where_there_is_no_terminal(capsys):
    progress = model_download.Progress()
    for done in range(0, 10_000, 250):
        progress(State("turbo", phase="running", file=TURBO, done_bytes=done * 10**6, total_bytes=10**10,
                       bytes_per_second=5e7 if done else None))  # fmt: skip
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 9 and lines[2] == "30 %: 3 GB of 10 GB, 50.0 MB/s, 2 min left"


def test_it_goes_where_extra_model_paths_yaml_says(get_model, comfyui, tmp_path):
    (comfyui / "extra_model_paths.yaml").write_text(
        f"disk:\n  base_path: {tmp_path / 'disk'}\n  is_default: true\n  checkpoints: checkpoints\n"
    )
    code, _, err = end(get_model("--get-model", "v1"))
    assert code == 0, err
    assert [path.name for path in (tmp_path / "disk" / "checkpoints").iterdir()] == ["ace_step_v1_3.5b.safetensors"]


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
def test_ctrl_c_pauses_and_the_same_command_goes_on(get_model, hub, comfyui):
    hub.hold_after(CHUNK + MEGABYTE)
    command = get_model("--get-model", "turbo")
    folder = comfyui / "models" / "checkpoints"
    wait_until(lambda: sum(path.stat().st_size for path in folder.glob("*.part")) == CHUNK)
    command.send_signal(signal.SIGINT)
    code, _, err = end(command)
    assert code == 130 and err.splitlines()[-2] == "What has arrived is kept; the same command goes on from there."
    hub.released.set()
    (part,) = folder.iterdir()
    assert part.stat().st_size == CHUNK
    before = len(hub.requests)
    code, _, err = end(get_model("--get-model", "turbo"))
    assert code == 0 and hub.sent(before) == LARGE - CHUNK, err


def test_what_fails_is_one_sentence_and_code_69(get_model, hub):
    hub.fault("cdn", "wrong", at=5)
    code, _, err = end(get_model("--get-model", "v1"))
    assert code == 69 and len(err.splitlines()) == 1 and "is not the official file" in err
    code, _, err = end(get_model("--get-model", "v1", HF_HUB_OFFLINE="1"))
    assert code == 69 and err.startswith("HF_HUB_OFFLINE is set")


def test_an_unknown_model_is_told_the_known_ones(get_model, hub):
    code, _, err = end(get_model("--get-model", "turbo2"))
    assert code == 64 and "list or one of turbo, base, xl_turbo, xl_base, xl_sft, v1" in err
    assert hub.requests == []


@pytest.mark.parametrize(
    "more, named",
    [
        (["text_to_music"], "WORKFLOW"),
        (["--backend", "sketch"], "--backend"),
        (["--set", "1.seed=3"], "--set"),
        (["--simulator"], "--simulator"),
        (["--keep-server"], "--keep-server"),
    ],
)
def test_it_only_downloads(more, named, capsys, monkeypatch):
    monkeypatch.setattr(process, "interrupt_on_signals", lambda: None)
    monkeypatch.setattr(environment.Environment, "build", lambda self: pytest.fail("the environment was to be built"))
    assert cli.main(["--get-model", "turbo", *more]) == 64
    assert f"takes no {named};" in capsys.readouterr().err


def test_the_real_catalogue_is_listed_without_asking_anybody():
    done = subprocess.run(
        [sys.executable, str(Path(cli.__file__).parents[1] / "run.py"), *readme.arguments("list models")],
        env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9"},
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("turbo     ACE-Step 1.5 turbo     MIT ")
