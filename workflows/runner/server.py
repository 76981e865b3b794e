"""The real ComfyUI server: started headless, waited for, ended with everything it started."""

import json
import os
import re
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import process
from .client import open_loopback
from .errors import Unavailable
from .places import log_dir
from .terminal import LiveLine
from .workspace import Workspace

HOST = "127.0.0.1"
START_LIMIT_SECONDS = 300
POLL_SECONDS = 0.2
LOGS_KEPT = 60
COLOUR = re.compile(r"\x1b\[[0-9;]*m")

# What ComfyUI's log says of a custom node that does not load.
LOAD_FAILURE = re.compile(r"Error while calling comfy_entrypoint|Cannot import")


@dataclass(frozen=True)
class Server:
    """A running server. End it with `stop`, or let it live on by not calling that."""

    url: str
    process: subprocess.Popen
    log: Path

    def stop(self, patience_seconds: float = 0) -> None:
        """End it and everything it started; with patience it may first end in its own way, which takes it 5 s."""
        if patience_seconds:
            process.end(self.process, patience_seconds)
        else:
            process.kill(self.process)

    def say_start_is_over(self) -> None:
        """To a server that this process owns: what it has made by now stays. Raises Unavailable when it has gone."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise Unavailable(f"ComfyUI at {self.url} has ended; its log {self.log} tells why.") from error

    def log_lines(self) -> list[str]:
        text = COLOUR.sub("", self.log.read_text(encoding="utf-8", errors="replace"))
        return [line.strip() for line in text.splitlines() if line.strip()]

    def load_failures(self, custom_node: str) -> list[str]:
        """What its log says of a custom node that did not load."""
        return [line for line in self.log_lines() if custom_node in line and LOAD_FAILURE.search(line)]

    def last_words(self) -> str:
        """The end of the log, for a sentence about a server that has failed."""
        return " | ".join(self.log_lines()[-5:]) or "nothing"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def check_port(port: int) -> None:
    """Raises Unavailable when something already listens on that port."""
    with socket.socket() as probe:
        # As the server does: a port whose last user has just closed it is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Unavailable(
                f"Port {port} cannot be used ({error.strerror}): another program listens there. "
                f"Give --port another number, or leave it out to have a free one chosen."
            ) from error


def start(
    python: Path,
    tree: Path,
    workspace: Workspace,
    flags: list[str],
    port: int | None = None,
    environment: dict[str, str] | None = None,
    owned: bool = True,
) -> Server:
    """Start ComfyUI and wait until it answers.

    flags: further flags of ComfyUI. environment: variables on top of this process's own.
    owned: the server ends itself when this process dies; False for one that is to live on.
    Raises Unavailable, with the last lines of its log, when it ends or does not answer within five minutes.
    """
    port = port or free_port()
    log = _new_log(port)
    command = [
        str(python),
        str(Path(__file__).with_name("launch_comfyui.py")),
        str(tree),
        "--listen",
        HOST,
        "--port",
        str(port),
        "--disable-auto-launch",
        *workspace.flags(),
        *flags,
    ]
    variables = {**os.environ, "PYTHONUNBUFFERED": "1", **(environment or {})}
    variables["ACESTEP_OWNER_PIPE"] = "1" if owned else "0"
    with log.open("wb") as output:
        child = process.start(
            command,
            stdin=subprocess.PIPE if owned else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=variables,
        )
    server = Server(f"http://{HOST}:{port}", child, log)
    try:
        _wait_until_ready(server, workspace)
    except BaseException:
        server.stop()
        raise
    return server


def _wait_until_ready(server: Server, workspace: Workspace) -> None:
    started = time.monotonic()
    with LiveLine() as line:
        while (waited := time.monotonic() - started) < START_LIMIT_SECONDS:
            if server.process.poll() is not None:
                raise Unavailable(
                    f"ComfyUI ended before it was ready (exit status {server.process.returncode}). Its "
                    f"last lines: {server.last_words()} The whole log is {server.log}."
                )
            if _answers(server, workspace):
                return
            line.show(f"Starting ComfyUI … {waited:.0f} s")
            time.sleep(POLL_SECONDS)
    raise Unavailable(
        f"ComfyUI did not answer on {server.url} within {START_LIMIT_SECONDS} s. Its last lines: "
        f"{server.last_words()} The whole log is {server.log}."
    )


def _answers(server: Server, workspace: Workspace) -> bool:
    """Whether this very server answers, not another one that has taken the port in the meantime."""
    try:
        with open_loopback(f"{server.url}/system_stats", timeout=5) as answer:
            return any(str(workspace.folder) in flag for flag in json.load(answer)["system"]["argv"])
    except (OSError, ValueError, KeyError):
        return False


def _new_log(port: int) -> Path:
    folder = log_dir()
    folder.mkdir(parents=True, exist_ok=True)
    logs = sorted(folder.glob("comfyui-*.log"), key=_written)
    for old in logs[: -LOGS_KEPT + 1]:
        old.unlink(missing_ok=True)
    return folder / f"comfyui-{time.strftime('%Y%m%d-%H%M%S')}-{port}.log"


def _written(log: Path) -> float:
    """When a log was last written to; another run may have removed it meanwhile."""
    try:
        return log.stat().st_mtime
    except FileNotFoundError:
        return 0.0
