"""What was loaded last, kept for the next run until ComfyUI frees memory.

ComfyUI decides where a loaded model lives but cannot drop one that somebody still holds. So what is kept here
is let go when ComfyUI unloads it outside of a node (its buttons to free memory, or after running out of it), and
when it makes room for a graph that has no use for it, as ComfyUI's own cache lets go of what a graph does not hold.
"""

import functools
import sys
import threading
from collections.abc import Mapping

_RELEASE_SECONDS = 0.5


class Shelf:
    """One place for each kind of part (model, clip, vae). Used by ComfyUI's worker thread and by timers."""

    def __init__(self):
        self._parts: dict[str, tuple[tuple, object]] = {}
        self._users: set[str] = set()
        self._uses = 0

    def begin(self, identities: Mapping[str, tuple], node: str) -> None:
        """A run of ``node`` (its class) begins that wants these parts: drop others of their kinds, so that no two
        stand side by side."""
        self._uses += 1
        self._users.add(node)
        for kind, identity in identities.items():
            if kind in self._parts and self._parts[kind][0] != identity:
                del self._parts[kind]

    def get(self, kind: str):
        """The part of this kind, or None."""
        kept = self._parts.get(kind)
        return kept[1] if kept else None

    def put(self, kind: str, identity: tuple, part) -> None:
        """Keep ``part`` until another of its kind is wanted or ComfyUI frees memory."""
        from comfy.patcher_extension import CallbacksMP

        leaving = functools.partial(self._on_detach, kind)
        patcher_of(part).add_callback_with_key(CallbacksMP.ON_DETACH, "acestep.kept", leaving)
        self._parts[kind] = (identity, part)

    def clear(self) -> None:
        """Let go of everything."""
        self._uses += 1
        self._parts.clear()

    def __deepcopy__(self, _memo) -> "Shelf":
        # The callback travels with copies of a patcher; there is still only one shelf.
        return self

    def _on_detach(self, kind: str, _patcher, unpatch_all: bool) -> None:
        """ComfyUI took a kept part off its device. For a graph that uses it that makes room, and it will be wanted
        again."""
        from comfy_execution.utils import get_executing_context

        if unpatch_all and (get_executing_context() is None or not self._is_used_by_running_graph()):
            self._release_later(kind, self._uses)

    def _is_used_by_running_graph(self) -> bool:
        server = sys.modules.get("server")
        if server is None:  # ComfyUI's engine without its server
            return True
        running = list(server.PromptServer.instance.prompt_queue.currently_running.values())
        graphs = (prompt for _number, _id, prompt, *_ in running)
        return any(node.get("class_type") in self._users for graph in graphs for node in graph.values())

    def _release_later(self, kind: str, uses: int) -> None:
        timer = threading.Timer(_RELEASE_SECONDS, self._release, (kind, uses))
        timer.daemon = True
        timer.start()

    def _release(self, kind: str, uses: int) -> None:
        """Let go once ComfyUI is done unloading, unless a run has begun since.

        Not from within the callback: a model that dies while ComfyUI goes through its list of loaded models
        takes itself off that list, and the queue's thread would end with an IndexError.
        """
        import comfy.model_management

        kept = self._parts.get(kind)
        if uses != self._uses or kept is None:
            return
        loaded = [entry.model for entry in list(comfy.model_management.current_loaded_models)]
        if any(patcher is not None and patcher.model is patcher_of(kept[1]).model for patcher in loaded):
            self._release_later(kind, uses)
        else:
            del self._parts[kind]


def patcher_of(part):
    """The ModelPatcher of a MODEL, CLIP or VAE."""
    return getattr(part, "patcher", part)
