"""API-format graphs: find them, load them, and apply the command line to them.

An API graph is a dict: node id → {"class_type": …, "inputs": {name: value or [node id, output]}, "_meta": …}.
Functions return a new graph; nothing is changed in place.
"""

import copy
import difflib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import Refused
from .places import WORKFLOWS_DIR

API_DIR = WORKFLOWS_DIR / "api"
RENDERING_NODES = ("ACEStepGenerate", "ACEStepInpaint", "ACEStepOutpaint")
BACKENDS = ("auto", "local", "runcomfy", "sketch")
# What `backend_of` says of a backend that comes over a link: which one it is, is known only when the graph runs.
LINKED = "linked"
DEFAULT_WORKFLOW = "text_to_music"
# What the examples' LoadAudio nodes name until somebody chooses a track: the one that the nodes offer to make.
EXAMPLE_TRACK = "ACE-Step example track (sketch).flac"

Graph = dict[str, dict]


@dataclass(frozen=True)
class Setting:
    """One `--set NODE.INPUT=VALUE`."""

    node: str
    input: str
    value: object


def parse_setting(text: str) -> Setting:
    """`NODE.INPUT=VALUE`; VALUE is JSON where it parses as such, else the text itself."""
    target, equals, value = text.partition("=")
    node, dot, name = target.rpartition(".")
    if not (equals and dot and node and name):
        raise Refused(f"--set takes NODE.INPUT=VALUE, for example --set ACEStepGenerate.duration=30, and got “{text}”.")
    try:
        return Setting(node, name, json.loads(value))
    except ValueError:
        return Setting(node, name, value)


def short_name(title: str) -> str:
    """`01 Text to music`, as ComfyUI's template browser shows an example → `text_to_music`, as everything else does."""
    return re.sub(r"[^a-z0-9]+", "_", re.sub(r"^\d+ ", "", title).lower())


def editor_graphs() -> dict[str, Path]:
    """Short name → the example in the editor's format, first step first."""
    return {short_name(path.stem): path for path in sorted(WORKFLOWS_DIR.glob("*.json"))}


def available() -> list[str]:
    return list(editor_graphs())


def load(workflow: str) -> tuple[str, Graph]:
    """The name and the graph of a workflow: one of this pack's by name, or any API-format file by path."""
    path = API_DIR / f"{short_name(workflow)}.json"
    if not path.is_file():
        path = Path(workflow)
        if path.suffix != ".json" or not path.is_file():
            raise Refused(f"There is no workflow “{workflow}”. {_instead(workflow, available())}")
    try:
        graph = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(f"{path} cannot be read as JSON: {error}.") from error
    if isinstance(graph, dict) and "nodes" in graph:
        raise Refused(f"{path} is in the editor's format. Export it with Workflow > Export (API) and give that file.")
    if (
        not isinstance(graph, dict)
        or not graph
        or not all(isinstance(node, dict) and "class_type" in node for node in graph.values())
    ):
        raise Refused(f"{path} is not a ComfyUI graph in API format.")
    return path.stem, graph


def description(workflow: str) -> str:
    """One sentence about a workflow: the first one below the heading of the first note in its editor graph."""
    path = editor_graphs()[workflow]
    nodes = json.loads(path.read_text(encoding="utf-8")).get("nodes", [])
    notes = [node for node in nodes if node.get("type") in ("Note", "MarkdownNote")]
    for note in sorted(notes, key=lambda node: node.get("id", 0)):
        text = str((note.get("widgets_values") or [""])[0])
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        if lines:
            return re.split(r"(?<=\.)\s", re.sub(r"[*`]", "", lines[0]))[0]
    return ""


def with_setting(graph: Graph, setting: Setting) -> Graph:
    """The graph with one input set. Raises Refused when there is no such node, or more than one."""
    changed = copy.deepcopy(graph)
    changed[find_node(graph, setting.node)]["inputs"][setting.input] = setting.value
    return changed


