"""POST /acestep/plan: how much sound RunComfy would have to make for an edit, for the price shown before a run.

The page sends what it knows and gets the same plan that a run would make, to a millisecond; who may ask and how is in
same_origin.py:

    {"task": "inpaint", "seconds": 184.2, "context_seconds": 30, "ranges": [[12.5, 24], …]}
    {"task": "outpaint", "seconds": 184.2, "context_seconds": 30, "before": 0, "after": 30}
    either with "loop": true, and then of a range that crosses the end the start is the larger
    → {"call_seconds": [71.5, …]}: of each paid request of one take, in order
"""

from .same_origin import register

PATH = "/acestep/plan"


def register_routes(routes=None) -> None:
    """Add the route to ComfyUI's server. ``routes`` is for tests."""
    register(PATH, _answer, routes)


async def _answer(question: dict) -> tuple[int, dict]:
    # Imported by the first question and not when ComfyUI starts.
    from . import plan_answers

    return plan_answers.answer(question)
