"""The command line of workflows/run.py: reads it, calls the steps in order, turns every end into an exit code."""

import argparse
import contextlib
import os
import re
import shutil
import sys
import time
import traceback
from dataclasses import replace
from pathlib import Path

from . import (
    backend_choice,
    comfyui_source,
    deployment,
    environment,
    graph,
    process,
    server,
    simulator,
    workspace,
)
from .client import Client, PromptInterrupted, PromptRejected, Run
from .errors import INTERRUPTED, OTHER_FAILURE, Refused, RunError, Unavailable
from .jobs import file as job_file
from .paid import PAID_PATIENCE_SECONDS, await_answers
from .places import OUT_DIR, WORKFLOWS_DIR, log_dir
from .terminal import complain, never_fail_to_print, say


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise Refused(f"{message[0].upper()}{message[1:]}. See: python3 workflows/run.py --help")


def parser() -> Parser:
    made = Parser(prog="workflows/run.py", description="Run an ACE-Step workflow on a real ComfyUI, without a browser.")
    made.add_argument(
        "workflow",
        nargs="?",
        metavar="WORKFLOW",
        help="name of a workflow (see --list), or a file in ComfyUI's API format; "
        f"without one: {graph.DEFAULT_WORKFLOW}",
    )
    made.add_argument(
        "--audio",
        metavar="FILE",
        help="the sound that the workflow's LoadAudio nodes load; with "
        "--deployment it is sent along, which for sound has not been tried",
    )
    made.add_argument("--backend", choices=graph.BACKENDS, help="who renders, on every ACE-Step node of the workflow")
    made.add_argument(
        "--simulator",
        action="store_true",
        help="let a test server on this machine stand in for RunComfy: nothing is charged, and the music is sketch; "
        "with --jobs all of it goes to out/FILE/simulator/",
    )
    made.add_argument(
        "--deployment",
        metavar="ID",
        help="run on this RunComfy serverless deployment instead of a ComfyUI here: WORKFLOW in place of "
        "the deployed one, or, without a WORKFLOW, the deployed one with --set ID.INPUT=VALUE. It "
        "bills GPU time, which max_cost_usd does not bound",
    )
    made.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NODE.INPUT=VALUE",
        dest="settings",
        help="set one input; NODE is a node's id, title or class; may be repeated",
    )
    made.add_argument(
        "--jobs",
        type=Path,
        metavar="FILE",
        help="run many jobs: a .jsonl or .csv file, one line a job, its keys NODE.INPUT as in --set and `name`. A key "
        "without a dot is a variable: {genre} in a text becomes its value, a list of values makes a job of each. The "
        "sounds, manifest.jsonl and index.html go to out/FILE/. After any end the same command goes on. A job is what "
        "it renders and not its line: what is finished is found by its hash, also under another name; an edited line "
        "is a new job, and the sound it had moves to out/FILE/earlier",
    )
    made.add_argument("--seeds", metavar="1-20", help="with --jobs: make of each job one for each seed (also 1,5,7-9)")
    made.add_argument("--dry-run", action="store_true", help="with --jobs: check them, print what they cost and end")
    made.add_argument(
        "--max-cost-usd",
        type=float,
        metavar="USD",
        help="with --jobs on RunComfy: what all of them may cost together, earlier runs of the same file included; "
        "above it nothing is bought",
    )
    made.add_argument(
        "--parallel",
        type=int,
        metavar="N",
        help="with --jobs and --deployment: how many requests may be under way at a time (default: 4)",
    )
    made.add_argument(
        "--retry-unknown",
        action="store_true",
        help="with --jobs on RunComfy: buy again what was sent once and may have been charged without an answer",
    )
    made.add_argument("--out", type=Path, default=OUT_DIR, metavar="DIR", help="where results go (default: out/)")
    made.add_argument("--list", action="store_true", help="list the workflows and end")
    made.add_argument(
        "--get-model",
        metavar="MODEL",
        help="download an ACE-Step model into ComfyUI's model folders and end; `list` shows which there are. Ctrl-C "
        "pauses, and the same command goes on",
    )
    made.add_argument(
        "--comfyui",
        metavar="DIR",
        default=os.environ.get("COMFYUI_PATH") or None,
        help="run on this ComfyUI and its models (default: $COMFYUI_PATH, else one is fetched)",
    )
    made.add_argument("--port", type=int, metavar="N", help="port of the server (default: a free one)")
    made.add_argument("--keep-server", action="store_true", help="leave ComfyUI running afterwards")
    return made


