"""New latents before and after known ones, in as many passes as the network's length makes necessary.

Each pass goes on from the latents of the one before it; nothing is decoded and encoded again in between.
"""

from collections.abc import Callable

import torch

from .family import Family
from .frames import Span

# A pass of a chain sees this much of what is known; more costs time and does not make better joints.
_CONTEXT_SECONDS = 60.0
# Models like to finish at the end of a clip, so the next pass writes the last second of a pass again.
_OVERLAP_SECONDS = 1.0
# Odd and large, so that the passes of one take and the takes of one run draw from different seeds.
_PASS_STRIDE = 1_000_003
_SIDE_STRIDE = 64 * _PASS_STRIDE

Make = Callable[[torch.Tensor, list[Span], int], torch.Tensor]  # (latents, spans, seed)


def extended(known: torch.Tensor, before: int, after: int, family: Family, seed: int, make: Make) -> torch.Tensor:
    """known [1, …, K] → [1, …, before + K + after] with ``known`` unchanged in the middle.

    make(latents, spans, seed): the latents with those frames made new.
    """
    limit = int(family.max_seconds * family.frame_rate)
    total = before + known.shape[-1] + after
    if total > limit:
        longer = _chained(known, after, limit, family, seed, make, _continue)
        return _chained(longer, before, limit, family, seed + _SIDE_STRIDE, make, _precede)
    spare = max(0, family.min_frames - total)
    latents = torch.nn.functional.pad(known, (before, after + spare))
    spans = [(0, before), (total - after, total + spare)]
    return make(latents, [span for span in spans if span[1] > span[0]], seed)[..., :total]


def pass_lengths(known: int, before: int, after: int, family: Family) -> set[int]:
    """The lengths in frames of the passes ``extended`` will make for ``known`` frames."""
    lengths = set()

    def note(latents: torch.Tensor, _spans: list[Span], seed: int) -> torch.Tensor:
        lengths.add(latents.shape[-1])
        return latents

    extended(torch.zeros(1, known), before, after, family, 0, note)
    return lengths


def _chained(known: torch.Tensor, new: int, limit: int, family: Family, seed: int, make: Make, join) -> torch.Tensor:
    """``known`` with ``new`` more frames on one side, in passes of at most ``limit`` frames."""
    overlap = round(_OVERLAP_SECONDS * family.frame_rate)
    while new > 0:
        context = min(known.shape[-1], round(_CONTEXT_SECONDS * family.frame_rate))
        size = min(new, limit - context)
        kept = size if size == new else size - overlap
        known = join(known, context, size, kept, seed, make)
        new, seed = new - kept, seed + _PASS_STRIDE
    return known


def _continue(known: torch.Tensor, context: int, size: int, kept: int, seed: int, make: Make) -> torch.Tensor:
    latents = torch.nn.functional.pad(known[..., -context:], (0, size))
    made = make(latents, [(context, context + size)], seed)
    return torch.cat([known, made[..., context : context + kept]], dim=-1)


def _precede(known: torch.Tensor, context: int, size: int, kept: int, seed: int, make: Make) -> torch.Tensor:
    latents = torch.nn.functional.pad(known[..., :context], (size, 0))
    made = make(latents, [(0, size)], seed)
    return torch.cat([made[..., size - kept : size], known], dim=-1)
