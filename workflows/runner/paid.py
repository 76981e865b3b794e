"""What a run owes a paid request when it is stopped: the time for its answer to be written down."""

import time
import urllib.error

from .client import Client

PAID_PATIENCE_SECONDS = 95


def await_answers(client: Client, patience: float) -> None:
    """Wait until no paid request is on its way any more, or for so many seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        try:
            requests = client.post("/acestep/journal", {})["requests"]
        except urllib.error.HTTPError:  # the journal cannot be read; the server's log has said so
            return
        if not any(request["state"] == "sending" for request in requests):
            return
        time.sleep(0.2)
