"""Where a rendered window really lies: its delay, polarity and channels, found on the sound that was kept.

A backend gives the window back delayed by codecs, trimmed or padded, sometimes with channels exchanged or
inverted. The context around the edit came back too, and tells. Positions are samples of the output track.
"""

import itertools
from dataclasses import dataclass, replace

import torch

from .correlate import correlogram, envelope_correlogram, peak_offset, peaks, phase_slope_lag
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
# Rhythm alone correlates up to 0.45, at every beat; the same music stands out from its own beats.
_MIN_ENVELOPE_PEAK = 0.25
_MAX_ENVELOPE_RIVAL = 0.75
_ENVELOPE_REPEAT_SECONDS = 0.03
_MIN_ENVELOPE_SPAN_SECONDS = 1.0
# A correlation this high is no accident, even where tonal music correlates with itself everywhere.
_CERTAIN_PEAK = 0.8
# Equal peaks are the same music repeating; the one nearest to the nominal place is taken, and it is said.
_TIE = 0.01
_RIVAL = 0.97
_REPEAT_SECONDS = 0.002
# Less context than this, unless it comes back as it was, may fit elsewhere by chance.
_LITTLE_CONTEXT_SECONDS = 1.0
# Exchanged or inverted channels must fit this much better than plain ones before they are believed.
_ODD_CHANNELS_MARGIN = 0.05
# A span supports the common lag when it correlates there at least this well, against its own best.
_SUPPORT = 0.7
_AGREEMENT_SAMPLES = 1.0
# Sides further apart than this part of the range would be a change of pitch one can hear (8 cents).
_MAX_STRETCH = 0.005
_STRETCH_CONTEXT_SECONDS = 2.0
_STRETCH_REACH_SAMPLES = 128.0

NO_CONTEXT = "There is no context to align the new sound by; it was placed as rendered."
SILENT_CONTEXT = "The context is silent and nothing to align the new sound by; it was placed as rendered."
WEAK = "The context came back too different to align the new sound by it; it was placed as rendered."
CONTRADICTORY = (
    "The context before and after the range came back at different delays ({:.1f} and {:.1f} ms), "
    "so neither could be used to align the new sound; it was placed as rendered."
)
STRETCHED = (
    "The context before and after the range came back at different delays ({:.2f} and {:.2f} ms); "
    "the new sound was stretched to meet both."
)
BY_ENVELOPE = (
    "The context came back with another waveform; the new sound was aligned by onsets, to about a millisecond."
)
LITTLE = (
    "There is less than a second of context to align the new sound by, and it came back changed; "
    "the new sound may lie a little off."
)
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
    independent: float


def align(track: torch.Tensor, known: tuple[Span, ...], render: Render, sample_rate: int) -> Alignment:
    """Find where ``render`` lies against ``track`` [C, T] on the ``known`` spans of it.

    Without usable context, or with a weak or contradictory answer, the nominal position is returned with a
    sentence that says so.
    """
    plain = plain_channels(track.shape[0], render.sound.channels)
    nominal = Placement(plain)
    spans = [span for span in known if span[1] - span[0] >= _MIN_SPAN_SECONDS * sample_rate]
    if not spans:
        return Alignment(nominal, (NO_CONTEXT,))
    spans = [span for span in spans if _rms(track[:, span[0] : span[1]]) > _SILENCE_RMS]
    if not spans:
        return Alignment(nominal, (SILENT_CONTEXT,))
    margin = round(SEARCH_SECONDS * sample_rate)
    raw = [correlogram(track[:, a:b], render.cut(a - margin, b + margin), sample_rate) for a, b in spans]
    channels = _best_channels(raw, plain, track.shape[0], render.sound.channels)
    grams = [_Gram(span, _under(gram, channels), gram.independent) for span, gram in zip(spans, raw, strict=True)]
    step = raw[0].step
    lags, doubts = _lags(grams, step, sample_rate)
    if not any(lag is not None for lag in lags):
        return _by_envelope(track, spans, render, sample_rate, nominal)
    doubts += _channel_doubts(channels, plain)
    placed = Placement(channels)
    found = [
        (span, *_refined(track, span, render, placed, lag, step + 1.0, sample_rate))
        for span, lag in zip(spans, lags, strict=True)
        if lag is not None
    ]
    return _combined(track, render, found, placed, nominal, tuple(doubts), sample_rate)


def _lags(grams: list[_Gram], step: int, sample_rate: int) -> tuple[list[int | None], list[str]]:
    """The whole-sample lag of each span (None: it cannot tell), and doubts about them."""
    total = sum(gram.independent for gram in grams)
    joint = torch.stack([gram.values * (gram.independent / total) for gram in grams]).sum(0)
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
        own, own_trusted, own_repeats = _peak(gram.values, gram.independent, step, sample_rate)
        lags.append(step * (own - reach) if own_trusted else None)
        repeats |= own_trusted and own_repeats
    if trusted and not supported and not any(lag is not None for lag in lags):
        lags = [step * (index - reach)] * len(grams)
    seconds = sum(gram.span[1] - gram.span[0] for gram in grams) / sample_rate
    little = seconds < _LITTLE_CONTEXT_SECONDS and float(joint[index]) < _CERTAIN_PEAK
    return lags, [text for text, doubtful in ((REPEATS, repeats), (LITTLE, little)) if doubtful]


