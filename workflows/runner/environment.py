"""The private Python environment: built once outside the checkout, and everything after it runs inside it.

It is named after what goes into it (Python version, torch build, requirements), so a change of any of them
makes a new one. A marker file is written last; without it the folder is a failed build and is made anew.
"""

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from . import comfyui_source, process
from .errors import Unavailable
from .locking import held, held_if_free
from .pip import Pip
from .places import PACK_DIR, WORKFLOWS_DIR, cache_dir, log_dir
from .terminal import say
from .torch_builds import TorchBuild, build_for_this_machine, package_of

GIGABYTE = 10**9
TORCH_PACKAGES = ("torch", "torchvision", "torchaudio")
UNUSED_SECONDS = 30 * 24 * 3600
SMOKE_TEST = "import aiohttp, av, httpx, numpy, PIL, torch, yaml"


@dataclass(frozen=True)
class Environment:
    """One private environment, built or not yet. `tree`: the user's own ComfyUI, None for the pinned one."""

    folder: Path
    torch: TorchBuild
    tree: Path | None

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")

    @property
    def pip(self) -> Pip:
        return Pip(self.python, log_dir() / f"{self.folder.name}.log")

    @property
    def is_complete(self) -> bool:
        return self._marker.exists() and self.python.exists()

    @property
    def is_this_one(self) -> bool:
        return Path(sys.prefix).resolve() == self.folder.resolve()

    def comfyui_tree(self) -> Path:
        """The ComfyUI to run: the user's own, or the pinned one, fetched when it is not there."""
        return self.tree or comfyui_source.fetch(comfyui_source.DEFAULT_VERSION, self.pip)

    def build(self) -> None:
        """Make the environment unless it is there. Raises Unavailable; leaves nothing half-built."""
        if self.is_complete:
            self._marker.touch()  # says when it was last used
            return
        with self._lock():
            if self.is_complete:
                return
            self._remove_unused()
            self._check_disk()
            say(f"Building a private environment in {self.folder} (once, a few minutes).")
            try:
                self._remove()
                self._create_bare()
                self._install()
                self._check()
                self._marker.write_text("complete\n", encoding="utf-8")
            except BaseException:
                self._remove()
                raise

    def add(self, requirements: Path) -> None:
        """Install a pinned requirements file on top, once for each of its contents."""
        digest = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
        marker = self.folder / f".added-{digest}"
        if marker.exists():
            return
        with self._lock():
            name = requirements.relative_to(PACK_DIR)
            self.pip.install(f"Installing {name} …", "--requirement", str(requirements))
            marker.write_text("complete\n", encoding="utf-8")

    def continue_inside(self, script: Path, arguments: list[str]) -> int:
        """Run `script` again with this environment's Python: replaces this process where that is possible."""
        command = [str(self.python), str(script), *arguments]
        if sys.platform == "win32":
            return subprocess.run(command, check=False).returncode
        sys.stdout.flush()
        os.execv(command[0], command)

    @property
    def _marker(self) -> Path:
        return self.folder / ".complete"

    def _lock(self):
        return held(
            self.folder.with_name(self.folder.name + ".lock"),
            "Waiting for another run that is building the environment …",
        )

    def _remove(self) -> None:
        # The marker goes first: a removal that is cut short must not leave something that looks whole.
        self._marker.unlink(missing_ok=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _remove_unused(self) -> None:
        """Remove the environments in the cache that no run has used for a month, unless one is being worked on."""
        for marker in self.folder.parent.glob("env-*/.complete"):
            other = Environment(marker.parent, self.torch, None)
            if other.folder == self.folder or time.time() - marker.stat().st_mtime < UNUSED_SECONDS:
                continue
            with held_if_free(other.folder.with_name(other.folder.name + ".lock")) as is_free:
                if is_free:
                    say(f"Removing {other.folder}, which was not used for a month.")
                    other._remove()

    def _check_disk(self) -> None:
        free = shutil.disk_usage(self.folder.parent).free
        if free < self.torch.disk_gigabytes * GIGABYTE:
            raise Unavailable(
                f"The environment needs about {self.torch.disk_gigabytes} GB and the disk with {self.folder.parent} "
                f"has {free / GIGABYTE:.1f} GB free. Free some space, or set ACESTEP_CACHE to a folder elsewhere."
            )

    def _create_bare(self) -> None:
        """A virtual environment with pip and nothing else."""
        if importlib.util.find_spec("ensurepip"):
            self._venv()
        elif importlib.util.find_spec("pip"):  # Debian's python3 without python3-venv
            self._venv("--without-pip")
            packages = _output(
                [str(self.python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
                f"The Python in {self.folder} does not start",
            )
            Pip(Path(sys.executable), self.pip.log).install("Installing pip …", "--target", packages, "pip")
        else:
            raise Unavailable(
                "This Python has neither venv nor pip. Install them (Debian and Ubuntu: "
                "apt install python3-venv) or start with another Python 3.10 to 3.13."
            )

    def _venv(self, *options: str) -> None:
        _output(
            [sys.executable, "-m", "venv", *options, str(self.folder)],
            f"A virtual environment could not be made in {self.folder}",
        )

    def _install(self) -> None:
        requirements = comfyui_source.requirements_of(self.comfyui_tree())
        torch = self.torch.asked_for(requirements)
        self.pip.install(f"Installing PyTorch ({torch.name}) …", *torch.matched)
        if torch.without_dependencies:
            self.pip.install("Installing what belongs to PyTorch …", "--no-deps", *torch.without_dependencies)
        # torch is in place: named again, its dependency pins would replace the build chosen for this machine.
        rest = [line for line in requirements if package_of(line) not in TORCH_PACKAGES]
        self.pip.install(
            "Installing what ComfyUI requires …", *rest, "--requirement", str(PACK_DIR / "requirements.txt")
        )

    def _check(self) -> None:
        """Let torchaudio import beside this torch, and see that what the server imports is really there."""
        torch = self.torch.asked_for(comfyui_source.requirements_of(self.comfyui_tree()))
        smoke_test = f"{SMOKE_TEST}, torchaudio" if "torchaudio" in map(package_of, torch.pins) else SMOKE_TEST
        code = (
            f"import sys; sys.path.insert(0, {str(WORKFLOWS_DIR)!r})\n"
            f"from runner.torch_builds import drop_unloadable_torchaudio_libraries as drop\n"
            f"drop()\n{smoke_test}"
        )
        _output([str(self.python), "-c", code], "The new environment cannot import what ComfyUI needs")


def _output(command: list[str], failure: str) -> str:
    """What a short command prints; raises Unavailable with `failure` and its last line when it fails."""
    child = process.start(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        output = child.communicate()[0].strip()
    finally:
        process.kill(child)
    if child.returncode != 0:
        raise Unavailable(f"{failure}: {output.splitlines()[-1] if output else 'it said nothing'}")
    return output


def forget_outer_python() -> None:
    """Keep the user's settings of Python out of everything started from here.

    A PYTHONPATH would mix other packages in; without bytecode each start of ComfyUI would compile all of it anew.
    """
    for name in ("PYTHONPATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE"):
        os.environ.pop(name, None)


def required(tree: Path | None) -> Environment:
    """The environment for this Python, this machine and that ComfyUI (None: the pinned one)."""
    torch = build_for_this_machine()
    folder = cache_dir() / f"env-{_key(torch, tree)}"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"The cache folder {folder.parent} cannot be made ({error.strerror}). "
            f"Set ACESTEP_CACHE to a folder that can be written."
        ) from error
    return Environment(folder, torch, tree)


def _key(torch: TorchBuild, tree: Path | None) -> str:
    if tree is None:  # known before it is downloaded: the hash stands for the requirements in it
        comfyui = [comfyui_source.DISTRIBUTIONS[comfyui_source.DEFAULT_VERSION].sha256]
    else:
        comfyui = comfyui_source.requirements_of(tree)
    pack = (PACK_DIR / "requirements.txt").read_text(encoding="utf-8")
    python = ".".join(map(str, sys.version_info[:2]))
    parts = [python, sys.platform, platform.machine(), *torch.pins, *comfyui, pack]
    return f"py{python}-" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
