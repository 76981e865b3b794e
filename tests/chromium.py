"""The Chromium that browser tests drive: the machine's own, or Debian's, installed when we may."""

import os
import shutil
import subprocess
import sys

from runner.locking import held
from runner.places import cache_dir

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class NoChromium(Exception):
    """There is none and it cannot be installed; the message says what to do."""


def ensure() -> str:
    """Path of a Chromium, installed through apt first where there is none. Raises NoChromium."""
    if path := _find():
        return path
    apt = shutil.which("apt-get")
    if not apt or sys.platform == "win32" or os.geteuid() != 0:
        raise NoChromium(
            "Browser tests need Chromium, and it is neither installed nor can it be installed here "
            "(that takes apt and root). Install chromium and run again."
        )
    with held(cache_dir() / "chromium.lock", "Waiting for another run that is installing Chromium …"):
        said = "" if _find() else _install(apt)
    if path := _find():
        return path
    raise NoChromium(f"Browser tests need Chromium, and apt could not install it; it said: {said}")


def _install(apt: str) -> str:
    """What apt said last."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            [apt, *command], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    return (done.stderr.strip().splitlines() or ["nothing"])[-1]


def _find() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)
