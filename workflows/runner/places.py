"""Where things lie on disk. Everything that is built or fetched stays outside the checkout."""

import os
import sys
from pathlib import Path

PACK_DIR = Path(__file__).resolve().parents[2]
WORKFLOWS_DIR = PACK_DIR / "workflows"
OUT_DIR = PACK_DIR / "out"


def cache_dir() -> Path:
    """$ACESTEP_CACHE, else the platform's cache folder; not created here."""
    if chosen := os.environ.get("ACESTEP_CACHE"):
        return Path(chosen).expanduser().resolve()
    if sys.platform == "win32" and (local := os.environ.get("LOCALAPPDATA")):
        return Path(local) / "acestep-nodes"
    if xdg := os.environ.get("XDG_CACHE_HOME"):
        return Path(xdg) / "acestep-nodes"
    return Path.home() / ".cache" / "acestep-nodes"


def log_dir() -> Path:
    return cache_dir() / "logs"
