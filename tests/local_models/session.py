"""What the engine tests share: tiny models with ComfyUI's engine, requests for them, and spies."""

import asyncio
from contextlib import contextmanager

import torch

SHARED = {
    "node": "N",
    "tags": "lo-fi, mellow, 75 BPM, A minor, 3/4",
    "lyrics": "[Verse]\nla la la",
    "seed": 5,
    "version": "auto",
    "backend": "local",
    "batch_size": 1,
    "variant": "turbo",
}


class Parts:
    """MODEL, CLIP and VAE of one generation, as a node's sockets would bring them."""

    def __init__(self, model, clip, vae):
        self.model, self.clip, self.vae = model, clip, vae

    @property
    def network(self):
        return self.model.model.diffusion_model

    def shared(self, **changes) -> dict:
        return {**SHARED, "model": self.model, "clip": self.clip, "vae": self.vae, **changes}


def v15() -> Parts:
    """Small ones of 1.5."""
    from local_models import tiny

    return Parts(tiny.v15_model(), tiny.v15_clip(), tiny.v15_vae())


def v1() -> Parts:
    """Small ones of v1."""
    from local_models import tiny

    return Parts(tiny.v1_model(), tiny.v1_clip(), tiny.v1_vae())


def steps_for(parts: Parts) -> dict:
    """Few steps for v1, whose recipe has 60; turbo's own for 1.5."""
    return {"steps": 4} if type(parts.model.model).__name__ == "ACEStep" else {}


def sound(seconds: float, rate: int = 44_100, channels: int = 2):
    """Tones and noise as a Sound."""
    from acestep_nodes.nodes.audio.value import Sound

    generator = torch.Generator().manual_seed(rate + channels)
    time = torch.arange(round(seconds * rate)) / rate
    tones = torch.stack([torch.sin(2 * torch.pi * hz * time) for hz in (220, 331)[:channels]])
    return Sound(0.2 * tones + 0.02 * torch.randn(tones.shape, generator=generator), rate)


def generate(parts: Parts, duration: int = 6, progress=None, **changes):
    from acestep_nodes.nodes.request.requests import generate_request

    return _run(generate_request(duration=duration, progress=progress, **parts.shared(**changes)), "generate")


def inpaint(parts: Parts, window, *ranges, progress=None, **changes):
    from acestep_nodes.nodes.request.requests import inpaint_request

    request = inpaint_request(progress=progress, **parts.shared(**changes))
    return _run(request, "inpaint", window, list(ranges))


def outpaint(parts: Parts, window, before: float, after: float, progress=None, **changes):
    from acestep_nodes.nodes.request.requests import outpaint_request

    request = outpaint_request(
        extend_before_duration=before, extend_after_duration=after, progress=progress, **parts.shared(**changes)
    )
    return _run(request, "outpaint", window, before, after)


def _run(request, method: str, *arguments):
    """(Sound, warnings) of one call, as the nodes make it."""
    from acestep_nodes.nodes.backends.interface import Plan
    from acestep_nodes.nodes.backends.local import LocalBackend
    from acestep_nodes.nodes.request.requests import Call

    backend = LocalBackend(request)
    try:
        backend.check(Plan((1.0,)))
        call = getattr(backend, method)
        with torch.inference_mode():
            made = asyncio.run(call(*arguments, backend.request.for_call(Call())))
        return made, [said.sentence() for said in backend.facts()["warnings"]]
    finally:
        backend.close()


@contextmanager
def replaced(owner, name: str, make):
    """``owner.name`` replaced by ``make(original)`` for the time of a ``with``; yields nothing."""
    had = name in vars(owner)
    original = getattr(owner, name)
    setattr(owner, name, make(original))
    try:
        yield
    finally:
        if had:
            setattr(owner, name, original)
        else:
            delattr(owner, name)


@contextmanager
def calls_of(owner, name: str):
    """The positional arguments of every call of ``owner.name`` within a ``with``."""
    calls = []

    def spy(original):
        def called(*args, **kwargs):
            calls.append(args)
            return original(*args, **kwargs)

        return called

    with replaced(owner, name, spy):
        yield calls
