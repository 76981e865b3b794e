"""The pinned ComfyUIs and front ends, each fetched once into the cache that workflows/run.py uses too."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflows"))

from runner import comfyui_source  # noqa: E402  (the path must be set first)
from runner.pip import Pip  # noqa: E402
from runner.places import log_dir  # noqa: E402


def tree(version: str = comfyui_source.DEFAULT_VERSION) -> Path:
    """The folder of that ComfyUI."""
    return comfyui_source.fetch(version, _pip())


def frontend_of(comfyui: Path) -> Path:
    """The web root of the front end that this ComfyUI asks for."""
    return frontend(comfyui_source.frontend_of(comfyui))


def frontend(version: str) -> Path:
    """The web root of a pinned front end."""
    return comfyui_source.fetch_frontend(version, _pip())


def _pip() -> Pip:
    return Pip(Path(sys.executable), log_dir() / "tests-pip.log")
