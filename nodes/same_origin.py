"""The pack's routes on ComfyUI's server answer ComfyUI's own page and nobody else's.

All are POST with a JSON object of at most 16 KiB, also those that only read: a browser sends no Origin with a
same-origin GET, and every route demands an Origin that equals Host. Errors are JSON ``{"message": sentence}``
with HTTP 400 (bad input), 403 (other origin), 413, 415 (not JSON) or what the route itself says.
"""

import json
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

MAX_BODY_BYTES = 16 * 1024


class BadInput(Exception):
    """What the browser sent cannot be used. ``status`` is HTTP's."""

    def __init__(self, sentence: str, status: int = 400):
        super().__init__(sentence)
        self.status = status


def register(path: str, answer: Callable[[dict], Awaitable[tuple[int, dict]]], routes=None) -> None:
    """Add a route to ComfyUI's server, or to ``routes`` in tests.

    ``answer`` is given the body; it returns HTTP status and JSON, or raises BadInput.
    """
    from aiohttp import web

    if routes is None:
        from server import PromptServer

        routes = PromptServer.instance.routes

    async def handle(request: web.Request) -> web.Response:
        try:
            _check_origin(request)
            status, body = await answer(await _json_body(request))
        except BadInput as error:
            status, body = error.status, {"message": str(error)}
        return web.json_response(body, status=status)

    routes.post(path)(handle)


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
