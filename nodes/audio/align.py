"""Where a rendered window really lies: its delay, polarity and channels, found on the sound that was kept.

A backend gives the window back delayed by codecs, trimmed or padded, sometimes with channels exchanged or
inverted. The context around the edit came back too, and tells. Positions are samples of the output track.
"""

import itertools
import math
from dataclasses import dataclass, replace

import torch

from .correlate import correlogram, envelope_correlogram, peak_offset, phase_slope_lag
from .render import ChannelMap, Placement, Render, plain_channels
from .windows import Span

MAX_DELAY_SECONDS = 0.5
# Looked at a little further than allowed, so that a peak at the limit is still a peak.
SEARCH_SECONDS = 0.55
# Context beyond this, counted from the seam, adds time and no certainty.
ALIGN_CONTEXT_SECONDS = 12.0
_MIN_SPAN_SECONDS = 0.1
_SILENCE_RMS = 1e-4
# A peak counts when it stands this far out of the correlogram: the largest of 50 000 values of pure noise
# reaches about 4.5 standard deviations.
_MIN_PEAK_SIGMAS = 8.0
_MIN_PEAK = 0.08
# A few hundred envelope lags: noise reaches 3.5 standard deviations, but neighbours are alike.
_MIN_ENVELOPE_SIGMAS = 6.0
_MIN_ENVELOPE_PEAK = 0.25
# Peaks this close (in standard errors of a correlation) are the same music repeating; the nearest one wins.
_TIE_SIGMAS = 3.0
_REPEAT_SECONDS = 0.002
# Exchanged or inverted channels must fit this much better than plain ones before they are believed.
_ODD_CHANNELS_MARGIN = 0.05
# A span supports the common lag when it correlates there at least this well, against its own best.
_SUPPORT = 0.7
_AGREEMENT_SAMPLES = 1.0
# Sides further apart than this part of the range would be a change of pitch one can hear (8 cents).
_MAX_STRETCH = 0.005

NO_CONTEXT = "There is no context to align the new sound by; it was placed as rendered."
SILENT_CONTEXT = "The context is silent, so there is nothing to align the new sound by; it was placed as rendered."
WEAK = "The context came back too different to align the new sound by it; it was placed as rendered."
CONTRADICTORY = (
    "The context before and after the range came back at different delays ({:.1f} and {:.1f} ms), "
    "so neither could be used to align the new sound; it was placed as rendered."
)
STRETCHED = (
    "The context before and after the range came back at different delays ({:.2f} and {:.2f} ms); "
    "the new sound was stretched to meet both."
)
BY_ENVELOPE = "The context came back with another waveform; the new sound was aligned by its onsets, to about a millisecond."
REPEATS = "The music repeats itself exactly, so the new sound may be aligned one repeat off."


@dataclass(frozen=True)
class Alignment:
    """placement: where to take the new sound from. warnings: what is doubtful about it."""

    placement: Placement
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _Gram:
    """One span's correlation over lags, under the channels that were chosen."""

    span: Span
    values: torch.Tensor
    effective: float


def align(track: torch.Tensor, known: tuple[Span, ...], render: Render, sample_rate: int) -> Alignment:
    """Find where ``render`` lies against ``track`` [C, T] on the ``known`` spans of it.

    Without usable context, or with a weak or contradictory answer, the nominal position is returned with a
    sentence that says so.
    """
    plain = plain_channels(track.shape[0], render.waveform.shape[0])
    nominal = Placement(plain)
    spans = [span for span in known if span[1] - span[0] >= _MIN_SPAN_SECONDS * sample_rate]
    if not spans:
        return Alignment(nominal, (NO_CONTEXT,))
    spans = [span for span in spans if _rms(track[:, span[0] : span[1]]) > _SILENCE_RMS]
    if not spans:
        return Alignment(nominal, (SILENT_CONTEXT,))
    margin = round(SEARCH_SECONDS * sample_rate)
    raw = [
        correlogram(track[:, a:b], render.cut(a - margin, b + margin), sample_rate) for a, b in spans
    ]
    channels = _best_channels(raw, plain, track.shape[0], render.waveform.shape[0])
    grams = [_Gram(span, _under(gram, channels), gram.effective) for span, gram in zip(spans, raw)]
    step = raw[0].step
    lags, doubts = _lags(grams, step, sample_rate)
    if not any(lag is not None for lag in lags):
        return _by_envelope(track, spans, render, sample_rate, nominal)
    doubts += _channel_doubts(channels, plain)
    placed = Placement(channels)
    found = [
        (span, *_refined(track, span, render, placed, lag, step, sample_rate))
        for span, lag in zip(spans, lags) if lag is not None
    ]  # fmt: skip
    return _combined(found, placed, nominal, tuple(doubts), sample_rate)


