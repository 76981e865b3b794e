"""The files that the registry would publish."""

import shutil
import subprocess

import pytest
from runner.places import PACK_DIR


def names() -> list[str]:
    """Every tracked file that .comfyignore does not name, by git's own reading of it; skips where there is no git."""
    if not (PACK_DIR / ".git").exists() or not shutil.which("git"):
        pytest.skip("this is no git checkout")
    return sorted(_git("ls-files") - _git("ls-files", "-ci", "--exclude-from=.comfyignore") - _git("ls-files", "-d"))


def _git(*arguments: str) -> set[str]:
    done = subprocess.run(["git", *arguments, "-z"], cwd=PACK_DIR, capture_output=True, text=True, check=True)
    return set(filter(None, done.stdout.split("\0")))
