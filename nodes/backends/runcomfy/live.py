"""What is known of one call right now: written by its thread, read by the node's coroutine for the status row."""

import threading


class Live:
    """Facts for the status event. Thread-safe.

    finished: set once the render is complete at RunComfy, so that there is nothing left to cancel.
    """

    def __init__(self, **facts):
        self.finished = threading.Event()
        self._lock = threading.Lock()
        self._facts = {"state": "preparing", **facts}

    def show(self, **facts) -> None:
        with self._lock:
            self._facts.update(facts)

    def facts(self) -> dict:
        """Everything that has a value."""
        with self._lock:
            return {name: value for name, value in self._facts.items() if value is not None}
