"""Fetching a rendered file: only from RunComfy's own hosts, without the token, bounded, straight into memory."""

import re
from collections.abc import Mapping

from ...audio.codec import Undecodable, decode
from ...audio.value import Sound
from .answers import RETRIED_STATUSES, retry_after_seconds
from .client import Client, Transient, import_httpx
from .errors import NoSuchThing, ServiceUnavailable, TryLater, UnusableAnswer
from .place import Place
from .stopping import Stop

MAX_FILE_BYTES = 256 * 1024 * 1024
# Letters, digits, hyphens and dots only: httpx lets through what a resolver may read otherwise.
_OWN_HOST = re.compile(r"([a-z0-9-]+\.)+runcomfy\.(net|com)")


def address_in(result: Mapping, place: Place):
    """The one file address of a result, checked, as an httpx.URL. Raises UnusableAnswer."""
    output = result.get("output")
    output = output if isinstance(output, Mapping) else {}
    several = output.get("audios")
    named = [output.get("audio"), *(several if isinstance(several, list) else ())]
    found = {url for url in named if isinstance(url, str) and url}
    if len(found) != 1:
        raise UnusableAnswer(f"RunComfy delivered {len(found)} files where one is expected.")
    return checked_address(found.pop(), place)


def checked_address(text: str, place: Place):
    """``text`` as an httpx.URL when it may be downloaded. Raises UnusableAnswer, not showing the address's query."""
    httpx = import_httpx()
    try:
        # Parsed by the library that will connect, so that no second parser can see another host.
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise UnusableAnswer("RunComfy delivered an address that cannot be read; it is not fetched.") from None
    ours = url.scheme == "https" and _OWN_HOST.fullmatch(url.host) and url.port in (None, 443)
    if not (ours or _is_test_servers(url, place)) or url.userinfo:
        raise UnusableAnswer(
            f"RunComfy delivered a file at {url.scheme}://{url.host}, which is not one of RunComfy's own "
            "hosts; it is not fetched."
        )
    return url


def _is_test_servers(url, place: Place) -> bool:
    if not place.is_test_server:
        return False
    server = import_httpx().URL(place.api_url)
    return (url.scheme, url.host, url.port) == (server.scheme, server.host, server.port)


def fetch_sound(client: Client, url) -> Sound:
    """The sound at ``url``, again while fetching it fails for a reason that passes.

    Raises UnusableAnswer for a file that is too large or no sound, NoSuchThing when it is not there.
    """
    data = fetch_file(client, url)
    try:
        return decode(data)
    except Undecodable as error:
        raise UnusableAnswer(f"The file RunComfy delivered ({len(data)} bytes) is {error}.") from None


def fetch_file(client: Client, url) -> bytes:
    """The file at a checked address, again while fetching it fails for a reason that passes."""
    return client.persist(lambda: _fetch(client, url))


def _fetch(client: Client, url) -> bytes:
    with client.open_without_token() as http:
        try:
            with http.stream("GET", url, headers={"Accept-Encoding": "identity"}) as response:
                _check_status(response)
                return _read(response, client.stop)
        except import_httpx().HTTPError as error:
            raise Transient(ServiceUnavailable(f"The file could not be downloaded ({type(error).__name__}).")) from None


def _check_status(response) -> None:
    status = response.status_code
    if status == 200:
        return
    if status in (404, 410):
        raise NoSuchThing(f"The rendered file is not at its address any more (HTTP {status}).")
    if status >= 500 or status in RETRIED_STATUSES:
        kind = TryLater if status in RETRIED_STATUSES else ServiceUnavailable
        error = kind(f"The host of the rendered file cannot send it just now (HTTP {status}).")
        raise Transient(error, retry_after_seconds(response.headers.get("retry-after")))
    raise UnusableAnswer(f"The host of the rendered file refused to send it (HTTP {status}).")


def _read(response, stop: Stop) -> bytes:
    data = bytearray()
    announced = response.headers.get("content-length", "")
    too_large = announced.isdecimal() and int(announced) > MAX_FILE_BYTES
    if not too_large:
        for chunk in response.iter_bytes():
            stop.check()  # an abandoned download must not go on by itself
            data += chunk
            if len(data) > MAX_FILE_BYTES:
                too_large = True
                break
    if too_large:
        raise UnusableAnswer(f"The file RunComfy delivered is larger than {MAX_FILE_BYTES // 2**20} MiB.")
    return bytes(data)
