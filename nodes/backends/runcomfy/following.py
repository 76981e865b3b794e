"""Following one accepted request to its end: polling, the result, the file."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

from ...audio.value import Sound
from ...words.remarks import Remark, joined, remark
from .answers import CANCELLED, DONE, FAILED, RUNNING, WAITING, cost_in, position_in, state_in
from .client import Client
from .download import addresses_in, fetch_sound
from .endpoints import model_meant_by, task_of
from .entries import Entry
from .errors import NoSuchThing, RenderFailed, RunComfyError, UnusableAnswer
from .live import Live

# Less sound than this is missing from an edited window in codecs' paddings; more means it is not the window.
_MISSING_SECONDS_ALLOWED = 1.0


class Cancelled(RenderFailed):
    """RunComfy reports that the request was cancelled."""


class FileMissing(NoSuchThing):
    """The request is known and complete, but its file is not at its address."""


@dataclass(frozen=True)
class Delivery:
    """``cost_usd`` as reported, or None. model: the one that rendered it."""

    sound: Sound
    cost_usd: float | None
    model: str


def follow(client: Client, entry: Entry, live: Live, just_sent: bool) -> Delivery:
    """Wait for the request of ``entry`` and fetch its sound. ``just_sent``: it may not be known everywhere yet.

    Whatever comes of it, a cost that is reported is shown by ``live``.

    Raises NoSuchThing (RunComfy does not know the request), FileMissing, RenderFailed, Cancelled,
    UnusableAnswer, ServiceUnavailable, TryLater, NotSignedIn; Stopped.
    """
    result = wait_for_result(client, entry, live, just_sent)
    model = _rendered_by(client, result, entry)
    cost = cost_in(result)
    live.finished.set()
    live.show(state="downloading", queue_position=None, cost_usd=cost)
    try:
        sound = fetch_sound(client, *_addresses(client, result))
    except NoSuchThing as error:
        raise FileMissing(error.said) from None
    if entry.window_sha256 and sound.seconds < entry.seconds - _MISSING_SECONDS_ALLOWED:
        there, wanted = f"{sound.seconds:.1f}", f"{entry.seconds:.1f}"
        raise UnusableAnswer(remark("delivered_too_little", there=there, wanted=wanted))
    if cost is None:
        cost = _cost_by_now(client, entry)
        live.show(cost_usd=cost)
    return Delivery(sound, cost, model)


def _rendered_by(client: Client, result: Mapping, entry: Entry) -> str:
    """The model of a result. Of an id that was typed in, it is known only now which of its kind that is."""
    told = result.get("model_id")
    if not isinstance(told, str) or not told.strip():
        return entry.model
    model = model_meant_by(told)
    if model is None or task_of(model) != task_of(entry.model):
        known = {"id": entry.accepted_id, "model": client.said(told), "asked": entry.model}
        raise UnusableAnswer(remark("rendered_by_foreign", **known))
    return model


def _cost_by_now(client: Client, entry: Entry) -> float | None:
    """The cost is sometimes known only a little later than the result: asked for once more."""
    try:
        return cost_in(client.result(entry.accepted_id, failing_seconds=0.0))
    except RunComfyError:
        return None


def wait_for_result(client: Client, entry: Entry, live: Live, just_sent: bool = False) -> Mapping:
    """The result of the completed request of ``entry``. Raises as ``follow``."""
    patience, stop, request_id = client.place.patience, client.stop, entry.accepted_id
    pause, stuck_since = patience.first_poll, None
    began, age = time.monotonic(), 0.0 if just_sent else max(0.0, time.time() - entry.created)

    def may_not_be_known_yet(error: RunComfyError) -> bool:
        return isinstance(error, NoSuchThing) and age + time.monotonic() - began < patience.not_yet_known

    while True:
        status = client.status(request_id, may_not_be_known_yet)
        state = state_in(status)
        if state in DONE | FAILED | CANCELLED:
            result = _result(client, request_id, state)
            if state_in(result) in DONE or (state in DONE and (result.get("output") or result.get("outputs"))):
                return result
            if state_in(result) in FAILED | CANCELLED or state in FAILED | CANCELLED:
                raise _failure(client, live, request_id, status, result)
        if state in WAITING | RUNNING:
            stuck_since = None
        else:
            stuck_since = stuck_since or time.monotonic()
            if time.monotonic() - stuck_since > patience.failing_in_a_row:
                raise UnusableAnswer(_stuck(client, request_id, state))
        live.show(state=client.said(state or "waiting"), queue_position=position_in(status))
        stop.sleep(pause)
        pause = patience.poll


def _result(client: Client, request_id: str, state: str) -> Mapping:
    try:
        return client.result(request_id)
    except RunComfyError:
        if state in DONE:
            raise
        return {}  # it has failed, whatever else the service can or cannot say about it


def _addresses(client: Client, result: Mapping) -> list:
    try:
        return addresses_in(result, client.place)
    except UnusableAnswer as error:
        shown = {name: client.said(value) if isinstance(value, str) else value for name, value in error.said.values}
        raise UnusableAnswer(remark(error.said.code, **shown | {"words": client.explanation(result)})) from None


def _stuck(client: Client, request_id: str, state: str) -> Remark:
    known = {"id": request_id, "seconds": f"{client.place.patience.failing_in_a_row:g}"}
    if state in DONE:
        return remark("stays_without_result", **known, state=state)
    if not state:
        return remark("stays_without_state", **known)
    return remark("stays_in_unknown_state", **known, state=repr(client.said(state)))


def _failure(client: Client, live: Live, request_id: str, status: Mapping, result: Mapping) -> RenderFailed:
    """What the service says of a failed request, in its result or else in its status."""
    ended = state_in(result) if state_in(result) in FAILED | CANCELLED else state_in(status)
    said = dict(status) | {name: value for name, value in result.items() if value is not None}
    cost = cost_in(said)
    live.show(cost_usd=cost)
    charged = [remark("reported_cost", usd=f"${cost:.4f}")] if cost is not None else []
    if ended in CANCELLED:
        return Cancelled(joined(remark("render_cancelled", id=request_id), *charged))
    words = client.own_words(said)
    failed = remark("render_failed", id=request_id)
    if words:
        failed = remark("render_failed_saying", id=request_id, words=words)
    return RenderFailed(joined(failed, *charged))
