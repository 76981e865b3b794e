"""Small private files that survive a crash and two ComfyUI processes: atomic writes and locks."""

import os
import time
import uuid
from pathlib import Path

from ..locking import lock

_LOCK_POLL_SECONDS = 0.02


def make_private_directory(path: Path) -> None:
    """Create ``path`` and its parents when missing, readable by the owner alone. Raises OSError."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)


def write_private(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data`` in one step, mode 0600, on the disk when this returns. Raises OSError."""
    make_private_directory(path.parent)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    if os.name == "nt":  # Windows cannot open a directory for this and orders the rename itself
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class FileLock:
    """A lock on a file between threads and processes. The system drops it when its holder dies, however it dies."""

    def __init__(self, path: Path):
        self._path = path
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Take the lock if nobody holds it. Raises OSError when the file cannot be made."""
        make_private_directory(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock(descriptor)
        except OSError:
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def acquire(self, timeout_seconds: float) -> bool:
        """Take the lock, waiting for it up to ``timeout_seconds``."""
        deadline = time.monotonic() + timeout_seconds
        while not self.try_acquire():
            if time.monotonic() > deadline:
                return False
            time.sleep(_LOCK_POLL_SECONDS)
        return True

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)  # closing drops the lock
            self._descriptor = None

    def release_and_remove(self) -> None:
        """Release, and delete the file: only for a lock that nobody will ever wait for."""
        if os.name == "nt":  # an open file cannot be deleted there
            self.release()
            self._path.unlink(missing_ok=True)
        else:
            self._path.unlink(missing_ok=True)
            self.release()
