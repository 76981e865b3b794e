"""Stories of a user, a service and a machine that fail: played on the real backend, with the ledger counted after
every scene. The fault matrix and the campaign are made of them.

A scene is one of
    ("fault", step, kind, options, times)      from now on the service fails so
    ("mend",)                                  and no more
    ("run",)                                   the node is queued and runs
    ("copies", 3)                              it is queued so often at once, then the copies run
    ("stop", step, moment)                     it runs, and Stop is pressed at that moment of the protocol
    ("kill", step, moment)                     it runs in a process of its own that is killed with -9 at that moment
    ("full", step, moment)                     it runs, and from that moment on the disk is full
    ("read-only",)                             it runs while nothing can be written
    ("clock", step, moment, seconds)           it runs, and at that moment the clock is set by so much
    ("resume",)                                it runs with the id that was said last, if one was
    ("settle",)                                all is mended, and it is queued until it delivers
"""

import contextlib
import json
import logging
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

if __name__ == "__main__":  # as pytest's conftest does
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    import conftest  # noqa: F401  (registers the pack)

from acestep_nodes.nodes.backends.runcomfy import account, files, journal
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.place import Patience
from acestep_nodes.nodes.backends.runcomfy.queued import Queued
from acestep_nodes.nodes.errors import ACEStepError
from runcomfy_runs import Watcher, generate, place_for, song, wait_until
from runcomfy_simulator import Simulator, rendering
from runcomfy_simulator.service import Service

TESTS = Path(__file__).resolve().parent
# Limits that are soon reached; those that nothing here is meant to reach are not.
RESTLESS = Patience(
    first_poll=0.002, poll=0.005, first_backoff=0.002, longest_backoff=0.01, failing_in_a_row=0.06,
    longest_retry_after=0.05, not_yet_known=0.0, after_stop=0.3, submission=10.0,
)  # fmt: skip
RUNS_TO_SETTLE = 7

# What announces that the next run may cost, and what promises that it will not.
ANNOUNCED = re.compile(r"submits it anew|submitted anew|rendered anew|bought again|at a (new )?charge")
PROMISED = re.compile(r"without a new charge")
# No sentence may claim this once a request may have been accepted.
FALSE_COMFORT = ("not charged.", "nothing was charged", "nothing was submitted", "no charge was", "was not submitted")
_ID = re.compile(r"req-[0-9a-f]{16}")


class Machine:
    """What fails under the backend: the disk and the clock. A context manager."""

    def __init__(self):
        self.failing: OSError | None = None
        self.offset = 0.0

    def __enter__(self) -> "Machine":
        self._undo = contextlib.ExitStack()
        write, try_acquire, now = journal.write_private, files.FileLock.try_acquire, time.time

        def write_if_possible(*arguments):
            if self.failing:
                raise self.failing
            write(*arguments)

        def lock_if_possible(lock):
            if isinstance(self.failing, PermissionError):
                raise self.failing
            return try_acquire(lock)

        self._put(journal, "write_private", write_if_possible)
        self._put(files.FileLock, "try_acquire", lock_if_possible)
        self._put(time, "time", lambda: now() + self.offset)
        return self

    def _put(self, owner, name, value) -> None:
        self._undo.callback(setattr, owner, name, getattr(owner, name))
        setattr(owner, name, value)

    def __exit__(self, *_) -> None:
        self._undo.close()


class Theatre:
    """A simulator, a machine and a process to fork runs off, for many stories. A context manager."""

    def __enter__(self) -> "Theatre":
        self._stack = contextlib.ExitStack()
        self.simulator = self._stack.enter_context(Simulator(compose=rendering.tone))
        self.machine = self._stack.enter_context(Machine())
        self.other = self._stack.enter_context(OtherProcess())
        self.log = _Log()
        logger = logging.getLogger("acestep_nodes")
        logger.addHandler(self.log)
        self._stack.callback(logger.removeHandler, self.log)
        return self

    def __exit__(self, *_) -> None:
        self._stack.close()

    def play(self, story, directory: Path) -> list[str]:
        """What was wrong with it, as sentences; empty when all held."""
        player = Player(self, directory)
        for scene in story:
            player.scene(*scene)
            if player.wrong:
                return [f"after {scene}: {words}" for words in player.wrong]
        return []


