"""Fetching a rendered file: only from RunComfy's own hosts, without the token, bounded, straight into memory."""

import contextlib
import re
from collections.abc import Iterator, Mapping

from ...audio.codec import Undecodable, decode
from ...audio.value import Sound
from ...words.remarks import remark
from .answers import MAX_ANSWER_BYTES, parsed, retry_after_seconds
from .client import Client, Transient, import_httpx
from .connection import Answer, Limits
from .errors import NoSuchThing, NotSignedIn, RunComfyError, ServiceUnavailable, TryLater, UnusableAnswer
from .place import Place
from .refusals import RETRIED_STATUSES, code_in

MAX_FILE_BYTES = 256 * 1024 * 1024
LEAST_BYTES_PER_SECOND = 8 * 1024
_DEEPEST = 4
# Letters, digits, hyphens and dots only: httpx lets through what a resolver may read otherwise.
_OWN_HOST = re.compile(r"([a-z0-9-]+\.)+runcomfy\.(net|com)")


def addresses_in(result: Mapping, place: Place) -> list:
    """The names of a result's one file that may be fetched, as httpx.URLs. Raises UnusableAnswer, whose remark has
    room for what the service says: ``words``.

    Each model has a form of its own: a text or an object with ``url``, or a list of them, by itself or under a name.
    """
    usable, refused = [], None
    for text in dict.fromkeys(_named_in(result.get("output"))):
        try:
            usable.append(checked_address(text, place))
        except UnusableAnswer as error:
            refused = refused or error
    # The same path with another query is the same file, signed another time.
    files = {(url.scheme, url.host, url.port, url.path) for url in usable}
    if refused and not usable:
        raise refused
    if len(files) != 1:
        raise UnusableAnswer(remark("delivered_files", count=len(files), words=""))
    return usable


def _named_in(output, depth: int = 0) -> Iterator[str]:
    if isinstance(output, str) and output.strip():
        yield output.strip()
    elif depth == _DEEPEST:
        return
    elif isinstance(output, Mapping):
        for name in ("audios", "audio", "audio_url", "url"):
            yield from _named_in(output.get(name), depth + 1)
    elif isinstance(output, list):
        for each in output:
            yield from _named_in(each, depth + 1)


def checked_address(text: str, place: Place):
    """``text`` as an httpx.URL when it may be downloaded. Raises UnusableAnswer, not showing the address's query."""
    httpx = import_httpx()
    try:
        # Parsed by the library that will connect, so that no second parser can see another host.
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise UnusableAnswer(remark("address_unreadable", words="")) from None
    ours = url.scheme == "https" and _OWN_HOST.fullmatch(url.host) and url.port in (None, 443)
    if not (ours or _is_test_servers(url, place)) or url.userinfo:
        raise UnusableAnswer(remark("foreign_address", address=f"{url.scheme}://{url.host}", words=""))
    return url


def _is_test_servers(url, place: Place) -> bool:
    if not place.is_test_server:
        return False
    server = import_httpx().URL(place.api_url)
    return (url.scheme, url.host, url.port) == (server.scheme, server.host, server.port)


def fetch_sound(client: Client, *urls) -> Sound:
    """The sound that the ``urls`` name, again while fetching it fails for a reason that passes.

    Raises UnusableAnswer for a file that is too large or no sound, NoSuchThing when it is not there.
    """
    data = fetch_file(client, *urls)
    try:
        return decode(data)
    except Undecodable as error:
        raise UnusableAnswer(remark("file_undecodable", size=len(data), why=error.said)) from None


def fetch_file(client: Client, *urls) -> bytes:
    """The file that the checked addresses name, again while fetching it fails for a reason that passes."""

    def attempt() -> bytes:
        for url in urls[:-1]:
            with contextlib.suppress(Transient, RunComfyError):  # another name of it may still do
                return _fetch(client, url)
        return _fetch(client, urls[-1])

    return client.persist(attempt)


def _fetch(client: Client, url) -> bytes:
    patience = client.place.patience
    limits = Limits(
        patience.download, MAX_FILE_BYTES, patience.whole_answer, LEAST_BYTES_PER_SECOND, patience.slow_download
    )
    with client.open_without_token() as connection:
        try:
            # An abandoned download must not go on by itself.
            answer = connection.exchange("GET", url, limits, check=client.stop.check)
        except import_httpx().HTTPError as error:
            said = remark("file_not_downloaded", error=type(error).__name__)
            raise Transient(ServiceUnavailable(said)) from None
    _check_status(answer, client)
    if answer.problem:
        raise UnusableAnswer(remark("file_unusable", why=answer.problem))
    return answer.body


def _check_status(answer: Answer, client: Client) -> None:
    status = answer.status
    _check_code(answer, client)
    if status == 200:
        return
    if status in (404, 410):
        raise Transient(NoSuchThing(remark("file_not_there", status=status)))
    if status >= 500 or status in RETRIED_STATUSES:
        kind = TryLater if status in RETRIED_STATUSES else ServiceUnavailable
        error = kind(remark("file_not_just_now", status=status))
        raise Transient(error, retry_after_seconds(answer.headers.get("retry-after")))
    raise UnusableAnswer(remark("file_refused", how=remark("http_status", status=status), words=""))


def _check_code(answer: Answer, client: Client) -> None:
    """Raises for one of RunComfy's codes in place of the file."""
    told = parsed(answer.body) if answer.body[:1] == b"{" and len(answer.body) <= MAX_ANSWER_BYTES else None
    refusal = client.refusal(answer.status, told, remark("rendered_file"))
    if told is None or refusal is None or code_in(told) is None:
        return
    if isinstance(refusal.error, NotSignedIn):  # the token was not sent: signing in would change nothing
        raise UnusableAnswer(remark("file_refused", how=refusal.how, words=client.explanation(told)))
    if refusal.passing or isinstance(refusal.error, NoSuchThing):
        raise Transient(refusal.error)
    raise refusal.error
