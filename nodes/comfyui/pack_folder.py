"""The folder the pack lies in: another copy beside it, and a name from which ComfyUI serves no JavaScript.

Neither stops ComfyUI; each is one line in its log that says what to do.
"""

import inspect
import logging
import re
from pathlib import Path
from urllib.parse import quote

log = logging.getLogger(__name__)

PACK_DIR = Path(__file__).absolute().parents[2]
# Node ids that no other pack has.
_OWN_IDS = ("ACEStepGenerate", "ACEStepInpaint", "ACEStepOutpaint")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9._-]+")


def stands_back() -> bool:
    """Whether ComfyUI has loaded another copy of the pack before this one, which then leaves everything to it."""
    import nodes

    loaded = [nodes.NODE_CLASS_MAPPINGS[name] for name in _OWN_IDS if name in nodes.NODE_CLASS_MAPPINGS]
    if len(loaded) < len(_OWN_IDS):
        return False
    other = Path(inspect.getfile(loaded[0])).absolute().parents[1]
    if other == PACK_DIR:  # loaded anew
        return False
    if other.name != PACK_DIR.name:
        # The front end would load the JavaScript of both copies and keep that of either.
        nodes.EXTENSION_WEB_DIRS.pop(PACK_DIR.name, None)
    log.warning(
        "There are two copies of the ACE-Step nodes. ComfyUI uses the one in %s and not the one in %s: remove one of "
        "them and restart ComfyUI.",
        other,
        PACK_DIR,
    )
    return True


async def warn_if_not_served() -> None:
    """Say so in the log where ComfyUI's server answers 404 for the pack's JavaScript."""
    if not await is_served(PACK_DIR.name):
        log.warning(
            "The ACE-Step nodes run, but their panels and help pages do not show: ComfyUI serves no JavaScript from a "
            "folder named %r. Rename it, for example to acestep, and restart ComfyUI.",
            PACK_DIR.name,
        )


async def is_served(name: str) -> bool:
    """Whether the server finds the JavaScript of a pack in a folder of this name, put to its own router.

    The router compares the address as the browser meant it with the name as it would be written in an address,
    so spaces, brackets and letters beyond ASCII never match.
    """
    if _PLAIN_NAME.fullmatch(name):
        return True
    from aiohttp import web
    from aiohttp.test_utils import make_mocked_request

    router = web.UrlDispatcher()
    router.add_static(f"/extensions/{name}", PACK_DIR / "js")
    found = await router.resolve(make_mocked_request("GET", f"/extensions/{quote(name)}/acestep.js"))
    return found.http_exception is None
