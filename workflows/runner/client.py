"""Talks to a running ComfyUI: queue a graph, follow it over the websocket to its end.

Errors of the server become exceptions with a sentence; the server's own answer stays attached.
"""

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from .errors import Refused, RunFailed, Unavailable

Event = tuple[str, dict]

# A loopback address never goes through a proxy, whatever the environment says.
open_loopback = urllib.request.build_opener(urllib.request.ProxyHandler({})).open


class PromptRejected(Refused):
    """The server refused the graph before running it. `error` and `node_errors` are its answer."""

    def __init__(self, answer: dict, prompt: dict):
        self.error = answer.get("error") or {}
        self.node_errors = answer.get("node_errors") or {}
        super().__init__(_rejection(self.error, self.node_errors, prompt))


class PromptFailed(RunFailed):
    """A node failed. `execution_error` is the server's event; `events` is everything seen before it."""

    def __init__(self, execution_error: dict, prompt: dict, events: list[Event]):
        self.execution_error = execution_error
        self.events = events
        super().__init__(_failure(execution_error, prompt), execution_error.get("exception_type", ""))


class PromptInterrupted(RunFailed):
    """The run was stopped before it ended."""

    def __init__(self, events: list[Event]):
        self.events = events
        super().__init__("The run was stopped in ComfyUI before it ended.", "Interrupted")


@dataclass(frozen=True)
class Run:
    """A finished run. `outputs`: node id → the `ui` dict of that node."""

    prompt_id: str
    outputs: dict[str, dict]
    events: list[Event]


class Client:
    """One ComfyUI server. Every call is synchronous; two runs at once need two threads, not two clients."""

    def __init__(self, url: str):
        self.url = url

    def get_bytes(self, path: str, **query) -> bytes:
        question = "?" + urllib.parse.urlencode(query) if query else ""
        try:
            with open_loopback(urllib.request.Request(self.url + path + question), timeout=60) as answer:
                return answer.read()
        except urllib.error.HTTPError:
            raise
        except OSError as error:
            raise _gone(self.url) from error

    def get(self, path: str, **query):
        return json.loads(self.get_bytes(path, **query))

    def post(self, path: str, body: dict) -> dict:
        """The answer, {} for an empty one. Raises urllib.error.HTTPError, unread, for any but 2xx."""
        # The pack's own routes answer ComfyUI's own page only.
        headers = {"Content-Type": "application/json", "Origin": self.url}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        try:
            with open_loopback(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError:
            raise
        except OSError as error:
            raise _gone(self.url) from error
        return json.loads(text) if text else {}

    def submit(self, prompt: dict, client_id: str | None = None) -> str:
        """Queue an API graph; its prompt id. Raises PromptRejected."""
        body = {"prompt": prompt} | ({"client_id": client_id} if client_id else {})
        try:
            return self.post("/prompt", body)["prompt_id"]
        except urllib.error.HTTPError as error:
            raise PromptRejected(_json_or_empty(error.read()), prompt) from None

    def interrupt(self, prompt_id: str) -> None:
        """Stop that run; nothing happens when it is not the one that runs."""
        self.post("/interrupt", {"prompt_id": prompt_id})

    def run(
        self,
        prompt: dict,
        on_event: Callable[[str, dict], None] = lambda kind, data: None,
        limit_seconds: float | None = None,
    ) -> Run:
        """Queue an API graph and wait for its end.

        on_event: called with the kind and the data of every event of this run as it arrives; the first is
        ("submitted", {"prompt_id": …}), which is the client's own.
        Raises PromptRejected, PromptFailed, PromptInterrupted, Unavailable (the server went away) and
        TimeoutError after limit_seconds.
        """
        return asyncio.run(asyncio.wait_for(self._run(prompt, on_event), limit_seconds))

    async def _run(self, prompt: dict, on_event) -> Run:
        import aiohttp  # one of ComfyUI's requirements: there in the private environment only

        client_id = uuid.uuid4().hex
        socket_url = f"{self.url.replace('http', 'ws', 1)}/ws?clientId={client_id}"
        try:
            async with aiohttp.ClientSession() as session, session.ws_connect(socket_url, max_msg_size=0) as socket:
                await socket.send_json({"type": "feature_flags", "data": {}})
                prompt_id = await asyncio.to_thread(self.submit, prompt, client_id)
                on_event("submitted", {"prompt_id": prompt_id})
                events = await _follow(socket, prompt_id, on_event)
        except aiohttp.ClientError as error:
            raise _gone(self.url) from error
        ending = dict(events)
        if "execution_error" in ending:
            raise PromptFailed(ending["execution_error"], prompt, events)
        if "execution_interrupted" in ending:
            raise PromptInterrupted(events)
        # The history would tell the same, but a server that ends now could not be asked for it.
        executed = [data for kind, data in events if kind == "executed" and data.get("output")]
        return Run(prompt_id, {data["node"]: data["output"] for data in executed}, events)


async def _follow(socket, prompt_id: str, on_event) -> list[Event]:
    """The events of this prompt, up to the one that says that it has ended. Raises Unavailable."""
    events = []
    async for message in socket:
        if not isinstance(message.data, str):  # previews
            continue
        event = json.loads(message.data)
        kind, data = event["type"], event.get("data") or {}
        if data.get("prompt_id", prompt_id) != prompt_id:
            continue
        events.append((kind, data))
        on_event(kind, data)
        if kind == "executing" and data.get("node") is None:
            return events
    if any(kind == "execution_success" for kind, _ in events):
        return events
    raise Unavailable("ComfyUI closed the connection before the run had ended; its log tells why.")


def _gone(url: str) -> Unavailable:
    return Unavailable(f"ComfyUI at {url} does not answer any more; its log tells why.")


def _json_or_empty(text: bytes) -> dict:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _rejection(error: dict, node_errors: dict, prompt: dict) -> str:
    sentences = []
    for node_id, found in node_errors.items():
        for problem in found.get("errors", []):
            sentences.append(_about(prompt, node_id, found.get("class_type"), _problem(problem)))
    if not sentences:
        sentences = [" ".join(filter(None, [error.get("message", "It gave no reason."), error.get("details")]))]
    return "ComfyUI did not accept the graph. " + " ".join(sentence.rstrip(".") + "." for sentence in sentences)


def _problem(problem: dict) -> str:
    """One entry of node_errors in words; what ComfyUI puts where depends on the kind of error."""
    message, details = problem.get("message", ""), problem.get("details", "")
    if problem.get("type") == "custom_validation_failed":
        return details.partition(" - ")[2] or details or message
    if details in ("", (problem.get("extra_info") or {}).get("input_name")):
        return f"{details}: {message}".removeprefix(": ")
    return f"{message}: {details}"


def _failure(event: dict, prompt: dict) -> str:
    message = (event.get("exception_message") or "").strip() or event.get("exception_type", "unknown error")
    return _about(prompt, str(event.get("node_id")), event.get("node_type"), message)


def _about(prompt: dict, node_id: str, class_type: str | None, sentence: str) -> str:
    """The sentence with the name of its node before it; the pack's own already begin with theirs."""
    return sentence if sentence.startswith(f"{class_type}: ") else f"{name_of(prompt, node_id)}: {sentence}"


def name_of(prompt: dict, node_id: str) -> str:
    """How a node is called when speaking to the user: its title or class, and its id."""
    node = prompt.get(node_id.split(":")[0].split(".")[0], {})
    title = (node.get("_meta") or {}).get("title") or node.get("class_type")
    return f"{title} (node {node_id})" if title else f"Node {node_id}"
