"""From a request to samples, float32 [2, samples]: a whole piece, or music that is added to one."""

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from ...request.requests import EditRequest, GenerateRequest, Request
from ..interface import Seconds
from .form import form
from .instruments import DRUMS
from .mixing import EDGE_SECONDS, fade, limit, match_level, narrow
from .score import Score
from .style import Style, read_style
from .synth import RATE_HZ, Synth

_RMS = 0.13  # level of a piece before the soft limiter
_TAIL_SECONDS = 2.5  # how long sound may ring on past the end
_ENDING_SECONDS = 1.2  # the least time the last chord gets
_FADE_IN_SECONDS, _FADE_OUT_SECONDS = 4.0, 10.0


def piece(request: GenerateRequest) -> np.ndarray:
    """A whole piece. One that loops has the tempo of ``Style.filling``, and its end rings on into its start."""
    style = read_style(request)
    music = _perform(request, style, request.duration, begins=True, ends=True)
    if not style.loop:
        _fade_ends(music, style, begins=True, ends=True)
    return music


def addition(request: EditRequest, left: np.ndarray, samples: int, right: np.ndarray) -> np.ndarray:
    """New music between ``left`` and ``right``, as loud as they are and no wider.

    It begins or ends where there is nothing.
    """
    style = read_style(request)
    begins, ends = not left.size, not right.size
    seconds = samples / RATE_HZ
    if begins and not ends:  # its last bar is a whole one
        seconds = math.ceil(seconds / style.bar_seconds) * style.bar_seconds
    music = _perform(request, style, seconds, begins, ends)[:, -samples:]
    narrow(music, left, right)
    if request.match_loudness:
        music = match_level(music, left, right)
    _fade_ends(music, style, begins, ends)
    return music


def _perform(request: Request, style: Style, seconds: Seconds, begins: bool, ends: bool) -> np.ndarray:
    """Music of ``seconds``. Where it does not begin or end it sounds cut out of a piece."""
    samples = round(seconds * RATE_HZ)
    rings = ends and not style.fade_out and not style.loop
    if style.loop:
        style, bars = style.filling(seconds)
    elif rings:
        bars = max(1, math.floor((seconds - _ENDING_SECONDS) / style.bar_seconds))
    else:
        bars = math.ceil(seconds / style.bar_seconds)
    blocks = form(request.lyrics, bars, begins and not style.loop, ends and not style.loop)
    score = Score(request, style, blocks, rings)
    mix = _play(request, score, samples + round(_TAIL_SECONDS * RATE_HZ))
    music = mix[:, :samples]
    if style.loop:
        for start in range(samples, mix.shape[1], samples):
            tail = mix[:, start : start + samples]
            music[:, : tail.shape[1]] += tail
    power = float(np.mean(np.square(music)))
    music *= _RMS / math.sqrt(power) if power else 0.0
    limit(music)
    return music


def _play(request: Request, score: Score, samples: int) -> np.ndarray:
    """Every note of the score; drums and bass stay outside the room."""
    synth = Synth(samples, score.style.bright_hz)
    dry = [voice for voice in score.notes if voice in DRUMS or voice == score.style.bass]
    in_room = [voice for voice in score.notes if voice not in dry]
    work: list[Callable[[], None]] = [
        *(partial(synth.play, voice, score.notes[voice]) for voice in in_room),
        synth.add_room,
        *(partial(synth.play, voice, score.notes[voice]) for voice in dry),
    ]
    for done, job in enumerate(work, start=1):
        request.progress.raise_if_stopped()
        job()
        request.progress.step(done, len(work))
    return synth.mix


def _fade_ends(music: np.ndarray, style: Style, begins: bool, ends: bool) -> None:
    """Fade in place: as long as the tags ask where the piece begins or ends, elsewhere just enough not to click."""
    fade_in = _FADE_IN_SECONDS if begins and style.fade_in else EDGE_SECONDS
    fade_out = (_FADE_OUT_SECONDS if style.fade_out else _ENDING_SECONDS) if ends else EDGE_SECONDS
    fade(music, fade_in, fade_out)
