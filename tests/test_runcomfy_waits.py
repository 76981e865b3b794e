"""Every wait has an end, and every answer fits into memory: against a server that speaks byte by byte."""

import contextlib
import gzip
import socket
import subprocess
import sys
import threading
import tracemalloc
import zlib
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path

import pytest
from acestep_nodes.nodes.backends.runcomfy import download
from acestep_nodes.nodes.backends.runcomfy.account import find_account
from acestep_nodes.nodes.backends.runcomfy.client import Client
from acestep_nodes.nodes.backends.runcomfy.entries import State
from acestep_nodes.nodes.backends.runcomfy.errors import OutcomeUnknown, RunComfyError, ServiceUnavailable
from acestep_nodes.nodes.backends.runcomfy.journal import Journal
from acestep_nodes.nodes.backends.runcomfy.place import Place
from acestep_nodes.nodes.backends.runcomfy.stopping import Stop, start_thread, wait_briefly
from runcomfy_runs import HURRIED, wait_until

pytest_plugins = ("runcomfy_fixtures",)

# What ends by itself ends long before; what does not is found by this.
HUNG_SECONDS = 60.0
BRIEF = replace(HURRIED, answer=0.3, whole_answer=0.4, submission=0.4, download=0.8, slow_download=0.2, after_stop=0.4)

INTERIM = b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n"


class RawServer:
    """Answers every connection with what ``speak`` sends, until the other side hangs up."""

    def __init__(self, speak):
        self._speak = speak
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._ended = threading.Event()
        self.hung_up = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        with connection, contextlib.suppress(OSError):
            connection.recv(65536)
            for part in self._speak():
                if self._ended.wait(0.05):
                    return
                connection.sendall(part)
            while connection.recv(65536):  # says nothing more, and waits
                pass
        self.hung_up += 1


def silence():
    return iter(())


def slow_headers():
    yield b"HTTP/1.1 200 OK\r\n"
    while True:
        yield b"x"


def interim_answers():
    while True:
        yield INTERIM


def interim_flood():
    while True:
        yield INTERIM * 1000


def slow_body():
    yield HEAD
    while True:
        yield b" "


def half_a_body():
    yield HEAD
    yield b"{"


MANNERS = [silence, slow_headers, interim_answers, interim_flood, slow_body, half_a_body]


@pytest.fixture(params=MANNERS, ids=lambda speak: speak.__name__)
def server(request):
    with RawServer(request.param) as running:
        yield running


def client_for(server, tmp_path, patience=BRIEF):
    place = Place(tmp_path, server.url, {"RUNCOMFY_API_TOKEN": "dummy-token"}, patience)
    return Client(place, find_account(place), Stop())


def ended(call) -> Future:
    """``call`` in a thread, once it has ended."""
    future = start_thread(call, "acestep-runcomfy-test")
    assert wait_briefly(future, HUNG_SECONDS), "it hangs"
    return future


def nothing_goes_on():
    wait_until(lambda: not [t for t in threading.enumerate() if t.name.startswith("acestep-runcomfy")])


def test_a_question_ends(server, tmp_path):
    with contextlib.closing(client_for(server, tmp_path)) as client:
        assert isinstance(ended(lambda: client.status("an-id")).exception(), ServiceUnavailable)
    nothing_goes_on()


def test_the_paid_post_ends_and_its_outcome_is_unknown(server, tmp_path):
    with contextlib.closing(client_for(server, tmp_path)) as client:
        submission = ended(lambda: client.submit("a-model", b"{}")).result()
    assert isinstance(submission.error, OutcomeUnknown) and not submission.refused and not submission.retry
    nothing_goes_on()
    wait_until(lambda: server.hung_up == 1)


def test_a_cancel_ends(server, tmp_path):
    with contextlib.closing(client_for(server, tmp_path)) as client:
        assert ended(lambda: client.cancel("an-id")).result().outcome == "unknown"
    nothing_goes_on()


def test_a_handshake_ends_before_anything_is_sent(tmp_path):
    patience = replace(BRIEF, connect=10 * HUNG_SECONDS, answer=10 * HUNG_SECONDS)
    with RawServer(silence) as server:
        server.url = server.url.replace("http:", "https:")
        with contextlib.closing(client_for(server, tmp_path, patience)) as client:
            submission = ended(lambda: client.submit("a-model", b"{}")).result()
            assert submission.refused and isinstance(submission.error, ServiceUnavailable)
            assert isinstance(ended(lambda: client.status("an-id")).exception(), ServiceUnavailable)
    nothing_goes_on()


def downloaded(server, tmp_path, patience=BRIEF) -> Future:
    with contextlib.closing(client_for(server, tmp_path, patience)) as client:
        url = download.checked_address(f"{server.url}/file.mp3", client.place)
        return ended(lambda: download.fetch_file(client, url))


def test_a_download_ends(server, tmp_path):
    assert isinstance(downloaded(server, tmp_path).exception(), ServiceUnavailable)
    nothing_goes_on()


