"""Runs a job on a serverless deployment and brings its sounds to the output folder. Inside the environment only.

The rules for money are the pack's, kept by the pack's own code: the POST is sent once, with its intent in a journal
before and its id right after; the same job is fetched, not run again; files come from RunComfy's hosts alone.
"""

import contextlib
import hashlib
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from . import delivery, pack, workspace  # noqa: F401  (pack: makes the imports below possible)
from .client import Run as Finished
from .deployment import Job
from .errors import Refused, RunError, RunFailed
from .terminal import complain, say

# pyright: reportMissingImports=false
# isort: split
from acestep_nodes.nodes.backends.runcomfy.account import Account, find_account, identity
from acestep_nodes.nodes.backends.runcomfy.client import Client
from acestep_nodes.nodes.backends.runcomfy.download import checked_address, fetch_file
from acestep_nodes.nodes.backends.runcomfy.entries import Entry, Run, State
from acestep_nodes.nodes.backends.runcomfy.errors import NoSuchThing, RenderFailed
from acestep_nodes.nodes.backends.runcomfy.following import Cancelled, wait_for_result
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.live import Live
from acestep_nodes.nodes.backends.runcomfy.place import Place, serverless_url_from
from acestep_nodes.nodes.backends.runcomfy.sending import Sending
from acestep_nodes.nodes.backends.runcomfy.stopping import Stop, wait_for
from acestep_nodes.nodes.errors import ACEStepError
from acestep_nodes.nodes.request import Call

JOURNAL_FOLDER = "deployments"
MAX_FILES = 100
AUDIO_SUFFIXES = (".flac", ".mp3", ".wav", ".opus", ".ogg", ".m4a")
BILLING = "The deployment bills its GPU time; max_cost_usd does not bound that."
AFTER_STOP = {
    "cancelled": "Request {id} was cancelled.",
    "charged": "Request {id} can no longer be cancelled and is billed; the same command fetches it without a new run.",
    "unknown": "It is not known whether request {id} was cancelled: look at the deployment's requests on runcomfy.com.",
}


class DeploymentClient(Client):
    """The pack's client, speaking to one deployment."""

    def __init__(self, deployment: str, place: Place, account: Account, stop: Stop):
        super().__init__(place, account, stop)
        self._path = f"/prod/v1/deployments/{deployment}"

    def submit(self, model: str, data: bytes):
        return self.post_once(f"{self._path}/inference", model, data)

    def status(self, request_id: str, hold_out=lambda error: False) -> dict:
        return self.read(f"{self._path}/requests/{request_id}/status", f"the status of request {request_id}", hold_out)

    def result(self, request_id: str) -> dict:
        return self.read(f"{self._path}/requests/{request_id}/result", f"the result of request {request_id}")

    def cancel_path(self, request_id: str) -> str:
        return f"{self._path}/requests/{request_id}/cancel"


@dataclass(frozen=True)
class Body:
    """What `Sending` posts. model: how errors call the other end."""

    model: str
    data: bytes


class Progress(Live):
    """Says each state once."""

    def show(self, **facts) -> None:
        if facts.get("state", self.facts()["state"]) != self.facts()["state"]:
            say(f"RunComfy: {facts['state'].replace('_', ' ')} …")
        super().show(**facts)


def run(job: Job, directory: Path, environment: Mapping[str, str], out: Path) -> list[delivery.SoundFile]:
    """The sounds of the job, in `out`. directory: the private folder of token and journal. Raises RunError."""
    try:
        place = Place(directory, serverless_url_from(environment), environment)
        account = find_account(place)
        if account is None:
            raise RunFailed(
                "--deployment needs a RunComfy API token: set RUNCOMFY_API_TOKEN, or run `runcomfy login`.",
                "NotSignedIn",
            )
        if place.is_test_server:
            say(f"This is a test server at {place.api_url}, not RunComfy: nothing is charged.")
        else:
            say(BILLING)
        with contextlib.closing(DeploymentClient(job.deployment, place, account, Stop())) as client:
            return _run(job, client, identity(place, account), out)
    except ACEStepError as error:
        raise RunFailed(str(error), type(error).__name__) from None


def _run(job: Job, client: DeploymentClient, account: str, out: Path) -> list[delivery.SoundFile]:
    journal = Journal(replace(client.place, directory=client.place.directory / JOURNAL_FOLDER))
    now = time.time()
    digest = hashlib.sha256(job.body).hexdigest()
    wanted = Entry(
        account=account,
        model=f"deployment {job.deployment}",
        seed=0,
        seconds=0.0,
        body_sha256=digest,
        estimate_usd=0.0,
        created=now,
        updated=now,
    )
    record = Run(node="--deployment", model=wanted.model, seed=0, items=1, takes=1, parts=1, created=now)
    entry = journal.begin(record, Call(), wanted)
    if entry is wanted:
        entry = _submitted(client, journal, entry, Body(entry.model, job.body))
    else:
        _check_earlier(journal, entry)
    live = Progress()
    with _cancelled_on_stop(client, journal, entry, live), _recorded_failure(journal, entry):
        result = wait_for_result(client, entry, live)
        live.finished.set()
        sounds = _deliver(client, result, job, entry.request_id, out)
    journal.update(entry, state=State.DELIVERED)
    return sounds


