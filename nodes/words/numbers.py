"""Numbers as other packs send them, and values in a sentence."""

import math

from .remarks import Remark, remark

_LONGEST_SHOWN = 60


def plain(value):
    """A number as other packs send it, such as numpy's or a tensor without dimensions, as Python's own.

    Anything else as it is.
    """
    if isinstance(value, (bool, int, float, str)) or getattr(value, "ndim", None) != 0 or not hasattr(value, "item"):
        return value
    try:
        own = value.item()
    except (TypeError, ValueError, RuntimeError):  # a tensor that holds no value
        return value
    return own if isinstance(own, (bool, int, float)) else value


def is_number(value) -> bool:
    """Whether ``value`` is a finite number; an int of any size is one, which a float may not hold."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def shown(value) -> str | Remark:
    """``value`` in a sentence, whatever it is and however large."""
    if isinstance(value, float):
        return f"{value:g}"
    try:
        text = repr(value)
    except ValueError:
        return remark("huge_number")
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
