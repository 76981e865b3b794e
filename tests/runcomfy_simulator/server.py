"""The simulator's HTTP: the Model API, the files, and a control interface for tests. Loopback only.

Control, without a token:
    GET    /control/ledger     every paid submission, and the sum charged
    GET    /control/requests   every request received: method, path, whether it carried a token, bytes
    POST   /control/fault      {"step", "kind", "times", …options}: see faults.py
    DELETE /control/fault      no faults any more
    POST   /control/settings   {"queue_seconds", "run_seconds", "balance_usd", "token"}, any of them
    POST   /control/forget     {"request_id"}: from now on the service does not know it
"""

import json
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from . import rendering
from .faults import Fault, Faults
from .serverless import Deployments
from .service import NOT_SIGNED_IN, Refusal, Service

# A test that never sets its event fails by its own assertions, not by hanging.
_LONGEST_PAUSE_SECONDS = 60.0
CONTENT_TYPES = {"mp3": "audio/mpeg", "flac": "audio/flac"}


class Simulator:
    """A running simulator; use it as a context manager.

    queue_seconds, run_seconds: how long every job waits and runs. compose: ``rendering.render`` (music) or
    ``rendering.tone`` (at once). Within this process ``on_step`` is called for each request of a known step, when it
    has "arrived" and when it was "answered" (or not).
    """

    def __init__(self, port: int = 0, *, queue_seconds=0.0, run_seconds=0.0, compose=rendering.render):
        self.token = f"simulated-token-{secrets.token_hex(8)}"
        self.service = Service(token=self.token, queue_seconds=queue_seconds, run_seconds=run_seconds, compose=compose)
        self.deployments = Deployments(compose)
        self.faults = Faults()
        self.requests: list[dict] = []
        self.on_step = lambda step, moment: None
        self._server = _Server(("127.0.0.1", port), _handler_for(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    def __enter__(self) -> "Simulator":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._server.shutdown()
        self._server.server_close()

    def fault(self, step: str, kind: str, times: int = 1, **options) -> None:
        """Let ``step`` go wrong the next ``times`` times."""
        self.faults.add(Fault(step, kind, times, options))

    @property
    def paid(self) -> int:
        """How many submissions were accepted."""
        return len(self.service.jobs())

    def ledger(self) -> dict:
        lines = [job.as_ledger_line() for job in self.service.jobs()]
        return {"submissions": lines, "charged_usd": round(sum(line["cost"] for line in lines), 6)}

    def change(self, settings: dict) -> None:
        for name in settings:
            if name not in ("queue_seconds", "run_seconds", "balance_usd", "token"):
                raise ValueError(f"no such setting: {name}")
            setattr(self.service, name, settings[name])


class _Server(ThreadingHTTPServer):
    # As many connections may come at once as a service takes; at the library's 5 the sixth waits a second.
    request_queue_size = 128

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Dropped(Exception):
    """The connection is to be closed without an answer."""


def _handler_for(simulator: Simulator) -> type[BaseHTTPRequestHandler]:
    class Handler(_Handler):
        owner = simulator

    return Handler


class _Handler(BaseHTTPRequestHandler):
    owner: Simulator
    protocol_version = "HTTP/1.1"
    # Headers and body leave as two writes; without this the second waits for the first's acknowledgement.
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._answer()

    def do_POST(self):
        self._answer()

    def do_DELETE(self):
        self._answer()

    def _answer(self) -> None:
        data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        self.owner.requests.append(
            {
                "method": self.command,
                "path": self.path,
                "token": "Authorization" in self.headers,
                "bytes": len(data),
                "time": time.monotonic(),
            }
        )
        try:
            if url.path.startswith("/control/"):
                self._send_json(200, self._control(url.path.removeprefix("/control/"), data))
            else:
                self._serve(url, data)
        except Refusal as refusal:
            self._send_json(refusal.status, refusal.as_json())
        except _Dropped:
            self.close_connection = True
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _control(self, name: str, data: bytes) -> dict:
        owner, body = self.owner, json.loads(data) if data else {}
        match self.command, name:
            case "GET", "ledger":
                return owner.ledger()
            case "GET", "requests":
                return {"requests": owner.requests}
            case "POST", "fault":
                owner.fault(body.pop("step"), body.pop("kind"), body.pop("times", 1), **body)
            case "DELETE", "fault":
                owner.faults.clear()
            case "POST", "settings":
                owner.change(body)
            case "POST", "forget":
                owner.service.job(body["request_id"]).forgotten = True
            case _:
                raise Refusal(404, "no such control")
        return {}

    def _serve(self, url, data: bytes) -> None:
        step, work = self._route(url, data)
        self.owner.on_step(step, "arrived")
        try:
            self._serve_step(step, work)
        finally:
            self.owner.on_step(step, "answered")

    def _serve_step(self, step: str, work) -> None:
        fault = self.owner.faults.take(step)
        if step != "file" and self.headers.get("Authorization") != f"Bearer {self.owner.service.token}":
            raise Refusal(401, "invalid token", NOT_SIGNED_IN)
        if fault is None:
            self._send(*work())
        else:
            self._send_faulty(fault, work)

    def _route(self, url, data: bytes):
        """The step a request is, and what answers it: () → (status, content type, bytes)."""
        service, parts = self.owner.service, url.path.strip("/").split("/")
        match self.command, parts:
            case "GET", ["v1", "models", *model]:
                return "catalogue", lambda: _json(service.catalogue("/".join(model)))
            case "POST", ["v1", "models", *model]:
                return "submit", lambda: _json(self._submit("/".join(model), data))
            case "GET", ["v1", "requests", request_id, "status"]:
                return "status", lambda: _json(service.status(request_id))
            case "GET", ["v1", "requests", request_id, "result"]:
                with_cost = parse_qs(url.query).get("include_cost") == ["true"]
                return "result", lambda: _json(service.result(request_id, self.owner.url, with_cost))
            case "POST", ["v1", "requests", request_id, "cancel"]:
                return "cancel", lambda: _json(service.cancel(request_id))
            case "GET", ["files", name]:
                return "file", lambda: self._file(name)
        step, answer = self.owner.deployments.route(self.command, parts, data, self.owner.url)
        return step, lambda: _json(answer())

    def _submit(self, model: str, data: bytes) -> dict:
        try:
            body = json.loads(data)
        except ValueError:
            raise Refusal(400, "the body is not JSON") from None
        request_id = self.owner.service.submit(model, body, data).request_id
        base = f"{self.owner.url}/v1/requests/{request_id}"
        return {
            "request_id": request_id,
            "status_url": f"{base}/status",
            "result_url": f"{base}/result",
            "cancel_url": f"{base}/cancel",
        }

    def _file(self, name: str):
        request_id, _, form = name.partition(".")
        found = self.owner.deployments.file(name)
        data = found if found is not None else self.owner.service.job(request_id).file
        if data is None:
            raise Refusal(404, "no such file")
        return 200, CONTENT_TYPES.get(form, "application/octet-stream"), data

    # Faults

    def _send_faulty(self, fault: Fault, work) -> None:
        options = fault.options
        time.sleep(options.get("delay", 0))
        match fault.kind:
            case "http" | "http_after":
                if fault.kind == "http_after":
                    work()
                headers = {"Retry-After": options["retry_after"]} if "retry_after" in options else {}
                headers |= options.get("headers", {})
                body = options.get("json", {"error_message": "simulated fault"})
                self._send(options["status"], "application/json", json.dumps(body).encode(), headers)
            case "documented":
                code = options["code"]
                body = {"error_code": code, "error_message": options.get("message", "simulated fault")}
                self._send_json(options.get("status", int(str(code)[:3])), body)
            case "gateway" | "gateway_after":
                if fault.kind == "gateway_after":
                    work()
                page = f"<html><title>{options['status']}</title></html>".encode()
                self._send(options["status"], "text/html", page)
            case "drop_before":
                raise _Dropped
            case "drop_after":
                work()
                _pause(options)
                raise _Dropped
            case "slow":
                answer = work()
                _pause(options)
                self._send(*answer)
            case "hang":
                _pause(options)
                self._send(*work())
            case "truncated" | "cut":
                self._send_half(work(), whole_length=fault.kind == "truncated")
            case "unreadable":
                work()
                _pause(options)
                self._send(200, "text/html", b"<html>not JSON</html>")
            case "error_code":
                self._send_json(200, {"error_code": options["code"], "error_message": options.get("message", "")})
            case "redirect":
                self._send(302, "text/plain", b"", {"Location": options["location"]})
            case "change":
                answer = json.loads(work()[2]) | options.get("set", {})
                if answer.get("status") in options.get("rename", {}):
                    answer["status"] = options["rename"][answer["status"]]
                for name in options.get("remove", ()):
                    answer.pop(name, None)
                self._send_json(200, answer)
            case "bytes":
                self._send(200, options.get("content_type", "audio/mpeg"), options["data"])
            case "endless":
                self._send_endless()
            case kind:
                raise Refusal(500, f"the simulator knows no fault {kind!r}")

    def _send_half(self, answer, whole_length: bool) -> None:
        status, content_type, data = answer
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Connection", "close")
        if whole_length:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        raise _Dropped

    def _send_endless(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "audio/mpeg")
        self.send_header("Connection", "close")
        self.end_headers()
        zeros = bytes(1 << 20)
        while True:
            self.wfile.write(zeros)

    def _send_json(self, status: int, body: dict) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: int, content_type: str, data: bytes, headers: dict | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(data)))
        for name, value in (headers or {}).items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(data)


def _pause(options: dict) -> None:
    if "until" in options:
        options["until"].wait(_LONGEST_PAUSE_SECONDS)
    else:
        time.sleep(options.get("seconds", 0))


def _json(body: dict):
    return 200, "application/json", json.dumps(body).encode()
