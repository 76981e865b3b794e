"""Runs of the RunComfy backend without ComfyUI, against a simulator: what the tests of its behaviour share."""

import asyncio
import threading
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.backends.interface import Plan
from acestep_nodes.nodes.backends.runcomfy.backend import RunComfyBackend
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.place import Patience, Place
from acestep_nodes.nodes.backends.runcomfy.queued import Queued
from acestep_nodes.nodes.request.progress import Progress
from acestep_nodes.nodes.request.requests import Call, generate_request, inpaint_request, outpaint_request

# The pauses between questions are short. The limits to waiting are not: on a busy machine none may be reached where
# a test does not mean it to be.
IMPATIENT = Patience(first_poll=0.02, poll=0.05, first_backoff=0.02, longest_backoff=0.1, longest_retry_after=3.0)
# For a run that is meant to reach one of these limits.
HURRIED = replace(IMPATIENT, failing_in_a_row=0.2, not_yet_known=0.0, after_stop=0.3)


def hosted_by(simulator) -> dict[str, str]:
    """What makes a ComfyUI talk to the simulator."""
    return {
        "ACESTEP_RUNCOMFY_BASE_URL": simulator.url,
        "RUNCOMFY_API_TOKEN": simulator.token,
        "RUNCOMFY_TOKEN": "",
        "RUNCOMFY_CONFIG_DIR": "/nonexistent",
    }


class Interrupt(BaseException):
    """Stands for ComfyUI's InterruptProcessingException, which is a BaseException too."""


class Watcher(Progress):
    """Keeps every status, and stops the run when told to.

    left: what is said of the whole run once it is stopped or has failed.
    stop_when: a status → whether the user presses Stop at that moment.
    """

    def __init__(self, stop_when=lambda status: False):
        self.statuses: list[dict] = []
        self.left: dict | None = None
        self._stop_when = stop_when
        self._stopped = threading.Event()
        self.stopped_at: float | None = None

    def status(self, **facts) -> None:
        if "run" in facts:
            self.left = facts["run"]
            return
        self.statuses.append(facts)
        if self._stop_when(facts):
            self.stop()

    def stop(self) -> None:
        self.stopped_at = self.stopped_at or time.monotonic()
        self._stopped.set()

    def raise_if_stopped(self) -> None:
        if self._stopped.is_set():
            self._stopped.clear()  # as ComfyUI's flag: whoever sees it consumes it
            raise Interrupt

    @property
    def states(self) -> list[str]:
        """The states shown, each once in a row."""
        states = [status["state"] for status in self.statuses]
        return [state for i, state in enumerate(states) if i == 0 or state != states[i - 1]]


@dataclass
class Ran:
    """One run: its sounds by take, or the error it ended with."""

    sounds: dict[int, Sound] = field(default_factory=dict)
    error: BaseException | None = None
    facts: dict = field(default_factory=dict)
    estimate: float | None = None
    version: str = ""
    model: str = ""
    watcher: Watcher | None = None
    seconds: float = 0.0
    seconds_after_stop: float | None = None

    @property
    def words(self) -> str:
        return str(self.error)


def place_for(simulator, directory: Path, patience: Patience = IMPATIENT, **environment) -> Place:
    """A fresh ComfyUI's place that talks to ``simulator`` with its token."""
    return Place(directory, simulator.url, {"RUNCOMFY_API_TOKEN": simulator.token} | environment, patience)


def song(**changes):
    """A checked generate request; short, with a seed."""
    inputs = {"duration": 5, "tags": "lo-fi, piano", "lyrics": "[inst]", "seed": 7, "version": "auto"}
    return generate_request(**({"node": "ACEStepGenerate", "backend": "runcomfy", "batch_size": 1} | inputs | changes))


def repair(**changes):
    inputs = {"tags": "lo-fi, piano", "lyrics": "[inst]", "seed": 7, "version": "auto", "batch_size": 1}
    return inpaint_request(**({"node": "ACEStepInpaint", "backend": "runcomfy"} | inputs | changes))


def extension(**changes):
    inputs = {"tags": "lo-fi, piano", "lyrics": "[inst]", "seed": 7, "version": "auto", "batch_size": 1}
    more = {"extend_before_duration": 0.0, "extend_after_duration": 5.0}
    return outpaint_request(**({"node": "ACEStepOutpaint", "backend": "runcomfy"} | inputs | more | changes))


