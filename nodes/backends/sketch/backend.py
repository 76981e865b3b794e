"""The synthesiser as a backend."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from ...audio.resample import resample, with_channels
from ...audio.value import Sound
from ...errors import InputError
from ...request.requests import GenerateRequest, InpaintRequest, OutpaintRequest, Request
from ...words.remarks import Remark, remark
from ...words.tags import read_bpm
from ..interface import Backend, Plan, Range, Seconds
from .mixing import blend
from .performance import addition, piece
from .style import read_style
from .synth import RATE_HZ

NOT_ACE_STEP = remark("sketch")


class SketchBackend(Backend[Request]):
    """Renders with a small synthesiser: free, at once, and the same every time."""

    name = "sketch"
    shares_windows = True

    def __init__(self, request: Request):
        super().__init__(request)
        self._warnings: list[Remark] = [NOT_ACE_STEP]
        defaults = {"version": "auto", "variant": "auto", "language": "auto", "steps": 0, "guidance": 0.0}
        defaults |= {"recipe": "upstream", "planning": "auto", "variation": 0.0, "surroundings": "hold"}
        ignored = [name for name, default in defaults.items() if getattr(request, name, default) != default]
        ignored += [name for name in ("model", "clip", "vae") if getattr(request, name) is not None]
        if ignored:
            self._warnings.append(remark("sketch_ignores", names=", ".join(ignored)))

    @property
    def max_seconds(self) -> Seconds:
        return 600.0

    @property
    def version(self) -> str:
        return "none"

    @property
    def model(self) -> str:
        return "sketch synthesiser"

    def check(self, plan: Plan) -> None:
        if self.request.resume_request_ids:
            ids = ", ".join(self.request.resume_request_ids)
            raise InputError(remark("sketch_resumes", node=self.request.node, ids=ids))

    def facts(self) -> dict:
        return {"warnings": list(self._warnings)}

    async def generate(self, request: GenerateRequest) -> Sound:
        """Music of exactly ``request.duration`` seconds.

        With "loop" among the tags the tempo moves to the nearest one at which whole bars fill the duration, and
        what rings on past the end wraps round to the start.
        """
        self._say_loop_tempo(request)
        return _sound(piece(request))

    def _say_loop_tempo(self, request: GenerateRequest) -> None:
        """Warn when a loop cannot have the tempo that the tags name."""
        style, asked = read_style(request), read_bpm(request.tags)
        if asked is None or not style.loop:
            return
        filled, bars = style.filling(request.duration)
        said = remark("loop_tempo", bpm=f"{filled.bpm:.1f}", asked=asked, bars=bars, duration=request.duration)
        if abs(filled.bpm - asked) > 0.05 and said not in self._warnings:
            self._warnings.append(said)

    async def inpaint(self, window: Sound, ranges: Sequence[Range], request: InpaintRequest) -> Sound:
        """New music in the ranges, mixed in by ``strength``: 0 leaves the window as it is, 1 replaces the range.

        Each range begins on a bar and is as loud as its neighbours. It has an intro or a fade-in only where it
        reaches the window's start, an ending or a fade-out only where it reaches the window's end.
        """
        source = _stereo(window)
        out = source.copy()
        for index, bounds in enumerate(ranges):
            start, stop = (min(round(seconds * RATE_HZ), source.shape[1]) for seconds in bounds)
            if start < stop:
                part = replace(request, progress=request.progress.part(index, len(ranges)))
                new = addition(part, source[:, :start], stop - start, source[:, stop:])
                blend(out[:, start:stop], new, request.strength)
        return _sound(out)

    async def outpaint(self, window: Sound, before: Seconds, after: Seconds, request: OutpaintRequest) -> Sound:
        """New music whose last bar ends where the window starts, the window, new music from its end on."""
        source = _stereo(window)
        nothing, pieces = source[:, :0], [source]
        count = bool(before) + bool(after)
        if before:
            part = replace(request, progress=request.progress.part(0, count))
            pieces.insert(0, addition(part, nothing, round(before * RATE_HZ), source))
        if after:
            part = replace(request, progress=request.progress.part(count - 1, count))
            pieces.append(addition(part, source, round(after * RATE_HZ), nothing))
        return _sound(np.concatenate(pieces, axis=1))


def _stereo(window: Sound) -> np.ndarray:
    return with_channels(resample(window.waveform, window.sample_rate, RATE_HZ), 2).numpy()


def _sound(samples: np.ndarray) -> Sound:
    return Sound(torch.from_numpy(np.ascontiguousarray(samples, np.float32)), RATE_HZ)
