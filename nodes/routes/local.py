"""POST /acestep/local: which of the installed models would run with what a node says. Reads the model folders only.

Who may ask and how is in same_origin.py.

    {"version": "auto", "variant": "auto", "connected": ["model", "clip", "vae"], "lm": "needed"}
      connected: the sockets in use; lm: whether the language model of 1.5 is needed, taken if there, or left out
    → {"installed": true, "version": "ace-step-1.5", "title": "ACE-Step 1.5 turbo", "name": as the report names it,
       "message": null, "said": null, "offer": null}
      version, title and name are null where the connected model decides
    → {"installed": false, "version": null, "title": null, "name": null,
       "message": what is missing and the ways forward, "said": its code and values,
       "offer": id of the model to get (see models.py), or null when none is offered}
"""

import asyncio

from ..words.remarks import in_words, remark
from ..words.vocabulary import VARIANTS, VERSIONS
from .same_origin import BadInput, chosen, register

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

    version = chosen(question, "version", VERSIONS, "auto")
    variant = chosen(question, "variant", VARIANTS, "auto")
    connected = question.get("connected", [])
    if not isinstance(connected, list) or not all(name in SOCKETS for name in connected):
        raise BadInput(remark("no_sockets", options=", ".join(SOCKETS)))
    lm = chosen(question, "lm", installed.LM_CHOICES, installed.LM_NEEDED)
    families = installed.families_named(version, variant)
    wanted = installed.Wanted(families, variant, frozenset(connected), lm=lm)
    found = installed.find(wanted)
    if isinstance(found, missing.Lack):
        offer = found.entry.id if found.entry else None
        lacking = in_words(missing.said(found, version))
        return {"installed": False, "version": None, "title": None, "name": None, **lacking, "offer": offer}
    told = "model" not in connected
    return {
        "installed": True,
        "version": found.family.version if told else None,
        "title": found.title if told else None,
        "name": found.name if told else None,
        **in_words(None),
        "offer": None,
    }
