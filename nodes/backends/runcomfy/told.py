"""Sentences with which a run has spoken, until it is known that they were shown.

Of a prompt in which several nodes fail at once ComfyUI shows one error, after Stop none, and nothing of one that it did
not live to end. So only what the prompt's history holds counts as said: that is looked up by the next run and when
ComfyUI ends, and what is lost by then is said once more.
"""

import atexit
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from .errors import JournalError
from .journal import Journal
from .queued import Queued, Shown, shown_by

_KEPT_PROMPTS = 256

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Words:
    """What a node said of these entries of ``journal``. error: what its run ended with; None: its report says it."""

    journal: Journal
    node_id: str | None
    error: str | None
    keys: frozenset[str]
    at: float

    def are_in(self, shown: Shown) -> bool:
        if self.error is None:
            return self.node_id in shown.reports
        is_its_own = f"{self.node_id}.".startswith(f"{shown.node_id}.")  # or of a node that expanded to this one
        return is_its_own and self.error in shown.error

    def record(self) -> None:
        try:
            self.journal.note_shown(self.keys, self.at)
        except JournalError as error:  # the same is then said once more
            log.warning("%s", error)


class Told:
    """What the runs of this process have said, by prompt. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._by_prompt: OrderedDict[str, list[_Words]] = OrderedDict()

    def note(self, queued: Queued, error: str | None, journal: Journal, keys: set[str]) -> None:
        """A node is about to end with ``error``, or with a report, that tells of these entries."""
        words = _Words(journal, queued.node_id, error, frozenset(keys), time.time())
        if queued.prompt_id is None or queued.node_id is None:  # whoever called has the words
            words.record()
            return
        with self._lock:
            self._by_prompt.setdefault(queued.prompt_id, []).append(words)
            while len(self._by_prompt) > _KEPT_PROMPTS:
                self._by_prompt.popitem(last=False)

    def record(self, shown_by: Callable[[str], Shown | None] = shown_by) -> None:
        """Let the journals know what prompts that have ended by now have shown; a run may count on its being read."""
        for words in self._shown(shown_by):
            words.record()

    def _shown(self, shown_by: Callable[[str], Shown | None]) -> list[_Words]:
        """Given once."""
        found: list[_Words] = []
        with self._lock:
            for prompt_id in list(self._by_prompt):
                shown = shown_by(prompt_id)
                if shown is not None:
                    found += [words for words in self._by_prompt.pop(prompt_id) if words.are_in(shown)]
        return found


# One for the process, as ComfyUI's history is.
TOLD = Told()
atexit.register(TOLD.record)
