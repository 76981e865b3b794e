"""What is known of one call right now: written by its thread, read by the node's coroutine for the status row."""

import threading
from typing import Any

from ...words.remarks import Remark, in_words


class Live:
    """Facts for the status event. Thread-safe.

    finished: set once the render is complete at RunComfy, so that there is nothing left to cancel.
    """

    def __init__(self, **facts):
        self.finished = threading.Event()
        self._lock = threading.Lock()
        self._facts: dict[str, Any] = {"state": "preparing", **facts}

    def show(self, **facts) -> None:
        with self._lock:
            self._facts.update(facts)

    def say(self, said: Remark | None, **facts) -> None:
        """Show ``facts``, and this instead of what was said before."""
        self.show(said=said, **facts)

    @property
    def cost_usd(self) -> float | None:
        """As reported by RunComfy, or None."""
        with self._lock:
            return self._facts.get("cost_usd")

    def facts(self) -> dict:
        """Everything that has a value, for JSON. said: the code and values of the message."""
        facts = self.known()
        said = facts.get("said")
        return facts | in_words(said) if said else facts

    def known(self) -> dict:
        """Everything that has a value."""
        with self._lock:
            return {name: value for name, value in self._facts.items() if value is not None}
