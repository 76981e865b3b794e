"""How a thread that waits for the network learns of Stop, and how it waits without being stuck."""

import atexit
import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from concurrent.futures import TimeoutError as FutureTimeout  # its own class before Python 3.11
from typing import TypeVar

Result = TypeVar("Result")

# How late a waiting thread may notice Stop.
_NOTICE_SECONDS = 0.05


class Stopped(Exception):
    """Raised inside a thread when Stop was set. Never leaves this package: the node raises ComfyUI's own."""


class Stop:
    """Set once, from any thread. ``reason`` is the exception that asked for it."""

    def __init__(self):
        self._event = threading.Event()
        self.reason: BaseException | None = None

    def set(self, reason: BaseException) -> None:
        if not self._event.is_set():
            self.reason = reason
            self._event.set()

    def is_set(self) -> bool:
        return self._event.is_set()

    def check(self) -> None:
        if self._event.is_set():
            raise Stopped

    def sleep(self, seconds: float) -> None:
        """Wait; raises Stopped the moment Stop is set."""
        if self._event.wait(seconds):
            raise Stopped


class _Leaving:
    """What the process waits for, a moment, before it ends."""

    def __init__(self):
        self._lock = threading.Lock()
        self._futures: set[Future] = set()
        self._seconds = 0.0
        atexit.register(self._wait)

    def wait_for(self, future: Future, seconds: float) -> None:
        with self._lock:
            self._futures.add(future)
            self._seconds = max(self._seconds, seconds)
        future.add_done_callback(self._forget)

    def _forget(self, future: Future) -> None:
        with self._lock:
            self._futures.discard(future)

    def _wait(self) -> None:
        with self._lock:
            futures, seconds = list(self._futures), self._seconds
        wait(futures, seconds)


_LEAVING = _Leaving()


def start_thread(function: Callable[[], Result], name: str, seconds_at_exit: float = 0.0) -> "Future[Result]":
    """Run ``function`` in a thread of its own.

    Not in asyncio's pool: asyncio.run joins that at the end of a prompt, so a hung connection would block
    ComfyUI's queue. The thread keeps no process alive; one that ends meanwhile waits ``seconds_at_exit`` for it.
    """
    future: Future = Future()
    future.set_running_or_notify_cancel()  # from here on nobody can cancel it

    def body() -> None:
        try:
            result = function()
        except BaseException as error:
            future.set_exception(error)
        else:
            future.set_result(result)

    if seconds_at_exit:
        _LEAVING.wait_for(future, seconds_at_exit)
    threading.Thread(target=body, name=name, daemon=True).start()
    return future


def wait_for(future: "Future[Result]", stop: Stop) -> Result:
    """The result of ``future``, or Stopped within a moment of Stop; the thread behind it then goes on alone."""
    while True:
        wait_briefly(future, _NOTICE_SECONDS)
        if future.done():
            return future.result()
        stop.check()


def wait_briefly(future: Future, seconds: float) -> bool:
    """Wait up to ``seconds``; whether ``future`` is done."""
    with contextlib.suppress(FutureTimeout):
        future.exception(timeout=seconds)
    return future.done()