@pytest.mark.parametrize("least, arrives", [(100, True), (10**9, False)])
def test_a_download_must_come_in_at_some_rate(tmp_path, monkeypatch, least, arrives):
    monkeypatch.setattr(download, "LEAST_BYTES_PER_SECOND", least)

    def speak():
        yield b"HTTP/1.1 200 OK\r\ncontent-length: 20000\r\n\r\n"
        yield from [b"y" * 1000] * 20

    patience = replace(BRIEF, answer=HUNG_SECONDS, whole_answer=HUNG_SECONDS, download=HUNG_SECONDS, slow_download=0.2)
    with RawServer(speak) as server:
        if arrives:
            assert downloaded(server, tmp_path, patience).result() == b"y" * 20_000
        else:
            assert isinstance(downloaded(server, tmp_path, patience).exception(), ServiceUnavailable)


LEAVING = """
import sys, types
pack = types.ModuleType("acestep_nodes"); pack.__path__ = [sys.argv[1]]; sys.modules["acestep_nodes"] = pack
sys.path.insert(0, sys.argv[1] + "/tests")
import threading
from acestep_nodes.nodes.backends.runcomfy.place import Patience
from runcomfy_runs import Place, generate
place = Place({directory!r}, {url!r}, {{"RUNCOMFY_API_TOKEN": "dummy-token"}}, Patience(after_stop=0.5))
threading.Thread(target=generate, args=(place,), daemon=True).start()
sys.stdin.readline()
"""


def test_a_process_can_always_end_and_no_entry_is_being_sent_for_ever_after(simulator, place, tmp_path):
    release = threading.Event()
    simulator.fault("submit", "hang", until=release)
    root = str(Path(__file__).resolve().parents[1])
    code = LEAVING.format(url=simulator.url, directory=tmp_path).replace("dummy-token", simulator.token)
    code = code.replace(repr(tmp_path), f"__import__('pathlib').Path({str(tmp_path)!r})")
    process = subprocess.Popen([sys.executable, "-c", code, root], stdin=subprocess.PIPE)
    try:
        wait_until(lambda: any(request["method"] == "POST" for request in simulator.requests))
        process.stdin.close()
        assert process.wait(HUNG_SECONDS) == 0
    finally:
        process.kill()
        release.set()
    assert [entry.state for entry in Journal(place).read().entries] == [State.UNKNOWN]


# Memory


def answered_with(*head: bytes, body: bytes):
    def speak():
        yield b"\r\n".join([b"HTTP/1.1 200 OK", b"content-length: %d" % len(body), *head]) + b"\r\n\r\n"
        yield body

    return RawServer(speak)


def asked(tmp_path, encoding: bytes, body: bytes):
    """What a GET and a paid POST make of that body."""
    with (
        answered_with(b"content-encoding: " + encoding, body=body) as server,
        contextlib.closing(client_for(server, tmp_path)) as client,
    ):
        return ended(lambda: client.status("an-id")), client.submit("a-model", b"{}")


def test_one_layer_of_gzip_is_read(tmp_path):
    status, submission = asked(tmp_path, b"gzip", gzip.compress(b'{"status": "in_queue", "request_id": "a"}'))
    assert status.result()["status"] == "in_queue" and submission.request_id == "a"


@pytest.mark.parametrize(
    "encoding, body",
    [
        (b"gzip, gzip", gzip.compress(gzip.compress(b'{"request_id": "a"}'))),
        (b"gzip", gzip.compress(b'{"request_id": "a"' + b" " * 2**23 + b"}")),
        (b"deflate", zlib.compress(b'{"request_id": "a"}')),
        (b"br", b'{"request_id": "a"}'),
        (b"gzip", b'{"request_id": "a"}'),
        (b"gzip", gzip.compress(b'{"request_id": "a"}')[:-9]),
        (b"identity", b'{"request_id": "a"' + b" " * 2**23 + b"}"),
    ],
    # Packed bytes hold the time they were made at; two test processes must call a case the same.
    ids=["twice", "inflated", "deflate", "not-brotli", "not-gzip", "cut-off", "too-long"],
)
def test_no_other_packing_and_no_more_than_a_few_mebibytes(tmp_path, encoding, body):
    status, submission = asked(tmp_path, encoding, body)
    assert isinstance(status.exception(), RunComfyError)
    assert isinstance(submission.error, OutcomeUnknown)


def test_no_more_is_unpacked_than_would_be_read(tmp_path):
    bomb = gzip.compress(bytes(2**27))
    tracemalloc.start()
    try:
        asked(tmp_path, b"gzip", bomb)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**25


@pytest.mark.parametrize("size, fits", [(2**20, True), (2**20 + 1, False)])
def test_a_packed_file_is_held_to_the_same_size(tmp_path, monkeypatch, size, fits):
    monkeypatch.setattr(download, "MAX_FILE_BYTES", 2**20)
    with answered_with(b"content-encoding: gzip", body=gzip.compress(bytes(size))) as server:
        future = downloaded(server, tmp_path)
    if fits:
        assert future.result() == bytes(size)
    else:
        assert "larger than 1 MiB" in str(future.exception())
