"""The prompt that a run belongs to, and when the user queued it.

What a run may do can depend on what the user had read by then: see Entry.was_shown_before.
"""

import time
from dataclasses import dataclass


@dataclass(frozen=True)
class Queued:
    """prompt_id and node_id: ComfyUI's, or None outside its executor. at: Unix seconds.

    workflow_id: of the workflow in the page that the prompt was made from; None for a prompt that names none.
    """

    prompt_id: str | None
    at: float
    node_id: str | None = None
    workflow_id: str | None = None


@dataclass(frozen=True)
class Shown:
    """What a prompt has shown by its end: the error, with its node, both empty for none; the nodes with a report."""

    node_id: str = ""
    error: str = ""
    reports: frozenset[str] = frozenset()


def running_prompt() -> Queued:
    """The prompt that this code runs for. Outside ComfyUI's executor a run is queued when it begins."""
    now = time.time()
    try:
        from comfy_execution.utils import get_executing_context
    except ImportError:
        return Queued(None, now)
    context = get_executing_context()
    if not context:
        return Queued(None, now)
    extra = _extra_data(context.prompt_id)
    told = extra.get("create_time")  # missing where something else than ComfyUI's own route has queued it
    at = at_of(told / 1000, now) if isinstance(told, int) else now
    return Queued(context.prompt_id, at, context.node_id, _workflow_id(extra))


def at_of(told: float, now: float) -> float:
    """When a run was queued that is said to have been queued at ``told``.

    A moment still to come means that the clock has been put back since: then it was before anything it may count on.
    """
    return told if told <= now else 0.0


def _extra_data(prompt_id: str) -> dict:
    """What came with a running prompt besides its graph."""
    from server import PromptServer

    running, _ = PromptServer.instance.prompt_queue.get_current_queue_volatile()
    return next((extra for _, running_id, _, extra, *_ in running if running_id == prompt_id), {})


def _workflow_id(extra: dict) -> str | None:
    try:
        workflow_id = extra["extra_pnginfo"]["workflow"]["id"]
    except (KeyError, TypeError):  # whoever queues a prompt sends along what they like
        return None
    return workflow_id if isinstance(workflow_id, str) else None


def shown_by(prompt_id: str) -> Shown | None:
    """What a prompt has shown; None while it has not ended, and once ComfyUI's history has forgotten it."""
    from server import PromptServer

    history = PromptServer.instance.prompt_queue.get_history(prompt_id, map_function=_shown_in)
    return history.get(prompt_id)


def _shown_in(ended: dict) -> Shown:
    reports = frozenset(ended["outputs"])
    for event, data in (ended["status"] or {}).get("messages", ()):
        if event == "execution_error":
            return Shown(str(data.get("node_id", "")), str(data.get("exception_message", "")), reports)
    return Shown(reports=reports)
