"""From what a file asks for to graphs that can be queued: settings applied, sounds found, values checked.

What identifies a job is what it renders: every input of its graph, the sounds it loads by their content, and where it
runs. Its name and its line only say what the file is called and where a mistake is.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import BinaryIO

from .. import deployment, graph, pack, sound  # noqa: F401  (pack: makes the imports below possible)
from ..errors import Refused
from .file import MAX_SEED, Asked

# pyright: reportMissingImports=false
# isort: split
from acestep_nodes.nodes.errors import ACEStepError
from acestep_nodes.nodes.request import time_ranges
from acestep_nodes.nodes.request.requests import (
    GenerateRequest,
    InpaintRequest,
    OutpaintRequest,
    Request,
    generate_request,
    inpaint_request,
    outpaint_request,
)

# What decides about money, not about sound.
NOT_HEARD = ("max_cost_usd", "resume_request_id")
_TYPES = {"INT": int, "FLOAT": (int, float), "BOOLEAN": bool, "STRING": str}
_WORDS = {"INT": "a whole number", "FLOAT": "a number", "BOOLEAN": "true or false", "STRING": "a text"}


@dataclass(frozen=True)
class _Kind:
    """How a rendering node checks its inputs. anything: values that pass, for what is linked or left out."""

    of: type
    checked: Callable
    anything: dict[str, object] = field(default_factory=dict)


_ANYTHING = {"tags": "any", "lyrics": "", "seed": 0, "version": "auto", "backend": "auto", "batch_size": 1}
_REQUESTS = {
    "ACEStepGenerate": _Kind(GenerateRequest, generate_request, {"duration": 60}),
    "ACEStepInpaint": _Kind(InpaintRequest, inpaint_request),
    "ACEStepOutpaint": _Kind(
        OutpaintRequest, outpaint_request, {"extend_before_duration": 0.0, "extend_after_duration": 30.0}
    ),
}
_WHOLE_RANGE = (
    ("start_time", 0.0),
    ("start_time_relative_to", "start"),
    ("end_time", 30.0),
    ("end_time_relative_to", "start"),
)


@dataclass(frozen=True)
class Source:
    """A sound that jobs load. file: its name in the input folder, after its content."""

    path: Path
    file: str
    outline: sound.Outline = field(compare=False, repr=False)


@dataclass(frozen=True)
class Job:
    """One graph to run. where: file and line, for sentences. sources: file in the input folder → sound.

    inputs: what the line set, as text of `--set` → value. overrides: of a deployed workflow, whose graph is {} here.
    """

    name: str
    line: int
    where: str
    graph: graph.Graph
    sources: dict[str, Source]
    inputs: dict[str, object]
    engine: str = "comfyui"
    overrides: dict[str, dict] = field(default_factory=dict)

    @property
    def identity(self) -> str:
        """Of what it renders, 24 hex digits."""
        nodes = {
            node_id: {
                "class_type": node["class_type"],
                "inputs": {name: value for name, value in node["inputs"].items() if name not in NOT_HEARD},
            }
            for node_id, node in self.graph.items()
        }
        rendered = {"engine": self.engine, "nodes": nodes}
        rendered |= {"overrides": self.overrides} if self.overrides else {}
        return hashlib.sha256(_canonical(rendered)).hexdigest()[:24]

    @property
    def may_pay(self) -> bool:
        return bool(graph.paying_nodes(self.graph))

    def with_backend_for_auto(self, backend: str) -> "Job":
        return replace(self, graph=graph.with_backend(self.graph, backend, replacing=("auto",)))


def sha256(file: BinaryIO) -> str:
    """Of what is left to read of a file; in hex digits."""
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


class Sources:
    """The sounds of all jobs, each read once. Raises Refused for one that is none."""

    def __init__(self):
        self._known: dict[Path, Source] = {}

    def at(self, path: Path) -> Source:
        path = path.resolve()
        if path not in self._known:
            if not path.is_file():
                raise Refused(f"there is no file {path}; a path counts from the folder of the file of jobs.")
            outline = sound.outline(path)
            with path.open("rb") as file:
                digest = sha256(file)
            suffix = path.suffix.lower() if path.suffix.isascii() else ""
            self._known[path] = Source(path, f"{digest[:24]}{suffix}", outline)
        return self._known[path]


def made(asked: Iterable[Asked], base: graph.Graph, file: Path, audio: Path | None, sources: Sources) -> list[Job]:
    """The jobs of a file. base: the workflow with what the command line sets for all. Raises Refused with the line."""
    jobs: list[Job] = []
    alike: Counter[str] = Counter()  # identity, with its seeds still open → jobs so far
    for each in asked:
        where = f"{file.name}, line {each.line}"
        try:
            job = _made(each, where, base, file.parent, audio, sources)
            check_values(job.graph)
        except (Refused, ACEStepError) as error:
            raise Refused(f"{where}: {error}") from None
        jobs.append(_with_seeds_drawn(job, alike[job.identity]))
        alike[job.identity] += 1
    check_unlike(jobs)
    return jobs


def of_deployed(asked: Iterable[Asked], file: Path) -> list[Job]:
    """The jobs of a file for a deployed workflow, of which only the ids of nodes are known. Raises Refused."""
    jobs: list[Job] = []
    for each in asked:
        where = f"{file.name}, line {each.line}"
        inputs = {f"{setting.node}.{setting.input}": setting.value for setting in each.settings}
        try:
            overrides = deployment.overrides(each.settings)
        except Refused as error:
            raise Refused(f"{where}: {error}") from None
        jobs.append(Job(each.name, each.line, where, {}, {}, inputs, overrides=overrides))
    check_unlike(jobs)
    return jobs


def check_unlike(jobs: Iterable[Job]) -> None:
    """Raises Refused when two jobs would render the same."""
    by_identity: dict[str, Job] = {}
    for job in jobs:
        other = by_identity.setdefault(job.identity, job)
        if other is not job:
            raise Refused(
                f"{job.where}: “{job.name}” asks for the same as “{other.name}” of line {other.line}; give one of them "
                "another seed, or remove it."
            )


def _made(
    asked: Asked, where: str, base: graph.Graph, folder: Path, audio: Path | None, sources: Sources
) -> Job:  # fmt: skip
    wanted, inputs = base, {}
    for setting in asked.settings:
        wanted = graph.with_setting(wanted, setting)
        inputs[f"{setting.node}.{setting.input}"] = setting.value
    renderers = graph.nodes_of(wanted, *graph.RENDERING_NODES)
    if asked.seed is not None:
        if not renderers:
            raise Refused("--seeds sets the seed of ACE-Step nodes, and the workflow has none that renders.")
        for node in renderers:
            wanted = graph.with_setting(wanted, graph.Setting(node, "seed", asked.seed))
        inputs["seed"] = asked.seed
    loaded = {}
    for node in graph.nodes_of(wanted, "LoadAudio"):
        source = _source_of(wanted, node, base, folder, audio, sources)
        wanted = graph.with_setting(wanted, graph.Setting(node, "audio", source.file))
        loaded[source.file] = source
    return Job(asked.name, asked.line, where, wanted, loaded, inputs)


def _with_seeds_drawn(job: Job, before: int) -> Job:
    """The job with a seed where one is left open. before: how many jobs before it in the file ask for the same.

    It is drawn from what the job renders and not from its name or line, so that going on finds it also under another
    name and in another place.
    """
    wanted = job.graph
    for node in graph.nodes_of(wanted, *graph.RENDERING_NODES):
        if wanted[node]["inputs"].get("seed") == -1:
            drawn = hashlib.sha256(f"{before}\n{node}\n{job.identity}".encode()).digest()
            seed = int.from_bytes(drawn[:8], "big") % (MAX_SEED + 1)
            wanted = graph.with_setting(wanted, graph.Setting(node, "seed", seed))
    return replace(job, graph=wanted)


def _source_of(
    wanted: graph.Graph, node: str, base: graph.Graph, folder: Path, audio: Path | None, sources: Sources
) -> Source:  # fmt: skip
    """The sound of a LoadAudio node: the line's own, counted from the file's folder, else the command line's."""
    value = wanted[node]["inputs"].get("audio")
    if not isinstance(value, str):
        raise Refused(f"{graph.title(wanted, node)}.audio is {value!r:.80}; name a sound file.")
    if value != base[node]["inputs"].get("audio"):
        return sources.at(folder / value)
    if audio is not None:
        return sources.at(audio)
    if node in graph.nodes_without_audio(wanted):
        raise Refused("the workflow loads a sound: name one with LoadAudio.audio, or one for all with --audio FILE.")
    return sources.at(folder / value)