def find_node(graph: Graph, wanted: str) -> str:
    """The id of the node with that id, title or class name."""
    if wanted in graph:
        return wanted
    found = [node_id for node_id in graph if wanted in (title(graph, node_id), graph[node_id]["class_type"])]
    if len(found) == 1:
        return found[0]
    listing = ", ".join(f"{node_id} ({title(graph, node_id)})" for node_id in found or graph)
    if found:
        raise Refused(f"“{wanted}” is {len(found)} nodes of this graph; name one by its id: {listing}.")
    raise Refused(f"This graph has no node “{wanted}”. It has: {listing}.")


def title(graph: Graph, node_id: str) -> str:
    node = graph[node_id]
    return (node.get("_meta") or {}).get("title") or node["class_type"]


def unknown_inputs(graph: Graph, settings: list[Setting]) -> list[Setting]:
    """Settings whose input the graph does not already hold: only the server knows whether the node has it."""
    return [setting for setting in settings if setting.input not in graph[find_node(graph, setting.node)]["inputs"]]


def check_input_exists(graph: Graph, setting: Setting, node_info: dict) -> None:
    """Raises Refused when the node class, as the server describes it, has no such input."""
    names = [name for group in ("required", "optional") for name in node_info.get("input", {}).get(group, {})]
    if setting.input not in names:
        node = title(graph, find_node(graph, setting.node))
        raise Refused(f"{node} has no input “{setting.input}”. {_instead(setting.input, names)}")


def nodes_of(graph: Graph, *classes: str) -> list[str]:
    return [node_id for node_id, node in graph.items() if node["class_type"] in classes]


def backend_of(graph: Graph, node_id: str) -> str:
    """The backend that a rendering node asks for, or LINKED."""
    value = graph[node_id]["inputs"].get("backend", "auto")
    return value if isinstance(value, str) else LINKED


def backends(graph: Graph) -> set[str]:
    """The backends the rendering nodes ask for."""
    return {backend_of(graph, node_id) for node_id in nodes_of(graph, *RENDERING_NODES)}


def paying_nodes(graph: Graph) -> list[str]:
    """The rendering nodes that run at RunComfy, or may."""
    return [node for node in nodes_of(graph, *RENDERING_NODES) if backend_of(graph, node) in ("runcomfy", LINKED)]


def with_backend(graph: Graph, backend: str, replacing: tuple[str, ...] = (*BACKENDS, LINKED)) -> Graph:
    """The graph with that backend on every rendering node that now has one of `replacing`."""
    changed = copy.deepcopy(graph)
    for node_id in nodes_of(graph, *RENDERING_NODES):
        if backend_of(graph, node_id) in replacing:
            changed[node_id]["inputs"]["backend"] = backend
    return changed


def with_audio(graph: Graph, file_name: str) -> Graph:
    """The graph with every LoadAudio reading that file of the input folder."""
    changed = copy.deepcopy(graph)
    for node_id in nodes_of(graph, "LoadAudio"):
        changed[node_id]["inputs"]["audio"] = file_name
    return changed


def nodes_without_audio(graph: Graph) -> list[str]:
    """The LoadAudio nodes for which no track has been chosen yet."""
    return [
        node_id
        for node_id in nodes_of(graph, "LoadAudio")
        if graph[node_id]["inputs"].get("audio") in (None, "", EXAMPLE_TRACK)
    ]


def upstream(graph: Graph, node_id: str) -> list[str]:
    """The nodes that feed a node, nearest first, the node itself left out."""
    order, waiting = [], [node_id]
    while waiting:
        current = waiting.pop(0)
        for value in graph.get(current, {}).get("inputs", {}).values():
            if isinstance(value, list) and len(value) == 2 and str(value[0]) in graph and str(value[0]) not in order:
                order.append(str(value[0]))
                waiting.append(str(value[0]))
    return order


def _instead(wanted: str, choices: list[str]) -> str:
    close = difflib.get_close_matches(wanted, choices, 1)
    hint = f"Did you mean “{close[0]}”? " if close else ""
    return f"{hint}There is: {', '.join(choices) or 'nothing'}."
