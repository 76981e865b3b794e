"""The folder one server works in: its own input, output and temp, the pack linked in, the models linked in.

It is private to one run and removed with it. What must outlive a run is kept elsewhere: the user folder (with a
saved token and the journal of paid requests) and the models.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .places import PACK_DIR, cache_dir

PACK_LINK_NAME = "acestep-pack"
OWNER_FILE = "owner.pid"


@dataclass(frozen=True)
class Workspace:
    """`base`: what ComfyUI calls its base directory. `custom_nodes`: names of the folders linked into it."""

    base: Path
    user: Path
    custom_nodes: tuple[str, ...]

    @property
    def input(self) -> Path:
        return self.base / "input"

    @property
    def models(self) -> Path:
        return (self.base / "models").resolve()

    def flags(self) -> list[str]:
        """The server flags that make ComfyUI work here and load these custom nodes only."""
        return ["--base-directory", str(self.base), "--user-directory", str(self.user),
                "--database-url", "sqlite:///:memory:",
                "--disable-all-custom-nodes", "--whitelist-custom-nodes", *self.custom_nodes]

    def leave_to(self, pid: int) -> None:
        """Leave the folder to a process that lives on; the next run after its end removes it."""
        (self.base / OWNER_FILE).write_text(str(pid), encoding="utf-8")

    def remove(self) -> None:
        _remove(self.base)


def make(custom_nodes: dict[str, Path], models: Path | None = None, user: Path | None = None) -> Workspace:
    """A new workspace with these folders linked in under these names.

    models, user: folders that live on after the workspace; without them it has empty ones of its own.
    """
    runs = cache_dir() / "runs"
    runs.mkdir(parents=True, exist_ok=True)
    _remove_abandoned(runs)
    base = Path(tempfile.mkdtemp(prefix="run-", dir=runs))
    (base / OWNER_FILE).write_text(str(os.getpid()), encoding="utf-8")
    for name in ("input", "output", "temp", "custom_nodes"):
        (base / name).mkdir()
    for name, target in custom_nodes.items():
        _link(base / "custom_nodes" / name, target)
    if models:
        models.mkdir(parents=True, exist_ok=True)
        _link(base / "models", models)
    user = user or base / "user"
    user.mkdir(parents=True, exist_ok=True)
    return Workspace(base, user, tuple(custom_nodes))


def for_pack(tree: Path | None) -> Workspace:
    """The workspace of a run: models and user folder of the user's own ComfyUI, or of the cache without one."""
    home = tree or cache_dir()
    return make({PACK_LINK_NAME: PACK_DIR}, home / "models", home / "user")


def _remove(base: Path) -> None:
    # Links first and by themselves: what they lead to is not ours to delete.
    links = [*(base / "custom_nodes").glob("*"), base / "models"]
    for link in filter(_is_link, links):
        _unlink(link)
    shutil.rmtree(base, ignore_errors=True)


def _remove_abandoned(runs: Path) -> None:
    """Remove the folders of runs that were killed before they could do it, and of servers that have ended."""
    if sys.platform == "win32":  # no harmless way there to ask whether a process lives
        return
    for base in runs.glob("run-*"):
        try:
            os.kill(int((base / OWNER_FILE).read_text(encoding="utf-8")), 0)
        except ProcessLookupError:
            _remove(base)
        except (OSError, ValueError):  # just being made, or somebody else's
            continue


def _link(link: Path, target: Path) -> None:
    if sys.platform == "win32":  # a symbolic link needs a privilege there, a junction does not
        subprocess.run(["cmd", "/c", "mklink", "/J", str(link), str(target)], check=True, capture_output=True)
    else:
        link.symlink_to(target, target_is_directory=True)


def _is_link(path: Path) -> bool:
    if sys.platform == "win32":  # Path.is_junction came with Python 3.12
        return path.exists() and path.resolve() != path.absolute()
    return path.is_symlink()


def _unlink(link: Path) -> None:
    if sys.platform == "win32":
        link.rmdir()
    else:
        link.unlink()