class Player:
    """One story. ``wrong`` holds what did not hold."""

    def __init__(self, theatre: Theatre, directory: Path):
        self._theatre, self._simulator, self._machine = theatre, theatre.simulator, theatre.machine
        self._simulator.faults.clear()
        self._simulator.requests.clear()
        self._simulator.on_step = lambda step, moment: None
        self._simulator.service = Service(
            token=self._simulator.token, queue_seconds=0.0, run_seconds=0.0, compose=rendering.tone
        )
        self._machine.failing, self._machine.offset = None, 0.0
        theatre.log.lines.clear()
        self._place = place_for(self._simulator, directory, RESTLESS)
        account.identity(self._place, account.find_account(self._place))  # it has been used before
        self._allowed = 1
        self._said = ""
        self.wrong: list[str] = []

    def scene(self, name: str, *how) -> None:
        getattr(self, "_" + name.replace("-", "_"))(*how)
        self._simulator.on_step = lambda step, moment: None
        self._machine.failing = None
        wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("acestep-runcomfy")])
        self._check_ledger()
        self._check_journal()

    # Scenes

    def _fault(self, step, kind, options, times) -> None:
        self._simulator.fault(step, kind, times=times, **options)

    def _mend(self) -> None:
        self._simulator.faults.clear()

    def _run(self) -> None:
        self._hear(generate(self._place))

    def _copies(self, count) -> None:
        queued = Queued(None, time.time())
        rans = []
        for _ in range(count):
            rans.append(generate(self._place, queued=queued))
            self._check_ledger()  # whatever they say, nobody has read it yet
        for ran in rans:
            self._hear(ran)

    def _stop(self, step, moment) -> None:
        watcher = Watcher()
        self._at(step, moment, watcher.stop)
        if step == "cancel":  # that is asked for only after a Stop in the queue
            self._simulator.service.queue_seconds = 600.0
            watcher = Watcher(lambda status: status["state"] == "in_queue")
        self._hear(generate(self._place, watcher=watcher))
        self._simulator.service.queue_seconds = 0.0
        for job in self._simulator.service.jobs():
            job.queue_seconds = 0.0

    def _kill(self, step, moment) -> None:
        known = threading.Event()

        def kill():
            if known.wait(60.0):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._theatre.other.child, signal.SIGKILL)

        self._at(step, moment, kill)
        self._theatre.other.run(self._place)
        known.set()
        self._learn(self._theatre.other.said())

    def _full(self, step, moment) -> None:
        self._at(step, moment, lambda: setattr(self._machine, "failing", OSError(28, "No space left on device")))
        self._hear(generate(self._place))

    def _read_only(self) -> None:
        before = len(self._simulator.service.jobs())
        self._machine.failing = PermissionError(30, "Read-only file system")
        self._hear(generate(self._place))
        if len(self._simulator.service.jobs()) > before:
            self.wrong.append("something was bought though nothing could be recorded")

    def _clock(self, step, moment, seconds) -> None:
        self._at(step, moment, lambda: setattr(self._machine, "offset", self._machine.offset + seconds))
        self._hear(generate(self._place))

    def _resume(self) -> None:
        ids = _ID.findall(self._said)
        if ids:
            before = len(self._simulator.service.jobs())
            self._hear(generate(self._place, song(seed=99, resume_request_id=ids[-1])))
            if len(self._simulator.service.jobs()) > before:
                self.wrong.append("something was bought on resume")

    def _settle(self) -> None:
        self._mend()
        for _ in range(RUNS_TO_SETTLE):
            ran = generate(self._place)
            self._hear(ran)
            self._check_ledger()
            if ran.error is None:
                break
        else:
            self.wrong.append(f"it never delivers; the last sentence: {self._said}")
        states = [entry.state for entry in Journal(self._place).read().entries]
        if State.SENDING in states:
            self.wrong.append("an entry is being sent for ever")

    def _at(self, step: str, moment: str, act) -> None:
        """Do it the first time that moment comes."""
        once = threading.Lock()

        def on_step(reached, when):
            if (reached, when) == (step, moment) and once.acquire(blocking=False):
                act()

        self._simulator.on_step = on_step

    # What must hold

    def _hear(self, ran) -> None:
        """What the user learns from a run, and what that allows the next one."""
        words = _words(ran)
        shown = [words, *ran.facts.get("warnings", ()), *(status.get("message", "") for status in ran.watcher.statuses)]
        self._said = next((text for text in (words, *reversed(shown)) if text), self._said)
        self._learn(words)
        for text in shown:
            self._check_sentence(text)
        if ran.error is not None and not isinstance(ran.error, ACEStepError) and not _is_interrupt(ran.error):
            self.wrong.append(f"it ended with {ran.error!r}")
        if ran.error is None and not ran.sounds:
            self.wrong.append("it ended well without a sound")
        if words and not words.startswith(("ACEStepGenerate: ", "The journal ", "The file ", "The folder ")):
            self.wrong.append(f"the sentence names no node: {words}")

    def _learn(self, words: str) -> None:
        """What the sentence that ended a run lets the user expect of the next one."""
        charged = self._charged()
        if PROMISED.search(words):
            self._allowed = max(1, charged)
        elif ANNOUNCED.search(words):
            self._allowed = max(1, charged + 1)

    def _check_sentence(self, text: str) -> None:
        if self._simulator.token in text:
            self.wrong.append("the token is in a sentence")
        if self._simulator.service.jobs() and any(words in text.lower() for words in FALSE_COMFORT):
            self.wrong.append(f"false comfort: {text}")
        if re.search(r"\bNone\b|\{|\}|  ", text):
            self.wrong.append(f"not a sentence: {text}")

    def _charged(self) -> int:
        return sum(1 for job in self._simulator.service.jobs() if not job.cancelled)

    def _check_ledger(self) -> None:
        if self._charged() > self._allowed:
            self.wrong.append(f"{self._charged()} are charged, {self._allowed} were to be expected")

    def _check_journal(self) -> None:
        """Every accepted request can be found again: by its id, or by an entry that says to go and look."""
        entries = Journal(self._place).read().entries
        noted = {entry.request_id for entry in entries} | set(_ID.findall("\n".join(self._theatre.log.lines)))
        open_ones = sum(1 for entry in entries if entry.request_id is None and entry.state is not State.REFUSED)
        lost = [job.request_id for job in self._simulator.service.jobs() if job.request_id not in noted]
        if len(lost) > open_ones:
            self.wrong.append(f"lost: {lost}; the journal holds {[(e.state.value, e.request_id) for e in entries]}")


