"""What has arrived of a file, beside where it will be: kept when a download stops, continued by the next one."""

import contextlib
import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from ...locking import lock
from .. import files
from ..catalogue import OfficialFile
from . import problems

_BLOCK_BYTES = 4 * 1024 * 1024


def target_of(file: OfficialFile, folder: Path) -> Path:
    return folder / file.name


def path_of(file: OfficialFile, folder: Path) -> Path:
    """In the same folder, so that the file is put in place by a rename; ComfyUI lists no such ending.

    With the digest in its name it is never continued as another version of the file.
    """
    return folder / f"{file.name}.{file.sha256[:12]}.part"


def size_of(file: OfficialFile, folder: Path) -> int:
    """Bytes that have arrived; 0 when nothing has."""
    try:
        return path_of(file, folder).stat().st_size
    except OSError:
        return 0


class Partial:
    """The open and locked file of what has arrived. Made by ``opened``."""

    def __init__(self, file: OfficialFile, folder: Path, open_file: BinaryIO):
        self.file, self.folder = file, folder
        self.path = path_of(file, folder)
        self._open = open_file

    @property
    def size(self) -> int:
        return os.fstat(self._open.fileno()).st_size

    def write(self, data) -> None:
        """Add to the end. Raises DownloadFailed when the disk refuses."""
        rest = memoryview(data)
        try:
            self._open.seek(0, os.SEEK_END)
            while rest:
                rest = rest[self._open.write(rest) :]
        except OSError as error:
            raise problems.cannot_write(self.folder, error) from error

    def shorten(self, size: int) -> None:
        self._open.truncate(size)

    def sha256(self) -> str:
        digest = hashlib.sha256()
        self._open.seek(0)
        while block := self._open.read(_BLOCK_BYTES):
            digest.update(block)
        return digest.hexdigest()

    def remove(self) -> None:
        if os.name == "nt":  # an open file cannot be deleted there
            self._open.close()
        self.path.unlink(missing_ok=True)
        self._open.close()

    def put_in_place(self) -> None:
        """Rename it to the file's own name, which so is never the name of something half-written."""
        target = target_of(self.file, self.folder)
        check_place(target)
        try:
            os.fsync(self._open.fileno())
            if os.name == "nt":  # an open file cannot be renamed there
                self._open.close()
            self.path.replace(target)
            self._open.close()
        except OSError as error:
            raise problems.cannot_write(self.folder, error) from error


@contextlib.contextmanager
def opened(file: OfficialFile, folder: Path) -> Iterator[Partial]:
    """What has arrived of ``file``, locked against other processes. Raises DownloadFailed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Not buffered: what was written is in the file, whatever becomes of this process.
        descriptor = os.open(path_of(file, folder), os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o666)
    except OSError as error:
        raise problems.cannot_write(folder, error) from error
    with open(descriptor, "r+b", buffering=0) as open_file:  # noqa: PTH123  (a descriptor)
        _take(descriptor, file, folder)
        part = Partial(file, folder, open_file)
        try:
            yield part
        finally:
            if not open_file.closed and part.size == 0:
                part.remove()


def _take(descriptor: int, file: OfficialFile, folder: Path) -> None:
    try:
        lock(descriptor)
        is_ours = os.path.samestat(os.fstat(descriptor), path_of(file, folder).stat())
    except OSError as error:
        if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK, errno.ENOENT):
            raise problems.cannot_write(folder, error) from error
        is_ours = False
    if not is_ours:  # it is being written, or was put in place a moment ago
        raise problems.another_process(folder, file)


def discard(file: OfficialFile, folder: Path) -> None:
    """Remove what has arrived, unless another process is at it."""
    if path_of(file, folder).exists():
        with contextlib.suppress(problems.DownloadFailed), opened(file, folder) as part:
            part.remove()


def check_place(target: Path) -> None:
    """Raise DownloadFailed when something stands at ``target`` that is no incomplete model file."""
    if not target.exists():
        return
    try:
        files.read_header(str(target))
    except ValueError:
        return  # cut off, or an error page saved under the name: this is what the download mends
    except OSError as error:
        if not target.is_dir():
            raise problems.cannot_write(target.parent, error) from error
    raise problems.in_the_way(target)
