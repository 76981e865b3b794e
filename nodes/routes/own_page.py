"""Which page is ComfyUI's own: the one that a route may answer, told by where the browser says that it comes from.

That Origin equals Host is not enough. A stranger's page may be at ``http://stranger.example:8188``, whose name then
leads to this machine (DNS rebinding): its Origin equals its Host. So Host must be one that no stranger can have a page
at: a loopback name, an address in digits, a name that ComfyUI was told to listen on, or one of RunComfy's machines.
Behind a proxy with another name, or one that rewrites Host, the user names the page's origin in a setting.
"""

import ipaddress
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import urlsplit

from ..words.remarks import Remark, remark

PUBLIC_ORIGIN = "ACESTEP_PUBLIC_ORIGIN"
# RunComfy's own setting of the same kind, on the machines that it hosts.
_RUNCOMFY_PUBLIC_ORIGIN = "RUNCOMFY_PUBLIC_ORIGIN"
_RUNCOMFY_HOST = re.compile(r"([a-z0-9-]+\.)+runcomfy\.(com|net)")
_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + (f":{self.port}" if self.port != _PORTS[self.scheme] else "")


def origin_of(text: str) -> Origin | None:
    """``https://name:port`` with nothing behind it, taken apart; None for anything else."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    plain = parts.scheme in _PORTS and parts.path in ("", "/") and not parts.query and not parts.fragment
    if not plain or "@" in parts.netloc or not re.fullmatch(r"[a-z0-9._:-]{1,253}", host):
        return None
    return Origin(parts.scheme, host, port or _PORTS[parts.scheme])


def refusal(
    origin: str, host: str, scheme: str, listening: Iterable[str], environment: Mapping[str, str]
) -> Remark | None:
    """Why a request is not answered; None when it comes from ComfyUI's own page.

    origin, host: these headers. scheme: how the request came. listening: the names ComfyUI was told to listen on.
    """
    asking, asked = origin_of(origin), origin_of(f"{scheme}://{host}")
    if asking is None:
        return remark("not_own_page")
    named, unreadable = _named_in(environment)
    if asking in named or (asked is not None and _is_own(asking, asked, listening)):
        return None
    known = {"page": str(asking), "setting": f"{PUBLIC_ORIGIN}={asking}"}
    if unreadable:
        return remark("unknown_page_and_setting", unreadable=repr(unreadable), **known)
    return remark("unknown_page", **known)


def _is_own(asking: Origin, asked: Origin, listening: Iterable[str]) -> bool:
    if _RUNCOMFY_HOST.fullmatch(asked.host):  # RunComfy's proxy speaks TLS, and plain HTTP to ComfyUI
        return asking == Origin("https", asked.host, asking.port) and asking.port in (443, asked.port)
    return asking == asked and (_is_loopback_name(asked.host) or _is_address(asked.host) or asked.host in listening)


def _is_loopback_name(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _named_in(environment: Mapping[str, str]) -> tuple[set[Origin], str]:
    """The origins that the settings name, and the first text in them that is none."""
    texts = re.split(r"[,\s]+", f"{environment.get(PUBLIC_ORIGIN, '')},{environment.get(_RUNCOMFY_PUBLIC_ORIGIN, '')}")
    found = {text: origin_of(text) for text in texts if text}
    unreadable = next((text for text, origin in found.items() if origin is None), "")
    return {origin for origin in found.values() if origin}, unreadable
