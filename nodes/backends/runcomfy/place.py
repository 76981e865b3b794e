"""Where this backend runs: which service it talks to, where its files lie, how patient it is."""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from ...errors import InputError

API_URL = "https://model-api.runcomfy.net"
API_URL_VARIABLE = "ACESTEP_RUNCOMFY_BASE_URL"
SERVERLESS_URL = "https://api.runcomfy.net"
SERVERLESS_URL_VARIABLE = "ACESTEP_RUNCOMFY_SERVERLESS_URL"


@dataclass(frozen=True)
class Patience:
    """Waits, in seconds. The defaults are the contract's; tests shorten them."""

    connect: float = 10.0
    answer: float = 20.0  # a GET or a cancel
    submission: float = 60.0  # the paid POST's answer
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
        """The place of the running ComfyUI. Raises InputError for a base URL that is not loopback."""
        import folder_paths

        directory = Path(folder_paths.get_system_user_directory("acestep"))
        return cls(directory, api_url_from(os.environ), os.environ)


def api_url_from(environment: Mapping[str, str]) -> str:
    """The service's base URL, or the loopback address a test put in its place."""
    text = environment.get(API_URL_VARIABLE, "").strip()
    return loopback_url(API_URL_VARIABLE, text) if text else API_URL


def serverless_url_from(environment: Mapping[str, str]) -> str:
    """The same for RunComfy's serverless deployments."""
    text = environment.get(SERVERLESS_URL_VARIABLE, "").strip()
    return loopback_url(SERVERLESS_URL_VARIABLE, text) if text else SERVERLESS_URL


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
        raise InputError(
            f"{variable} is set, but not to the address of a server on this machine; it may only be a "
            "loopback address such as http://127.0.0.1:8765. Correct it, or remove it to use RunComfy."
        ) from None
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}" + (f":{port}" if port else "")
