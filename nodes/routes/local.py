"""POST /acestep/local: which of the installed models would run with what a node says. Reads the model folders only.

Who may ask and how is in same_origin.py.

    {"version": "auto", "variant": "auto", "connected": ["model", "clip", "vae"], "lm": "needed"}
      connected: the sockets in use; lm: whether the language model of 1.5 is needed, taken if there, or left out
    → {"installed": true, "version": "ace-step-1.5", "title": "ACE-Step 1.5 turbo", "name": as the report names it,
       "message": null, "offer": null}
      version, title and name are null where the connected model decides
    → {"installed": false, "version": null, "title": null, "name": null,
       "message": what is missing and the ways forward,
       "offer": id of the model to get (see models.py), or null when none is offered}
"""

import asyncio

from ..words.vocabulary import VARIANTS, VERSIONS
from .same_origin import BadInput, register

PATH = "/acestep/local"
SOCKETS = ("model", "clip", "vae")


def register_routes(routes=None) -> None:
    """Add the route to ComfyUI's server. ``routes`` is for tests."""

    async def answer(question: dict) -> tuple[int, dict]:
        return 200, await asyncio.to_thread(look, question)

    register(PATH, answer, routes)


def look(question: dict) -> dict:
    """The answer to ``question``. Raises BadInput."""
    # Imported by the first question and not when ComfyUI starts.
    from ..backends.local import installed, missing

    version = _choice(question, "version", VERSIONS)
    variant = _choice(question, "variant", VARIANTS)
    connected = question.get("connected", [])
    if not isinstance(connected, list) or not all(name in SOCKETS for name in connected):
        raise BadInput(f"connected must be a list of the sockets in use, out of {', '.join(SOCKETS)}.")
    lm = _choice(question, "lm", installed.LM_CHOICES, installed.LM_NEEDED)
    families = installed.families_named(version, variant)
    wanted = installed.Wanted(families, variant, frozenset(connected), lm=lm)
    found = installed.find(wanted)
    if isinstance(found, missing.Lack):
        offer = found.entry.id if found.entry else None
        message = missing.message(found, version)
        return {"installed": False, "version": None, "title": None, "name": None, "message": message, "offer": offer}
    told = "model" not in connected
    return {
        "installed": True,
        "version": found.family.version if told else None,
        "title": found.title if told else None,
        "name": found.name if told else None,
        "message": None,
        "offer": None,
    }


def _choice(question: dict, name: str, allowed: tuple[str, ...], default: str = "auto") -> str:
    value = question.get(name, default)
    if value not in allowed:
        raise BadInput(f"{name} is {value!r}; choose one of {', '.join(allowed)}.")
    return value
