"""The browser's side of the RunComfy account: routes on ComfyUI's own server. None of them ever returns a token.

All are POST with a JSON object of at most 16 KiB, also those that only read: a browser sends no Origin with a
same-origin GET, and every route demands an Origin that equals Host. Errors are JSON ``{"message": sentence}``
with HTTP 400 (bad input), 403 (other origin), 413, 415 (not JSON) or 500 (files cannot be used).

    /acestep/account           {}                 → account state, see ``_account_state``
    /acestep/account/token     {"token": "…"}     → account state; saves the token in a private file of the server
    /acestep/account/clear     {}                 → account state; forgets the saved token
    /acestep/account/check     {}                 → {"ok", "message"}: asks the service whether the token works
    /acestep/account/ceiling   {"ceiling_usd": 5} → account state; the most one prompt may cost, 0 to 1000
    /acestep/price             {"version": "auto", "task": "generate" | "inpaint" | "outpaint"}
                               → {"model", "usd", "unit", "live", "words", "message"}; live ones are kept a minute
    /acestep/journal           {}                 → {"path", "requests": [newest first, see ``_journal_line``]}
    /acestep/journal/strike    {"keys": ["…"]}    → {"struck": how many}; settles requests never fetched
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from ...errors import ACEStepError
from ...vocabulary import VERSIONS
from .account import (
    DEFAULT_CEILING_USD,
    MAX_CEILING_USD,
    Account,
    ceiling_usd,
    clear_token,
    find_account,
    identity,
    is_ceiling,
    save_ceiling,
    save_token,
    saved_token_exists,
)
from .client import Client
from .endpoints import INPAINT, OUTPAINT, TEXT_TO_AUDIO, V1
from .entries import OPEN, Entry, State
from .errors import RunComfyError
from .journal import Journal
from .place import Patience, Place
from .price import PriceBoard, list_price, price_from
from .stopping import Stop

MAX_BODY_BYTES = 16 * 1024
MAX_JOURNAL_LINES = 100
# A browser waits for these answers, so they give up sooner than a run does.
_PATIENCE = Patience(connect=5.0, answer=10.0, failing_in_a_row=3.0)


class _BadInput(Exception):
    """What the browser sent cannot be used. ``status`` is HTTP's."""

    def __init__(self, sentence: str, status: int = 400):
        super().__init__(sentence)
        self.status = status


def register_routes(routes=None, place_of: Callable[[], Place] = Place.of_comfyui) -> None:
    """Add the routes to ComfyUI's server. ``routes`` and ``place_of`` are for tests."""
    if routes is None:
        from server import PromptServer

        routes = PromptServer.instance.routes
    prices = PriceBoard()
    for path, answer in {
        "account": lambda place, body: _account_state(place),
        "account/token": _save_token,
        "account/clear": _clear_token,
        "account/check": _check_token,
        "account/ceiling": _save_ceiling,
        "price": lambda place, body: _price(place, body, prices),
        "journal": _journal,
        "journal/strike": _strike,
    }.items():
        routes.post(f"/acestep/{path}")(_handler(answer, place_of))


def _handler(answer: Callable[[Place, dict], dict], place_of: Callable[[], Place]):
    from aiohttp import web

    async def handle(request: web.Request) -> web.Response:
        try:
            _check_origin(request)
            body = await _json_body(request)
            place = replace(place_of(), patience=_PATIENCE)
            return web.json_response(await asyncio.to_thread(answer, place, body))
        except _BadInput as error:
            return web.json_response({"message": str(error)}, status=error.status)
        except ACEStepError as error:
            return web.json_response({"message": str(error)}, status=400)
        except OSError as error:
            words = f"The account's files on the server cannot be used ({error.strerror})."
            return web.json_response({"message": words}, status=500)

    return handle


def _check_origin(request) -> None:
    origin, host = request.headers.get("Origin", ""), request.headers.get("Host", "")
    if not host or urlsplit(origin).netloc.lower() != host.lower():
        raise _BadInput("This may only be asked from ComfyUI's own page.", 403)


async def _json_body(request) -> dict:
    if request.content_type != "application/json":
        raise _BadInput("The body must be JSON.", 415)
    data = bytearray()
    async for chunk in request.content.iter_chunked(4096):
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise _BadInput(f"The body is larger than {MAX_BODY_BYTES} bytes.", 413)
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise _BadInput("The body is not readable JSON.") from None
    if not isinstance(body, dict):
        raise _BadInput("The body must be a JSON object.")
    return body