def main(arguments: list[str]) -> int:
    """Run the command; the exit code. Every error is a sentence on stderr."""
    process.interrupt_on_signals()
    never_fail_to_print()
    environment.forget_outer_python()
    try:
        return _run(parser().parse_args(arguments), arguments)
    except RunError as error:
        complain(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        complain("Stopped.")
        return INTERRUPTED
    except Exception as error:
        complain(_unexpected(error))
        return OTHER_FAILURE


def _run(options: argparse.Namespace, arguments: list[str]) -> int:
    if options.list:
        return _list()
    if options.get_model is not None:
        return _get_model(options, arguments)
    if options.jobs is not None:
        return _run_jobs(options, arguments)
    _check_only_with_jobs(options)
    if options.deployment is not None:
        return _run_on_deployment(options, arguments)
    options.workflow = options.workflow or graph.DEFAULT_WORKFLOW
    name, wanted = graph.load(options.workflow)
    settings = [graph.parse_setting(text) for text in options.settings]
    for setting in settings:
        wanted = graph.with_setting(wanted, setting)
    _check_arguments(options, wanted)
    home = environment.required(comfyui_source.named_tree(options.comfyui) if options.comfyui else None)
    if not home.is_this_one:
        home.build()
        return home.continue_inside(WORKFLOWS_DIR / "run.py", arguments)
    if options.backend:
        wanted = graph.with_backend(wanted, options.backend)
    return _run_inside(options, home, name, wanted, settings)


def _list() -> int:
    names = graph.available()
    for name in names:
        say(f"{name:<22} {graph.description(name)}".rstrip())
    return 0


def _get_model(options: argparse.Namespace, arguments: list[str]) -> int:
    given = vars(options) | {"get_model": None, "comfyui": None}
    others = [name for name, value in given.items() if value != parser().get_default(name) and value]
    if others:
        name = "WORKFLOW" if others[0] == "workflow" else "--" + others[0].replace("settings", "set").replace("_", "-")
        raise Refused(f"--get-model only downloads, and takes no {name}; give that without --get-model, afterwards.")
    tree = comfyui_source.named_tree(options.comfyui) if options.comfyui else None
    home = environment.required(tree)
    if not home.is_this_one:
        home.build()
        return home.continue_inside(WORKFLOWS_DIR / "run.py", arguments)
    from . import model_download  # needs the environment's packages

    model_download.run(options.get_model, home.comfyui_tree(), workspace.home_of(tree))
    return 0


def _check_arguments(options: argparse.Namespace, wanted: graph.Graph) -> None:
    """What can be refused before anything is built or started."""
    if options.audio:
        if not Path(options.audio).is_file():
            raise Refused(f"--audio: there is no file {options.audio}.")
        if not graph.nodes_of(wanted, "LoadAudio"):
            raise Refused(f"--audio: the workflow {options.workflow} has no LoadAudio node, so it takes no sound.")
    if options.backend and not graph.nodes_of(wanted, *graph.RENDERING_NODES):
        raise Refused(f"--backend: the workflow {options.workflow} has no ACE-Step node that renders.")
    if options.simulator:
        _check_simulator(options, wanted)
    if options.port is not None:
        if not 1 <= options.port <= 65535:
            raise Refused(f"--port takes a number from 1 to 65535, and got {options.port}.")
        server.check_port(options.port)
    _check_out(options.out)


def _check_out(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"--out: {folder} cannot be made ({error.strerror}). Give another folder.") from error
    if not os.access(folder, os.W_OK):
        raise Refused(f"--out: {folder} cannot be written. Give another folder.")


def _check_simulator(options: argparse.Namespace, wanted: graph.Graph) -> None:
    if options.keep_server:
        raise Refused("--simulator and --keep-server do not go together: the test server ends with the run.")
    if options.backend != "runcomfy" and not graph.paying_nodes(wanted):
        raise Refused("--simulator stands in for RunComfy, and nothing here runs there: add --backend runcomfy.")


def _check_only_with_jobs(options: argparse.Namespace) -> None:
    for name in ("seeds", "dry_run", "max_cost_usd", "retry_unknown", "parallel"):
        value = getattr(options, name)
        if value is not None and value is not False:
            raise Refused(f"--{name.replace('_', '-')} goes with --jobs FILE; see --help.")


def _check_jobs_on_deployment(options: argparse.Namespace) -> None:
    deployment.check(options)
    if options.workflow is None and options.seeds is not None:
        raise Refused(
            "--seeds sets the seed of the ACE-Step nodes of a workflow, and those of the deployed one are not known "
            "here: write ID.seed in each line, or name a WORKFLOW to run in its place."
        )
    if options.max_cost_usd is not None:
        raise Refused("--max-cost-usd does not bound a deployment, which bills its GPU time; leave it out.")
    options.parallel = 4 if options.parallel is None else options.parallel
    if not 1 <= options.parallel <= 64:
        raise Refused(f"--parallel takes 1 to 64, and got {options.parallel}.")


def _run_jobs(options: argparse.Namespace, arguments: list[str]) -> int:
    seeds = job_file.parse_seeds(options.seeds) if options.seeds is not None else ()
    if options.deployment is not None:
        _check_jobs_on_deployment(options)
    elif options.parallel is not None:
        raise Refused("--parallel goes with --deployment: elsewhere it is decided by what runs the jobs.")
    deployed = options.deployment is not None and options.workflow is None
    options.workflow = options.workflow or graph.DEFAULT_WORKFLOW
    name, base = ("deployment", {}) if deployed else graph.load(options.workflow)
    asked = job_file.read(options.jobs, name, seeds)
    if options.keep_server or options.port is not None:
        raise Refused("--port and --keep-server do not go with --jobs, which starts servers of its own.")
    if options.max_cost_usd is not None and not 0 <= options.max_cost_usd <= 1e6:
        raise Refused(f"--max-cost-usd takes 0 to 1000000 US dollars, and got {options.max_cost_usd:g}.")
    if options.backend:
        base = graph.with_backend(base, options.backend)
    settings = [graph.parse_setting(text) for text in options.settings]
    if deployed:
        asked = [replace(each, settings=(*settings, *each.settings)) for each in asked]
    else:
        for setting in settings:
            base = graph.with_setting(base, setting)
    _check_out(options.out)
    tree = comfyui_source.named_tree(options.comfyui) if options.comfyui else None
    home = environment.required(tree)
    if not home.is_this_one:
        home.build()
        return home.continue_inside(WORKFLOWS_DIR / "run.py", arguments)
    from .jobs import command  # needs the environment's packages

    return command.run(options, home, asked, base)


def _run_on_deployment(options: argparse.Namespace, arguments: list[str]) -> int:
    job = deployment.job(options)
    _check_out(options.out)
    tree = comfyui_source.named_tree(options.comfyui) if options.comfyui else None
    home = environment.required(tree)
    if not home.is_this_one:
        home.build()
        return home.continue_inside(WORKFLOWS_DIR / "run.py", arguments)
    from . import deployment_run, sound  # need the environment's packages

    if options.audio:
        say(f"Sending {options.audio} ({sound.outline(Path(options.audio)).describe()}). {deployment.UNTRIED}")
    with contextlib.ExitStack() as cleanup:
        # Where ComfyUI's own system user "acestep" lies, with the token saved there.
        user, variables = workspace.home_of(tree) / "user", dict(os.environ)
        if options.simulator:
            scratch = workspace.self_contained({})
            cleanup.callback(scratch.remove)
            user = scratch.user
            variables |= cleanup.enter_context(simulator.running()).environment
        ran = deployment_run.run(job.with_drawn_seeds(), user / "__acestep", variables, options.out)
        _tell(ran.sounds, [])
        if ran.problem:
            raise ran.problem
    return 0


def _run_inside(
    options: argparse.Namespace,
    home: environment.Environment,
    name: str,
    wanted: graph.Graph,
    settings: list[graph.Setting],
) -> int:
    from . import delivery  # needs the environment's packages

    patience = PAID_PATIENCE_SECONDS if graph.paying_nodes(wanted) and not options.simulator else 0
    with contextlib.ExitStack() as cleanup:
        place = workspace.for_pack(home.tree)
        cleanup.callback(place.remove)
        wanted = _with_sound(wanted, options.audio, place)
        stand_in = None
        if options.simulator:
            stand_in, place = cleanup.enter_context(simulator.running()), place.with_private_user()
            say(simulator.SENTENCE)
        started = time.monotonic()
        running = server.start(
            Path(sys.executable),
            home.comfyui_tree(),
            place,
            list(home.torch.server_flags),
            options.port,
            stand_in and stand_in.environment,
            owned=not options.keep_server,
        )
        cleanup.callback(running.stop, patience)
        say(f"ComfyUI is ready at {running.url} ({time.monotonic() - started:.0f} s).")
        client = Client(running.url)
        _check_inputs_exist(options.workflow, settings, client)
        wanted = _with_decided_backend(wanted, client, place)
        try:
            run = _follow(client, wanted, patience)
        except PromptRejected as refusal:
            raise _explained(refusal, running) from None
        sounds, reports = delivery.deliver(run, wanted, name, place, options.out)
        _tell(sounds, reports)
        if stand_in:
            say(stand_in.bill())
        else:
            _tell_cost(reports)
        if options.keep_server:
            cleanup.pop_all()
            place.leave_to(running.process.pid)
            say(f"ComfyUI keeps running at {running.url}. End it with: {process.kill_command(running.process)}")
    return 0


def _with_sound(wanted: graph.Graph, audio: str | None, place: workspace.Workspace) -> graph.Graph:
    """The graph with its LoadAudio nodes reading `audio`, or real music that comes with ComfyUI."""
    from . import sound

    if not graph.nodes_of(wanted, "LoadAudio"):
        return wanted
    source = Path(audio) if audio else sound.example()
    heard = sound.outline(source)
    if not audio:
        say(f"No --audio given: using {source.name}, which comes with ComfyUI's templates ({heard.describe()}).")
    name = re.sub(r"[^A-Za-z0-9._-]", "_", source.name).lstrip(".") or "sound"
    shutil.copyfile(source, place.input / name)
    return graph.with_audio(wanted, name)


def _check_inputs_exist(workflow: str, settings: list[graph.Setting], client: Client) -> None:
    """ComfyUI ignores an input that a node does not have; a user who set one wants to know."""
    _, original = graph.load(workflow)
    for setting in graph.unknown_inputs(original, settings):
        class_type = original[graph.find_node(original, setting.node)]["class_type"]
        graph.check_input_exists(original, setting, client.get(f"/object_info/{class_type}").get(class_type, {}))


def _with_decided_backend(wanted: graph.Graph, client: Client, place: workspace.Workspace) -> graph.Graph:
    if "auto" in graph.backends(wanted) and not backend_choice.has_ace_step_files(client):
        say(backend_choice.sketch_sentence(place.models))
        return graph.with_backend(wanted, "sketch", replacing=("auto",))
    return wanted


def _follow(client: Client, wanted: graph.Graph, patience: float) -> Run:
    """Run the graph with its progress shown; on Ctrl-C stop it in ComfyUI, before the server is ended."""
    from .progress import RunProgress

    prompt_id = None
    with RunProgress(wanted) as progress:

        def on_event(kind: str, data: dict) -> None:
            nonlocal prompt_id
            prompt_id = prompt_id or data.get("prompt_id")
            progress(kind, data)

        try:
            return client.run(wanted, on_event)
        except (KeyboardInterrupt, PromptInterrupted):
            progress.clear()
            if patience:
                complain(
                    f"Stopping; waiting up to {patience:.0f} s for RunComfy's answer so that no paid request is lost "
                    "(Ctrl-C again ends at once)."
                )
            with contextlib.suppress(RunError):  # the server may be the one that has gone
                if prompt_id:
                    client.interrupt(prompt_id)
                await_answers(client, patience)
            raise KeyboardInterrupt from None


def _explained(refusal: PromptRejected, running: server.Server) -> RunError:
    """The refusal, or, when a node is missing because the pack did not load, why that is."""
    if refusal.error.get("type") != "missing_node_type":
        return refusal
    reasons = running.load_failures(workspace.PACK_LINK_NAME)
    if not reasons:
        return refusal
    return Unavailable(f"This pack did not load in ComfyUI: {reasons[0]} The whole log is {running.log}.")


def _tell(sounds, reports) -> None:
    """Where the results are, and what the backends remarked."""
    for item in sounds:
        say(f"{_short(item.audio)}  {item.sound.describe()}")
        say(_short(item.picture))
    for item in reports:
        say(_short(item.path))
    for warning in dict.fromkeys(warning for item in reports for warning in item.report["warnings"]):
        say(f"Note: {warning}")


def _tell_cost(reports) -> None:
    paid = [item.report for item in reports if item.report["request_ids"]]
    costs = [report["cost_usd"] for report in paid if report["cost_usd"] is not None]
    if paid and len(costs) == len(paid):
        say(f"Cost: ${sum(costs):.4f}, as RunComfy reports it.")
    elif paid:
        estimate = sum(report["estimate_usd"] or 0 for report in paid)
        reported = f"${sum(costs):.4f} for {len(costs)} of {len(paid)} nodes" if costs else "none"
        say(f"Cost: RunComfy reports {reported}; all together were estimated at ${estimate:.4f}.")


def _short(path: Path) -> str:
    """The path as one would type it from here."""
    with contextlib.suppress(ValueError):
        return str(path.resolve().relative_to(Path.cwd()))
    return str(path)


def _unexpected(error: Exception) -> str:
    log = log_dir() / "run.log"
    with contextlib.suppress(OSError):
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            traceback.print_exception(error, file=file)
    return f"Something unexpected happened: {error} ({type(error).__name__}). The details are in {log}."
