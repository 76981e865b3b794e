"""Jobs on a RunComfy serverless deployment: its autoscaled machines are the engine, nothing here schedules on them."""

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from .. import deployment, graph
from ..deployment_run import DeployedRun, DeploymentClient, errors_of_the_pack, pack  # noqa: F401
from ..errors import RunError
from .batch import Rendered
from .graphs import Job
from .records import Records

# pyright: reportMissingImports=false
# isort: split
from acestep_nodes.nodes.backends.runcomfy.account import Account
from acestep_nodes.nodes.backends.runcomfy.place import Place
from acestep_nodes.nodes.backends.runcomfy.stopping import Stop, Stopped

STOPPED = "Stopped."


class DeploymentEngine:
    """parallel: how many requests may be under way at once. records: of what was run before.

    folder: for sounds on their way; the caller removes it.
    """

    def __init__(
        self, deployment_id: str, parallel: int, place: Place, account: Account, records: Records, folder: Path
    ):  # fmt: skip
        self._deployment, self._parallel, self._place, self._account = deployment_id, parallel, place, account
        self._records, self._folder = records, folder
        self._lock = threading.Lock()
        self._under_way: dict[Stop, threading.Event] = {}
        self._stopping = False

    def lanes(self, jobs: Sequence[Job]) -> int:
        return self._parallel

    def render(self, lane: int, job: Job, began: Callable[[], None]) -> Rendered:
        stop, ended = Stop(), threading.Event()
        with self._lock:
            if self._stopping:  # a lane may have taken the job just before
                raise RunError(STOPPED)
            self._under_way[stop] = ended
        began()
        folder = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            with errors_of_the_pack():
                return self._rendered(job, stop, folder)
        except Stopped:
            raise RunError(STOPPED) from None
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        finally:
            with self._lock:
                del self._under_way[stop]
            ended.set()

    def _rendered(self, job: Job, stop: Stop, folder: Path) -> Rendered:
        with contextlib.closing(DeploymentClient(self._deployment, self._place, self._account, stop)) as client:
            run = DeployedRun(sent(job, self._deployment), client, self._account, tell=lambda sentence: None)
            # What has rendered the job is fetched also when the journal has forgotten it.
            known = (self._records.of(job) or {}).get("request_ids")
            found, entry = run.fetched_again(known[0], folder) if known else run.fetched(folder)
        if found.problem is not None:
            raise found.problem
        sounds = [folder / name for name in found.outlines]
        return Rendered(
            sounds,
            {"backend": "deployment", "model": self._deployment, "request_ids": [entry.accepted_id]},
            release=lambda: shutil.rmtree(folder, ignore_errors=True),
            arrived=lambda: run.delivered(entry),
        )

    def stop(self) -> None:
        """Each request under way is cancelled, or its answer waited for and then it is."""
        with self._lock:
            self._stopping = True
            under_way = dict(self._under_way)
        for stop in under_way:
            stop.set(KeyboardInterrupt())
        for ended in under_way.values():
            ended.wait(self._place.patience.submission)


def sent(job: Job, deployment_id: str) -> deployment.Job:
    """What is sent for a job: its graph with each sound inside it, or its overrides. Raises Refused for too much."""
    wanted = job.graph
    for node in graph.nodes_of(wanted, "LoadAudio"):
        uri = deployment.data_uri(job.sources[wanted[node]["inputs"]["audio"]].path)
        wanted = graph.with_setting(wanted, graph.Setting(node, "audio", uri))
    return deployment.checked(deployment.Job(deployment_id, job.name, wanted, job.overrides))


def on_deployment(jobs: Sequence[Job], deployment_id: str) -> list[Job]:
    """The jobs as ones of a deployment, each tried as a request. Raises Refused."""
    made = [replace(job, engine=f"deployment {deployment_id}") for job in jobs]
    for job in made:
        try:
            sent(job, deployment_id)
        except RunError as error:
            error.args = (f"{job.where}: {error}",)
            raise
    return made
