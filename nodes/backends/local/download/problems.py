"""What can end a download. Each message says what happened and what to do next."""

import errno
from pathlib import Path

from ....errors import ACEStepError
from ....words.remarks import Remark, remark
from ..catalogue import OfficialFile, gigabytes


class DownloadFailed(ACEStepError):
    """The file could not be had; what has arrived of it is kept unless the message says otherwise."""

    exit_code = 69


class OtherDownloadRuns(ACEStepError):
    """One download at a time."""

    exit_code = 69


def by_hand(file: OfficialFile, folder: Path) -> Remark:
    """The way that needs no hub."""
    return remark("by_hand", name=file.name, folder=str(folder), url=file.url)


def disk_is_full(folder: Path, wanted: int, free: int) -> DownloadFailed:
    sizes = {"wanted": gigabytes(wanted), "free": gigabytes(free)}
    return DownloadFailed(remark("disk_too_small", folder=str(folder), **sizes))


def cannot_write(folder: Path, error: OSError) -> DownloadFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DownloadFailed(remark("disk_full", folder=str(folder)))
    return DownloadFailed(remark("folder_unwritable", folder=str(folder), why=error.strerror or str(error)))


def in_the_way(target: Path) -> DownloadFailed:
    return DownloadFailed(remark("file_in_the_way", path=str(target)))


def another_process(folder: Path, file: OfficialFile) -> DownloadFailed:
    return DownloadFailed(remark("downloaded_by_another", name=file.name, folder=str(folder)))


def not_the_file(file: OfficialFile, what: Remark) -> DownloadFailed:
    return DownloadFailed(remark("not_the_file", name=file.name, what=what))
