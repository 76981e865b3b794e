"""A hub on loopback that speaks what huggingface_hub asks of the real one, and the "CDN" it sends downloads on to.

    HEAD, GET /<repo>/resolve/<revision>/<path>   302 to the CDN, with X-Linked-Size, X-Linked-Etag, X-Repo-Commit
    GET       <CDN>/<SHA-256>                     the bytes; 206 for a Range

Faults, each for the next ``times`` requests it concerns:

    hub:  status (status=…, code=X-Error-Code), location (to=…), size (bytes=…), etag (value=…)
    cdn:  status (status=…), cut (after=bytes), short (by=bytes), long (by=bytes), wrong (at=byte), no_range,
          hold (after=bytes): sends a byte a second until ``released`` is set, and then the rest, or with cut=True
          nothing
"""

import contextlib
import hashlib
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

_BLOCK_BYTES = 64 * 1024
# A test that never releases fails by its own assertions, not by hanging.
_DRIP_SECONDS, _MOST_DRIPS = 1.0, 60
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class Fault:
    where: str
    kind: str
    times: int
    options: dict = field(default_factory=dict)


@dataclass
class Asked:
    """A request as it came, and how many bytes of a body went out for it."""

    where: str
    method: str
    path: str
    headers: dict
    sent: int = 0

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


class HubServer:
    """A running hub; use it as a context manager. ``url`` is its endpoint."""

    def __init__(self):
        self.files: dict[str, bytes] = {}  # by repo/path
        self.requests: list[Asked] = []
        self.faults: list[Fault] = []
        self.held, self.released = threading.Event(), threading.Event()
        self._lock = threading.Lock()
        self._servers = [ThreadingHTTPServer(("127.0.0.1", 0), _handler(self, where)) for where in ("hub", "cdn")]
        self.url, self.cdn_url = (f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers)

    def __enter__(self) -> "HubServer":
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_) -> None:
        self.released.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def fault(self, where: str, kind: str, times: int = 1, **options) -> None:
        self.faults.append(Fault(where, kind, times, options))

    def take(self, where: str) -> Fault:
        """The fault for this request; one that is none when there is none."""
        with self._lock:
            for fault in self.faults:
                if fault.where == where and fault.times > 0:
                    fault.times -= 1
                    return fault
        return Fault(where, "none", 0)

    def sent(self, since: int = 0) -> int:
        """Bytes of files that have gone out, for all requests but the first ``since``."""
        return sum(asked.sent for asked in self.requests[since:] if asked.where == "cdn")

    def hold_after(self, size: int, **options) -> None:
        """Let the next download stop after so many bytes; ``held`` is set then, and it goes on with ``released``."""
        self.held.clear()
        self.released.clear()
        self.fault("cdn", "hold", after=size, **options)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _handler(server: HubServer, where: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def handle(self):
            with contextlib.suppress(ConnectionError):  # the other side was stopped in the middle
                super().handle()

        def do_HEAD(self):
            self._answer()

        def do_GET(self):
            self._answer()

        def _answer(self):
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(where, self.command, unquote(urlsplit(self.path).path), headers)
            server.requests.append(asked)
            fault = server.take(where)
            if fault.kind == "status":
                code = {"X-Error-Code": fault.options["code"]} if "code" in fault.options else {}
                self._send(fault.options["status"], code)
            elif where == "hub":
                self._resolve(asked, fault)
            else:
                self._bytes(asked, fault)

        def _send(self, status: int, headers: dict):
            self.send_response(status)
            for name, value in {"Content-Length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        def _resolve(self, asked: Asked, fault: Fault):
            repo, _, rest = asked.path[1:].partition("/resolve/")
            content = server.files.get(f"{repo}/{rest.partition('/')[2]}")
            if content is None:
                return self._send(404, {"X-Error-Code": "EntryNotFound"})
            digest = sha256(content)
            self._send(
                302,
                {
                    "Location": fault.options.get("to", f"{server.cdn_url}/{digest}"),
                    "X-Linked-Size": str(fault.options.get("bytes", len(content))),
                    "X-Linked-Etag": f'"{fault.options.get("value", digest)}"',
                    "X-Repo-Commit": COMMIT,
                    "ETag": f'"{COMMIT}"',
                },
            )

        def _bytes(self, asked: Asked, fault: Fault):
            content = next((one for one in server.files.values() if sha256(one) == asked.path[1:]), None)
            if content is None:
                return self._send(404, {})
            start = 0
            if asked.range and fault.kind != "no_range":
                start = int(asked.range.removeprefix("bytes=").partition("-")[0])
                if start >= len(content):
                    return self._send(416, {"Content-Range": f"bytes */{len(content)}"})
            body = bytearray(content[start:])
            if fault.kind == "wrong":
                body[fault.options["at"]] ^= 0xFF
            if fault.kind == "short":
                del body[-fault.options["by"] :]
            if fault.kind == "long":
                body += bytes(fault.options["by"])
            headers = {"Content-Length": str(len(body)), "Accept-Ranges": "bytes"}
            if asked.range and fault.kind != "no_range":
                headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            self._send(206 if "Content-Range" in headers else 200, headers)
            stop = fault.options.get("after", len(body))
            self._write(asked, body[:stop])
            if fault.kind == "cut":
                self.close_connection = True
                return
            if fault.kind == "hold":
                server.held.set()
                stop = self._drip(asked, body, stop)
                if fault.options.get("cut"):
                    self.close_connection = True
                    return
            self._write(asked, body[stop:])

        def _drip(self, asked: Asked, body, start: int) -> int:
            """Send a byte now and then, lest the other side takes the line for dead; how far that has come."""
            for at in range(start, min(start + _MOST_DRIPS, len(body))):
                if server.released.wait(_DRIP_SECONDS):
                    return at
                self._write(asked, body[at : at + 1])
            return min(start + _MOST_DRIPS, len(body))

        def _write(self, asked: Asked, body):
            for first in range(0, len(body), _BLOCK_BYTES):
                block = body[first : first + _BLOCK_BYTES]
                asked.sent += len(block)  # before the other side can know
                self.wfile.write(block)

    return Handler
