"""Faults on demand: what shall go wrong, at which step, how many times."""

import threading
from dataclasses import dataclass, field

STEPS = ("catalogue", "submit", "status", "result", "cancel", "file")


@dataclass
class Fault:
    """One fault, used up after ``times`` answers.

    kind:
        http          the answer is HTTP ``status``, with ``retry_after``, ``headers`` and ``json`` when given;
                      nothing is processed
        http_after    processed first, then the same
        documented    one of RunComfy's error codes (``code``, with ``message``) in its envelope; HTTP ``status``, which
                      need not match; nothing is processed
        gateway       the HTML page of something on the way, HTTP ``status``; nothing is processed
        gateway_after processed first, then the same
        drop_before   the connection closes without an answer; nothing is processed
        drop_after    processed, then (after ``seconds``, when given) the connection closes without an answer
        slow          processed, answered after ``seconds``
        hang          as slow, but the wait comes before the processing
        truncated     the answer breaks off halfway, its announced length being whole
        cut           the answer breaks off halfway and says nothing of its length
        unreadable    processed, then (after ``seconds``, when given) HTTP 200 with text that is no JSON
        error_code    HTTP 200 with ``error_code`` and ``error_message``; nothing is processed
        redirect      HTTP 302 to ``location``
        change        processed; the JSON answer gets ``set`` and loses ``remove``, and a status that is a key of
                      ``rename`` is called by its value
        bytes         (file) the file's bytes become ``data``, its type ``content_type``
        endless       (file) zeros without end and without a length

    With ``delay`` among the options any of them takes that many seconds more. Within this process the event
    ``until`` may be given in place of ``seconds``: the wait ends when it is set.
    """

    step: str
    kind: str
    times: int = 1
    options: dict = field(default_factory=dict)

    def __post_init__(self):
        if self.step not in STEPS:
            raise ValueError(f"step is {self.step!r}; one of {STEPS}")


class Faults:
    """The faults still to come. Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._faults.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, step: str) -> Fault | None:
        """The next fault of a step, one use of it used up."""
        with self._lock:
            for fault in self._faults:
                if fault.step == step and fault.times > 0:
                    fault.times -= 1
                    return fault
        return None