def _submitted(client: DeploymentClient, journal: Journal, entry: Entry, body: Body) -> Entry:
    """The entry with the id that RunComfy gave it; the id is in the journal before anything else happens."""
    sending = Sending(client, journal, entry, body)
    try:
        submission, entry = wait_for(sending.answer, client.stop)
    except KeyboardInterrupt:
        complain("Stopping; waiting up to a minute for RunComfy's answer so that no request is lost.")
        submission, entry = sending.answer.result()
        if submission.error is None:
            _cancel(client, journal, entry)
        raise
    if submission.error is not None:
        raise submission.error
    say(f"RunComfy accepted request {entry.request_id}.")
    return entry


def _check_earlier(journal: Journal, entry: Entry) -> None:
    """Whether the request that was already sent for the same job can be fetched. Raises RunError when not."""
    if entry.state is State.SENDING:
        raise Refused("The same job is being submitted by another process right now.")
    if entry.request_id is None:
        journal.update(entry, warned=True)
        when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(entry.created))
        raise RunFailed(
            f"The same job was sent to {entry.model} at {when} and its outcome is unknown: it may have run "
            f"and been billed. Look at the deployment's requests on runcomfy.com; if it is not there, run "
            f"the same command again and it is submitted anew.",
            "OutcomeUnknown",
        )
    say(
        f"The same job was submitted before: fetching request {entry.request_id}, nothing is run again. For a new run "
        f"set another seed."
    )


@contextlib.contextmanager
def _cancelled_on_stop(client: DeploymentClient, journal: Journal, entry: Entry, live: Live) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if live.finished.is_set():
            complain(f"Request {entry.request_id} is complete; the same command fetches its files.")
        else:
            _cancel(client, journal, entry)
        raise


def _cancel(client: DeploymentClient, journal: Journal, entry: Entry) -> None:
    outcome = client.cancel(entry.request_id)
    if outcome == "cancelled":
        journal.update(entry, state=State.CANCELLED)
    complain(AFTER_STOP[outcome].format(id=entry.request_id))


@contextlib.contextmanager
def _recorded_failure(journal: Journal, entry: Entry) -> Iterator[None]:
    """Settle an entry that has nothing to fetch, so that the same command may submit it anew."""
    try:
        yield
    except RenderFailed as error:
        journal.update(entry, state=State.CANCELLED if isinstance(error, Cancelled) else State.FAILED)
        raise
    except NoSuchThing:
        journal.update(entry, state=State.GONE)
        raise


def _deliver(client: DeploymentClient, result: Mapping, job: Job, request_id: str, out: Path):
    """Fetch the sounds of a result and bring them to the output folder like those of a run here."""
    files = _sound_files(result)
    if not files:
        raise RunError(f"Request {request_id} ran but saved no sound; end its workflow with a SaveAudio node.")
    place = workspace.self_contained({})
    try:
        outputs: dict[str, dict] = {}
        for number, (node, address, suffix) in enumerate(files):
            name = f"{number}{suffix}"
            (place.folder / "output" / name).write_bytes(fetch_file(client, checked_address(address, client.place)))
            outputs.setdefault(node, {"audio": []})["audio"].append({"filename": name, "type": "output"})
        # Of a deployed workflow only the ids of its nodes are known.
        graph = {node: {"class_type": node, "inputs": {}} for node in outputs} | job.graph
        return delivery.deliver(Finished(request_id, outputs, {}, []), graph, job.name, place, out)[0]
    finally:
        place.remove()


def _sound_files(result: Mapping) -> list[tuple[str, str, str]]:
    """(node id, address, suffix) of each sound. The names in it come from outside: none is used as a path."""
    found = []
    outputs = result.get("outputs")
    for node, channels in outputs.items() if isinstance(outputs, Mapping) else ():
        entries = channels.get("audio") if isinstance(channels, Mapping) else None
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, Mapping) and isinstance(entry.get("url"), str):
                suffix = PurePosixPath(str(entry.get("filename", ""))).suffix.lower()
                safe = re.sub(r"[^A-Za-z0-9-]", "-", str(node))[:64]
                found.append((safe, entry["url"], suffix if suffix in AUDIO_SUFFIXES else ".audio"))
    return found[:MAX_FILES]
