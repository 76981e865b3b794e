"""One file from the hub into its folder: look it up, bring what is missing, check it, put it in place."""

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, cast

from ....words.remarks import remark
from ..catalogue import OfficialFile
from . import partial, problems
from .hub import Hub, HubFailed
from .partial import Partial


def fetch(
    file: OfficialFile, folder: Path, hub: Hub, arrived: Callable[[int], None], checking: Callable[[], None]
) -> None:
    """Bring ``file`` into ``folder``. Raises DownloadFailed, and what ``arrived`` raises, which ends it.

    arrived: told how many bytes are there, before and after each write. checking: told before all are measured.
    """
    partial.check_place(partial.target_of(file, folder))
    with partial.opened(file, folder) as part:
        if part.size > file.bytes:
            part.shorten(0)
        _bring_the_rest(part, hub, arrived)
        checking()
        digest = part.sha256()
        if digest != file.sha256:
            part.remove()
            raise problems.not_the_file(file, remark("of_other_digest", digest=digest))
        part.put_in_place()


def _bring_the_rest(part: Partial, hub: Hub, arrived: Callable[[int], None]) -> None:
    """Until all bytes are there. A line that fails is tried again as long as each try brings something."""
    may_start_over = True
    while (resume_at := part.size) < part.file.bytes:
        arrived(resume_at)
        source = hub.look_up(part.file, part.folder)
        try:
            hub.fetch(source, part.file, part.folder, cast(BinaryIO, Receiver(part, arrived)), resume_at)
        except HubFailed:
            if part.size <= resume_at:
                raise
        except TooLong as error:
            if resume_at == 0 or not may_start_over:
                part.remove()
                raise problems.not_the_file(part.file, error.said) from None
            # Older versions of huggingface_hub add the whole file where a server knows no resuming.
            may_start_over = False
            part.shorten(0)


class TooLong(problems.DownloadFailed):
    """More came than the file has."""


class Receiver:
    """What huggingface_hub takes for the file it writes to; of a file it has what ``http_get`` uses."""

    def __init__(self, part: Partial, arrived: Callable[[int], None]):
        self._part, self._arrived = part, arrived
        self.name = str(part.path)

    def write(self, data) -> int:
        self._arrived(self._part.size)  # first, so that nothing is written after a stop
        if self._part.size + len(data) > self._part.file.bytes:
            raise TooLong(remark("of_other_length"))
        self._part.write(data)
        self._arrived(self._part.size)
        return len(data)

    def tell(self) -> int:
        return self._part.size

    def seek(self, position: int, whence: int = 0) -> int:
        """Only ever followed by ``truncate``: a server that knows no resuming sends all of it again."""
        assert whence == 0
        self._position = position
        return position

    def truncate(self, size: int | None = None) -> int:
        self._part.shorten(self._position if size is None else size)
        return self._part.size

    def flush(self) -> None:
        """What was written is in the file."""
