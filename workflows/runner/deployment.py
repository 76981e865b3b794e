"""`--deployment`: what of the command line goes to a RunComfy serverless deployment.

With a workflow, its graph runs there in the place of the deployed one. Without, the deployed workflow runs, and every
`--set ID.INPUT=VALUE` overrides one input of it.
"""

import base64
import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from . import graph
from .errors import Refused
from .terminal import say

DEPLOYMENT_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
MAX_SEED = 2**31 - 1
# RunComfy takes media inside a request, as data URIs in the place of file names; there is no upload.
MAX_BODY_BYTES = 64 * 1024 * 1024
UNTRIED = "RunComfy documents this for images and videos only; for sound it has not been tried."
SOUND_TYPES = {
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".aac": "audio/aac",
    ".webm": "audio/webm",
}


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
    check(options)
    settings = [graph.parse_setting(text) for text in options.settings]
    if options.workflow is None:
        return checked(Job(options.deployment, "deployment", {}, overrides(settings)))
    name, wanted = graph.load(options.workflow)
    if options.audio:
        wanted = _with_sound(wanted, name, Path(options.audio))
    for setting in settings:
        wanted = graph.with_setting(wanted, setting)
    if options.backend:
        wanted = graph.with_backend(wanted, options.backend)
    if graph.nodes_without_audio(wanted):
        raise Refused(
            f"The workflow {name} loads a sound: give one with --audio FILE, or name one that lies in the deployment's "
            "input folder on RunComfy with --set LoadAudio.audio=FILE."
        )
    return checked(Job(options.deployment, name, wanted, {}))


def _with_sound(wanted: graph.Graph, name: str, path: Path) -> graph.Graph:
    """The graph with every LoadAudio reading the sound itself, as a data URI. Raises Refused."""
    if not graph.nodes_of(wanted, "LoadAudio"):
        raise Refused(f"--audio: the workflow {name} has no LoadAudio node, so it takes no sound.")
    return graph.with_audio(wanted, data_uri(path))


def data_uri(path: Path) -> str:
    """A sound as it is sent inside a request. Raises Refused."""
    kind = SOUND_TYPES.get(path.suffix.lower())
    if kind is None:
        raise Refused(f"--audio: with --deployment {path.name} must be one of {', '.join(SOUND_TYPES)}.")
    try:
        data = path.read_bytes() if path.stat().st_size <= MAX_BODY_BYTES else None
    except OSError as error:
        raise Refused(f"--audio: {path} cannot be read ({error.strerror}).") from None
    uri = f"data:{kind};base64," + base64.b64encode(data).decode() if data is not None else ""
    if data is None or len(uri) > MAX_BODY_BYTES:
        raise Refused(
            f"--audio: {path.name} is too large: a request to RunComfy is at most {MAX_BODY_BYTES // 2**20} MiB, which "
            f"has room for a file of {MAX_BODY_BYTES * 3 // 4 // 2**20} MiB. Give an MP3 of it."
        )
    return uri


def checked(made: Job) -> Job:
    """The job when it can be sent. Raises Refused."""
    try:
        size = len(made.body)
    except UnicodeEncodeError:
        raise Refused(
            "A text in the workflow or in a --set holds half of a character, such as half an emoji; type it again."
        ) from None
    if size > MAX_BODY_BYTES:
        raise Refused(
            f"The request is {size / 2**20:.0f} MiB, and RunComfy takes {MAX_BODY_BYTES // 2**20} MiB at most. Give a "
            "shorter sound, or an MP3 of it."
        )
    return made


def check_id(deployment: str) -> None:
    """Raises Refused for what is no id of a deployment."""
    if not DEPLOYMENT_ID.fullmatch(deployment):
        raise Refused(
            f"--deployment takes the id of a deployment as RunComfy shows it (letters, digits, - and _), and "
            f"got “{deployment}”."
        )


def check(options) -> None:
    """Raises Refused for what the rest of the command line cannot mean on a deployment."""
    check_id(options.deployment)
    if options.audio and options.workflow is None:
        raise Refused(
            "--audio goes to the LoadAudio nodes of a workflow: name one to run it in place of the deployed one, or "
            "name a file in the deployment's input folder with --set ID.audio=FILE."
        )
    if options.keep_server or options.port is not None:
        raise Refused("--port and --keep-server do not go with --deployment: no ComfyUI is started here.")
    if options.backend and options.workflow is None:
        raise Refused(
            "--backend changes the nodes of a workflow: name one to run it in place of the deployed one, or "
            "use --set ID.backend=… with the node's id."
        )


def overrides(settings: Iterable[graph.Setting]) -> dict:
    """As RunComfy takes them for the deployed workflow. Raises Refused for a node that is named by its class."""
    made: dict[str, dict] = {}
    for setting in settings:
        if setting.node in (*graph.RENDERING_NODES, "TimeRange", "LoadAudio"):
            raise Refused(
                f"{setting.node}.{setting.input}: of the deployed workflow only the ids of its nodes are known; write "
                f"the id in its workflow_api.json, such as 1.{setting.input}, or name a WORKFLOW to run in its place."
            )
        made.setdefault(setting.node, {"inputs": {}})["inputs"][setting.input] = setting.value
    return made
