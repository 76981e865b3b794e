"""What `backend = auto` becomes when nobody chose: the local engine where its files are, else the sketch.

A paid backend is never chosen here. That a token is set is only mentioned.
"""

import os
import re
from pathlib import Path

from .client import Client

MODEL_FOLDERS = ("checkpoints", "diffusion_models")
ACE_STEP_FILE = re.compile(r"ace[-_. ]?step", re.IGNORECASE)


def has_ace_step_files(client: Client) -> bool:
    """Whether the server lists a model file named after ACE-Step, in any folder it is configured with."""
    return any(ACE_STEP_FILE.search(name) for folder in MODEL_FOLDERS for name in client.get(f"/models/{folder}"))


def sketch_sentence(models: Path) -> str:
    """Says that this is not ACE-Step, and the two ways to it."""
    signed_in = "" if has_runcomfy_token() else " after `runcomfy login`"
    return (
        f"No ACE-Step weights found, so this is sketch, a small built-in synthesiser and not ACE-Step. For "
        f"ACE-Step run --get-model turbo first (free, a download of 10 GB into {models}), or add --backend "
        f"runcomfy{signed_in} (paid, RunComfy's servers)."
    )


def has_runcomfy_token() -> bool:
    """Whether a RunComfy token is configured; its value is not looked at."""
    if os.environ.get("RUNCOMFY_API_TOKEN"):
        return True
    if os.environ.get("RUNCOMFY_API_TOKEN_FILE"):
        return False
    return bool(os.environ.get("RUNCOMFY_TOKEN")) or any(path.is_file() for path in _cli_token_files())


def _cli_token_files() -> list[Path]:
    if folder := os.environ.get("RUNCOMFY_CONFIG_DIR"):
        return [Path(folder) / "token.json"]
    config = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return [config / "runcomfy" / "token.json"]
