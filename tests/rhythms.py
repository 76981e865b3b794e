"""Sounds with beats at known times, and sounds that have none; float32 [C, n] at RATE."""

import numpy as np
import torch
from acestep_nodes.nodes.audio.value import Sound

RATE = 44_100


def clicks(seconds: float, bpm: float, first: float = 0.5, gain: float = 0.6) -> Sound:
    """A stick each beat."""
    track = np.zeros(round(seconds * RATE))
    for time in np.arange(first, seconds - 0.1, 60 / bpm):
        _add(track, time, gain * _hit(1_800.0, 0.01, 0.05))
    return _sound(track)


def random_hits(seconds: float, seed: int, shortest: float, longest: float) -> Sound:
    """Drums and notes of any strength, any time from ``shortest`` to ``longest`` after each other."""
    draw = np.random.default_rng(seed)
    track, time = np.zeros(round(seconds * RATE)), 0.0
    while (time := time + draw.uniform(shortest, longest)) < seconds - 0.3:
        _add(track, time, draw.uniform(0.1, 0.6) * _hit(draw.uniform(60, 1_500), draw.uniform(0.03, 0.08), 0.3))
    return _sound(track)


def speech(seconds: float, seed: int) -> Sound:
    """Syllables as long as they come, in words and pauses, with hisses before some of them."""
    draw = np.random.default_rng(seed)
    track, time = np.zeros(round(seconds * RATE)), 0.2
    while time < seconds - 1:
        for _ in range(draw.integers(3, 9)):
            length = draw.uniform(0.09, 0.28)
            clock = np.arange(round(length * RATE)) / RATE
            pitch, formant = draw.uniform(90, 220), draw.choice([500, 700, 1_200])
            voice = sum(
                np.sin(2 * np.pi * pitch * k * clock * (1 + 0.05 * clock)) / (1 + abs(pitch * k - formant) / 300)
                for k in range(1, 20)
            )
            _add(track, time, 0.1 * draw.uniform(0.3, 1) * voice * np.sqrt(np.sin(np.pi * clock / length)))
            if draw.random() < 0.6:
                _add(track, time - 0.04, draw.normal(0, 0.06, round(0.04 * RATE)))
            time += length + abs(draw.normal(0.02, 0.03))
        time += draw.uniform(0.2, 0.8)
    return _sound(track)


def rubato(sound: Sound, amount: float, seconds: float, seed: int) -> Sound:
    """Music hurried and held back by ``amount`` (as a logarithm), back and forth about every ``seconds``."""
    clock = np.arange(sound.samples) / sound.sample_rate
    turn = 2 * np.pi * np.random.default_rng(seed).random()
    sway = 0.6 * np.sin(2 * np.pi * clock / seconds + turn) + 0.4 * np.sin(2 * np.pi * clock / seconds / 0.37 + turn)
    places = np.cumsum(np.exp(amount * sway))
    places = places[places < sound.samples - 1]
    rows = [np.interp(places, np.arange(sound.samples), row) for row in sound.waveform.numpy()]
    return Sound(torch.from_numpy(np.stack(rows).astype(np.float32)), sound.sample_rate)


def noise(seconds: float, seed: int) -> Sound:
    return _sound(np.random.default_rng(seed).normal(0, 0.1, round(seconds * RATE)))


def tone(seconds: float) -> Sound:
    return _sound(0.3 * np.sin(2 * np.pi * 110 * np.arange(round(seconds * RATE)) / RATE))


def silence(seconds: float) -> Sound:
    return _sound(np.zeros(round(seconds * RATE)))


def _hit(hertz: float, decay: float, seconds: float) -> np.ndarray:
    clock = np.arange(round(seconds * RATE)) / RATE
    return np.exp(-clock / decay) * np.sin(2 * np.pi * hertz * clock)


def _add(track: np.ndarray, time: float, part: np.ndarray) -> None:
    start = max(0, round(time * RATE))
    part = part[: max(0, len(track) - start)]
    track[start : start + len(part)] += part


def _sound(track: np.ndarray) -> Sound:
    return Sound(torch.from_numpy(track.astype(np.float32))[None], RATE)
