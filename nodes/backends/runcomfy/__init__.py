"""RunComfy's hosted ACE-Step. Nothing here is imported before a run, a route or the account needs it."""

from .backend import RunComfyBackend

__all__ = ["RunComfyBackend"]
