"""The progress of a run: one changing line on a terminal, one line a node anywhere else."""

import sys

from .client import name_of
from .graph import Graph
from .terminal import LiveLine, bar, say


class RunProgress(LiveLine):
    """Give it to Client.run as on_event; shows which node runs and the steps it reports, nothing invented."""

    def __init__(self, graph: Graph):
        super().__init__()
        self._graph = graph
        self._started = set()

    def __call__(self, kind: str, data: dict) -> None:
        if kind == "execution_cached":
            self._started.update(data.get("nodes", []))
        elif kind == "executing" and data.get("node"):
            self._enter(data["node"])
        elif kind == "progress" and data.get("node"):
            self._steps(data["node"], data.get("value", 0), data.get("max", 0))

    def _enter(self, node_id: str) -> None:
        self._started.add(node_id)
        if sys.stdout.isatty():
            self.show(f"{self._bar(0)} {name_of(self._graph, node_id)}")
        else:
            say(f"Running {name_of(self._graph, node_id)} …")

    def _steps(self, node_id: str, value: float, total: float) -> None:
        part = value / total if total else 0
        self.show(f"{self._bar(part)} {name_of(self._graph, node_id)}, step {value:g} of {total:g}")

    def _bar(self, part_of_node: float) -> str:
        return bar(len(self._started) - 1 + part_of_node, len(self._graph))
