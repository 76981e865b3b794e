"""The RunComfy account in use: its token, where it came from, and the ceiling kept with it.

The token leaves this module only as the Authorization header of the service's own address. Everything
else gets ``identity``, a keyed hash that says whether two runs used the same token.
"""

import hashlib
import hmac
import json
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from ...words.remarks import Remark, Value, remark
from .errors import JournalError, NotSignedIn
from .files import FileLock, write_private
from .place import JOURNAL_FILE, Place

SAVED = "saved in ComfyUI"
COMMAND_LINE = "runcomfy login"
DEFAULT_CEILING_USD = 2.0
MAX_CEILING_USD = 1000.0

_TOKEN_FILE, _SETTINGS_FILE, _KEY_FILE = "token", "settings.json", "identity.key"
_KEY_BYTES = 32
# Whatever a header may carry, so that no HTTP library ever has to complain about (and print) its value.
_TOKEN = re.compile(r"[\x21-\x7e]{1,4096}")


@dataclass(frozen=True)
class Account:
    """``source`` says where the token came from, in words for the account dialog; see ``source_words``."""

    token: str = field(repr=False)
    source: str


def find_account(place: Place) -> Account | None:
    """The token in use, by the contract's order of precedence, or None. Raises NotSignedIn for a malformed one."""
    managed = "RUNCOMFY_API_TOKEN_FILE" in place.environment  # a RunComfy machine; that file is never read
    candidates = [
        (SAVED, _read_text(place.directory / _TOKEN_FILE)),
        ("RUNCOMFY_API_TOKEN", place.environment.get("RUNCOMFY_API_TOKEN")),
    ]
    if not managed:
        candidates += [
            ("RUNCOMFY_TOKEN", place.environment.get("RUNCOMFY_TOKEN")),
            (COMMAND_LINE, _command_line_token(place)),
        ]
    for source, text in candidates:
        if text and text.strip():
            return Account(checked_token(text, source_words(source)), source)
    return None


def require_account(place: Place, node: str) -> Account:
    """The account, or NotSignedIn with the ways to sign in."""
    account = find_account(place)
    if account is None:
        raise NotSignedIn(remark("not_signed_in", node=node))
    return account


def source_words(source: str) -> Value:
    """Where a token came from, for a sentence: a variable or a command is named as it is."""
    return remark("saved_here") if source == SAVED else source


def way_to_sign_in(source: str) -> Remark:
    """What to do about a token from ``source`` that RunComfy rejects."""
    if source == SAVED:
        return remark("save_valid_token")
    return remark("log_in_again") if source == COMMAND_LINE else remark("set_valid_token", variable=source)


def way_to_that_account(source: str) -> Remark:
    """What to do about a good token from ``source`` that is not the account's that was just spoken of."""
    if source == SAVED:
        return remark("save_that_token")
    return remark("log_in_there") if source == COMMAND_LINE else remark("set_that_token", variable=source)


def checked_token(text: str, source: Value) -> str:
    """``text`` as a token. Raises NotSignedIn, never showing it."""
    token = text.strip()
    if not _TOKEN.fullmatch(token):
        raise NotSignedIn(remark("token_unusable", source=source))
    return token


def save_token(place: Place, text: str) -> None:
    """Keep a token in a private file. Raises NotSignedIn for a malformed one, OSError."""
    write_private(place.directory / _TOKEN_FILE, checked_token(text, remark("account_dialog")).encode())


def saved_token_exists(place: Place) -> bool:
    """Whether a token was saved through the account dialog."""
    return (place.directory / _TOKEN_FILE).exists()


def clear_token(place: Place) -> None:
    """Forget the saved token; one from the environment stays in force."""
    (place.directory / _TOKEN_FILE).unlink(missing_ok=True)


def ceiling_usd(place: Place) -> float:
    """The most one prompt may cost, over all its nodes and takes."""
    text = _read_text(place.directory / _SETTINGS_FILE)
    if text is None:
        return DEFAULT_CEILING_USD
    try:
        value = json.loads(text)["ceiling_usd"]
        if not is_ceiling(value):
            raise ValueError
        return float(value)
    except (ValueError, KeyError, TypeError, RecursionError):
        path, usual = str(place.directory / _SETTINGS_FILE), f"${DEFAULT_CEILING_USD:.2f}"
        raise JournalError(remark("settings_unreadable", path=path, usd=usual)) from None


def is_ceiling(value) -> bool:
    """Whether ``value`` can be a ceiling: 0 to 1000 US dollars."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= MAX_CEILING_USD


def save_ceiling(place: Place, usd: float) -> None:
    """Keep the ceiling per prompt. Raises OSError."""
    write_private(place.directory / _SETTINGS_FILE, json.dumps({"ceiling_usd": float(usd)}).encode())


def identity(place: Place, account: Account) -> str:
    """A keyed hash of token and service: equal for the same ones on this machine, useless anywhere else.

    The service is part of it so that nothing a test server rendered is ever taken for RunComfy's.
    """
    line = f"{place.api_url}\n{account.token}".encode()
    return hmac.new(_identity_key(place), line, hashlib.sha256).hexdigest()[:32]


def identity_in_use(place: Place) -> str | None:
    """The identity of the account in use, None without a token."""
    account = find_account(place)
    return identity(place, account) if account else None


def _identity_key(place: Place) -> bytes:
    path = place.directory / _KEY_FILE
    lock = FileLock(place.directory / f"{_KEY_FILE}.lock")
    try:
        if not path.exists():
            if not lock.acquire(place.patience.lock):
                raise JournalError(remark("file_locked_for_now", path=str(path)))
            try:
                if not path.exists():  # another process may have been first
                    _check_nothing_was_bought(place, path)
                    write_private(path, secrets.token_bytes(_KEY_BYTES))
            finally:
                lock.release()
        key = path.read_bytes()
    except OSError as error:
        why = str(error.strerror)
        raise JournalError(remark("folder_unusable", folder=str(place.directory), why=why)) from None
    if len(key) != _KEY_BYTES:
        raise JournalError(remark("file_damaged", path=str(path)))
    return key


def _check_nothing_was_bought(place: Place, key: Path) -> None:
    """A new key would make every request in the journal one of another account, to be bought again."""
    journal = place.directory / JOURNAL_FILE
    if journal.exists():
        raise JournalError(remark("key_missing", path=str(key), journal=str(journal)))


def _read_text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError):
        raise NotSignedIn(remark("file_unreadable", path=str(path))) from None


def _command_line_token(place: Place) -> str | None:
    """``access_token`` of the file that `runcomfy login` writes, or None."""
    path = _command_line_folder(place) / "token.json"
    try:
        token = json.loads(path.read_text(encoding="utf-8")).get("access_token")
    except (OSError, ValueError, AttributeError, RecursionError):
        return None  # not ours: a missing or foreign file there is no token
    return token if isinstance(token, str) else None


def _command_line_folder(place: Place) -> Path:
    environment = place.environment
    if environment.get("RUNCOMFY_CONFIG_DIR"):
        return Path(environment["RUNCOMFY_CONFIG_DIR"])
    if environment.get("XDG_CONFIG_HOME"):
        return Path(environment["XDG_CONFIG_HOME"]) / "runcomfy"
    home = environment.get("HOME") or environment.get("USERPROFILE") or str(Path.home())
    return Path(home) / ".config" / "runcomfy"
