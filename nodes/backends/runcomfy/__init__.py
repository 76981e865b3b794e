"""RunComfy's hosted ACE-Step. Importing this imports nothing: a run or a route brings in what it needs."""


def __getattr__(name: str):
    if name == "RunComfyBackend":
        from .backend import RunComfyBackend

        return RunComfyBackend
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
