"""Child processes that cannot outlive us: each in a group of its own, ended by that group."""

import contextlib
import os
import signal
import subprocess
import sys


def start(command: list[str], **options) -> subprocess.Popen:
    """Start a command in its own process group (a new session on POSIX)."""
    if sys.platform == "win32":
        options["creationflags"] = subprocess.CREATE_NEW_PROCESS_GROUP
    else:
        options["start_new_session"] = True
    return subprocess.Popen(command, **options)


def ask_to_stop(process: subprocess.Popen) -> None:
    """What Ctrl-C would do to the process and its children."""
    if sys.platform == "win32":
        with contextlib.suppress(OSError):
            process.send_signal(signal.CTRL_BREAK_EVENT)
    else:
        _signal_group(process, signal.SIGINT)


def end(process: subprocess.Popen, patience_seconds: float) -> None:
    """Ask, wait, then kill what is left of the group; returns when the process is gone."""
    try:
        if process.poll() is None:
            ask_to_stop(process)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience_seconds)
    finally:
        kill(process)


def kill(process: subprocess.Popen) -> None:
    """End the process and everything it started, at once."""
    if sys.platform == "win32":
        subprocess.run(["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        # The group outlives its leader while any child is left, so this is right after an exit too.
        _signal_group(process, signal.SIGKILL)
    process.wait()


def kill_command(process: subprocess.Popen) -> str:
    """What a user types to end it."""
    return f"taskkill /F /T /PID {process.pid}" if sys.platform == "win32" else f"kill {process.pid}"


def _signal_group(process: subprocess.Popen, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def interrupt_on_signals() -> None:
    """Make Ctrl-C, `kill` and a closed terminal all raise KeyboardInterrupt here.

    Set explicitly because a process started in the background inherits an ignored SIGINT.
    """

    def stop(number, frame):
        raise KeyboardInterrupt

    names = ["SIGINT", "SIGTERM", "SIGBREAK" if sys.platform == "win32" else "SIGHUP"]
    for name in names:
        signal.signal(getattr(signal, name), stop)
