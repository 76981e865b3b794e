"""Differential correction in wavelet space (DCW), which upstream has run after every step of turbo since April 2026.

What a step leads to is moved away from the clean sound predicted in it, more in the low band at first and more in the
high band at last. The bands are those of the Haar wavelet: of each pair of frames their mean, and the rest.
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Correction:
    """How strongly: low at noise level 1 falling to nothing, high the other way round."""

    low: float
    high: float


def corrected(x: torch.Tensor, predicted: torch.Tensor, level: float, correction: Correction) -> torch.Tensor:
    """``x`` [..., T] after the step that began at noise level ``level`` 1…0 and predicted the clean ``predicted``."""
    difference = x - predicted
    frames = difference.shape[-1]
    pairs = torch.nn.functional.pad(difference, (0, frames % 2)).unflatten(-1, (-1, 2))
    low = pairs.mean(-1, keepdim=True).expand_as(pairs).flatten(-2)[..., :frames]
    high = difference - low
    return x + level * correction.low * low + (1 - level) * correction.high * high
