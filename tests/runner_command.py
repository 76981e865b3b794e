"""workflows/run.py in a process of its own, for tests that see what a user sees."""

import os
import subprocess
import sys
import time
import uuid

import psutil
from runner.places import PACK_DIR, cache_dir
from runner.workspace import OWNER_FILE

RUN_PY = PACK_DIR / "workflows" / "run.py"
LIMIT_SECONDS = 240


class Command:
    """run.py in a process of its own; everything that descends from it carries its mark in the environment."""

    def __init__(self, *arguments, **variables):
        self.mark = uuid.uuid4().hex
        environment = {**os.environ, "ACESTEP_TEST_MARK": self.mark, **variables}
        self.process = subprocess.Popen(
            [sys.executable, str(RUN_PY), *map(str, arguments)],
            env=environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def descendants(self):
        """Every living process with the mark, run.py itself left out, orphans included."""
        found = []
        # Not psutil.process_iter, which hands out the process that once had the id when the id is given anew.
        for pid in psutil.pids():
            try:
                process = psutil.Process(pid)
                if process.environ().get("ACESTEP_TEST_MARK") == self.mark and process.pid != self.process.pid:
                    found.append(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        return found

    def folders_left(self):
        """The working folders of its runs that still exist."""
        owners = (cache_dir() / "runs").glob(f"run-*/{OWNER_FILE}")
        return [path.parent for path in owners if _text(path) == str(self.process.pid)]

    def wait_for_server_process(self):
        deadline = time.monotonic() + LIMIT_SECONDS
        while time.monotonic() < deadline:
            for process in self.descendants():
                if any("launch_comfyui" in word for word in process.cmdline()):
                    return process
            assert self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.05)
        raise AssertionError("no server was started")

    def wait_for_line(self, part):
        for line in self.process.stdout:
            if part in line:
                return
        raise AssertionError(f"“{part}” was never said: {self.process.stderr.read()}")

    def wait_for_complaint(self, part):
        for line in self.process.stderr:
            if part in line:
                return
        raise AssertionError(f"“{part}” was never said: {self.process.stdout.read()}")

    def end(self):
        out, err = self.process.communicate(timeout=LIMIT_SECONDS)
        return self.process.returncode, out, err


def _text(path):
    """Empty when another run has removed the file by now."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def own_cache(folder):
    """Variables for a run that shares what was built and fetched, and has a user folder of its own for its journal."""
    folder.mkdir()
    for each in cache_dir().iterdir():
        if each.name not in ("user", "runs"):
            (folder / each.name).symlink_to(each)
    return {"ACESTEP_CACHE": str(folder)}


def run(*arguments, **variables):
    return Command(*arguments, **variables).end()


def assert_stopped(command, number):
    """A signal ends the command with the code of Ctrl-C, and nothing that it started lives on."""
    command.process.send_signal(number)
    code, _, err = command.end()
    assert code == 130 and "Traceback" not in err, err
    assert command.descendants() == []
