"""A lock between processes that ends with its holder, however that ends."""

import contextlib
import os
import sys
import time
from pathlib import Path

from .terminal import say

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@contextlib.contextmanager
def held(path: Path, waiting: str):
    """Hold the lock file at `path`; says `waiting` when another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _try_lock(descriptor):
            say(waiting)
            _lock(descriptor)
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def held_if_free(path: Path):
    """Hold the lock file at `path` unless another process has it; gives whether it is held."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        yield _try_lock(descriptor)
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":  # its own waiting gives up after ten seconds
        while not _try_lock(descriptor):
            time.sleep(0.5)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
