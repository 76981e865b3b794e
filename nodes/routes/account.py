"""The browser's side of the RunComfy account: routes on ComfyUI's own server. None of them ever returns a token.

Who may ask and how is in same_origin.py. HTTP 500 says that the files of the account cannot be used. Beside each
"message" and "problem", a sentence or null, comes "said": its code and values, or null.

    /acestep/account           {}                 → account state, see account_answers.account_state
    /acestep/account/token     {"token": "…"}     → account state; saves the token in a private file of the server
    /acestep/account/clear     {}                 → account state; forgets the saved token
    /acestep/account/check     {}                 → {"ok", "message", "said"}: asks the service whether the token works
    /acestep/account/ceiling   {"ceiling_usd": 5} → account state; the most one prompt may cost, 0 to 1000
    /acestep/price             {"version": "auto", "task": "generate" | "inpaint" | "outpaint"}
                               → {"model", "usd", "unit", "live", "words", "message", "said"}; live ones are kept a
                               minute
    /acestep/journal           {}                 → {"path", "problem", "said", "requests": newest first},
                               see account_answers.journal_line
    /acestep/journal/runs      {"workflow": id}   → {"runs": {node id: newest run, see Left.as_dict in afterwards.py}}
    /acestep/journal/strike    {"keys": ["…"]}    → {"struck": how many}; settles requests never fetched
"""

import asyncio
from collections.abc import Callable

from .same_origin import register

PATHS = (
    "account", "account/token", "account/clear", "account/check", "account/ceiling", "price", "journal",
    "journal/runs", "journal/strike",
)  # fmt: skip


def register_routes(routes=None, place_of: Callable | None = None) -> None:
    """Add the routes to ComfyUI's server. ``routes`` and ``place_of``, which gives the Place, are for tests."""
    for path in PATHS:
        register(f"/acestep/{path}", _answer_to(path, place_of), routes)


def _answer_to(path: str, place_of: Callable | None):
    async def answer(body: dict) -> tuple[int, dict]:
        return await asyncio.to_thread(_answer, path, body, place_of)

    return answer


def _answer(path: str, body: dict, place_of: Callable | None) -> tuple[int, dict]:
    # Imported by the first question and not when ComfyUI starts.
    from . import account_answers

    return account_answers.answer(path, body, place_of)