def _lags(grams: list[_Gram], step: int, sample_rate: int) -> tuple[list[int | None], list[str]]:
    """The whole-sample lag of each span (None: it cannot tell), and doubts about them."""
    total = sum(gram.effective for gram in grams)
    joint = sum(gram.values * (gram.effective / total) for gram in grams)
    index, trusted, repeats = _peak(joint, total, step, sample_rate)
    reach = len(joint) // 2
    lags: list[int | None] = []
    supported = 0
    for gram in grams:
        near = float(gram.values[max(0, index - 1) : index + 2].amax())
        if trusted and near >= _SUPPORT * float(gram.values.amax()):
            lags.append(step * (index - reach))
            supported += 1
            continue
        own, own_trusted, own_repeats = _peak(gram.values, gram.effective, step, sample_rate)
        lags.append(step * (own - reach) if own_trusted else None)
        repeats |= own_trusted and own_repeats
    if trusted and not supported and not any(lag is not None for lag in lags):
        lags = [step * (index - reach)] * len(grams)
    return lags, [REPEATS] if repeats else []


def _peak(values: torch.Tensor, effective: float, step: int, sample_rate: int) -> tuple[int, bool, bool]:
    """(index of the peak, whether it can be trusted, whether the music repeats so that it may be another one)."""
    highest = float(values.amax())
    spread = 1.4826 * float((values - values.median()).abs().median())
    trusted = highest >= _MIN_PEAK and highest >= _MIN_PEAK_SIGMAS * spread
    tie = _TIE_SIGMAS * (1 - min(1.0, highest) ** 2) / math.sqrt(effective) + 1e-4
    centre = len(values) // 2
    ties = (values >= highest - tie).nonzero().flatten()
    nearest = int(ties[(ties - centre).abs().argmin()])
    while 0 < nearest < len(values) - 1:
        uphill = max((nearest - 1, nearest + 1), key=lambda index: float(values[index]))
        if float(values[uphill]) <= float(values[nearest]):
            break
        nearest = uphill
    apart = int(ties.max() - ties.min()) * step
    return nearest, trusted, apart > _REPEAT_SECONDS * sample_rate


def _refined(track, span: Span, render, placed: Placement, lag: int, step: int, sample_rate) -> tuple[float, float]:
    """(delay in samples to a fraction of one, information) of one span whose delay is about ``lag``."""
    start, stop = span
    moved = replace(placed, anchors=((start, float(lag)),))
    offset, information = phase_slope_lag(
        track[:, start:stop], moved.take(render, start, stop), sample_rate, reach=step + 1.0
    )
    return lag + offset, information


