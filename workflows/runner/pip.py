"""pip, quiet: its output goes to a log, a failure becomes one sentence that names the likely cause."""

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from . import process
from .errors import Unavailable
from .terminal import LiveLine, say

# What pip (and the resolver, sockets and file systems below it) print, and what that means for a user.
# In order: a full disk also breaks downloads, and a missing network also ends in "No matching distribution".
CAUSES = [
    (r"No space left on device|Errno 28|not enough space on the disk", "the disk is full"),
    (r"DO NOT MATCH THE HASHES", "a downloaded file is not the one that is expected; it was not used"),
    (
        r"NewConnectionError|Failed to establish a new connection|Connection refused|Name or service not known|"
        r"Temporary failure in name resolution|getaddrinfo failed|nodename nor servname|Network is unreachable|"
        r"No route to host|Cannot connect to proxy",
        "there is no network, or the package index cannot be reached",
    ),
    (
        r"ReadTimeout|Read timed out|ConnectTimeout|IncompleteRead|Connection broken|ConnectionResetError",
        "the network is too slow or broke off",
    ),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError", "the package index could not be verified (certificates or proxy)"),
    (
        r"No matching distribution|Could not find a version",
        "the package index has no such version for this Python and this machine",
    ),
    (r"Permission denied|Errno 13", "a folder cannot be written"),
]


@dataclass(frozen=True)
class Pip:
    """The pip of one Python; `log` collects everything it prints."""

    python: Path
    log: Path

    def install(self, doing: str, *arguments: str) -> None:
        self._run(doing, "install", *arguments)

    def download(self, doing: str, *arguments: str) -> None:
        self._run(doing, "download", *arguments)

    def _run(self, doing: str, *arguments: str) -> None:
        """Run pip; `doing` is the sentence shown meanwhile. Raises Unavailable."""
        say(doing)
        command = [
            str(self.python),
            "-m",
            "pip",
            "--no-input",
            "--disable-pip-version-check",
            "--no-color",
            "--retries",
            "3",
            arguments[0],
            "--progress-bar",
            "off",
            *arguments[1:],
        ]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        start_of_output = self.log.stat().st_size if self.log.exists() else 0
        child = process.start(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert child.stdout is not None
        try:
            with self.log.open("a", encoding="utf-8") as log, LiveLine() as line:
                for text in child.stdout:
                    log.write(text)
                    line.show("  " + text.strip())
            code = child.wait()
        finally:
            process.kill(child)
        if code != 0:
            with self.log.open(encoding="utf-8", errors="replace") as log:
                log.seek(start_of_output)
                raise Unavailable(_sentence(doing, log.read(), self.log))


def _sentence(doing: str, output: str, log: Path) -> str:
    cause = next((meaning for pattern, meaning in CAUSES if re.search(pattern, output)), "pip failed")
    return (
        f"{doing.rstrip('.… ')} did not work: {cause}. pip said: {_last_useful_line(output)} "
        f"Everything it said is in {log}; run the same command again once that is put right."
    )


def _last_useful_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR")]
    return f"“{(errors or lines or ['nothing'])[-1][:300]}”"
