"""Runs of the sketch backend for tests, and sounds to give it."""

import asyncio

import numpy as np
import torch
from acestep_nodes.nodes.audio.resample import resample, with_channels
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.backends.sketch import SketchBackend
from acestep_nodes.nodes.request.requests import Call, generate_request, inpaint_request, outpaint_request

RATE = 48_000
SHARED = {"version": "auto", "backend": "sketch", "batch_size": 1}


def generate(tags: str, lyrics: str = "", duration: int = 20, seed: int = 1, **others) -> np.ndarray:
    """Samples [2, T] of a generation."""
    request = generate_request(
        node="ACEStepGenerate", tags=tags, lyrics=lyrics, duration=duration, seed=seed, **SHARED | others
    )
    sound = asyncio.run(SketchBackend(request).generate(request.for_call(Call())))
    assert sound.sample_rate == RATE
    assert sound.waveform.dtype == torch.float32 and sound.waveform.is_contiguous()
    return sound.waveform.numpy()


def inpaint(window: Sound, ranges, tags: str = "pop, 120 BPM", lyrics: str = "", seed: int = 1, **others) -> np.ndarray:
    request = inpaint_request(node="ACEStepInpaint", tags=tags, lyrics=lyrics, seed=seed, **SHARED | others)
    return asyncio.run(SketchBackend(request).inpaint(window, ranges, request.for_call(Call()))).waveform.numpy()


def outpaint(window: Sound, before: float, after: float, tags: str = "pop, 120 BPM", seed: int = 1) -> np.ndarray:
    request = outpaint_request(
        node="ACEStepOutpaint", tags=tags, lyrics="", seed=seed, extend_before_duration=before,
        extend_after_duration=after, **SHARED,
    )  # fmt: skip
    sound = asyncio.run(SketchBackend(request).outpaint(window, before, after, request.for_call(Call())))
    return sound.waveform.numpy()


def noise(seconds: float, rate: int = RATE, channels: int = 2, level: float = 0.1) -> Sound:
    samples = np.random.default_rng(7).normal(0, level, (channels, round(seconds * rate)))
    return Sound(torch.from_numpy(samples.astype(np.float32)), rate)


def window_at_48k(window: Sound) -> np.ndarray:
    return with_channels(resample(window.waveform, window.sample_rate, RATE), 2).numpy()
