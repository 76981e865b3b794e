"""How far a batch is: one changing line on a terminal, one line a finished job anywhere else."""

import sys
import time

from ..terminal import LiveLine, bar, say
from .graphs import Job


class JobsProgress(LiveLine):
    """done: finished before this run, of `total`. cost: what was spent so far, in words."""

    def __init__(self, total: int, done: int, cost: str):
        super().__init__()
        self._total, self._done, self._cost = total, done, cost
        self._ended = self._failed = 0
        self._running: set[str] = set()
        self._started = time.monotonic()
        self._goal = total - done

    def began(self, job: Job) -> None:
        self._running.add(job.name)
        self.redraw()

    def ended(self, job: Job, record: dict, cost: str) -> None:
        self._running.discard(job.name)
        self._ended += 1
        self._cost = cost
        if record["state"] == "done":
            self._done += 1
            line = f"{job.name}: done in {record['took_seconds']:.0f} s"
        else:
            self._failed += 1
            line = f"{job.name}: FAILED. {job.where}: {record['error']}"
        if record["state"] != "done" or not sys.stdout.isatty():
            self.clear()
            say(line if record["state"] != "done" and sys.stdout.isatty() else f"{line} ({self._state()})")
        self.redraw()

    def redraw(self) -> None:
        self.show(f"{bar(self._done + self._failed, self._total)} {self._state()}")

    def _state(self) -> str:
        parts = [f"{self._done} of {self._total} done"]
        parts += [f"{len(self._running)} running"] if self._running else []
        parts += [f"{self._failed} failed"] if self._failed else []
        parts += [self._cost] if self._cost else []
        parts += [f"about {left} left"] if (left := self._left()) else []
        return ", ".join(parts)

    def _left(self) -> str:
        """From how long the jobs of this run took, their number at a time included."""
        to_do = self._goal - self._ended
        if not self._ended or not to_do:
            return ""
        seconds = (time.monotonic() - self._started) / self._ended * to_do
        return (
            f"{seconds:.0f} s"
            if seconds < 90
            else f"{seconds / 60:.0f} min"
            if seconds < 5400
            else f"{seconds / 3600:.1f} h"
        )
