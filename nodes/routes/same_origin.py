"""The pack's routes on ComfyUI's server answer ComfyUI's own page and nobody else's.

All are POST with a JSON object of at most 16 KiB, also those that only read: a browser sends no Origin with a
same-origin GET, and every route demands one; own_page.py has the rule. Errors are JSON
``{"message": sentence, "said": its code and values}`` with HTTP 400 (bad input), 403 (another page), 413, 415 (not
JSON) or what the route itself says. Whatever else a route says in words comes in the same way (``in_words``).
"""

import json
import os
from collections.abc import Awaitable, Callable, Sequence

from ..words.remarks import Remark, in_words, remark
from .own_page import refusal

MAX_BODY_BYTES = 16 * 1024


class BadInput(Exception):
    """What the browser sent cannot be used. ``status`` is HTTP's."""

    def __init__(self, said: Remark, status: int = 400):
        super().__init__(said.sentence())
        self.said, self.status = said, status


def chosen(question: dict, name: str, options: Sequence[str], default=None) -> str:
    """The value of that name when it is one of ``options``. Raises BadInput."""
    value = question.get(name, default)
    if value not in options:
        raise BadInput(remark("no_choice", name=name, value=repr(value), options=", ".join(options)))
    return value


def register(path: str, answer: Callable[[dict], Awaitable[tuple[int, dict]]], routes=None) -> None:
    """Add a route to ComfyUI's server, or to ``routes`` in tests.

    ``answer`` is given the body; it returns HTTP status and JSON, or raises BadInput.
    """
    from aiohttp import web

    listening: list[str] = []
    if routes is None:
        from comfy.cli_args import args
        from server import PromptServer

        routes = PromptServer.instance.routes
        listening = [name.strip().lower() for name in args.listen.split(",")]

    async def handle(request: web.Request) -> web.Response:
        try:
            _check_page(request, listening)
            status, body = await answer(await _json_body(request))
        except BadInput as error:
            status, body = error.status, in_words(error.said)
        return web.json_response(body, status=status)

    routes.post(path)(handle)


def _check_page(request, listening: list[str]) -> None:
    headers = request.headers
    why = refusal(headers.get("Origin", ""), headers.get("Host", ""), request.scheme, listening, os.environ)
    if why:
        raise BadInput(why, 403)


async def _json_body(request) -> dict:
    if request.content_type != "application/json":
        raise BadInput(remark("body_no_json"), 415)
    data = bytearray()
    async for chunk in request.content.iter_chunked(4096):
        data += chunk
        if len(data) > MAX_BODY_BYTES:
            raise BadInput(remark("body_too_long", most=MAX_BODY_BYTES), 413)
    try:
        body = json.loads(data)
    except (ValueError, RecursionError):
        raise BadInput(remark("body_unreadable")) from None
    if not isinstance(body, dict):
        raise BadInput(remark("body_no_object"))
    return body
