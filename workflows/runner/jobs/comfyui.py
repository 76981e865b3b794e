"""Jobs on ComfyUI: one server whose model stays loaded, or, for what RunComfy renders, as many as may be in flight."""

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .. import delivery, graph
from ..client import Client, Run
from ..errors import RunError, RunFailed, Unavailable
from ..server import Server
from ..terminal import say
from ..workspace import PACK_LINK_NAME, Workspace
from .batch import Rendered
from .bought import bought_by
from .graphs import Job

# Requests to RunComfy at a time, as the pack has it for the takes of one node.
IN_FLIGHT = 4
# One job runs and the next waits in ComfyUI's queue, so that nothing idles while a result is brought home.
LANES_OF_A_SERVER = 2
STARTS_OF_A_JOB = 3
STOPPING = "The run is being stopped."


@dataclass
class _Place:
    """One server and its folder, once it is started. running: the prompts of its lanes, queued under `queueing`."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    queueing: threading.Lock = field(default_factory=threading.Lock)
    workspace: Workspace | None = None
    server: Server | None = None
    running: set[str] = field(default_factory=set)


class _Attempt(Client):
    """One job at the server of a place. stopping: once it is set nothing is queued. began: it has left the queue."""

    def __init__(self, url: str, place: _Place, stopping: threading.Event, began: Callable[[], None]):
        super().__init__(url)
        self._place, self._stopping, self._began = place, stopping, began
        self._prompt_id = ""
        self.has_begun = False

    def submit(self, prompt: dict, client_id: str | None = None) -> str:
        with self._place.queueing:
            if self._stopping.is_set():
                raise Unavailable(STOPPING)
            self._prompt_id = super().submit(prompt, client_id)
            self._place.running.add(self._prompt_id)
            return self._prompt_id

    def followed(self, job: Job) -> Run:
        try:
            return self.run(job.graph, self._on_event)
        finally:
            self._place.running.discard(self._prompt_id)

    def _on_event(self, kind: str, data: dict) -> None:
        if kind != "execution_start":
            return
        self.has_begun = True
        self._began()
        # ComfyUI forgets an interruption that comes between its queue and this moment.
        if self._stopping.is_set():
            self.interrupt(self._prompt_id)


class ComfyUIEngine:
    """start: makes a workspace and starts a server in it. patience: for an answer that is being paid for, in seconds.

    Use it as a context manager; every server ends with the block.
    """

    def __init__(
        self,
        start: Callable[[], tuple[Workspace, Server]],
        patience: float,
        await_answers: Callable[[Client, float], None],
    ):
        self._start, self._patience, self._await_answers = start, patience, await_answers
        self._places = [_Place() for _ in range(IN_FLIGHT)]
        self._servers = 1
        self._stopping = threading.Event()
        self._interrupted = False
        # Of servers that ended: what another lane has just rendered there may not be brought home yet.
        self._left: list[Workspace] = []

    def __enter__(self) -> "ComfyUIEngine":
        return self

    def __exit__(self, *_) -> None:
        self._stopping.set()
        for place in self._places:
            with place.lock:
                self._end(place)
        for workspace in self._left:
            workspace.remove()

    def first(self) -> Client:
        """A client of the first server, started if need be."""
        return self._started(self._places[0])[0]

    def node_info(self, class_type: str) -> dict:
        """The node class as the server describes it. Raises Unavailable when it has none."""
        info = self.first().get(f"/object_info/{class_type}")
        if class_type not in info:
            server = self._places[0].server
            reasons = server.load_failures(PACK_LINK_NAME) if server else []
            why = f" This pack did not load: {reasons[0]}" if reasons else ""
            raise Unavailable(f"This ComfyUI has no node {class_type}.{why}")
        return info[class_type]

    def lanes(self, jobs: Sequence[Job]) -> int:
        pays = jobs[0].may_pay
        self._servers = max(1, IN_FLIGHT // max(map(_requests_at_once, jobs))) if pays else 1
        return LANES_OF_A_SERVER * self._servers

    def render(self, lane: int, job: Job, began: Callable[[], None]) -> Rendered:
        place = self._places[lane % self._servers]
        for _ in range(STARTS_OF_A_JOB):
            client, workspace = self._started(place)
            _provide(job, workspace)
            attempt = _Attempt(client.url, place, self._stopping, began)
            try:
                run = attempt.followed(job)
            except Unavailable as error:
                if self._stopping.is_set():
                    raise
                self._give_up(place, client)
                # Another job of this server may have taken it down; only one that ran then has failed.
                if attempt.has_begun:
                    raise RunFailed(str(error), "ServerEnded") from None
            else:
                return _rendered(run, client, workspace)
        raise Unavailable("ComfyUI ends again and again before this job begins; its log tells why.")

    def stop(self) -> None:
        self._interrupted = True
        self._stopping.set()
        for place in self._places:
            with place.queueing:  # what a lane queues at this moment is known after it; a server that starts gets none
                pass
        at_work = [(Client(server.url), place.running) for place in self._places if (server := place.server)]
        # No queue hands out another prompt while those that run are interrupted, one after the other.
        for client, _ in at_work:
            with contextlib.suppress(RunError):
                client.post("/queue", {"clear": True})
        for client, running in at_work:
            with contextlib.suppress(RunError):
                for prompt_id in list(running):
                    client.interrupt(prompt_id)
        for client, _ in at_work:
            if self._patience:
                with contextlib.suppress(RunError):
                    self._await_answers(client, self._patience)

    def _started(self, place: _Place) -> tuple[Client, Workspace]:
        """A client of the server of a place, started if need be, and the server's folder."""
        with place.lock:
            if self._stopping.is_set():
                raise Unavailable(STOPPING)
            if place.server is None or place.workspace is None:
                started = time.monotonic()
                place.workspace, place.server = self._start()
                say(f"ComfyUI is ready at {place.server.url} ({time.monotonic() - started:.0f} s).")
            return Client(place.server.url), place.workspace

    def _give_up(self, place: _Place, client: Client) -> None:
        """End a server that does not answer any more, unless that is done already."""
        with place.lock:
            if place.server is not None and place.server.url == client.url:
                self._end(place)

    def _end(self, place: _Place) -> None:
        if place.server is not None:
            # With patience it records what it has shown of paid requests, which another one may then count on.
            place.server.stop(self._patience)
        if place.workspace is not None:
            self._left.append(place.workspace)
        place.server = place.workspace = None


