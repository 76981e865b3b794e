"""Kinds of music that no threshold was tuned on, made by rule: [2, n] at 44.1 kHz, about −18 dBFS."""

import math

import torch

RATE = 44_100


def plucked(seconds: float, seed: int) -> torch.Tensor:
    """A guitar alone: strings that ring out (Karplus and Strong), rests between phrases, a room that is very still."""
    draw = torch.Generator().manual_seed(seed)
    samples = round(seconds * RATE)
    track = 1e-4 * torch.randn(2, samples, generator=draw)
    time = 0.0
    while time < seconds - 0.1:
        if _chance(draw) < 0.12:
            time += 0.5 + 1.5 * _chance(draw)
            continue
        pitch = 82.4 * 2 ** (int(30 * _chance(draw)) / 12)
        length = min(round(1.6 * RATE), samples - round(time * RATE))
        note = _string(pitch, length, draw) * (0.2 + 0.8 * _chance(draw))
        pan = 0.35 + 0.3 * _chance(draw)
        track[:, round(time * RATE) : round(time * RATE) + length] += torch.tensor([[pan], [1 - pan]]) * note
        time += 0.18 * (1 + int(3 * _chance(draw)))
    return _levelled(track)


def pumping(seconds: float, seed: int) -> torch.Tensor:
    """Club music: a kick four to the bar, chords of saws pushed down by it, noise that opens and closes, 126 BPM."""
    draw = torch.Generator().manual_seed(seed)
    samples = round(seconds * RATE)
    clock = torch.arange(samples) / RATE
    beat = 60 / 126
    phase = clock % beat
    chords = torch.zeros(2, samples)
    bar = 0
    while bar * 4 * beat < seconds:
        part = slice(round(bar * 4 * beat * RATE), min(samples, round((bar + 1) * 4 * beat * RATE)))
        root = 55 * 2 ** (int(12 * _chance(draw)) / 12)
        for step in (0, 3, 7, 12):
            for side in (0, 1):
                frequency = root * 2 * 2 ** (step / 12) * (1 + 0.004 * (_chance(draw) - 0.5))
                turns = frequency * clock[part] + _chance(draw)
                chords[side, part] += (2 * (turns % 1) - 1) * 0.2
        bar += 1
    spectrum = torch.fft.rfft(chords)
    hertz = torch.linspace(0, RATE / 2, spectrum.shape[1])
    chords = torch.fft.irfft(spectrum / (1 + (hertz / 2500) ** 2), samples)
    duck = (phase / 0.25).clamp(0, 1).square()
    kick = torch.sin(2 * math.pi * (50 * phase + 8 * (1 - torch.exp(-phase / 0.03)))) * torch.exp(-phase / 0.12)
    hats = torch.randn(2, samples, generator=draw) * torch.exp(-((clock + beat / 2) % beat) / 0.03)
    sweep = torch.randn(2, samples, generator=draw) * (0.5 - 0.5 * torch.cos(2 * math.pi * clock / (8 * beat))) ** 2
    return _levelled(chords * duck + 1.2 * kick + 0.15 * hats + 0.05 * sweep)


def swelling(seconds: float, seed: int) -> torch.Tensor:
    """Strings and a soft drum: long notes with vibrato that grow and fade over ten seconds, wide, with a dark room."""
    draw = torch.Generator().manual_seed(seed)
    samples = round(seconds * RATE)
    clock = torch.arange(samples) / RATE
    track = 3e-4 * torch.randn(2, samples, generator=draw)
    for _ in range(round(seconds * 1.2)):
        start, length = seconds * _chance(draw) - 2, 2.5 + 4 * _chance(draw)
        envelope = torch.sin(math.pi * ((clock - start) / length).clamp(0, 1)) ** 2
        pitch = 110 * 2 ** (int(36 * _chance(draw)) / 12)
        vibrato = 0.004 * pitch / 5.5 * torch.sin(2 * math.pi * 5.5 * clock + 6 * _chance(draw))
        tone = sum(torch.sin(2 * math.pi * k * (pitch * clock + vibrato) + k) / k**1.3 for k in range(1, 7))
        pan = _chance(draw)
        track += torch.tensor([[pan], [1 - pan]]) * envelope * tone
    for beat in range(int(seconds / 1.7)):
        since = (clock - 1.7 * beat).clamp_min(0)
        track += 0.8 * torch.sin(2 * math.pi * 65 * since) * torch.exp(-since / 0.25) * (since > 0)
    swell = 0.45 + 0.4 * torch.sin(2 * math.pi * clock / 10 + 6 * _chance(draw))
    return _levelled(track * swell)


KINDS = {"plucked": plucked, "pumping": pumping, "swelling": swelling}


def _chance(draw: torch.Generator) -> float:
    return float(torch.rand(1, generator=draw))


def _string(pitch: float, length: int, draw: torch.Generator) -> torch.Tensor:
    """A burst of noise of one period, averaged with its neighbour each time it comes round."""
    period = round(RATE / pitch)
    row = 2 * torch.rand(period, generator=draw) - 1
    rounds = []
    for _ in range(math.ceil(length / period)):
        rounds.append(row)
        row = 0.996 * 0.5 * (row + row.roll(1))
    return torch.cat(rounds)[:length]


def _levelled(track: torch.Tensor) -> torch.Tensor:
    track = track * 10 ** (-18 / 20) / track.square().mean().sqrt()
    return track.clamp(-0.98, 0.98)