# Account


def _account_state(place: Place) -> dict:
    """configured; source: where the token is from; saved: one is saved in ComfyUI; ceiling_usd (null: unreadable)
    and its default and most; test_server: its address or null; problem: a sentence or null."""
    problem, account, ceiling = None, None, None
    try:
        account = find_account(place)
        ceiling = ceiling_usd(place)
    except RunComfyError as error:
        problem = str(error)
    return {
        "configured": account is not None,
        "source": account.source if account else None,
        "saved": saved_token_exists(place),
        "ceiling_usd": ceiling,
        "default_ceiling_usd": DEFAULT_CEILING_USD,
        "max_ceiling_usd": MAX_CEILING_USD,
        "test_server": place.api_url if place.is_test_server else None,
        "problem": problem,
    }


def _save_token(place: Place, body: dict) -> dict:
    if not isinstance(body.get("token"), str):
        raise _BadInput("token is missing; it must be text.")
    save_token(place, body["token"])
    return _account_state(place)


def _clear_token(place: Place, body: dict) -> dict:
    clear_token(place)
    return _account_state(place)


def _check_token(place: Place, body: dict) -> dict:
    account = find_account(place)
    if account is None:
        return {"ok": False, "message": "No RunComfy token is set."}
    try:
        _live_price(place, account, TEXT_TO_AUDIO[V1])
    except ACEStepError as error:
        return {"ok": False, "message": str(error)}
    return {"ok": True, "message": f"RunComfy accepts the token ({account.source})."}


def _save_ceiling(place: Place, body: dict) -> dict:
    usd = body.get("ceiling_usd")
    if not is_ceiling(usd):
        raise _BadInput(f"ceiling_usd is {usd!r}; it must be a number from 0 to {MAX_CEILING_USD:g} US dollars.")
    save_ceiling(place, usd)
    return _account_state(place)


# Price


def _price(place: Place, body: dict, prices: PriceBoard) -> dict:
    model = _model(body.get("version", "auto"), body.get("task"))
    message, price = None, list_price(model)
    account = find_account(place)
    if account is not None:
        try:
            price = prices.price(model, identity(place, account), lambda: _live_price(place, account, model))
        except ACEStepError as error:
            message = str(error)
    return {
        "model": model,
        "usd": price.usd,
        "unit": price.unit,
        "live": price.live,
        "words": price.words if price.live else f"{price.words} (list price)",
        "message": message,
    }


def _model(version, task) -> str:
    if version not in VERSIONS:
        raise _BadInput(f"version is {version!r}; choose one of {', '.join(VERSIONS)}.")
    if task == "generate":
        return TEXT_TO_AUDIO[V1 if version == "auto" else version]
    if task not in ("inpaint", "outpaint"):
        raise _BadInput(f"task is {task!r}; choose one of generate, inpaint, outpaint.")
    if version not in ("auto", V1):
        raise _BadInput(f"RunComfy hosts {task} for {V1} only; set version to auto or {V1}.")
    return INPAINT if task == "inpaint" else OUTPAINT


def _live_price(place: Place, account: Account, model: str):
    client = Client(place, account, Stop())
    try:
        return price_from(client.model(model), model)
    finally:
        client.close()


# Journal


def _journal(place: Place, body: dict) -> dict:
    journal = Journal(place)
    content = journal.read()
    nodes = {key: run.node for run in content.runs for key in run.calls.values()}
    newest = sorted(content.entries, key=lambda entry: entry.created, reverse=True)[:MAX_JOURNAL_LINES]
    return {"path": str(journal.path), "requests": [_journal_line(entry, nodes.get(entry.key)) for entry in newest]}


def _journal_line(entry: Entry, node: str | None) -> dict:
    """One paid request for a list; created is Unix seconds, open means never fetched."""
    return {
        "key": entry.key,
        "request_id": entry.request_id,
        "state": entry.state.value,
        "open": entry.state in OPEN,
        "resumable": entry.request_id is not None and entry.state in (State.ACCEPTED, State.DELIVERED),
        "created": entry.created,
        "node": node,
        "model": entry.model,
        "seed": entry.seed,
        "seconds": entry.seconds,
        "estimate_usd": entry.estimate_usd,
        "cost_usd": entry.cost_usd,
    }


def _strike(place: Place, body: dict) -> dict:
    keys = body.get("keys")
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise _BadInput("keys is missing; it must be a list of journal keys.")
    return {"struck": Journal(place).strike_off(set(keys))}
