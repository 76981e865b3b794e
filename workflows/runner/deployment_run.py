"""Runs a job on a serverless deployment and brings its sounds to the output folder. Inside the environment only.

The rules for money are the pack's, kept by the pack's own code: the POST is sent once, with its intent in a journal
before and its id right after; the same job is fetched, not run again; files come from RunComfy's hosts alone.
"""

import contextlib
import hashlib
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from . import delivery, deployment_files, pack, workspace  # noqa: F401  (pack: makes the imports below possible)
from .client import Run as Finished
from .deployment import Job
from .errors import Refused, RunError, RunFailed
from .terminal import complain, say

# pyright: reportMissingImports=false
# isort: split
from acestep_nodes.nodes.backends.runcomfy.account import Account, find_account, identity
from acestep_nodes.nodes.backends.runcomfy.client import Client
from acestep_nodes.nodes.backends.runcomfy.entries import Entry, Run, State
from acestep_nodes.nodes.backends.runcomfy.errors import JournalError, NoSuchThing, NothingToFetch, RenderFailed
from acestep_nodes.nodes.backends.runcomfy.following import Cancelled, wait_for_result
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.live import Live
from acestep_nodes.nodes.backends.runcomfy.place import (
    DEPLOYMENTS_FOLDER,
    Place,
    data_directory,
    serverless_url_from,
)
from acestep_nodes.nodes.backends.runcomfy.sending import Sending
from acestep_nodes.nodes.backends.runcomfy.stopping import Stop, Stopped, wait_for
from acestep_nodes.nodes.errors import ACEStepError
from acestep_nodes.nodes.request.requests import Call
from acestep_nodes.nodes.words.remarks import remark

MAX_RETRIES = 3
BILLING = "The deployment bills its GPU time; max_cost_usd does not bound that."
AFTER_STOP = {
    "cancelled": "Request {id} was cancelled.",
    "charged": "Request {id} can no longer be cancelled and is billed; the same command fetches it without a new run.",
    "unknown": "It is not known whether request {id} was cancelled: look at the deployment's requests on runcomfy.com.",
}


class DeploymentClient(Client):
    """The pack's client, speaking to one deployment."""

    where_to_look = "the deployment's requests on runcomfy.com"

    def __init__(self, deployment: str, place: Place, account: Account, stop: Stop):
        super().__init__(place, account, stop)
        self._path = f"/prod/v1/deployments/{deployment}"

    def submit(self, model: str, data: bytes):
        return self.post_once(f"{self._path}/inference", model, data)

    def status(self, request_id: str, hold_out=lambda error: False) -> dict:
        return self.read(f"{self._path}/requests/{request_id}/status", remark("status_of", id=request_id), hold_out)

    def result(self, request_id: str, failing_seconds: float | None = None) -> dict:
        path = f"{self._path}/requests/{request_id}/result"
        return self.read(path, remark("result_of", id=request_id), failing_seconds=failing_seconds)

    def cancel_path(self, request_id: str) -> str:
        return f"{self._path}/requests/{request_id}/cancel"


@dataclass(frozen=True)
class Body:
    """What `Sending` posts. model: how errors call the other end."""

    model: str
    data: bytes


@dataclass(frozen=True)
class Ran:
    """The sounds in the output folder; `problem`, when some of the request could not be brought there."""

    sounds: list[delivery.SoundFile]
    problem: RunError | None


class Progress(Live):
    """Says each state once."""

    def __init__(self, tell: Callable[[str], None]):
        super().__init__()
        self._tell = tell

    def show(self, **facts) -> None:
        if facts.get("state", self.facts()["state"]) != self.facts()["state"]:
            self._tell(f"RunComfy: {facts['state'].replace('_', ' ')} …")
        super().show(**facts)


@contextlib.contextmanager
def errors_of_the_pack() -> Iterator[None]:
    """Turn the errors of the pack into those of a run."""
    try:
        yield
    except ACEStepError as error:
        raise RunFailed(str(error), type(error).__name__) from None