# Checking what can be known before anything runs


def check_values(wanted: graph.Graph) -> None:
    """What the pack's nodes refuse, as far as it does not come over a link. Raises ACEStepError."""
    for node_id, node in wanted.items():
        if node["class_type"] in _REQUESTS:
            request_of(wanted, node_id)
        elif node["class_type"] == "TimeRange":
            literal = _literal(node)
            time_ranges.entry("TimeRange", *(literal.get(name, usual) for name, usual in _WHOLE_RANGE))


def request_of(wanted: graph.Graph, node_id: str) -> Request:
    """What a rendering node would be asked for; what comes over a link is taken to be fine. Raises ACEStepError."""
    node = wanted[node_id]
    kind = _REQUESTS[node["class_type"]]
    names = {each.name for each in fields(kind.of)} - {"model", "clip", "vae"}
    given = {name: value for name, value in _literal(node).items() if name in names}
    anything = _ANYTHING | kind.anything
    if given.get("extend_after_duration") == 0 and isinstance(node["inputs"].get("extend_before_duration"), list):
        anything["extend_before_duration"] = 30.0  # what comes over a link adds something where nothing else does
    return kind.checked(node=node["class_type"], **(anything | given))


def _literal(node: dict) -> dict[str, object]:
    """The inputs of a node that do not come over a link."""
    return {name: value for name, value in node["inputs"].items() if not isinstance(value, list)}


