"""The sound beside an edit, as it was kept and as it came back: what level, colour and channels are told from."""

from dataclasses import dataclass
from functools import cached_property

import torch

from .correlate import Spectra, cross_spectra
from .measures import k_weighting


@dataclass(frozen=True, eq=False)
class Context:
    """kept and rendered: the same sound, aligned, both [C, n] at ``sample_rate`` Hz. What several look at is formed
    once."""

    kept: torch.Tensor
    rendered: torch.Tensor
    sample_rate: int

    @cached_property
    def centred(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Both without their constant offset."""
        return centred(self.kept), centred(self.rendered)

    @cached_property
    def spectra(self) -> Spectra:
        """Of both without their constant offset."""
        return cross_spectra(*self.centred, self.sample_rate)

    @cached_property
    def frequency(self) -> torch.Tensor:
        """Hz of each bin of the spectra."""
        return torch.linspace(0, self.sample_rate / 2, len(self.spectra.xx), dtype=torch.float64)

    @cached_property
    def weights(self) -> torch.Tensor:
        """K-weighting of each bin of the spectra."""
        return k_weighting(self.frequency)


def centred(piece: torch.Tensor) -> torch.Tensor:
    """Without the constant offset some recordings have, which is no level and which codecs take away."""
    return piece - piece.mean(1, keepdim=True)
