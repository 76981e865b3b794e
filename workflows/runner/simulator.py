"""A stand-in for RunComfy on this machine, as a helper process: nothing is charged, and the music is sketch."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import process
from .client import open_loopback
from .errors import Unavailable
from .places import log_dir

SENTENCE = (
    "A test server on this machine stands in for RunComfy: nothing is charged, and the music is sketch, not ACE-Step."
)


@dataclass(frozen=True)
class Simulator:
    """A running simulator. token: a dummy that it alone takes. deployment: the id of its one deployment."""

    url: str
    token: str = field(repr=False)
    deployment: str

    @property
    def environment(self) -> dict[str, str]:
        """What makes the pack talk to it, and to nothing else."""
        return {
            "ACESTEP_RUNCOMFY_BASE_URL": self.url,
            "ACESTEP_RUNCOMFY_SERVERLESS_URL": self.url,
            "RUNCOMFY_API_TOKEN": self.token,
        }

    def bill(self) -> str:
        """What its ledger holds, as a sentence."""
        with open_loopback(f"{self.url}/control/ledger", timeout=20) as answer:
            ledger = json.load(answer)
        count = len(ledger["submissions"])
        return (
            f"Cost: ${ledger['charged_usd']:.4f} for {count} request{'s' if count != 1 else ''} in the test "
            f"server's ledger; nothing was charged."
        )


@contextlib.contextmanager
def running() -> Iterator[Simulator]:
    """A simulator that is there as long as the block runs. Raises Unavailable."""
    log = log_dir() / "simulator.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(Path(__file__).with_name("launch_simulator.py"))]
    with log.open("wb") as errors:
        child = process.start(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        yield _introduced(child, log)
    finally:
        process.kill(child)


def _introduced(child: subprocess.Popen, log: Path) -> Simulator:
    """The simulator as its first line describes it."""
    assert child.stdout is not None
    line = child.stdout.readline()
    if not line:
        raise Unavailable(f"The RunComfy simulator did not start; its log {log} tells why.")
    facts = json.loads(line)
    return Simulator(facts["url"], facts["token"], facts["deployment"])
