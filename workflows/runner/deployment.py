"""`--deployment`: what of the command line goes to a RunComfy serverless deployment.

With a workflow, its graph runs there in the place of the deployed one. Without, the deployed workflow runs, and every
`--set ID.INPUT=VALUE` overrides one input of it.
"""

import json
import re
import secrets
from dataclasses import dataclass, replace

from . import graph
from .errors import Refused
from .terminal import say

DEPLOYMENT_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
MAX_SEED = 2**31 - 1
# The contract names no upload, so a sound must already lie there.
NO_UPLOAD = (
    "a deployment takes no sound from here: put the file into its input folder on RunComfy, and name it with "
    "--set LoadAudio.audio=FILE"
)


@dataclass(frozen=True)
class Job:
    """One submission. graph: {} when the deployed workflow runs, and `overrides` are for it."""

    deployment: str
    name: str
    graph: graph.Graph
    overrides: dict

    @property
    def body(self) -> bytes:
        """The JSON that is sent; the same job always gives the same bytes."""
        body = {"workflow_api_json": self.graph} if self.graph else {"overrides": self.overrides}
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()

    def with_drawn_seeds(self) -> "Job":
        """A seed for every node that leaves it open: otherwise a new run would look like the one before."""
        wanted = self.graph
        for node in graph.nodes_of(wanted, *graph.RENDERING_NODES):
            if wanted[node]["inputs"].get("seed") == -1:
                seed = secrets.randbelow(MAX_SEED + 1)
                wanted = graph.with_setting(wanted, graph.Setting(node, "seed", seed))
                say(f"Drew seed {seed} for node {node}; --set {node}.seed={seed} names this run again.")
        return replace(self, graph=wanted)


def job(options) -> Job:
    """The submission that the command line asks for. Raises Refused."""
    _check(options)
    settings = [graph.parse_setting(text) for text in options.settings]
    if options.workflow is None:
        return Job(options.deployment, "deployment", {}, _overrides(settings))
    name, wanted = graph.load(options.workflow)
    for setting in settings:
        wanted = graph.with_setting(wanted, setting)
    if options.backend:
        wanted = graph.with_backend(wanted, options.backend)
    silent = [node for node in graph.nodes_of(wanted, "LoadAudio") if not wanted[node]["inputs"].get("audio")]
    if silent:
        raise Refused(f"The workflow {name} loads a sound, and {NO_UPLOAD}.")
    return Job(options.deployment, name, wanted, {})


def _check(options) -> None:
    if not DEPLOYMENT_ID.fullmatch(options.deployment):
        raise Refused(
            f"--deployment takes the id of a deployment as RunComfy shows it (letters, digits, - and _), and "
            f"got “{options.deployment}”."
        )
    if options.audio:
        raise Refused(f"--audio does not go with --deployment: {NO_UPLOAD}.")
    if options.keep_server or options.port is not None:
        raise Refused("--port and --keep-server do not go with --deployment: no ComfyUI is started here.")
    if options.backend and options.workflow is None:
        raise Refused(
            "--backend changes the nodes of a workflow: name one to run it in place of the deployed one, or "
            "use --set ID.backend=… with the node's id."
        )


def _overrides(settings: list[graph.Setting]) -> dict:
    made: dict[str, dict] = {}
    for setting in settings:
        made.setdefault(setting.node, {"inputs": {}})["inputs"][setting.input] = setting.value
    return made
