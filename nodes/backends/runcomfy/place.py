"""Where this backend runs: which service it talks to, where its files lie, how patient it is."""

import ipaddress
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ...errors import InputError
from ...words.remarks import remark

API_URL = "https://model-api.runcomfy.net"
API_URL_VARIABLE = "ACESTEP_RUNCOMFY_BASE_URL"
SERVERLESS_URL = "https://api.runcomfy.net"
SERVERLESS_URL_VARIABLE = "ACESTEP_RUNCOMFY_SERVERLESS_URL"
DATA_DIRECTORY_VARIABLE = "ACESTEP_DATA_DIR"
# RunComfy's own packs know it: on a machine of another environment than production the token is of that one.
ENVIRONMENT_VARIABLE = "RUNCOMFY_API_ENVIRONMENT"
JOURNAL_FILE = "journal.json"
DEPLOYMENTS_FOLDER = "deployments"  # that of the runner's deployments lies in it
_PACK = Path(__file__).resolve().parents[3]


@dataclass(frozen=True)
class Patience:
    """Waits, in seconds. The defaults are the contract's; tests shorten them."""

    connect: float = 10.0
    answer: float = 20.0  # any single wait for more of a GET's answer
    whole_answer: float = 30.0  # a GET's answer in all; of a file its headers
    submission: float = 90.0  # the paid POST and its answer, in all
    download: float = 600.0  # a file in all
    slow_download: float = 20.0  # a file that comes in too slowly
    first_poll: float = 1.0
    poll: float = 2.0
    first_backoff: float = 0.5
    longest_backoff: float = 8.0
    failing_in_a_row: float = 60.0  # GETs that keep failing, then the run ends with its id
    longest_retry_after: float = 60.0
    not_yet_known: float = 15.0  # a request just accepted may still answer 404
    after_stop: float = 5.0  # for the cancel, or for a submission's answer, before the node ends
    lock: float = 10.0


@dataclass(frozen=True)
class Place:
    """directory: private, holds token, ceiling and journal. api_url: no slash at its end."""

    directory: Path
    api_url: str = API_URL
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    patience: Patience = Patience()

    @property
    def is_test_server(self) -> bool:
        return self.api_url not in (API_URL, SERVERLESS_URL)

    @classmethod
    def of_comfyui(cls) -> "Place":
        """The place of the running ComfyUI. Raises InputError for a setting that cannot be used."""
        import folder_paths

        usual = Path(folder_paths.get_system_user_directory("acestep"))
        open_to_others = [
            folder_paths.get_input_directory(),
            folder_paths.get_output_directory(),
            folder_paths.get_temp_directory(),
            folder_paths.get_user_directory(),
            _PACK / "js",
        ]
        directory = data_directory(os.environ, usual, map(Path, open_to_others))
        return cls(directory, api_url_from(os.environ), os.environ)


def data_directory(environment: Mapping[str, str], usual: Path, open_to_others: Iterable[Path] = ()) -> Path:
    """Where token, ceiling and journal lie: the ``usual`` folder, or the one that ACESTEP_DATA_DIR names.

    open_to_others: folders whose files can be asked for over HTTP. Raises InputError.
    """
    text = environment.get(DATA_DIRECTORY_VARIABLE, "").strip()
    if not text:
        return usual
    directory = Path(text)
    if not directory.is_absolute():
        raise InputError(remark("no_whole_path", variable=DATA_DIRECTORY_VARIABLE, value=repr(text[:200])))
    named = {"variable": DATA_DIRECTORY_VARIABLE, "folder": str(directory)}
    if any(directory.resolve().is_relative_to(folder.resolve()) for folder in open_to_others):
        raise InputError(remark("folder_handed_out", **named))
    if directory.exists() and not directory.is_dir():
        raise InputError(remark("folder_is_file", **named))
    journals = (Path(JOURNAL_FILE), Path(DEPLOYMENTS_FOLDER, JOURNAL_FILE))
    if any((usual / journal).exists() and not (directory / journal).exists() for journal in journals):
        raise InputError(remark("journal_left_behind", **named, usual=str(usual)))
    return directory


def api_url_from(environment: Mapping[str, str]) -> str:
    """The service's base URL, or the loopback address a test put in its place. Raises InputError."""
    return _url_from(environment, API_URL_VARIABLE, API_URL)


def serverless_url_from(environment: Mapping[str, str]) -> str:
    """The same for RunComfy's serverless deployments."""
    return _url_from(environment, SERVERLESS_URL_VARIABLE, SERVERLESS_URL)


def _url_from(environment: Mapping[str, str], variable: str, usual: str) -> str:
    text = environment.get(variable, "").strip()
    if text:
        return loopback_url(variable, text)
    kind = environment.get(ENVIRONMENT_VARIABLE, "").strip()
    if kind.lower() not in ("", "production"):
        raise InputError(remark("other_environment", variable=ENVIRONMENT_VARIABLE, value=repr(kind[:200])))
    return usual


def loopback_url(variable: str, text: str) -> str:
    """``text`` as the base URL of a server on this machine; anything else is refused, as a token would go there."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
        plain = parts.scheme in ("http", "https") and parts.path in ("", "/") and "@" not in parts.netloc
        if not loopback or not plain or parts.query or parts.fragment:
            raise ValueError
    except ValueError:
        raise InputError(remark("no_loopback_address", variable=variable)) from None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")
