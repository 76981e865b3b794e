"""New music among what surrounds it: limiting, level, width, fades and blending. Samples are float32 [2, samples]."""

import math

import numpy as np

from ..interface import Seconds
from .synth import RATE_HZ

EDGE_SECONDS = 0.008  # the shortest fade that does not click
_PEAK = 0.89  # ceiling of the soft limiter
_NEIGHBOUR_SECONDS = 10.0  # how much of what surrounds new music sets its level
_SILENT_RMS = 1e-3


def limit(music: np.ndarray) -> None:
    """Round off the peaks in place so that none passes ``_PEAK``."""
    music /= _PEAK
    np.tanh(music, out=music)
    music *= _PEAK


def fade(music: np.ndarray, fade_in: Seconds, fade_out: Seconds) -> None:
    """Fade both ends in place, each over half of the music at most."""
    for seconds, side in ((fade_in, music), (fade_out, music[:, ::-1])):
        samples = min(round(seconds * RATE_HZ), music.shape[1] // 2)
        side[:, :samples] *= np.sin(np.linspace(0, np.pi / 2, samples, endpoint=False, dtype=np.float32)) ** 2


def match_level(music: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Music at the level of its neighbours, gliding from the left one's to the right one's."""
    near = round(_NEIGHBOUR_SECONDS * RATE_HZ)
    own, *levels = (_level(sound) for sound in (music, left[:, -near:], right[:, :near]))
    heard = [level for level in levels if level > _SILENT_RMS]
    if not heard or own <= _SILENT_RMS:
        return music
    first, last = (level if level > _SILENT_RMS else heard[0] for level in levels)
    music = music * np.geomspace(first / own, last / own, music.shape[1], dtype=np.float32)
    limit(music)
    return music


def narrow(music: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """Take its sides down in place where it is wider than both of its neighbours: none beside a mono recording."""
    near = round(_NEIGHBOUR_SECONDS * RATE_HZ)
    own, *widths = (_width(sound) for sound in (music, left[:, -near:], right[:, :near]))
    heard = [width for width in widths if width is not None]
    if own and heard and own > max(heard):
        side = (music[0] - music[1]) / 2 * (1 - math.sqrt(max(heard) / own))
        music += np.stack([-side, side])


def _width(sound: np.ndarray) -> float | None:
    """Power of left − right over that of left + right; None where there is no sound."""
    mid, side = (float(np.mean(np.square(sound[0] + sign * sound[1]))) if sound.size else 0.0 for sign in (1, -1))
    return side / mid if mid > _SILENT_RMS**2 else None


def _level(sound: np.ndarray) -> float:
    """RMS of the quarter seconds that are not far (20 dB) below the loudest."""
    block = RATE_HZ // 4
    powers = [float(np.mean(np.square(sound[:, i : i + block]))) for i in range(0, sound.shape[1], block)]
    loudest = max(powers, default=0.0)
    heard = [power for power in powers if power >= loudest / 100]
    return math.sqrt(sum(heard) / len(heard)) if heard else 0.0


def blend(old: np.ndarray, new: np.ndarray, strength: float) -> None:
    """Cross from ``old`` to ``new`` in place, at equal power, as far as ``strength``, with short edges."""
    edge = min(round(EDGE_SECONDS * RATE_HZ), old.shape[1] // 4)
    turn = np.full(old.shape[1], strength * np.pi / 2, np.float32)
    ramp = np.linspace(0, 1, edge, endpoint=False, dtype=np.float32)
    turn[:edge] *= ramp
    turn[turn.size - edge :] *= ramp[::-1]
    old *= np.cos(turn)
    old += new * np.sin(turn)