def check_against(jobs: Iterable[Job], node_info: Callable[[str], dict]) -> None:
    """What ComfyUI itself would refuse of the values that lines set. node_info: of a class. Raises Refused."""
    known: dict[str, dict] = {}
    for job in jobs:
        for key, value in job.inputs.items():
            node, _, name = key.rpartition(".")
            if not node:  # the seed of --seeds
                continue
            node_id = graph.find_node(job.graph, node)
            class_type = job.graph[node_id]["class_type"]
            if class_type not in known:
                known[class_type] = node_info(class_type)
            setting = graph.Setting(node, name, value)
            try:
                graph.check_input_exists(job.graph, setting, known[class_type])
                _check_value(f"{graph.title(job.graph, node_id)}.{name}", value, _declared(known[class_type], name))
            except Refused as error:
                raise Refused(f"{job.where}: {error}") from None


def _declared(node_info: dict, name: str) -> list:
    groups = node_info.get("input", {})
    return next((groups[group][name] for group in ("required", "optional") if name in groups.get(group, {})), [None])


def _check_value(label: str, value: object, declared: list) -> None:
    kind, options = declared[0], declared[1] if len(declared) > 1 else {}
    choices = kind if isinstance(kind, list) else options.get("options")
    if choices:  # of a combo whose choices bring inputs of their own, each is described
        choices = [each["key"] if isinstance(each, dict) else each for each in choices]
    shown = f"{label} is “{value if isinstance(value, str) else json.dumps(value)}”"
    if label.endswith(".audio") and "audio_upload" in options:  # a file of the job's own
        return
    if choices is not None and value not in choices:
        raise Refused(f"{shown:.160}; choose one of {', '.join(map(str, choices)):.300}.")
    wanted = _TYPES.get(kind) if isinstance(kind, str) else None
    if wanted and (not isinstance(value, wanted) or (isinstance(value, bool) and kind != "BOOLEAN")):
        raise Refused(f"{shown:.160}; it takes {_WORDS[kind]}.")
    low, high = options.get("min"), options.get("max")
    if kind in ("INT", "FLOAT") and not (low if low is not None else value) <= value <= (
        high if high is not None else value
    ):
        raise Refused(f"{shown:.160}; it takes {low:g} to {high:g}.")


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
