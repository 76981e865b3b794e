"""Sentences that ended a run, until it is known that they were shown.

Of a prompt in which several nodes fail at once ComfyUI shows one error, and after Stop none: what it has not shown does
not count as said.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable

from .queued import Queued

_KEPT_PROMPTS = 256


class Told:
    """What the runs of this process have ended with, by prompt. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._by_prompt: OrderedDict[str, list[tuple[str, str, set[str]]]] = OrderedDict()

    def note(self, queued: Queued, sentence: str, keys: set[str]) -> None:
        """The run ends with ``sentence``, which tells of these entries of the journal."""
        if queued.prompt_id is None or queued.node_id is None:
            return  # outside ComfyUI whoever called has the error
        with self._lock:
            self._by_prompt.setdefault(queued.prompt_id, []).append((queued.node_id, sentence, keys))
            while len(self._by_prompt) > _KEPT_PROMPTS:
                self._by_prompt.popitem(last=False)

    def hidden(self, error_of: Callable[[str], tuple[str, str] | None]) -> set[str]:
        """The entries told of by sentences that their prompt, now ended, has not shown. Each is given once."""
        hidden: set[str] = set()
        with self._lock:
            for prompt_id in list(self._by_prompt):
                shown = error_of(prompt_id)
                if shown is None:
                    continue
                for node_id, sentence, keys in self._by_prompt.pop(prompt_id):
                    same_node = node_id == shown[0] or node_id.startswith(f"{shown[0]}.")  # one that a node expanded to
                    if not same_node or sentence not in shown[1]:
                        hidden |= keys
        return hidden


# One for the process, as ComfyUI's history is.
TOLD = Told()
