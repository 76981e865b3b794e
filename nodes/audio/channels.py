"""Which channels of a render are which channels of the track: as they are, exchanged, inverted or empty."""

import itertools
from collections.abc import Sequence

import torch

from ..words.remarks import Remark, remark
from .correlate import Correlogram
from .render import Mix

# Exchanged or inverted channels must fit this much better than plain ones; errs toward plain, as stereo.py looks again
# at what is left over.
_ODD_CHANNELS_MARGIN = 0.05


EMPTY_SIDE: tuple[Mix, ...] = (((1.0, 0.0), (1.0, 0.0)), ((0.0, 1.0), (0.0, 1.0)))
# A channel this far below the other one is empty (−40 dB): what a lossy codec leaves there, and no balance of music.
_EMPTY = 1e-4
# Channels lie apart when each correlates this well with itself and this much less where the other one lies; errs toward
# together, as a codec treats channels alike.
_APART_PEAK = 0.5
_APART_RIVAL = 0.7


def under(gram: Correlogram, mix: Mix) -> torch.Tensor:
    """Correlation over the lags if ``mix`` were true."""
    total = torch.zeros(())
    for row, share in zip(_rows(gram, mix), gram.shares):
        total = total + row * share
    return total


def _rows(gram: Correlogram, mix: Mix) -> list[torch.Tensor]:
    """The same of each of the track's channels by itself."""
    rows = []
    for row, weights in enumerate(mix):
        scaled = torch.tensor(weights) / sum(abs(weight) for weight in weights)
        rows.append(scaled @ gram.values[row])
    return rows


def best_mix(grams: Sequence[Correlogram], plain: Mix, source: int, powers: Sequence[float]) -> Mix:
    """The plain mix unless exchanged, inverted or empty channels fit clearly better.

    powers: of each rendered channel.
    """
    total = sum(gram.independent for gram in grams)

    def fit(mix: Mix) -> float:
        return float(torch.stack([under(gram, mix) * (gram.independent / total) for gram in grams]).sum(0).amax())

    best = max(_odd_mixes(source, powers), key=fit)
    return best if fit(best) > fit(plain) + _ODD_CHANNELS_MARGIN else plain


def apart_ms(grams: Sequence[Correlogram], mix: Mix, sample_rate: int) -> float:
    """By how much the channels under ``mix`` came back late by different amounts; 0 when by the same."""
    if len(mix) < 2 or mix[0] == mix[1]:
        return 0.0
    total = sum(gram.independent for gram in grams)
    weighted = [[row * (gram.independent / total) for row in _rows(gram, mix)] for gram in grams]
    rows = [torch.stack(each).sum(0) for each in zip(*weighted)]
    first, second = (int(row.argmax()) for row in rows)
    # What both channels share peaks where it lies in either; each must plainly lie elsewhere than the other.
    for row, own, other in ((rows[0], first, second), (rows[1], second, first)):
        near = row[max(0, other - 1) : other + 2].amax()
        if float(row[own]) < _APART_PEAK or float(near) > _APART_RIVAL * float(row[own]):
            return 0.0
    return 1000 * abs(first - second) * grams[0].step / sample_rate


def _odd_mixes(source: int, powers: Sequence[float]) -> list[Mix]:
    rendered = len(powers)
    signs = list(itertools.product((1.0, -1.0), repeat=max(source, rendered)))
    if source == 1:
        return [(tuple(one / rendered for one in sign),) for sign in signs[1:]]
    if rendered == 1:
        return [tuple((one,) for one in sign) for sign in signs[1:]]
    straight: list[Mix] = [((left, 0.0), (0.0, right)) for left, right in signs[1:]]
    exchanged: list[Mix] = [((0.0, left), (right, 0.0)) for left, right in signs]
    left, right = powers
    empty = [mix for mix, lost in zip(EMPTY_SIDE, (right <= _EMPTY * left, left <= _EMPTY * right)) if lost]
    return [*straight, *exchanged, *empty]


def mix_remarks(mix: Mix) -> tuple[Remark, ...]:
    """What to say of exchanged, inverted or empty channels that ``mix`` puts right; nothing of any other mix."""
    if mix in EMPTY_SIDE:
        return (remark("channel_empty"),)
    weights = {abs(weight) for row in mix for weight in row} - {0.0, 1 / len(mix[0])}
    if weights - {1.0}:
        return ()
    exchanged = len(mix) == len(mix[0]) == 2 and not mix[0][0]
    inverted = any(weight < 0 for row in mix for weight in row)
    code = {
        (True, True): "exchanged_and_inverted",
        (True, False): "channels_exchanged",
        (False, True): "polarity_inverted",
    }.get((exchanged, inverted))
    return (remark(code),) if code else ()
