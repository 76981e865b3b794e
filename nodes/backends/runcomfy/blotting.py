"""Striking the token out of text that comes from outside, also where it is written in disguise."""

import base64
import html
import re

_BLOT = "[token]"
# A shorter piece of base64 could be anything.
_LEAST_BASE64 = 6
_BASE64_LETTERS = {"+": r"(?:[+-]|%2b)", "/": r"(?:[/_]|%2f)"}


def blotted(text: str, token: str) -> str:
    """``text`` with a blot for every token: plain, in another case (as a host is), escaped as in a URL, JSON or HTML,
    in hexadecimal, or in base64 with whatever before and after it."""
    return _written(token).sub(_BLOT, text)


def holds_token(text: str, token: str) -> bool:
    return _written(token).search(text) is not None


def _written(token: str) -> re.Pattern:
    plain = r"\s*".join(_letter(letter) for letter in token)
    ways = [plain, token.encode().hex(), *_in_base64(token.encode())]
    return re.compile("|".join(sorted(ways, key=len, reverse=True)), re.IGNORECASE)


def _letter(letter: str) -> str:
    code = ord(letter)
    escapes = [
        rf"%{code:02x}",
        rf"\\u{code:04x}",
        rf"\\x{code:02x}",
        f"&#0*{code};",
        f"&#x0*{code:x};",
        re.escape(html.escape(letter)),
    ]
    return f"(?:{'|'.join([*escapes, re.escape(letter), re.escape(chr(92) + letter)])})"


def _in_base64(data: bytes) -> list[str]:
    """Its base64 at each of the three places where it may begin, without the letters that its neighbours change."""
    found = []
    for before in range(3):
        whole = base64.b64encode(bytes(before) + data).decode().rstrip("=")
        bits = 8 * (before + len(data))
        core = whole[-(-8 * before // 6) : bits // 6]
        if len(core) >= _LEAST_BASE64:
            found.append("".join(_BASE64_LETTERS.get(letter, letter) for letter in core))
    return found
