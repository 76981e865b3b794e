"""`run.py --jobs`: from the lines of a file to a folder of sounds. Inside the environment only."""

import argparse
import contextlib
import functools
import os
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from .. import backend_choice, environment, graph, pack, server, simulator, workspace  # noqa: F401
from ..deployment import UNTRIED
from ..errors import INTERRUPTED, Refused
from ..locking import held_if_free
from ..paid import PAID_PATIENCE_SECONDS, await_answers
from ..terminal import complain, say
from . import page
from .batch import Batch, Engine, closing_error
from .comfyui import ComfyUIEngine
from .file import Asked
from .graphs import Job, Sources, check_against, check_unlike, made, of_deployed
from .price import Budget, Place, Prices, place_of, tell_again_of_unknown, unknown_is_sent_again
from .records import DONE, Records

LOCK = ".lock"
# Where in the folder of a file a trial with --simulator goes: no name of another file of jobs leads there. What play
# money made is never taken for what was paid for, moves none of it, and is in no sum of money with it.
TRIAL = "simulator"
PAGE_SECONDS = 20.0
# glibc otherwise learns to keep what a freed sound took, in pieces that the next one does not fit: 2.3 MB for each job.
GIVES_BACK_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(1 << 20)}


def run(options, home: environment.Environment, asked: list[Asked], base: graph.Graph) -> int:
    """The exit code. base: {} for the workflow that is deployed. Raises RunError for what keeps all from running."""
    file = options.jobs.resolve()
    audio = Path(options.audio) if options.audio else None
    jobs = made(asked, base, file, audio, Sources()) if base else of_deployed(asked, file)
    _check_simulator(options, jobs)
    folder = options.out / file.stem / TRIAL if options.simulator else options.out / file.stem
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"--out: {folder} cannot be made ({error.strerror}). Give another folder.") from error
    with held_if_free(folder / LOCK) as free:
        if not free:
            raise Refused(f"Another run is at work in {folder}; wait for its end, or give another folder with --out.")
        title = f"{file.name}, a trial with play money" if options.simulator else file.name
        return _run_locked(options, home, jobs, folder, title)


def _check_simulator(options, jobs: list[Job]) -> None:
    if options.simulator and not options.deployment and not any(job.may_pay for job in jobs):
        raise Refused("--simulator stands in for RunComfy, and nothing here runs there: add --backend runcomfy.")


def _run_locked(options, home: environment.Environment, jobs: list[Job], folder: Path, title: str) -> int:
    with contextlib.ExitStack() as cleanup:
        user, variables = workspace.home_of(home.tree) / "user", dict(os.environ)
        if options.simulator:
            stand_in = cleanup.enter_context(simulator.running())
            scratch = workspace.self_contained({})
            cleanup.callback(scratch.remove)
            user, variables = scratch.user, variables | stand_in.environment
            say(simulator.SENTENCE)
        batch = _Batch(options, home, folder, title, user, variables, cleanup)
        return batch.on_deployment(jobs) if options.deployment else batch.on_comfyui(jobs)


