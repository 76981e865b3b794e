"""What a run owes a paid request when it is stopped: to cancel it, or the time for its answer to be written down."""

import time
import urllib.error

from .client import Client

PAID_PATIENCE_SECONDS = 95
_TURN_SECONDS = 0.5


def await_answers(client: Client, patience: float) -> None:
    """Stop what runs there; wait until it has ended and no paid request is on its way any more, or for so many seconds.

    A node that is stopped cancels what it has asked for, which a server that is ended meanwhile would not do.
    """
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        running = [prompt[1] for prompt in client.get("/queue")["queue_running"]]
        for prompt_id in running:  # again and again, as ComfyUI forgets it of a prompt that is just leaving its queue
            client.interrupt(prompt_id)
        if not running and not _is_sending(client):
            return
        time.sleep(_TURN_SECONDS)


def _is_sending(client: Client) -> bool:
    try:
        requests = client.post("/acestep/journal", {})["requests"]
    except urllib.error.HTTPError:  # the journal cannot be read; the server's log has said so
        return False
    return any(request["state"] == "sending" for request in requests)
