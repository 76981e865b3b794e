"""Who renders. Each backend is imported only when a run asks for it."""

from .interface import Backend, RequestT


def open_backend(request: RequestT) -> Backend[RequestT]:
    """The backend for one run. ``auto`` is local and never spends money."""
    return _backend_class(request.backend)(request)


def fingerprint(backend: str, **inputs) -> object:
    """What outside the node's inputs decides the result of ``backend``: installed files, the account in use.

    ``inputs`` are the node's constant inputs. Pure and quick; called by ComfyUI before every run.
    """
    return _backend_class(backend).fingerprint(**inputs)


def _backend_class(backend: str) -> type[Backend]:
    if backend == "sketch":
        from .sketch import SketchBackend

        return SketchBackend
    if backend == "runcomfy":
        from .runcomfy import RunComfyBackend

        return RunComfyBackend
    from .local import LocalBackend

    return LocalBackend