def window(seconds=8.0, rate=44_100, channels=2, level=0.2, seed=0) -> Sound:
    """A source: chords with a little noise."""
    time_axis = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
    tones = sum(torch.sin(2 * torch.pi * hz * time_axis) for hz in (220.0, 277.2, 329.6))
    generator = torch.Generator().manual_seed(seed)
    noise = 0.05 * torch.randn(channels, len(time_axis), generator=generator)
    return Sound((level * (tones / 3 + noise)).float(), rate)


def generate(place: Place, request=None, watcher: Watcher | None = None, queued: Queued | None = None) -> Ran:
    """A whole run of ACEStepGenerate."""
    request = request or song()

    def plan_of(request):
        return Plan((float(request.duration),), takes=request.batch_size)

    async def render(backend, call):
        return await backend.generate(backend.request.for_call(call))

    return run(place, request, plan_of, render, watcher, queued)


def inpaint(
    place: Place,
    source: Sound,
    span=(2.0, 4.0),
    request=None,
    watcher: Watcher | None = None,
    queued: Queued | None = None,
) -> Ran:
    """A whole run of ACEStepInpaint whose one window is the source."""

    def plan_of(request):
        return Plan((source.seconds,), takes=request.batch_size, sources=(source,))

    async def render(backend, call):
        return await backend.inpaint(source, [span], backend.request.for_call(call))

    return run(place, request or repair(), plan_of, render, watcher, queued)


def outpaint(place: Place, source: Sound, request=None, watcher: Watcher | None = None) -> Ran:
    """A whole run of ACEStepOutpaint in one call."""
    request = request or extension()
    before, after = request.extend_before_duration, request.extend_after_duration

    def plan_of(request):
        return Plan((source.seconds + before + after,), takes=request.batch_size, sources=(source,))

    async def render(backend, call):
        return await backend.outpaint(source, before, after, backend.request.for_call(call))

    return run(place, request, plan_of, render, watcher)


def run(place: Place, request, plan_of, render, watcher: Watcher | None = None, queued: Queued | None = None) -> Ran:
    """Drive a backend as the nodes do, for a prompt ``queued`` just now or so. Errors are caught and kept."""
    watcher = watcher or Watcher()
    ran = Ran(watcher=watcher)
    started = time.monotonic()
    try:
        asyncio.run(_drive(place, replace(request, progress=watcher), plan_of, render, ran, queued))
    except BaseException as error:
        ran.error = error
    ended = time.monotonic()
    ran.seconds = ended - started
    if watcher.stopped_at is not None:
        ran.seconds_after_stop = ended - watcher.stopped_at
    return ran


async def _drive(place: Place, request, plan_of, render, ran: Ran, queued: Queued | None) -> None:
    backend = RunComfyBackend(request, place, queued)
    try:
        plan = plan_of(backend.request)
        backend.check(plan)
        await backend.prepare(plan)
        ran.estimate = backend.estimate(plan)

        async def job(take: int) -> None:
            ran.sounds[take] = await render(backend, Call(take=take))

        await backend.run([lambda take=take: job(take) for take in range(backend.request.batch_size)])
    finally:
        ran.facts, ran.version, ran.model = backend.facts(), backend.version, backend.model
        ran.facts["codes"] = [said.as_dict() for said in ran.facts["warnings"]]
        ran.facts["warnings"] = [said.sentence() for said in ran.facts["warnings"]]
        backend.close()


def without_codes(said: dict) -> list[str]:
    """What is said in a remark, as a dict, without a code for it: a text as such, or a sentence as a value."""
    found = []
    for name, value in said["values"].items():
        if isinstance(value, dict):
            found += without_codes(value)
        elif said["code"] == "text" or (isinstance(value, str) and value.endswith(".")):
            found.append(f"{said['code']}, {name}: {value}")
    return found


def fail_take(simulator, seed):
    """From now on the render with that seed fails; what to set back."""
    compose = simulator.service.compose

    def broken(model, body):
        if body["seed"] == seed:
            raise RuntimeError("out of notes")
        return compose(model, body)

    simulator.service.compose = broken
    return compose


def hurried(place: Place, **limits: float) -> Place:
    """``place`` with limits that are soon reached, and ``limits``."""
    return replace(place, patience=replace(HURRIED, **limits))


def wait_until(condition, seconds=60.0) -> None:
    """For what another thread or process does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def journal(place: Place):
    """The entries on disk, oldest first."""
    return Journal(place).read().entries
