"""Numbers as other packs send them."""


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
