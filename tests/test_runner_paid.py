"""Before a server is ended: what runs there is stopped and has ended, and no paid request is on its way."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from runner.client import Client
from runner.paid import await_answers


class Server:
    """Answers as ComfyUI does. queues: what runs there, a list of ids for each time that is asked; states: of the
    requests of the journal, the same; the last ones stay."""

    def __init__(self, queues, states):
        self.asked, self.interrupted = [], []
        left = {"/queue": list(queues), "/acestep/journal": list(states)}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(handler):
                ids = self._next(left, handler.path)
                handler.answer({"queue_running": [[0, prompt_id] for prompt_id in ids], "queue_pending": []})

            def do_POST(handler):
                body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
                if handler.path == "/interrupt":
                    self.interrupted.append(body["prompt_id"])
                    return handler.answer({})
                if (states := self._next(left, handler.path)) is None:
                    return handler.send_error(500)
                return handler.answer({"requests": [{"state": state} for state in states]})

            def answer(handler, body):
                data = json.dumps(body).encode()
                handler.send_response(200)
                handler.send_header("Content-Length", str(len(data)))
                handler.end_headers()
                handler.wfile.write(data)

            def log_message(handler, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _next(self, left, path):
        self.asked.append(path)
        return left[path].pop(0) if len(left[path]) > 1 else left[path][0]

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize(
    ("queues", "states", "interrupted", "turns"),
    [
        ([[]], [[]], [], 1),
        ([["a"], ["a"], []], [["accepted"]], ["a", "a"], 3),  # till the node has cancelled what it asked for
        ([["a"], ["b"], []], [[]], ["a", "b"], 3),  # one that was just leaving the queue
        ([[]], [["sending"], ["accepted"]], [], 2),
        ([["a"], []], [None], ["a"], 2),  # a journal that cannot be read
    ],
)
def test_a_server_may_end_once_nothing_runs_and_nothing_is_on_its_way(queues, states, interrupted, turns):
    with Server(queues, states) as server:
        await_answers(Client(server.url), 60)
    assert server.interrupted == interrupted and server.asked.count("/queue") == turns


def test_patience_has_an_end():
    with Server([["a"]], [["sending"]]) as server:
        await_answers(Client(server.url), 0.01)
    assert server.interrupted == ["a"]