@dataclass(frozen=True)
class _Batch:
    """One command at work. user: ComfyUI's folder with token and journal. cleanup: what ends with the command."""

    options: argparse.Namespace
    home: environment.Environment
    folder: Path
    title: str
    user: Path
    variables: dict[str, str]
    cleanup: contextlib.ExitStack

    def on_comfyui(self, jobs: list[Job]) -> int:
        options = self.options
        place = place_of(self.user / "__acestep", self.variables)
        records, prices = Records(self.folder), Prices(place)
        if options.dry_run:
            return _told_price(jobs, Budget(jobs, records, prices, options.max_cost_usd, options.retry_unknown), prices)
        pays = any(job.may_pay for job in jobs)
        patience = PAID_PATIENCE_SECONDS if pays and not options.simulator else 0
        start = functools.partial(_started, self.home, self.user, self.variables)
        engine = self.cleanup.enter_context(ComfyUIEngine(start, patience, await_answers))
        jobs = _decided(jobs, engine, self.home)
        records.reconcile(jobs)
        budget = Budget(jobs, records, prices, options.max_cost_usd, options.retry_unknown)
        budget.check_all()
        if pays:
            self._settle_unknown(place)
        return self._run(jobs, records, engine, budget)

    def on_deployment(self, jobs: list[Job]) -> int:
        from .. import deployment_run
        from .deployment import DeploymentEngine, on_deployment

        options = self.options
        jobs, records = on_deployment(jobs, options.deployment), Records(self.folder)
        if options.dry_run:
            say(f"{len(jobs)} jobs, {sum(not records.is_done(job) for job in jobs)} to do. {deployment_run.BILLING}")
            return 0
        if any(job.sources for job in jobs):
            say(f"The sounds are sent inside the requests. {UNTRIED}")
        with deployment_run.errors_of_the_pack():
            place, account = deployment_run.signed_in(self.user / "__acestep", self.variables)
        scratch = workspace.self_contained({})
        self.cleanup.callback(scratch.remove)
        engine = DeploymentEngine(options.deployment, options.parallel, place, account, records, scratch.folder)
        records.reconcile(jobs)
        self._settle_unknown(deployment_run.journal_place(place))
        return self._run(jobs, records, engine, Budget([], records, Prices(place), None))

    def _settle_unknown(self, place: Place) -> None:
        """What the jobs do about requests without an answer in the journal of that place."""
        if self.options.retry_unknown:
            self.cleanup.enter_context(unknown_is_sent_again(place))
        else:
            tell_again_of_unknown(place)

    def _run(self, jobs: list[Job], records: Records, engine: Engine, budget: Budget) -> int:
        listing = _Page(jobs, records, self.title)
        listing.write()
        done = sum(records.is_done(job) for job in jobs)
        if done:
            say(f"{done} of {len(jobs)} jobs are done already.")
        batch = Batch([_fetching(job, records) for job in jobs], records, engine, budget, listing.refresh)
        try:
            outcome = batch.run()
        except KeyboardInterrupt:
            complain("Stopped; the same command goes on.")
            return INTERRUPTED
        finally:
            records.write(jobs)
            listing.write()
        done = sum(records.is_done(job) for job in jobs)
        say(f"{done} of {len(jobs)} jobs are in {self.folder}; listen in {self.folder / page.PAGE}.")
        if budget.so_far:
            play = ", in play money" if self.options.simulator else ""
            say(f"Cost of these jobs so far: {budget.so_far}{play}.")
        if error := closing_error(outcome, len(jobs), self.folder):
            raise error
        return 0


class _Page:
    """index.html, written anew now and then while jobs end."""

    def __init__(self, jobs: list[Job], records: Records, title: str):
        self._jobs, self._records, self._title = jobs, records, title
        self._written = time.monotonic()

    def refresh(self) -> None:
        if time.monotonic() - self._written >= PAGE_SECONDS:
            self.write()

    def write(self) -> None:
        page.write(self._jobs, self._records, self._title)
        self._written = time.monotonic()


def _told_price(jobs: list[Job], budget: Budget, prices: Prices) -> int:
    for job in jobs:
        if (expected := budget.expected_of(job)).usd:
            say(f"{job.name}: {expected}")
    so_far = f"; so far they have cost {budget.so_far}" if budget.so_far else ""
    bases = " ".join(filter(None, (budget.basis, prices.basis)))
    say(f"{len(jobs)} jobs; those left to do cost about ${budget.expected:.4f}{so_far}. {bases}".rstrip())
    budget.check_all()
    return 0


def _decided(jobs: list[Job], engine: ComfyUIEngine, home: environment.Environment) -> list[Job]:
    """The jobs with a backend chosen where they leave it open. Raises Refused for what ComfyUI would not take."""
    check_against(jobs, engine.node_info)
    undecided = any("auto" in graph.backends(job.graph) for job in jobs)
    if undecided and not backend_choice.has_ace_step_files(engine.first()):
        say(backend_choice.sketch_sentence(workspace.home_of(home.tree) / "models"))
        jobs = [job.with_backend_for_auto("sketch") for job in jobs]
        check_unlike(jobs)
    return jobs


def _fetching(job: Job, records: Records) -> Job:
    """The job; where its sound was paid for and is not here any more, as one that fetches it."""
    record = records.of(job) or {}
    if record.get("state") == DONE:
        return job
    wanted = job.graph
    for node, ids in record.get("requests", {}).items():
        if node in wanted:
            wanted = graph.with_setting(wanted, graph.Setting(node, "resume_request_id", ",".join(ids)))
    return replace(job, graph=wanted)


def _started(
    home: environment.Environment, user: Path, variables: dict[str, str]
) -> tuple[workspace.Workspace, server.Server]:  # fmt: skip
    place = workspace.for_pack(home.tree)
    try:
        place = replace(place, user=user)
        # Of the sounds it has made it keeps those of the latest job; all, as is usual, would fill the memory.
        flags = [*home.torch.server_flags, "--cache-classic"]
        variables = GIVES_BACK_MEMORY | variables
        running = server.start(Path(sys.executable), home.comfyui_tree(), place, flags, environment=variables)
        running.say_start_is_over()
        return place, running
    except BaseException:
        place.remove()
        raise
