"""HTTP within limits: whatever the other end does, an exchange ends in time and its answer fits into memory."""

import contextlib
import io
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ...words.remarks import Remark, remark

_MAX_ERROR_BYTES = 1 << 20


class Unusable(Exception):
    """A body that cannot be used. said: the end of a sentence, as in "… is larger than 4 MiB"."""

    def __init__(self, said: Remark):
        super().__init__(said)
        self.said = said


@dataclass(frozen=True)
class Limits:
    """What one exchange may take.

    seconds: in all. head_seconds: until the answer's headers are there (None: no limit of their own).
    body_bytes: of the body, unpacked. A body may come in at less than ``bytes_per_second`` for ``slow_seconds``.
    """

    seconds: float
    body_bytes: int
    head_seconds: float | None = None
    bytes_per_second: float = 0.0
    slow_seconds: float = 60.0


@dataclass(frozen=True)
class Answer:
    """What came back. ``body`` is unpacked; when it cannot be used it is empty, and ``problem`` says why."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    problem: Remark | None = None


class Connection:
    """An httpx client whose exchanges end in time.

    httpx limits every single wait only: a server that sends a byte now and then, or one interim answer after the
    other, would hold it for ever. Here a timer shuts the sockets down, which ends whatever waits for them.
    """

    def __init__(self, http):
        self._http = http
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_) -> None:
        self.close()

    def close(self) -> None:
        """Close, and end what is under way in other threads."""
        self._hang_up()
        self._http.close()

    def exchange(self, method: str, url, limits: Limits, check: Callable[[], None] = lambda: None, **options) -> Answer:
        """Send a request and read its whole answer; ``check`` may raise while the body comes in.

        Raises httpx.HTTPError; of it ReadTimeout when the whole takes too long.
        """
        import httpx

        late = threading.Event()
        deadline = time.monotonic() + limits.seconds
        try:
            with self._hung_up_after(limits.seconds, late), contextlib.ExitStack() as until_head:
                until_head.enter_context(self._hung_up_after(limits.head_seconds or limits.seconds, late))
                extensions = {"trace": self._noting(late)}
                with self._http.stream(method, url, extensions=extensions, **options) as response:
                    until_head.close()
                    try:
                        body, problem = _body(response, limits, deadline, check), None
                    except Unusable as error:
                        body, problem = b"", error.said
                    return Answer(response.status_code, response.headers, body, problem)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            if late.is_set():
                raise httpx.ReadTimeout("no whole answer in time") from None
            raise

    @contextlib.contextmanager
    def _hung_up_after(self, seconds: float, late: threading.Event) -> Iterator[None]:
        def hang_up() -> None:
            late.set()
            self._hang_up()

        timer = threading.Timer(seconds, hang_up)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _noting(self, late: threading.Event) -> Callable[[str, dict], None]:
        """Keeps the sockets that httpx opens; one that opens too late is shut down at once."""
        latest: socket.socket | None = None
        spare: socket.socket | None = None

        def note(event: str, info: dict) -> None:
            nonlocal latest, spare
            if event.endswith(".start_tls.started") and latest and not isinstance(latest, ssl.SSLSocket):
                # From here to the end of the handshake it is in a wrapping that nobody has yet.
                spare = latest.dup()
                self._keep(spare)
            if event.endswith((".start_tls.complete", ".start_tls.failed")) and spare:
                spare.close()
            if event.endswith((".connect_tcp.complete", ".start_tls.complete")):
                opened: socket.socket = info["return_value"].get_extra_info("socket")
                self._keep(opened)
                latest = opened
            if late.is_set():
                self._hang_up()

        return note

    def _keep(self, opened: socket.socket) -> None:
        with self._lock:
            self._sockets = [known for known in self._sockets if known.fileno() >= 0]
            self._sockets.append(opened)

    def _hang_up(self) -> None:
        with self._lock:
            sockets, self._sockets = self._sockets, []
        for each in sockets:
            with contextlib.suppress(OSError):
                # Not SSLSocket's own method: it takes away what another thread is reading with.
                socket.socket.shutdown(each, socket.SHUT_RDWR)


def _body(response, limits: Limits, deadline: float, check: Callable[[], None]) -> bytes:
    """The body, unpacked here: httpx would unpack any number of layers, however large they are inside."""
    import httpx

    most = limits.body_bytes if response.status_code < 300 else min(limits.body_bytes, _MAX_ERROR_BYTES)
    unpacked = _unpacked_by(response.headers.get("content-encoding", ""))
    body, slow_until, arrived = io.BytesIO(), time.monotonic() + limits.slow_seconds, 0
    for chunk in response.iter_raw():
        check()
        now, arrived = time.monotonic(), arrived + len(chunk)
        if now > deadline:
            raise httpx.ReadTimeout("the answer trickles in")
        if now > slow_until:
            if arrived < limits.bytes_per_second * limits.slow_seconds:
                raise httpx.ReadTimeout("the answer trickles in")
            slow_until, arrived = now + limits.slow_seconds, 0
        room = most - body.tell()
        # One byte more than there is room for, so that a full body is told from one that goes on.
        body.write(unpacked(chunk, room + 1))
        if body.tell() > most:
            raise Unusable(remark("larger_than", size=f"{most / 2**20:g}"))
    unpacked(None, 0)
    return body.getvalue()


def _unpacked_by(encoding: str) -> Callable[[bytes | None, int], bytes]:
    """(chunk, most) → at most so many bytes of what it unpacks to; None ends the body."""
    import httpx

    layers = [
        layer for layer in (name.strip().lower() for name in encoding.split(",")) if layer not in ("", "identity")
    ]
    if not layers:
        return lambda chunk, most: chunk[:most] if chunk else b""
    if layers not in (["gzip"], ["x-gzip"]):
        raise Unusable(remark("packed_otherwise"))
    unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)

    def unpack(chunk: bytes | None, most: int) -> bytes:
        if chunk is None:
            if not unpacker.eof:
                raise httpx.ReadError("the packed answer breaks off")
            return b""
        try:
            return unpacker.decompress(chunk, most)
        except zlib.error:
            raise Unusable(remark("broken_gzip")) from None

    return unpack