def _peak(values: torch.Tensor, independent: float, step: int, sample_rate: int) -> tuple[int, bool, bool]:
    """(index of the peak, whether it can be trusted, whether the music repeats so that it may be another one)."""
    tops, heights = peaks(values)
    highest = float(heights.amax()) if len(tops) else 0.0
    spread = 1.4826 * float((values - values.median()).abs().median())
    if highest < _MIN_PEAK or (highest < _MIN_PEAK_SIGMAS * spread and highest < _CERTAIN_PEAK):
        return int(values.argmax()), False, False
    # Two peaks of which one is chance differ by no more than noise allows: 3 standard errors of their difference.
    noise = 18 * max(0.0, 1 - highest**2) / (highest * independent)
    ties = tops[heights >= (1 - _TIE) * highest - noise]
    index = int(ties[(ties - len(values) // 2).abs().argmin()])
    rivals = heights[(tops - index).abs() * step > _REPEAT_SECONDS * sample_rate]
    return index, True, len(rivals) > 0 and float(rivals.amax()) >= _RIVAL * highest


def _refined(track, span: Span, render: Render, placed: Placement, lag: float, reach: float, sample_rate: int):
    """(delay in samples to a fraction of one, information) of one span whose delay is ``lag`` ± ``reach``."""
    start, stop = span
    moved = replace(placed, anchors=((start, float(round(lag))),))
    offset, information = phase_slope_lag(
        track[:, start:stop], moved.take(render, start, stop), sample_rate, reach
    )  # fmt: skip
    return round(lag) + offset, information


def _combined(track, render, found, placed: Placement, nominal: Placement, doubts, sample_rate: int) -> Alignment:
    """One delay where the spans agree, a stretch where they nearly do, the nominal place where they do not."""
    delays = [delay for _, delay, _ in found]
    if max(delays) - min(delays) <= _AGREEMENT_SAMPLES * max(1.0, sample_rate / 44_100):
        weight = sum(information for *_, information in found) or 1.0
        delay = sum(value * information for _, value, information in found) / weight
        return Alignment(replace(placed, anchors=((0, delay),)), doubts)
    milliseconds = (1000 * delays[0] / sample_rate, 1000 * delays[-1] / sample_rate)
    for (left, before, _), (right, after, _) in zip(found, found[1:], strict=False):
        if abs(after - before) > _MAX_STRETCH * (right[0] - left[1]):
            return Alignment(nominal, (CONTRADICTORY.format(*milliseconds),))
    # A render that runs slow or fast drifts within the context too, so each span is given a slope of its own.
    anchors = dict(
        anchor for span, delay, _ in found for anchor in _drift(track, span, render, placed, delay, sample_rate)
    )
    stretched = replace(placed, anchors=tuple(sorted(anchors.items())))
    return Alignment(stretched, (*doubts, STRETCHED.format(*milliseconds)))


def _drift(track, span: Span, render, placed: Placement, delay: float, sample_rate: int) -> list[tuple[int, float]]:
    """(position, delay) at both ends of ``span``, from its first and its last seconds."""
    start, stop = span
    near = min(round(_STRETCH_CONTEXT_SECONDS * sample_rate), (stop - start) // 2)
    reach = min(_MAX_STRETCH * (stop - start) / 2 + 2, _STRETCH_REACH_SAMPLES)
    first, _ = _refined(track, (start, start + near), render, placed, delay, reach, sample_rate)
    last, _ = _refined(track, (stop - near, stop), render, placed, delay, reach, sample_rate)
    beyond = (last - first) * near / 2 / max(1, stop - start - near)
    return [(start, first - beyond), (stop, last + beyond)]


def _by_envelope(track, spans, render: Render, sample_rate: int, nominal: Placement) -> Alignment:
    """Onsets instead of the waveform, for a backend that invents the phases (a vocoder)."""
    margin = round(SEARCH_SECONDS * sample_rate)
    rows = [
        (*envelope_correlogram(track[:, a:b], render.cut(a - margin, b + margin), sample_rate), b - a)
        for a, b in spans
        if b - a >= _MIN_ENVELOPE_SPAN_SECONDS * sample_rate
    ]
    if not rows:
        return Alignment(nominal, (WEAK,))
    hop = rows[0][1]
    size = min(len(row) for row, *_ in rows)
    weights = sum(weight for *_, weight in rows)
    joint = torch.stack([row[:size] * (weight / weights) for row, _, weight in rows]).sum(0)
    index = int(joint.argmax())
    highest = float(joint[index])
    near = round(_ENVELOPE_REPEAT_SECONDS * sample_rate / hop)
    rivals = torch.cat([joint[: max(0, index - near)], joint[index + near + 1 :]])
    rival = float(rivals.amax()) if len(rivals) else 0.0
    if highest < _MIN_ENVELOPE_PEAK or rival > _MAX_ENVELOPE_RIVAL * highest:
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
    total = sum(gram.independent for gram in grams)

    def fit(channels: ChannelMap) -> float:
        return float(torch.stack([_under(gram, channels) * (gram.independent / total) for gram in grams]).sum(0).amax())

    best = max(_odd_channels(source, rendered), key=fit)
    return best if fit(best) > fit(plain) + _ODD_CHANNELS_MARGIN else plain


def _odd_channels(source: int, rendered: int) -> list[ChannelMap]:
    signs = list(itertools.product((1.0, -1.0), repeat=max(source, rendered)))
    if source == 1:
        return [(tuple((index, sign[index]) for index in range(rendered)),) for sign in signs[1:]]
    if rendered == 1:
        return [tuple(((0, sign[row]),) for row in range(source)) for sign in signs[1:]]
    straight: list[ChannelMap] = [(((0, left),), ((1, right),)) for left, right in signs[1:]]
    exchanged: list[ChannelMap] = [(((1, left),), ((0, right),)) for left, right in signs]
    one_for_both: list[ChannelMap] = [(((0, 1.0),), ((0, 1.0),)), (((1, 1.0),), ((1, 1.0),))]
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
