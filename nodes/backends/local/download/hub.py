"""The hub, through huggingface_hub's own functions: its endpoint, proxies, token, offline switch and retries hold.

``get_hf_file_metadata`` tells what the hub has, and ``http_get`` brings the bytes. ``hf_hub_download`` would do both
in one, but its newer versions throw away what has arrived when they are stopped. Both are imported by a download that
starts, never before.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit

from ..catalogue import OfficialFile
from .problems import DownloadFailed, by_hand

_TIMEOUT_SECONDS = 10.0
_LONGEST_REASON = 120
_AGAIN = "then get the model again: it goes on from where it was"


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
            raise DownloadFailed(
                "HF_HUB_OFFLINE is set, so nothing is downloaded; unset it and restart ComfyUI, "
                f"{by_hand(file, folder)}."
            )
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
    raise DownloadFailed(
        f"{_host(endpoint)} sends the download of {file.name} on to a {scheme or 'strange'} address, which "
        "is not safe, so it was not followed; check HF_ENDPOINT and the proxy."
    )


def _check_size_and_digest(size: int | None, etag: str | None, file: OfficialFile, folder: Path, url: str) -> None:
    """Before gigabytes are brought: whether it is this file. A mirror may state neither; what arrives is measured."""
    is_digest = etag is not None and len(etag) == 64
    if size in (None, file.bytes) and (not is_digest or etag == file.sha256):
        return
    has = f"{size} bytes" if size not in (None, file.bytes) else f"SHA-256 {etag}"
    raise DownloadFailed(
        f"{_host(url)} has another {file.name} ({has}) than the official one these nodes know; update the "
        f"ACE-Step nodes, check HF_ENDPOINT, {by_hand(file, folder)}."
    )


def problem(error: Exception, url: str, file: OfficialFile, folder: Path) -> HubFailed:
    """What huggingface_hub, or the HTTP library below it, has raised, as a sentence."""
    host = _host(url)
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status == 404:
        return HubFailed(
            f"{host} has no {file.repo}/{file.path} (HTTP 404); check HF_ENDPOINT, update the ACE-Step nodes, "
            f"{by_hand(file, folder)}."
        )
    if status in (401, 403):
        return HubFailed(
            f"{host} does not hand out {file.repo}/{file.path} (HTTP {status}): it asks for an account there, or a "
            f"proxy refuses it; set HF_TOKEN, check HF_ENDPOINT and the proxy, {by_hand(file, folder)}."
        )
    if status is not None:
        return HubFailed(f"{host} answers with HTTP {status} for {file.name}; wait a little, {_AGAIN}.")
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    if len(reason) > _LONGEST_REASON:  # some libraries give the whole address with its signature
        reason = type(error).__name__
    return HubFailed(
        f"The line to {host} failed while {file.name} was being downloaded ({reason}); check the network, the proxy "
        f"and HF_ENDPOINT, {_AGAIN}."
    )


def _host(url: str) -> str:
    """Host and port; an endpoint may carry a password, which is nobody's to read."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _imported(file: OfficialFile, folder: Path):
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.utils
    except ImportError as error:
        raise DownloadFailed(
            f"huggingface_hub, which ComfyUI requires, cannot be imported ({error}); install it with ComfyUI's Python "
            f"(python -m pip install huggingface_hub) and restart ComfyUI, {by_hand(file, folder)}."
        ) from error
    return huggingface_hub


def _http_get(file: OfficialFile, folder: Path):
    huggingface_hub = _imported(file, folder)
    try:
        from huggingface_hub.file_download import http_get
    except ImportError as error:
        raise DownloadFailed(
            f"huggingface_hub {huggingface_hub.__version__} has no http_get, which these nodes download with; update "
            f"the ACE-Step nodes, {by_hand(file, folder)}."
        ) from error
    return http_get