def _combined(found, placed: Placement, nominal: Placement, doubts, sample_rate: int) -> Alignment:
    """One delay where the spans agree, a stretch where they nearly do, the nominal place where they do not."""
    delays = [delay for _, delay, _ in found]
    if max(delays) - min(delays) <= _AGREEMENT_SAMPLES * max(1.0, sample_rate / 44_100):
        weight = sum(information for *_, information in found) or 1.0
        delay = sum(value * information for _, value, information in found) / weight
        return Alignment(replace(placed, anchors=((0, delay),)), doubts)
    first, last = delays[0], delays[-1]
    milliseconds = (1000 * first / sample_rate, 1000 * last / sample_rate)
    for (left, before, _), (right, after, _) in zip(found, found[1:]):
        if abs(after - before) > _MAX_STRETCH * (right[0] - left[1]):
            return Alignment(nominal, (CONTRADICTORY.format(*milliseconds),))
    anchors = tuple((edge, delay) for span, delay, _ in found for edge in span)
    return Alignment(replace(placed, anchors=anchors), (*doubts, STRETCHED.format(*milliseconds)))


def _by_envelope(track, spans, render: Render, sample_rate: int, nominal: Placement) -> Alignment:
    margin = round(SEARCH_SECONDS * sample_rate)
    rows = []
    for a, b in spans:
        if b - a >= sample_rate:
            row, hop = envelope_correlogram(track[:, a:b], render.cut(a - margin, b + margin), sample_rate)
            rows.append((row, b - a))
    if not rows:
        return Alignment(nominal, (WEAK,))
    size = min(len(row) for row, _ in rows)
    total = sum(weight for _, weight in rows)
    joint = sum(row[:size] * (weight / total) for row, weight in rows)
    index = int(joint.argmax())
    spread = 1.4826 * float((joint - joint.median()).abs().median())
    highest = float(joint[index])
    if highest < _MIN_ENVELOPE_PEAK or highest < _MIN_ENVELOPE_SIGMAS * spread:
        return Alignment(nominal, (WEAK,))
    lag = round((index + peak_offset(joint, index) - margin // hop) * hop)
    return Alignment(replace(nominal, anchors=((0, float(lag)),)), (BY_ENVELOPE,))


def _under(gram, channels: ChannelMap) -> torch.Tensor:
    """Correlation over the lags if ``channels`` were true."""
    total = torch.zeros(())
    for row, parts in enumerate(channels):
        for index, sign in parts:
            total = total + gram.values[row, index] * (sign * gram.shares[row] / len(parts))
    return total


def _best_channels(grams, plain: ChannelMap, source: int, rendered: int) -> ChannelMap:
    """The plain channel map unless an exchanged or inverted one fits clearly better."""
    total = sum(gram.effective for gram in grams)

    def fit(channels: ChannelMap) -> float:
        return float(sum(_under(gram, channels) * (gram.effective / total) for gram in grams).amax())

    best = max(_odd_channels(source, rendered), key=fit)
    return best if fit(best) > fit(plain) + _ODD_CHANNELS_MARGIN else plain


def _odd_channels(source: int, rendered: int) -> list[ChannelMap]:
    signs = list(itertools.product((1.0, -1.0), repeat=max(source, rendered)))
    if source == 1:
        return [(tuple((index, sign[index]) for index in range(rendered)),) for sign in signs[1:]]
    if rendered == 1:
        return [tuple(((0, sign[row]),) for row in range(source)) for sign in signs[1:]]
    straight = [(((0, left),), ((1, right),)) for left, right in signs[1:]]
    exchanged = [(((1, left),), ((0, right),)) for left, right in signs]
    one_for_both = [(((0, 1.0),), ((0, 1.0),)), (((1, 1.0),), ((1, 1.0),))]
    return straight + exchanged + one_for_both


def _channel_doubts(channels: ChannelMap, plain: ChannelMap) -> list[str]:
    def used(which: ChannelMap) -> list[int]:
        return [index for parts in which for index, _ in parts]

    if set(used(channels)) != set(used(plain)):
        return ["The backend returned one channel empty; the other one is used for both."]
    found = []
    if used(channels) != used(plain):
        found.append("exchanged the channels")
    if any(sign < 0 for parts in channels for _, sign in parts):
        found.append("inverted the polarity")
    return [f"The backend {' and '.join(found)}; that was undone."] if found else []


def _rms(piece: torch.Tensor) -> float:
    return float(piece.square().mean().sqrt()) if piece.numel() else 0.0
