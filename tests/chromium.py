"""The Chromium that browser tests drive: the machine's own, or Debian's, installed when we may."""

import os
import shutil
import subprocess
import sys

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
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            [apt, *command], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
    if path := _find():
        return path
    last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
    raise NoChromium(f"Browser tests need Chromium, and apt could not install it; it said: {last}")


def _find() -> str | None:
    return next(filter(None, map(shutil.which, NAMES)), None)
