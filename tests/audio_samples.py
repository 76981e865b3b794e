"""Sound for the tests of audio/: music-like, deterministic, cheap to make at any rate."""

import math

import torch


def music(seconds: float, rate: int, channels: int = 2, seed: int = 0) -> torch.Tensor:
    """[channels, seconds·rate]: notes with overtones at irregular times, hi-hats, a little noise; about −20 dBFS."""
    generator = torch.Generator().manual_seed(seed)
    samples = round(seconds * rate)
    track = 1e-3 * torch.randn(channels, samples, generator=generator)
    time = 0.0
    while time < seconds:
        length = 0.15 + 0.5 * float(torch.rand(1, generator=generator))
        start, size = round(time * rate), round(length * rate)
        clock = torch.arange(min(size, samples - start)) / rate
        pitch = 110 * 2 ** (int(torch.randint(0, 30, (1,), generator=generator)) / 12)
        fade = torch.exp(-clock / (0.4 * length))
        note = sum(torch.sin(2 * math.pi * pitch * k * clock) / k**1.5 for k in range(1, 6) if pitch * k < rate / 3)
        hat = torch.randn(len(clock), generator=generator) * torch.exp(-clock / 0.02)
        pan = 0.2 + 0.6 * float(torch.rand(1, generator=generator))
        sides = torch.tensor([pan, 1 - pan])[:channels, None] if channels == 2 else torch.tensor([[0.5]])
        track[:, start : start + len(clock)] += sides * (0.3 * note * fade + 0.1 * hat)
        time += 0.08 + 0.3 * float(torch.rand(1, generator=generator))
    return track


def delayed(sound: torch.Tensor, samples: int) -> torch.Tensor:
    """Silence in front of ``sound`` [C, n], or its beginning lost when ``samples`` is negative."""
    return torch.nn.functional.pad(sound, (samples, 0)) if samples > 0 else sound[:, -samples:]


def skewed(sound: torch.Tensor, ppm: float) -> torch.Tensor:
    """``sound`` [C, n] as a clock that runs slow by so much gives it back, read by a sinc of 33 taps."""
    at = torch.arange(round(sound.shape[1] * (1 + ppm * 1e-6)), dtype=torch.float64) / (1 + ppm * 1e-6)
    whole = at.round().long()
    padded = torch.nn.functional.pad(sound, (17, 19))
    result = torch.zeros(len(sound), len(at))
    for tap in range(-16, 17):
        distance = tap - (at - whole)
        weight = torch.sinc(distance) * (0.5 + 0.5 * torch.cos(math.pi * distance / 17))
        result += padded[:, (whole + tap + 17).clamp(max=padded.shape[1] - 1)] * weight.float()
    return result


def phase_lost(sound: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """The magnitudes of ``sound`` with made-up phases, as a vocoder gives them back."""
    window = torch.hann_window(1024)
    spectrum = torch.stft(sound, 1024, 256, window=window, return_complex=True)
    generator = torch.Generator().manual_seed(seed)
    turned = torch.polar(spectrum.abs(), 2 * math.pi * torch.rand(spectrum.shape, generator=generator))
    for _ in range(8):
        again = torch.istft(turned, 1024, 256, window=window, length=sound.shape[1])
        angle = torch.stft(again, 1024, 256, window=window, return_complex=True).angle()
        turned = torch.polar(spectrum.abs(), angle)
    return torch.istft(turned, 1024, 256, window=window, length=sound.shape[1])


def codes(found) -> list[str]:
    """What an alignment or a fit says, as codes."""
    return [said.code for said in found.remarks]


def level_db(sound: torch.Tensor) -> float:
    return 10 * math.log10(float(sound.square().mean()) + 1e-20)
