"""The browser's side of the RunComfy account: routes on ComfyUI's own server. None of them ever returns a token.

All are POST with a JSON object of at most 16 KiB, also those that only read: a browser sends no Origin with a
same-origin GET, and every route demands an Origin that equals Host. Errors are JSON ``{"message": sentence}``
with HTTP 400 (bad input), 403 (other origin), 413, 415 (not JSON) or 500 (files cannot be used).

    /acestep/account           {}                 → account state, see routes_answers.account_state
    /acestep/account/token     {"token": "…"}     → account state; saves the token in a private file of the server
    /acestep/account/clear     {}                 → account state; forgets the saved token
    /acestep/account/check     {}                 → {"ok", "message"}: asks the service whether the token works
    /acestep/account/ceiling   {"ceiling_usd": 5} → account state; the most one prompt may cost, 0 to 1000
    /acestep/price             {"version": "auto", "task": "generate" | "inpaint" | "outpaint"}
                               → {"model", "usd", "unit", "live", "words", "message"}; live ones are kept a minute
    /acestep/journal           {}                 → {"path", "requests": newest first}, see routes_answers.journal_line
    /acestep/journal/strike    {"keys": ["…"]}    → {"struck": how many}; settles requests never fetched
"""

import asyncio
import json
from collections.abc import Callable
from urllib.parse import urlsplit

MAX_BODY_BYTES = 16 * 1024
PATHS = (
    "account", "account/token", "account/clear", "account/check", "account/ceiling", "price", "journal",
    "journal/strike",
)  # fmt: skip


class BadInput(Exception):
    """What the browser sent cannot be used. ``status`` is HTTP's."""

    def __init__(self, sentence: str, status: int = 400):
        super().__init__(sentence)
        self.status = status


def register_routes(routes=None, place_of: Callable | None = None) -> None:
    """Add the routes to ComfyUI's server. ``routes`` and ``place_of``, which gives the Place, are for tests."""
    if routes is None:
        from server import PromptServer

        routes = PromptServer.instance.routes
    for path in PATHS:
        routes.post(f"/acestep/{path}")(_handler(path, place_of))


def _handler(path: str, place_of: Callable | None):
    from aiohttp import web

    async def handle(request: web.Request) -> web.Response:
        try:
            _check_origin(request)
            body = await _json_body(request)
            status, answer = await asyncio.to_thread(_answer, path, body, place_of)
        except BadInput as error:
            status, answer = error.status, {"message": str(error)}
        return web.json_response(answer, status=status)

    return handle


def _answer(path: str, body: dict, place_of: Callable | None) -> tuple[int, dict]:
    # Imported by the first question and not when ComfyUI starts.
    from . import routes_answers

    return routes_answers.answer(path, body, place_of)


def _check_origin(request) -> None:
    host = request.headers.get("Host", "")
    try:
        origin = urlsplit(request.headers.get("Origin", "")).netloc
    except ValueError:
        origin = ""
    if not host or origin.lower() != host.lower():
        raise BadInput("This may only be asked from ComfyUI's own page.", 403)


async def _json_body(request) -> dict:
    if request.content_type != "application/json":
        raise BadInput("The body must be JSON.", 415)
    data = bytearray()
    async for chunk in request.content.iter_chunked(4096):
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise BadInput(f"The body is larger than {MAX_BODY_BYTES} bytes.", 413)
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise BadInput("The body is not readable JSON.") from None
    if not isinstance(body, dict):
        raise BadInput("The body must be a JSON object.")
    return body
