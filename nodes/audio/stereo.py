"""What a backend did to the two channels of a track, told from the context, and undone.

A mix of the channels (exchanged, inverted, another balance or width, mono panned to the middle) is a matrix, and the
context tells which. It is believed by what it leaves over, so that narrow sound counts as much as wide.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from .context import Context
from .render import Mix

# A mix that leaves less than half of what the plain one leaves is no accident of a codec: what a codec adds is left
# by every mix.
_LEAVES_LESS = 0.5
# Less than this share left over is nothing to mend (−40 dB).
_NOTHING_LEFT = 1e-4
# Undoing more than this lifts mostly noise (12 dB); what is left is said.
_MOST_LIFTED = 4.0
# A channel this far below the other one is empty and no part of a mix (−50 dB).
_EMPTY = 1e-5
# A restored mix this close to plain, exchanged or inverted channels is that, and exact.
_SNAP = 0.02
_TRIED: tuple[Mix, ...] = (
    ((0.0, 1.0), (1.0, 0.0)),
    ((0.0, -1.0), (-1.0, 0.0)),
    ((1.0, 0.0), (0.0, -1.0)),
    ((-1.0, 0.0), (0.0, 1.0)),
    ((-1.0, 0.0), (0.0, -1.0)),
)


@dataclass(frozen=True, eq=False)
class Products:
    """Sums of products of every channel with every other, all in double precision.

    kept: [2, 2]. rendered: [C', C'], under no mix. across: [2, C'].
    """

    kept: torch.Tensor
    rendered: torch.Tensor
    across: torch.Tensor


def products_of(contexts: Sequence[Context]) -> Products:
    """Of contexts whose rendered channels [C', n] are under no mix."""
    found = []
    for context in contexts:
        kept, rendered = map(_bright, context.centred)
        found.append((kept @ kept.T, rendered @ rendered.T, kept @ rendered.T))
    return Products(*(torch.stack(parts).sum(0) for parts in zip(*found)))


def restored_mix(products: Products, mix: Mix) -> Mix:
    """The mix that brings the rendered channels to the kept ones, or ``mix`` where none is clearly better.

    The level is left to ``loudness.py``: the result has that of ``mix``.
    """
    power, across = products.rendered, products.across
    whole = float(products.kept.trace())
    ends = power.diagonal()
    if whole <= 0 or float(ends.min()) <= _EMPTY * float(ends.max()):
        return mix
    now = torch.tensor(mix, dtype=torch.float64)
    left = _left_over(now, power, across, whole)
    if left <= _NOTHING_LEFT:
        return mix
    best = across @ torch.linalg.pinv(power, rtol=_EMPTY)
    # As loud as the mix it replaces.
    loud = [float(((matrix @ power) * matrix).sum()) for matrix in (now, best)]
    if loud[1] <= 0:
        return mix
    best = best * (loud[0] / loud[1]) ** 0.5
    if _left_over(best, power, across, whole) > _LEAVES_LESS * left or float(best.abs().max()) > _MOST_LIFTED:
        return mix
    for known in _TRIED if len(ends) == 2 else ():
        if float((best - torch.tensor(known, dtype=torch.float64)).abs().max()) <= _SNAP:
            return known
    return tuple(tuple(row) for row in best.tolist())


def _left_over(mix: torch.Tensor, power: torch.Tensor, across: torch.Tensor, whole: float) -> float:
    """Share of the kept sound that the render under ``mix``, at its best level, does not explain."""
    explained = float((mix * across).sum())
    own = float(((mix @ power) * mix).sum())
    return 1 - explained**2 / (own * whole) if own > 0 and explained > 0 else 1.0


def _bright(piece: torch.Tensor) -> torch.Tensor:
    """With the bass taken down: it lies in the middle and would hide what the rest does."""
    return (piece[:, 1:] - 0.9 * piece[:, :-1]).double()


def narrowed_db(products: Products, mix: Mix) -> float:
    """By how much the rendered sound under ``mix`` is narrower than the kept (negative), or wider, in dB."""
    mixed = torch.tensor(mix, dtype=torch.float64)
    return 10 * math.log10(_width(mixed @ products.rendered @ mixed.T) / _width(products.kept))


def _width(power: torch.Tensor) -> float:
    """Power of left − right over that of both, no less than −30 dB. power: [2, 2], the channels' products."""
    side, mid = (max(0.0, float(power.trace() + 2 * sign * power[0, 1])) for sign in (-1, 1))
    return max(side, 1e-3 * (side + mid), 1e-30) / max(side + mid, 1e-30)
