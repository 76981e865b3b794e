"""How firmly the kept sound around a range holds what is made in it: upstream's modes of a repaint of 1.5."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .frames import Span


@dataclass(frozen=True)
class Surroundings:
    """ratio: the part of the schedule in which the surroundings are the source itself, with that step's noise; after it
    the network redraws them. blend_frames: over so many frames outside a span what it redrew turns into the source;
    0 leaves all that it redrew.

    Upstream's conservative, balanced and aggressive (repaint step injection and soft repaint mask of ACE-Step-1.5;
    its blend is 25 frames times 1 - strength, rounded to even). In a held one there is nothing to blend.
    """

    ratio: float
    blend_frames: int

    def blended(self, made: torch.Tensor, source: torch.Tensor, spans: Sequence[Span]) -> torch.Tensor:
        """``made`` [..., T] that turns into ``source`` outside of ``spans``, linearly in the latents."""
        if self.ratio == 1.0 or self.blend_frames == 0:
            return made
        share = torch.zeros(made.shape[-1])
        for start, stop in spans:
            share[start:stop] = 1
            before, after = share[max(0, start - self.blend_frames) : start], share[stop : stop + self.blend_frames]
            for side, ramp in ((before, _ramp(len(before))), (after, _ramp(len(after)).flip(0))):
                side.copy_(torch.maximum(side, ramp))
        return share * made + (1 - share) * source


def _ramp(frames: int) -> torch.Tensor:
    """From just above 0 to just below 1."""
    return torch.linspace(0.0, 1.0, frames + 2)[1:-1]


HOLD = Surroundings(ratio=1.0, blend_frames=25)
SURROUNDINGS = {"hold": HOLD, "balanced": Surroundings(0.5, 12), "free": Surroundings(0.0, 0)}
