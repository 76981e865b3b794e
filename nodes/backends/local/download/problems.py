"""What can end a download. Each message says what happened and what to do next."""

import errno
from pathlib import Path

from ....errors import ACEStepError
from ..catalogue import OfficialFile, gigabytes


class DownloadFailed(ACEStepError):
    """The file could not be had; what has arrived of it is kept unless the message says otherwise."""

    exit_code = 69


class OtherDownloadRuns(ACEStepError):
    """One download at a time."""

    exit_code = 69


def by_hand(file: OfficialFile, folder: Path) -> str:
    """The way that needs no hub."""
    return f"or put {file.name} into {folder} yourself ({file.url})"


def disk_is_full(folder: Path, wanted: int, free: int) -> DownloadFailed:
    return DownloadFailed(
        f"{gigabytes(wanted)} are to be downloaded and the disk with {folder} has {gigabytes(free)} free; free some "
        "space, then get the model again."
    )


def cannot_write(folder: Path, error: OSError) -> DownloadFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DownloadFailed(
            f"The disk with {folder} is full; free some space, then get the model again: it goes on from where it was."
        )
    return DownloadFailed(
        f"{folder} cannot be written ({error.strerror or error}); let ComfyUI's user write there, then get the model "
        "again."
    )


def in_the_way(target: Path) -> DownloadFailed:
    return DownloadFailed(
        f"{target} exists, is not incomplete, and so is not overwritten; move it away or rename it, then get the model "
        "again."
    )


def another_process(folder: Path, file: OfficialFile) -> DownloadFailed:
    return DownloadFailed(
        f"Another ComfyUI is downloading {file.name} into {folder} right now; wait for that one, or pause it there."
    )


def not_the_file(file: OfficialFile, what: str) -> DownloadFailed:
    return DownloadFailed(
        f"What came as {file.name} is not the official file ({what}) and was removed; get the model again. If it "
        "happens again, something on the way changes it: check HF_ENDPOINT and the proxy."
    )
