"""The oldest ComfyUI this pack runs on. ComfyUI reads ``requires-comfyui`` but does not enforce it."""

import re

MINIMUM = (0, 26, 0)


def check_comfyui_version() -> None:
    """Raise ImportError, with one sentence to act on, on a ComfyUI older than 0.26.0 or outside ComfyUI."""
    needed = ".".join(map(str, MINIMUM))
    try:
        from comfyui_version import __version__ as found
    except ImportError:
        raise ImportError(
            f"The ACE-Step nodes are a custom node pack: put this folder into ComfyUI/custom_nodes of ComfyUI {needed} "
            "or newer."
        ) from None
    if _numbers(found) < MINIMUM:
        raise ImportError(f"The ACE-Step nodes need ComfyUI {needed} or newer; this is {found}. Update ComfyUI.")


def _numbers(version: str) -> tuple[int, ...]:
    """``"0.30.0rc1"`` → (0, 30, 0): the leading digits of each of the first three parts."""
    return tuple(int((re.findall(r"^\d+", part) or ["0"])[0]) for part in version.split(".")[:3])