def _words(ran) -> str:
    return str(ran.error) if isinstance(ran.error, ACEStepError) else ""


def _is_interrupt(error: BaseException) -> bool:
    return type(error).__name__ in ("Interrupt", "CancelledError")


class _Log(logging.Handler):
    def __init__(self):
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


class OtherProcess:
    """A process that has everything imported and forks off a run when told to: quick, and safe to kill."""

    def __enter__(self) -> "OtherProcess":
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=TESTS,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )  # fmt: skip
        self.child = 0
        return self

    def __exit__(self, *_) -> None:
        self._process.stdin.close()
        self._process.wait(60)

    def run(self, place) -> None:
        """Start a run there; ``child`` is its process id."""
        order = {
            "directory": str(place.directory),
            "url": place.api_url,
            "token": place.environment["RUNCOMFY_API_TOKEN"],
        }
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self.child = int(self._process.stdout.readline())

    def said(self) -> str:
        """Once it has ended, the sentence that it ended with, if it came to that."""
        said = ""
        while (line := self._process.stdout.readline()) != "ended\n":
            assert line, "the process that forks has ended"
            said = json.loads(line)
        return said


def _fork_runs() -> None:
    from acestep_nodes.nodes.backends.runcomfy.place import Place

    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            sys.stdin.close()
            place = Place(Path(order["directory"]), order["url"], {"RUNCOMFY_API_TOKEN": order["token"]}, RESTLESS)
            print(json.dumps(_words(generate(place))), flush=True)
            os._exit(0)
        print(child, flush=True)
        os.waitpid(child, 0)
        print("ended", flush=True)


# The matrix

