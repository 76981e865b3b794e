"""The folder one server works in: its own input, output and temp, with the pack linked in as a custom node.

It is private to one run and removed with it. What must outlive a run lies in the server's home: the models, and the
user folder with a saved token and the journal of paid requests. Home is the user's own ComfyUI, or the cache. A run
against the simulator has a user folder of its own, so that its play money never meets a real token or journal.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from .places import PACK_DIR, cache_dir

PACK_LINK_NAME = "acestep-pack"
OWNER_FILE = "owner.pid"
PATHS_FILE = "paths.json"


@dataclass(frozen=True)
class Workspace:
    """folder: removed with the run. home: holds models/. user: ComfyUI's user folder. custom_nodes: their names."""

    folder: Path
    home: Path
    user: Path
    custom_nodes: tuple[str, ...]

    @property
    def input(self) -> Path:
        return self.folder / "input"

    @property
    def models(self) -> Path:
        return self.home / "models"

    def flags(self) -> list[str]:
        """The server flags that make ComfyUI work here and load these custom nodes only."""
        flags = [
            "--base-directory",
            str(self.home),
            "--user-directory",
            str(self.user),
            "--database-url",
            "sqlite:///:memory:",
        ]
        for place in ("input", "output", "temp"):
            # ComfyUI puts its temp folder below the one it is given.
            flags += [f"--{place}-directory", str(self.folder if place == "temp" else self.folder / place)]
        if self.home != self.folder:
            flags += ["--extra-model-paths-config", str(self.folder / PATHS_FILE)]
        return [*flags, "--disable-all-custom-nodes", "--whitelist-custom-nodes", *self.custom_nodes]

    def with_private_user(self) -> "Workspace":
        """The same with a user folder that is removed with the run."""
        return replace(self, user=self.folder / "user")

    def leave_to(self, pid: int) -> None:
        """Leave the folder to a process that lives on; the next run after its end removes it."""
        (self.folder / OWNER_FILE).write_text(str(pid), encoding="utf-8")

    def remove(self) -> None:
        _remove(self.folder)


def for_pack(tree: Path | None) -> Workspace:
    """The workspace of a run, at home in the user's own ComfyUI, or in the cache without one."""
    home = home_of(tree)
    for name in ("models", "user", "custom_nodes"):  # ComfyUI stops when one is missing
        (home / name).mkdir(parents=True, exist_ok=True)
    made = _make({PACK_LINK_NAME: PACK_DIR}, home)
    # JSON is YAML too. It adds the folder to those where ComfyUI looks for custom nodes.
    paths = {"acestep": {"base_path": str(made.folder), "custom_nodes": "custom_nodes"}}
    (made.folder / PATHS_FILE).write_text(json.dumps(paths), encoding="utf-8")
    return made


def home_of(tree: Path | None) -> Path:
    return tree or cache_dir()


def self_contained(custom_nodes: dict[str, Path]) -> Workspace:
    """A workspace that is its own home, with these folders linked in under these names."""
    return _make(custom_nodes, None)


def _make(custom_nodes: dict[str, Path], home: Path | None) -> Workspace:
    runs = cache_dir() / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(runs)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=runs))
    (folder / OWNER_FILE).write_text(str(os.getpid()), encoding="utf-8")
    for name in ("input", "output", "temp", "user", "custom_nodes"):
        (folder / name).mkdir()
    for name, target in custom_nodes.items():
        _link(folder / "custom_nodes" / name, target)
    home = home or folder
    return Workspace(folder, home, home / "user", tuple(custom_nodes))


def _remove(folder: Path) -> None:
    # Links first and by themselves: what they lead to is not ours to delete. Two runs that start at once may sweep up
    # after the same third one: at any step the folder may be gone.
    with contextlib.suppress(FileNotFoundError):
        for link in (folder / "custom_nodes").iterdir():
            _unlink(link)
    shutil.rmtree(folder, ignore_errors=True)


def _remove_abandoned(runs: Path) -> None:
    """Remove the folders of runs that were killed before they could do it, and of servers that have ended."""
    if sys.platform == "win32":  # no harmless way there to ask whether a process lives
        return
    for folder in runs.glob("run-*"):
        try:
            os.kill(int((folder / OWNER_FILE).read_text(encoding="utf-8")), 0)
        except ProcessLookupError:
            _remove(folder)
        except (OSError, ValueError):  # just being made, or somebody else's
            continue


def _link(link: Path, target: Path) -> None:
    if sys.platform == "win32":  # a symbolic link needs a privilege there, a junction does not
        subprocess.run(["cmd", "/c", "mklink", "/J", str(link), str(target)], check=True, capture_output=True)
    else:
        link.symlink_to(target, target_is_directory=True)


def _unlink(link: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if sys.platform == "win32":  # a junction is removed as a folder, its target stays
            link.rmdir()
        elif link.is_symlink():
            link.unlink()
