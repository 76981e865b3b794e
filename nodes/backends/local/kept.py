"""What was loaded last, kept for the next run until ComfyUI frees memory.

ComfyUI decides where a loaded model lives but cannot drop one that somebody still holds. So what is kept here
is let go when ComfyUI unloads models outside of a node: its buttons to free memory, or after running out of it.
"""

import threading
from collections.abc import Mapping

_RELEASE_SECONDS = 0.5


class Shelf:
    """One place for each kind of part (model, clip, vae). Used by ComfyUI's worker thread and one timer."""

    def __init__(self):
        self._parts: dict[str, tuple[tuple, object]] = {}
        self._uses = 0

    def begin(self, identities: Mapping[str, tuple]) -> None:
        """A run begins that wants these parts: drop others of their kinds, so that no two stand side by side."""
        self._uses += 1
        for kind, identity in identities.items():
            if kind in self._parts and self._parts[kind][0] != identity:
                del self._parts[kind]

    def get(self, kind: str):
        """The part of this kind, or None."""
        return self._parts[kind][1] if kind in self._parts else None

    def put(self, kind: str, identity: tuple, part) -> None:
        """Keep ``part`` until another of its kind is wanted or ComfyUI frees memory."""
        from comfy.patcher_extension import CallbacksMP

        patcher_of(part).add_callback_with_key(CallbacksMP.ON_DETACH, "acestep.kept", self._on_detach)
        self._parts[kind] = (identity, part)

    def clear(self) -> None:
        """Let go of everything."""
        self._parts.clear()

    def __deepcopy__(self, _memo) -> "Shelf":
        # The callback travels with copies of a patcher; there is still only one shelf.
        return self

    def _on_detach(self, _patcher, unpatch_all: bool) -> None:
        """ComfyUI took a kept model off its device. Within a node that makes room, and it will be wanted again."""
        from comfy_execution.utils import get_executing_context

        if unpatch_all and get_executing_context() is None:
            self._release_later(self._uses)

    def _release_later(self, uses: int) -> None:
        timer = threading.Timer(_RELEASE_SECONDS, self._release, (uses,))
        timer.daemon = True
        timer.start()

    def _release(self, uses: int) -> None:
        """Let go once ComfyUI is done unloading, unless a run has begun since.

        Not from within the callback: a model that dies while ComfyUI goes through its list of loaded models
        takes itself off that list, and the queue's thread would end with an IndexError.
        """
        import comfy.model_management

        if uses != self._uses:
            return
        loaded = [entry.model for entry in list(comfy.model_management.current_loaded_models)]
        kept = [patcher_of(part).model for _, part in list(self._parts.values())]
        if any(patcher is not None and any(patcher.model is model for model in kept) for patcher in loaded):
            self._release_later(uses)
        else:
            self.clear()


def patcher_of(part):
    """The ModelPatcher of a MODEL, CLIP or VAE."""
    return getattr(part, "patcher", part)