def run(job: Job, directory: Path, environment: Mapping[str, str], out: Path) -> Ran:
    """Run the job or fetch what it gave. directory: the private folder of token and journal. Raises RunError."""
    with errors_of_the_pack():
        place, account = signed_in(directory, environment)
        with contextlib.closing(DeploymentClient(job.deployment, place, account, Stop())) as client:
            return DeployedRun(job, client, account).to(out)


def signed_in(directory: Path, environment: Mapping[str, str]) -> tuple[Place, Account]:
    """Where the deployments are and who asks. Raises RunFailed and ACEStepError."""
    place = Place(data_directory(environment, directory), serverless_url_from(environment), environment)
    account = find_account(place)
    if account is None:
        raise RunFailed(
            "--deployment needs a RunComfy API token: set RUNCOMFY_API_TOKEN, or run `runcomfy login`.", "NotSignedIn"
        )
    if place.is_test_server:
        say(f"This is a test server at {place.api_url}, not RunComfy: nothing is charged.")
    else:
        say(BILLING)
    return place, account


def journal_place(place: Place) -> Place:
    """Where the journal of deployments lies, apart from that of the nodes."""
    return replace(place, directory=place.directory / DEPLOYMENTS_FOLDER)


class DeployedRun:
    """One job on its way: begun in the journal, sent or found, followed, brought home. tell: for what is no error.

    Ctrl-C, or the client's Stop from another thread, cancels a request that has been accepted.
    """

    def __init__(self, job: Job, client: DeploymentClient, account: Account, tell: Callable[[str], None] = say):
        self._job, self._client, self._tell = job, client, tell
        self._journal = Journal(journal_place(client.place))
        self._live = Progress(tell)
        now = time.time()
        self._wanted = Entry(
            # Whatever token opens a deployment, its requests are the same: a renewed one finds what an old one sent.
            account=identity(client.place, replace(account, token="")),
            model=f"deployment {job.deployment}",
            seed=0,
            seconds=0.0,
            body_sha256=hashlib.sha256(job.body).hexdigest(),
            estimate_usd=0.0,
            created=now,
            updated=now,
        )
        self._record = Run(
            node="--deployment", model=self._wanted.model, seed=0, items=1, takes=1, parts=1, created=now
        )

    def to(self, out: Path) -> Ran:
        """Bring the sounds of the job to a folder, like those of a run here."""
        place = workspace.self_contained({})
        try:
            found, entry = self.fetched(place.folder / "output")
            if not found.outlines:
                raise found.problem
            # Of a deployed workflow only the ids of its nodes are known.
            graph = {node: {"class_type": node, "inputs": {}} for node in found.outputs} | self._job.graph
            finished = Finished(entry.accepted_id, found.outputs, [])
            name = self._job.name
            sounds, _ = delivery.deliver(finished, graph, name, place, out, lambda path: found.outlines[path.name])
        finally:
            place.remove()
        if found.problem is None:
            self.delivered(entry)
        return Ran(sounds, found.problem)

    def fetched(self, folder: Path) -> tuple[deployment_files.Found, Entry]:
        """The sounds of the job, fetched to a folder, and its request. Raises RunError and ACEStepError."""
        with self._cancelled_on_stop() as accepted:
            entry = self._obtained()
            accepted(entry)
            try:
                result = wait_for_result(self._client, entry, self._live, entry.key == self._wanted.key)
            except (RenderFailed, NoSuchThing) as error:
                self._settle(entry, error)
                raise type(error)(f"{error} The same command submits it anew.") from None
            self._live.finished.set()
            return deployment_files.fetched(self._client, result, entry.accepted_id, folder), entry

    def fetched_again(self, request_id: str, folder: Path) -> tuple[deployment_files.Found, Entry]:
        """The same of a request that is known to have rendered the job, also where the journal has forgotten it.

        Nothing is submitted. Raises NothingToFetch where RunComfy no longer has it.
        """
        entry = self._journal.read().by_request_id(request_id) or replace(
            # How old it is nobody knows any more; it is not so new that RunComfy would not know it yet.
            self._wanted, key=uuid.uuid4().hex, state=State.ACCEPTED, request_id=request_id, created=0.0
        )  # fmt: skip
        try:
            result = wait_for_result(self._client, entry, self._live)
        except (RenderFailed, NoSuchThing) as error:
            self._settle(entry, error)
            raise NothingToFetch(str(error), request_id) from None
        return deployment_files.fetched(self._client, result, request_id, folder), entry

    def delivered(self, entry: Entry) -> None:
        """Note that all sounds of the request are here."""
        self._noted(entry, state=State.DELIVERED)

    def _obtained(self) -> Entry:
        """The accepted request of the job: sent now, or by an earlier run of the same command."""
        pause = self._client.place.patience.first_backoff
        for attempts_left in range(MAX_RETRIES, -1, -1):
            self._client.stop.check()
            entry = self._journal.begin(self._record, Call(), replace(self._wanted, created=time.time()))
            if entry.key != self._wanted.key:
                return self._checked_earlier(entry)
            submission, entry = self._sent(entry)
            if submission.error is None:
                self._tell(f"RunComfy accepted request {entry.request_id}.")
                return entry
            wait = max(pause, submission.retry_after or 0.0)
            too_long = wait > self._client.place.patience.longest_retry_after
            if not submission.retry or not attempts_left or too_long:
                raise submission.error
            self._tell(f"RunComfy does not take the request just now; it is sent again in {wait:.0f} s.")
            self._client.stop.sleep(wait)
            pause = min(2 * pause, self._client.place.patience.longest_backoff)
        raise AssertionError("unreachable")

    def _sent(self, entry: Entry):
        """What came of one submission; its id is in the journal before anything else happens."""
        sending = Sending(self._client, self._journal, entry, Body(entry.model, self._job.body))
        try:
            return wait_for(sending.answer, self._client.stop)
        except (KeyboardInterrupt, Stopped):
            complain(
                f"Stopping; waiting up to {self._client.place.patience.submission:.0f} s for RunComfy's answer so that "
                "no request is lost (Ctrl-C again ends at once)."
            )
            submission, entry = sending.answer.result()
            if submission.error is None:
                self._cancel(entry)
            raise

    def _checked_earlier(self, entry: Entry) -> Entry:
        """The request that was already sent for the same job. Raises RunError when it cannot be fetched."""
        if entry.state is State.SENDING:
            raise Refused("The same job is being submitted by another process right now.")
        if entry.request_id is None:
            self._journal.note_shown({entry.key})
            when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(entry.created))
            raise RunFailed(
                f"The same job was sent to {entry.model} at {when} and its outcome is unknown: it may have run "
                f"and been billed. Look at the deployment's requests on runcomfy.com; if it is not there, run "
                f"the same command again and it is submitted anew.",
                "OutcomeUnknown",
            )
        self._tell(
            f"The same job was submitted before: fetching request {entry.request_id}, nothing is run again. For a new "
            f"run set another seed."
        )
        return entry

    def _settle(self, entry: Entry, error: RenderFailed | NoSuchThing) -> None:
        """Note that an entry has no result, so that the same command may submit the job anew."""
        state = State.CANCELLED if isinstance(error, Cancelled) else State.FAILED
        self._noted(entry, state=State.GONE if isinstance(error, NoSuchThing) else state, shown=time.time())

    # Stop

    @contextlib.contextmanager
    def _cancelled_on_stop(self) -> Iterator[Callable[[Entry], None]]:
        """Cancels, on Ctrl-C, the request that has been accepted by then."""
        accepted: list[Entry] = []
        try:
            yield accepted.append
        except (KeyboardInterrupt, Stopped):
            if accepted and self._live.finished.is_set():
                complain(f"Request {accepted[0].request_id} is complete; the same command fetches its files.")
            elif accepted:
                self._cancel(accepted[0])
            raise

    def _cancel(self, entry: Entry) -> None:
        outcome = self._client.cancel(entry.accepted_id).outcome
        if outcome == "cancelled":
            self._noted(entry, state=State.CANCELLED, shown=0.0)  # as asked for
        complain(AFTER_STOP[outcome].format(id=entry.request_id))

    def _noted(self, entry: Entry, **changes) -> None:
        """Note what became of a request. Its sounds matter more than the note, so a failure is only said."""
        try:
            self._journal.update(entry, **changes)
        except JournalError as error:
            complain(str(error))