def facts_of(reports: dict[str, dict]) -> dict:
    """What the manifest tells of the reports of a job. requests: node → the ids of what it bought.

    cost_usd: when all of it was reported, as in a report.
    """
    each = list(reports.values())
    costs = [report.get("cost_usd") for report in each if report.get("request_ids")]
    estimates = [report["estimate_usd"] for report in each if report.get("estimate_usd") is not None]
    return {
        "backend": ", ".join(dict.fromkeys(str(report["backend"]) for report in each)),
        "model": ", ".join(dict.fromkeys(str(report.get("model", "")) for report in each)),
        "seeds": [seed for report in each for seed in report.get("seeds", [])],
        "cost_usd": round(sum(costs), 6) if costs and None not in costs else None,
        "estimate_usd": round(sum(estimates), 6) if estimates else None,
        "request_ids": [request_id for report in each for request_id in report.get("request_ids", [])],
        "requests": {node: report["request_ids"] for node, report in reports.items() if report.get("request_ids")},
        "seams": [seam for report in each for seam in report.get("seams", [])],
        "warnings": list(dict.fromkeys(warning for report in each for warning in report.get("warnings", []))),
    }


def _requests_at_once(job: Job) -> int:
    """How many requests a job may have in flight: of one node no more than the pack allows."""
    takes = [job.graph[node]["inputs"].get("batch_size", 1) for node in graph.paying_nodes(job.graph)]
    return min(IN_FLIGHT, sum(take if isinstance(take, int) else IN_FLIGHT for take in takes) or 1)


def _provide(job: Job, workspace: Workspace) -> None:
    """Put the sounds of a job into the input folder."""
    for source in job.sources.values():
        target = workspace.input / source.file
        if not target.exists():
            aside = target.with_name(f".{threading.get_ident()}-{source.file}")
            try:
                shutil.copyfile(source.path, aside)
                aside.replace(target)
            except OSError as error:
                raise Unavailable(f"{source.path} cannot be brought to ComfyUI ({error.strerror}).") from error


def _rendered(run: Run, client: Client, workspace: Workspace) -> Rendered:
    """What a run gave, which is in the folder also when its server has ended by now."""
    with contextlib.suppress(Unavailable):
        client.post("/history", {"delete": [run.prompt_id]})  # it would grow with every job
    sounds = [delivery.path_of(entry, workspace) for saved in delivery.saved_sounds(run).values() for entry in saved]
    facts = facts_of(delivery.reports(run))
    return Rendered(sounds, facts, lambda: _remove(sounds), bought=bought_by(run.events))


def _remove(sounds: Sequence[Path]) -> None:
    for path in sounds:
        path.unlink(missing_ok=True)
