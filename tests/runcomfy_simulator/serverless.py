"""Serverless deployments: ComfyUI workflows on RunComfy's machines. Each submission ends with one short piece.

It takes what RunComfy takes, ``overrides`` by node id or a whole ``workflow_api_json``, and checks its form; it
does not run the graph.
"""

import json
import threading
import time
import uuid
from dataclasses import dataclass

from . import rendering
from .service import NOT_FOUND, Refusal

DEPLOYMENT_ID = "simulated-deployment"
_PIECE = {"tags": "simulated deployment", "lyrics": "[inst]", "duration": 5, "seed": 1}
_MODEL = "acestep-ai/ace-step/text-to-audio"


@dataclass
class Run:
    request_id: str
    accepted: float
    body: dict
    cancelled: bool = False


class Deployments:
    """One deployment, ``simulated-deployment``. Thread-safe."""

    def __init__(self, compose):
        self.seconds = 0.0
        self._compose = compose
        self._lock = threading.Lock()
        self._runs: dict[str, Run] = {}
        self._file: bytes | None = None

    @property
    def runs(self) -> list[Run]:
        """Every accepted submission, in order."""
        with self._lock:
            return list(self._runs.values())

    def forget(self, request_id: str) -> None:
        """As RunComfy does with what is old."""
        with self._lock:
            del self._runs[request_id]

    def route(self, method: str, parts: list[str], data: bytes, base_url: str):
        """The step and the answer's maker for a path of the serverless API. Raises Refusal for another one."""
        match method, parts:
            case "POST", ["prod", "v1", "deployments", deployment, "inference"]:
                self._check(deployment)
                return "submit", lambda: self._submit(data)
            case "GET", ["prod", "v1", "deployments", deployment, "requests", request_id, "status"]:
                self._check(deployment)
                return "status", lambda: self._status(self._run(request_id))
            case "GET", ["prod", "v1", "deployments", deployment, "requests", request_id, "result"]:
                self._check(deployment)
                return "result", lambda: self._result(self._run(request_id), base_url)
            case "POST", ["prod", "v1", "deployments", deployment, "requests", request_id, "cancel"]:
                self._check(deployment)
                return "cancel", lambda: self._cancel(self._run(request_id))
        raise Refusal(404, "no such path")

    def file(self, name: str) -> bytes | None:
        return self._file if name.startswith("deployment") else None

    def _check(self, deployment: str) -> None:
        if deployment != DEPLOYMENT_ID:
            raise Refusal(404, "no such deployment", NOT_FOUND)

    def _submit(self, data: bytes) -> dict:
        try:
            body = json.loads(data)
        except ValueError:
            raise Refusal(400, "the body is not JSON") from None
        _check_body(body)
        run = Run(f"run-{uuid.uuid4().hex[:16]}", time.monotonic(), body)
        with self._lock:
            self._runs[run.request_id] = run
            if self._file is None:
                self._file = rendering.write(self._compose(_MODEL, _PIECE), "flac")
        return {"request_id": run.request_id}

    def _run(self, request_id: str) -> Run:
        with self._lock:
            run = self._runs.get(request_id)
        if run is None:
            raise Refusal(404, "no such request", NOT_FOUND)
        return run

    def _state(self, run: Run) -> str:
        if run.cancelled:
            return "cancelled"
        return "completed" if time.monotonic() - run.accepted >= self.seconds else "in_progress"

    def _status(self, run: Run) -> dict:
        state = self._state(run)
        return {"request_id": run.request_id, "status": state} | (
            {"instance_id": "simulated"} if state == "in_progress" else {}
        )

    def _result(self, run: Run, base_url: str) -> dict:
        answer = {"request_id": run.request_id, "status": self._state(run)}
        if answer["status"] == "completed":
            file = {"filename": "deployment.flac", "subfolder": "", "type": "output"}
            answer["outputs"] = {"1": {"audio": [{"url": f"{base_url}/files/deployment.flac", **file}]}}
        return answer

    def _cancel(self, run: Run) -> dict:
        if self._state(run) == "completed":
            return {"request_id": run.request_id, "status": "completed", "outcome": "not_cancellable"}
        run.cancelled = True
        return {"request_id": run.request_id, "status": "cancelled", "outcome": "cancelled"}


def _check_body(body) -> None:
    """Raises Refusal unless the body is what a deployment takes."""
    if not isinstance(body, dict) or set(body) - {"overrides", "workflow_api_json"} or not body:
        raise Refusal(422, "the body takes overrides or workflow_api_json")
    for node_id, node in body.get("overrides", {}).items():
        if not isinstance(node, dict) or not isinstance(node.get("inputs"), dict):
            raise Refusal(422, f"overrides of node {node_id} need inputs")
    for node_id, node in body.get("workflow_api_json", {}).items():
        if not isinstance(node, dict) or "class_type" not in node or "inputs" not in node:
            raise Refusal(422, f"node {node_id} of workflow_api_json needs class_type and inputs")
