"""The coroutine's side of a call: show its live facts, notice Stop, and never leave before the thread has cleaned up.

The blocking work runs in a thread of its own, so that a busy sampler elsewhere in the prompt cannot hold it up.
It is not asyncio.to_thread's pool: with cpu + 4 workers that pool would be full of waiting renders for
minutes, and every other node's lookups with it, and asyncio.run would join them at the prompt's end.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from ...request.progress import Progress
from .client import THREAD_NAME
from .live import Live
from .stopping import Stopped, start_thread

Result = TypeVar("Result")

# How often Stop is looked for, and how often an unchanged status is sent again for its elapsed time.
_TICK_SECONDS = 0.1
_REPEAT_SECONDS = 1.0
# A stopped thread bounds its own clean-up; this only keeps a defect from blocking ComfyUI's queue.
_LONGEST_CLEAN_UP_SECONDS = 30.0


async def watch(
    work: Callable[[], Result],
    live: Live,
    progress: Progress,
    stop_everything: Callable[[BaseException], BaseException],
) -> Result:
    """Run ``work`` in a thread and wait for it.

    ComfyUI's Stop comes as its own exception out of ``progress``, or as CancelledError when another node
    met it first. Either way ``stop_everything`` tells the thread, its end is awaited, and the exception goes on.
    """
    ticker = _Ticker(live, progress)
    thread = start_thread(work, THREAD_NAME)
    done = asyncio.wrap_future(thread)
    try:
        while not done.done():
            await asyncio.wait({done}, timeout=_TICK_SECONDS)
            ticker.tick()
            if not done.done():
                progress.raise_if_stopped()
        return done.result()
    except Stopped:
        # Another call of this prompt met the interrupt; what it raised is what ComfyUI must see here too.
        raise stop_everything(asyncio.CancelledError()) from None
    except BaseException as reason:
        if not done.done():
            stop_everything(reason)
            await _clean_up(done, ticker)
        raise
    finally:
        ticker.send_changes()


async def all_ended(
    tasks: Sequence[asyncio.Future], stop_everything: Callable[[BaseException], BaseException]
) -> list[BaseException | None]:
    """Wait for every task; what each ended with. Cancelled itself, it first sees that all of them end."""
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError as reason:
        stop_everything(reason)
        while not all(task.done() for task in tasks):
            with contextlib.suppress(asyncio.CancelledError):  # the tasks clean up; none may outlive the run
                await asyncio.wait(tasks)
        for task in tasks:
            _ended_with(task)
        raise
    return [_ended_with(task) for task in tasks]


def _ended_with(task: asyncio.Future) -> BaseException | None:
    return asyncio.CancelledError() if task.cancelled() else task.exception()


async def _clean_up(done: asyncio.Future, ticker: "_Ticker") -> None:
    """Wait for a thread that was told to stop, whatever else cancels this coroutine meanwhile."""
    deadline = time.monotonic() + _LONGEST_CLEAN_UP_SECONDS
    while not done.done() and time.monotonic() < deadline:
        with contextlib.suppress(asyncio.CancelledError):  # leaving already; the caller raises what came first
            await asyncio.wait({done}, timeout=_TICK_SECONDS)
        ticker.tick()
    if done.done():
        done.exception()  # Stopped, or what the thread ended with just before: nobody waits for it any more


class _Ticker:
    """Sends the status when it changed, and once a second for the elapsed time."""

    def __init__(self, live: Live, progress: Progress):
        self._live, self._progress = live, progress
        self._started = time.monotonic()
        self._sent: dict = {}
        self._sent_at = 0.0

    def tick(self) -> None:
        if time.monotonic() - self._sent_at >= _REPEAT_SECONDS:
            self._send()
        else:
            self.send_changes()

    def send_changes(self) -> None:
        if self._live.facts() != self._sent:
            self._send()

    def _send(self) -> None:
        self._sent, self._sent_at = self._live.facts(), time.monotonic()
        self._progress.status(**self._sent, elapsed=round(self._sent_at - self._started, 1))
