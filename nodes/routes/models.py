"""Getting a model: what is offered, and the one download of this server. Nothing is downloaded before /get.

Who may ask and how is in same_origin.py. Every page is sent the state as it changes, at most about twice a second,
as the event "acestep.download".

    /acestep/models         {}           → {"models": [model, …], "download": state}
    /acestep/models/get     {"id": "…"}  → state; starts a download or goes on with it; HTTP 409 while another runs
    /acestep/models/pause   {}           → state; keeps what has arrived, also when ComfyUI ends
    /acestep/models/cancel  {}           → state; removes what has arrived of the unfinished file
    /acestep/models/state   {}           → state

    model: {"id", "title", "licence", "site", "files": [{"name", "folder", "bytes", "there"}, …],
            "bytes": of all files, "missing_bytes": still to come, "free_bytes": on the fullest of their disks}
           folder is its path on the server; there: nothing has to come for it
    state: {"id", "title", "phase": "idle" | "running" | "checking" | "paused" | "done" | "failed", "file",
            "done_bytes", "total_bytes", "bytes_per_second", "message", "said"}, see downloads.State
"""

import asyncio
from collections.abc import Callable
from functools import cache

from ..words.remarks import remark
from .same_origin import BadInput, register

EVENT = "acestep.download"
PATHS = ("models", "models/get", "models/pause", "models/cancel", "models/state")


def register_routes(routes=None, make: Callable | None = None) -> None:
    """Add the routes to ComfyUI's server. ``routes`` and ``make``, which gives the Downloads, are for tests."""
    downloads = cache(make or _downloads)  # made by the first question: there is one for the whole server
    for path in PATHS:
        register(f"/acestep/{path}", _answer_to(path, downloads), routes)


def _answer_to(path: str, downloads: Callable):
    async def answer(body: dict) -> tuple[int, dict]:
        return 200, await asyncio.to_thread(_answer, path, body, downloads())

    return answer


def _downloads():
    from server import PromptServer

    from ..backends.local.download.downloads import Downloads

    server = PromptServer.instance
    return Downloads(lambda state: server.send_sync(EVENT, state.as_dict()))


def _answer(path: str, body: dict, downloads) -> dict:
    from ..backends.local.download.problems import OtherDownloadRuns

    if path == "models":
        return {"models": downloads.models(), "download": downloads.state().as_dict()}
    if path == "models/get":
        try:
            return downloads.get(body.get("id")).as_dict()
        except KeyError:
            offered = ", ".join(model["id"] for model in downloads.models())
            raise BadInput(remark("no_choice", name="id", value=repr(body.get("id")), options=offered)) from None
        except OtherDownloadRuns as error:
            raise BadInput(error.said, 409) from None
    change = {"models/pause": downloads.pause, "models/cancel": downloads.cancel, "models/state": downloads.state}
    return change[path]().as_dict()
