"""The hub, through huggingface_hub's own functions: its endpoint, proxies, token, offline switch and retries hold.

``get_hf_file_metadata`` tells what the hub has, and ``http_get`` brings the bytes. ``hf_hub_download`` would do both
in one, but its newer versions throw away what has arrived when they are stopped. Both are imported by a download that
starts, never before.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from ....words.remarks import remark
from ..catalogue import OfficialFile
from .problems import DownloadFailed, by_hand

_TIMEOUT_SECONDS = 10.0
_LONGEST_REASON = 120


@dataclass(frozen=True)
class Source:
    """Where the bytes of a file are. headers: to ask for them with."""

    url: str
    headers: dict[str, str]


class Hub:
    """``endpoint`` is for tests; without one it is huggingface_hub's own, which HF_ENDPOINT sets."""

    def __init__(self, endpoint: str | None = None):
        self._endpoint = endpoint

    def look_up(self, file: OfficialFile, folder: Path) -> Source:
        """Where the hub has ``file``. Raises DownloadFailed when it has not, or has another one."""
        huggingface_hub = _imported(file, folder)
        constants = huggingface_hub.constants
        endpoint = self._endpoint or constants.ENDPOINT
        if constants.HF_HUB_OFFLINE:
            raise DownloadFailed(remark("hub_offline", by_hand=by_hand(file, folder)))
        url = huggingface_hub.hf_hub_url(file.repo, file.path, endpoint=endpoint)
        try:
            found = huggingface_hub.get_hf_file_metadata(url, timeout=_TIMEOUT_SECONDS)
        except Exception as error:  # of whichever HTTP library this version of it uses
            raise problem(error, url, file, folder) from error
        _check_size_and_digest(found.size, found.etag, file, folder, url)
        check_location(found.location, endpoint, file)
        # The token is for the hub alone, not for where the hub stores its files.
        same_host = urlsplit(found.location).netloc == urlsplit(endpoint).netloc
        headers = huggingface_hub.utils.build_hf_headers(token=None if same_host else False)
        return Source(found.location, {**headers, "Accept-Encoding": "identity"})

    def fetch(self, source: Source, file: OfficialFile, folder: Path, receiver: BinaryIO, resume_at: int) -> None:
        """Bring the bytes from ``resume_at`` to the end. Raises DownloadFailed, and what ``receiver`` raises."""
        http_get = _http_get(file, folder)
        try:
            http_get(
                source.url, receiver, resume_size=resume_at, headers=source.headers, expected_size=file.bytes,
                displayed_filename=file.name,
            )  # fmt: skip
        except (DownloadFailed, Stopped):
            raise
        except Exception as error:
            raise problem(error, source.url, file, folder) from error


class HubFailed(DownloadFailed):
    """The hub, or the line to it; raised by ``look_up`` and ``fetch``."""


class Stopped(Exception):
    """Raised by a receiver to end its fetch: pause or cancel."""


def check_location(location: str, endpoint: str, file: OfficialFile) -> None:
    """Raise DownloadFailed unless the hub's answer leads to https, or to http where the endpoint itself is http.

    The hub sends its files from other hosts, so the host is free. Where that host sends a request on is followed by
    huggingface_hub; what arrives has to be the file in any case.
    """
    scheme = urlsplit(location).scheme
    if scheme == "https" or (scheme == "http" and urlsplit(endpoint).scheme == "http"):
        return
    strange = scheme or remark("strange_scheme")
    raise DownloadFailed(remark("hub_unsafe", host=_host(endpoint), name=file.name, scheme=strange))


def _check_size_and_digest(size: int | None, etag: str | None, file: OfficialFile, folder: Path, url: str) -> None:
    """Before gigabytes are brought: whether it is this file. A mirror may state neither; what arrives is measured."""
    is_digest = etag is not None and len(etag) == 64
    if size in (None, file.bytes) and (not is_digest or etag == file.sha256):
        return
    known = {"host": _host(url), "name": file.name, "by_hand": by_hand(file, folder)}
    if size not in (None, file.bytes):
        raise DownloadFailed(remark("hub_other_size", size=str(size), **known))
    raise DownloadFailed(remark("hub_other_digest", digest=str(etag), **known))


def problem(error: Exception, url: str, file: OfficialFile, folder: Path) -> HubFailed:
    """What huggingface_hub, or the HTTP library below it, has raised, as a sentence."""
    host, path = _host(url), f"{file.repo}/{file.path}"
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 404:
        return HubFailed(remark("hub_without_file", host=host, path=path, by_hand=by_hand(file, folder)))
    if status in (401, 403):
        return HubFailed(remark("hub_refuses", host=host, path=path, status=status, by_hand=by_hand(file, folder)))
    if status is not None:
        return HubFailed(remark("hub_answers", host=host, status=status, name=file.name))
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if len(reason) > _LONGEST_REASON:  # some libraries give the whole address with its signature
        reason = type(error).__name__
    return HubFailed(remark("hub_line_failed", host=host, name=file.name, why=reason))


def _host(url: str) -> str:
    """Host and port; an endpoint may carry a password, which is nobody's to read."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _imported(file: OfficialFile, folder: Path):
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.utils
    except ImportError as error:
        said = remark("hub_library_missing", error=str(error), by_hand=by_hand(file, folder))
        raise DownloadFailed(said) from error
    return huggingface_hub


def _http_get(file: OfficialFile, folder: Path):
    huggingface_hub = _imported(file, folder)
    try:
        from huggingface_hub.file_download import http_get
    except ImportError as error:
        version = huggingface_hub.__version__
        raise DownloadFailed(remark("hub_library_unknown", version=version, by_hand=by_hand(file, folder))) from error
    return http_get
