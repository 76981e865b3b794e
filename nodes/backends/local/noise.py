"""Noise that depends on the seed and on nothing else: drawn on the CPU, the same for a range in any window."""

import math
from collections.abc import Sequence

import torch

# Streams of one seed. Text to music draws from the plain seed, as ComfyUI's own sampler nodes do.
_PLAIN, _RANGE, _RANGE_RETAKE = 0, 1, 2
# Odd, so that streams of neighbouring seeds never coincide within the 64 bits of a generator.
_STREAM_STRIDE = 0x9E3779B97F4A7C15


def plain_noise(shape: Sequence[int], seed: int) -> torch.Tensor:
    """float32 noise of ``shape``, equal to what ComfyUI's samplers draw for ``seed``."""
    return _draw(shape, seed, _PLAIN, 0)


def varied_noise(shape: Sequence[int], seed: int, variation: float, variation_seed: int) -> torch.Tensor:
    """The noise of ``seed`` turned by ``variation`` 0…1 toward that of ``variation_seed``, upstream's retake of a song.

    cos(variation·π/2)·A + sin(variation·π/2)·B keeps the noise's deviation (pipeline_ace_step.py of ACE-Step; in 1.5
    since April 2026). 0 is A and 1 is B, to the bit.
    """
    if variation == 0:
        return plain_noise(shape, seed)
    if variation == 1:
        return plain_noise(shape, variation_seed)
    angle = variation * math.pi / 2
    return math.cos(angle) * plain_noise(shape, seed) + math.sin(angle) * plain_noise(shape, variation_seed)


def edit_noise(
    shape: Sequence[int], spans: Sequence[tuple[int, int]], seed: int, variance: float = 1.0
) -> torch.Tensor:
    """Noise for an edit: ``shape`` [..., T] whose ``spans`` (frames, disjoint) are to be made new.

    Inside a span it is cos(variance·π/2)·A + sin(variance·π/2)·B, upstream's retake; both depend on the seed
    and the span's own length only, so neither window nor context changes what is made.
    """
    noise = plain_noise(shape, seed)
    mix_a, mix_b = math.cos(variance * math.pi / 2), math.sin(variance * math.pi / 2)
    for index, (start, stop) in enumerate(spans):
        size = (*shape[:-1], stop - start)
        a, b = _draw(size, seed, _RANGE, index), _draw(size, seed, _RANGE_RETAKE, index)
        noise[..., start:stop] = mix_a * a + mix_b * b
    return noise


def _draw(shape: Sequence[int], seed: int, stream: int, index: int) -> torch.Tensor:
    offset = 0 if stream == _PLAIN else (stream + 2 * index) * _STREAM_STRIDE
    generator = torch.Generator("cpu").manual_seed((seed + offset) % 2**63)
    return torch.randn(tuple(shape), generator=generator, dtype=torch.float32, device="cpu")