JSON_FAULTS = [
    *[("http", {"status": status}) for status in (400, 401, 402, 403, 404, 408, 409, 422, 429, 500, 503)],
    ("http", {"status": 429, "retry_after": "0.01"}),
    ("http", {"status": 429, "retry_after": "3600"}),
    *[("documented", {"code": code}) for code in (400001, 400002, 400004, 403001, 404001, 500001)],
    *[("documented", {"code": code, "status": 200}) for code in (400002, 404001)],
    ("documented", {"code": 403001, "status": 400}),
    *[("gateway", {"status": status}) for status in (404, 410, 502)],
    *[("gateway_after", {"status": status}) for status in (404, 502)],
    ("http_after", {"status": 500}),
    ("drop_before", {}),
    ("drop_after", {}),
    ("truncated", {}),
    ("cut", {}),
    ("unreadable", {}),
    ("error_code", {"code": "ODD", "message": "odd"}),
    ("redirect", {"location": "https://example.com/"}),
]
FAULTS = {
    "catalogue": [
        *JSON_FAULTS,
        *[("change", {"set": {"base_price_usd": usd}}) for usd in (0, -1, 1e9, 10.0, "0.1", None)],
        ("change", {"set": {"price_unit": "minute"}}),
    ],
    "submit": [
        *JSON_FAULTS,
        ("change", {"remove": ["request_id"]}),
        ("change", {"set": {"request_id": "no id"}}),
        ("change", {"set": {"error_code": "ODD"}}),
        ("change", {"set": {"error_code": 500001}}),
    ],
    "status": [
        *JSON_FAULTS,
        *[("change", {"set": {"status": state}}) for state in ("failed", "cancelled", "expired", "dreaming", None, 7)],
    ],
    "result": [
        *JSON_FAULTS,
        *[("change", {"set": {"status": state, "output": None}}) for state in ("failed", "cancelled", "in_progress")],
        ("change", {"set": {"output": {}}}),
        ("change", {"set": {"output": {"audio": "https://example.com/a.mp3"}}}),
        ("change", {"set": {"cost": 5.0}}),
        ("change", {"remove": ["cost"]}),
    ],
    "cancel": [*JSON_FAULTS, ("change", {"set": {"status": "thinking", "outcome": "thinking"}})],
    "file": [
        *[("http", {"status": status}) for status in (401, 403, 404, 410, 429, 500)],
        ("gateway", {"status": 404}),
        ("drop_before", {}),
        ("truncated", {}),
        ("cut", {}),
        ("redirect", {"location": "https://files.runcomfy.net/x"}),
        ("bytes", {"data": b"<html>sorry</html>", "content_type": "text/html"}),
        ("bytes", {"data": b"", "content_type": "audio/mpeg"}),
    ],
}
MOMENTS = ("arrived", "answered")
DAY = 86_400.0
ONCE, LASTING = 1, 100_000


def modes(step: str, moment: str) -> dict[str, tuple]:
    """The first scene after the fault, by its name."""
    if step == "cancel":
        return {"stop": ("stop", step, moment)}
    return {
        "runs": ("run",),
        "stop": ("stop", step, moment),
        "kill": ("kill", step, moment),
        "copies": ("copies", 3),
        "full": ("full", step, moment),
        "read-only": ("read-only",),
        "clock forth": ("clock", step, moment, DAY),
        "clock back": ("clock", step, moment, -DAY),
    }


def matrix() -> dict[str, list[tuple]]:
    """Every fault × step × mode × moment × once or lasting, as stories by name."""
    stories = {}
    for step, faults in FAULTS.items():
        for number, (kind, options) in enumerate(faults):
            for times in (ONCE, LASTING):
                for moment in MOMENTS:
                    for mode, scene in modes(step, moment).items():
                        if moment == MOMENTS[1] and len(scene) < 3:
                            continue  # it has no moment, so the first was the same
                        name = f"{step}-{kind}-{number}-{'once' if times == ONCE else 'lasting'}-{mode}-{moment}"
                        again = [("run",), ("resume",)] if times == LASTING else []
                        fault = ("fault", step, kind, options, times)
                        stories[name] = [fault, scene, *again, ("settle",)]
    return stories


if __name__ == "__main__":
    _fork_runs()
