"""Following one accepted request to its end: polling, the result, the file."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from ...audio.value import Sound
from .answers import cost_in
from .client import Client
from .download import address_in, fetch_sound
from .entries import Entry
from .errors import NoSuchThing, RenderFailed, RunComfyError, UnusableAnswer
from .live import Live

WAITING = frozenset({"in_queue", "pending", "waiting"})
RUNNING = frozenset({"in_progress", "starting", "processing"})
DONE = frozenset({"completed", "succeeded"})
FAILED = frozenset({"failed"})
CANCELLED = frozenset({"cancelled", "canceled"})


class Cancelled(RenderFailed):
    """RunComfy reports that the request was cancelled."""


class FileMissing(NoSuchThing):
    """The request is known and complete, but its file is not at its address."""


@dataclass(frozen=True)
class Delivery:
    """``cost_usd`` as reported, or None."""

    sound: Sound
    cost_usd: float | None


def follow(client: Client, entry: Entry, live: Live) -> Delivery:
    """Wait for the request of ``entry`` and fetch its sound.

    Raises NoSuchThing (RunComfy does not know the request), FileMissing, RenderFailed, Cancelled,
    UnusableAnswer, ServiceUnavailable, TryLater, NotSignedIn; Stopped.
    """
    result = wait_for_result(client, entry, live)
    model = result.get("model_id")
    if isinstance(model, str) and model and model != entry.model:
        raise UnusableAnswer(f"Request {entry.request_id} was rendered by {client.said(model)}, not by {entry.model}.")
    cost = cost_in(result)
    live.finished.set()
    live.show(state="downloading", queue_position=None, cost_usd=cost)
    try:
        sound = fetch_sound(client, _address(client, result))
    except NoSuchThing as error:
        raise FileMissing(str(error)) from None
    return Delivery(sound, cost)


def wait_for_result(client: Client, entry: Entry, live: Live) -> Mapping:
    """The result of the completed request of ``entry``. Raises as ``follow``."""
    patience, stop, request_id = client.place.patience, client.stop, entry.accepted_id
    pause, stuck_since = patience.first_poll, None

    def may_not_be_known_yet(error: RunComfyError) -> bool:
        return isinstance(error, NoSuchThing) and time.time() - entry.created < patience.not_yet_known

    while True:
        status = client.status(request_id, may_not_be_known_yet)
        state = _state(status)
        if state in DONE | FAILED | CANCELLED:
            result = _result(client, request_id, state)
            if _state(result) in DONE or (state in DONE and result.get("output")):
                return result
            if _state(result) in FAILED | CANCELLED or state in FAILED | CANCELLED:
                raise _failure(client, request_id, status, result)
        if state in WAITING | RUNNING:
            stuck_since = None
        else:
            stuck_since = stuck_since or time.monotonic()
            if time.monotonic() - stuck_since > patience.failing_in_a_row:
                raise UnusableAnswer(_stuck_words(client, request_id, state))
        position = status.get("queue_position")
        live.show(state=client.said(state or "waiting"), queue_position=position if isinstance(position, int) else None)
        stop.sleep(pause)
        pause = patience.poll


def _state(answer: Mapping) -> str:
    state = answer.get("status")
    return state.strip().lower() if isinstance(state, str) else ""


def _result(client: Client, request_id: str, state: str) -> Mapping:
    try:
        return client.result(request_id)
    except RunComfyError:
        if state in DONE:
            raise
        return {}  # it has failed, whatever else the service can or cannot say about it


def _address(client: Client, result: Mapping):
    try:
        return address_in(result, client.place)
    except UnusableAnswer as error:
        raise UnusableAnswer(f"{str(error).removesuffix('.')}{client.explanation(result)}.") from None


def _stuck_words(client: Client, request_id: str, state: str) -> str:
    seconds = f"{client.place.patience.failing_in_a_row:g} s"
    if state in DONE:
        return f"RunComfy has been calling request {request_id} {state} for {seconds} without giving its result."
    if not state:
        return f"RunComfy has given no state of request {request_id} for {seconds}."
    return (
        f"RunComfy has been giving request {request_id} the state {client.said(state)!r} for {seconds}, which this "
        "pack does not know."
    )


def _failure(client: Client, request_id: str, status: Mapping, result: Mapping) -> RenderFailed:
    """What the service says of a failed request, in its result or else in its status."""
    ended = _state(result) if _state(result) in FAILED | CANCELLED else _state(status)
    said = dict(status) | {name: value for name, value in result.items() if value is not None}
    cost = cost_in(said)
    charged = f" It reports a cost of ${cost:.4f}." if cost is not None else ""
    if ended in CANCELLED:
        return Cancelled(f"RunComfy reports that request {request_id} was cancelled.{charged}")
    words = client.explanation(said)
    return RenderFailed(f"RunComfy reports that request {request_id} failed{words}.{charged}")
