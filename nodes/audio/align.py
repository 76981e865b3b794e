"""Where a rendered window really lies: its delay, polarity and channels, found on the sound that was kept.

A backend gives the window back delayed by codecs, trimmed or padded, sometimes with channels exchanged or
inverted. The context around the edit came back too, and tells. Positions are samples of the output track.
"""

from dataclasses import dataclass, replace

import torch

from ..words.remarks import Remark, remark
from .channels import apart_ms, best_mix, mix_remarks, under
from .correlate import correlogram, envelope_correlogram, peak_offset, peaks
from .delays import Delay, delay_along
from .render import Placement, Render, plain_mix
from .spaces import Span, Track

# Codecs and resamplers delay by less than 0.1 s, recorders by less than this; further off errs toward saying so.
MAX_DELAY_SECONDS = 0.5
# Looked at a little further than allowed, so that a peak at the limit is still a peak.
SEARCH_SECONDS = 0.55
# This much context on each side is enough for sound that came back much as it was; with less than a certain
# correlation more is heard. Beyond the latter, more adds time and no certainty.
NEAR_CONTEXT_SECONDS = 3.0
ALIGN_CONTEXT_SECONDS = 12.0
_CLEAR_PEAK = 0.5
# Of shorter pieces a chance likeness is as high as a true one; errs toward not using them.
_MIN_SPAN_SECONDS = 0.1
# Softer than −80 dB is silence, unless the caller knows how loud the track is.
SILENCE_RMS = 1e-4
# A peak counts when it stands this far out of the correlogram: the largest of 50 000 values of pure noise
# reaches about 4.5 standard deviations. Errs, as the least height does, toward not aligning, which is said.
_MIN_PEAK_SIGMAS = 8.0
_MIN_PEAK = 0.08
# Rhythm alone correlates up to 0.45, at every beat; the same music stands out from its own beats. Both err toward not
# aligning, which is said.
_MIN_ENVELOPE_PEAK = 0.25
_MAX_ENVELOPE_RIVAL = 0.75
_ENVELOPE_REPEAT_SECONDS = 0.03
_MIN_ENVELOPE_SPAN_SECONDS = 1.0
# A correlation this high is no accident, even where tonal music correlates with itself everywhere.
_CERTAIN_PEAK = 0.8
# Equal peaks are the same music repeating; the one nearest to the nominal place is taken, and it is said. That a rival
# is as good is said from 97 % on, which errs toward saying it. Within 2 ms it is the same peak of tonal music.
_TIE = 0.01
_RIVAL = 0.97
_REPEAT_SECONDS = 0.002
# Less context than this, unless it comes back as it was, may fit elsewhere by chance.
_LITTLE_CONTEXT_SECONDS = 1.0
# A span supports the common lag when it correlates there at least this well, against its own best; errs toward one lag
# for all, as a service has one delay.
_SUPPORT = 0.7
# Steady spans no further apart than this (at 44.1 kHz) have one delay: a codec's noise moves each by less.
_AGREEMENT_SAMPLES = 1.0
# Sides further apart than this part of the range would be a change of pitch one can hear (8 cents).
_MAX_STRETCH = 0.005
# Pieces further than this off their common line follow none, which is said; a codec's noise stays below half of it.
_MAX_OFF_LINE_SAMPLES = 1.0
# A line is continued this far beyond the context it was found on: longer than any call.
_CONTINUED_SECONDS = 700.0


@dataclass(frozen=True)
class Alignment:
    """placement: where to take the new sound from. remarks: what is doubtful about it. correlation: of the peak it
    rests on, 0 when there is none."""

    placement: Placement
    remarks: tuple[Remark, ...] = ()
    correlation: float = 0.0

    @property
    def clear(self) -> bool:
        """Whether more context could not make it better."""
        return self.correlation >= _CLEAR_PEAK and not any(said.code in _UNCLEAR for said in self.remarks)


@dataclass(frozen=True, eq=False)
class _Gram:
    """One span's correlation over lags, under the channels that were chosen."""

    span: Span
    values: torch.Tensor
    independent: float


def align(track: Track, known: tuple[Span, ...], render: Render, silence_rms: float = SILENCE_RMS) -> Alignment:
    """Find where ``render`` lies against ``track`` on the ``known`` spans of it.

    Without usable context, or with a weak or contradictory answer, the nominal position is returned with a
    remark that says so.
    """
    plain = plain_mix(track.channels, render.sound.channels)
    nominal = Placement(plain)
    spans = [span for span in known if span[1] - span[0] >= track.samples(_MIN_SPAN_SECONDS)]
    if not spans:
        return Alignment(nominal, (remark("no_context"),))
    spans = [span for span in spans if _rms(track.cut(*span)) > silence_rms]
    if not spans:
        return Alignment(nominal, (remark("silent_context"),))
    margin = track.samples(SEARCH_SECONDS)
    raw = [correlogram(track.cut(a, b), render.cut(a - margin, b + margin), track.sample_rate) for a, b in spans]
    powers = torch.stack([render.cut(*span).square().sum(1) for span in spans]).sum(0).tolist()
    mix = best_mix(raw, plain, track.channels, powers)
    grams = [_Gram(span, under(gram, mix), gram.independent) for span, gram in zip(spans, raw, strict=True)]
    step = raw[0].step
    lags, doubts, peak = _lags(grams, step, track.sample_rate)
    if not any(lag is not None for lag in lags):
        return _by_envelope(track, spans, render, nominal)
    if mix != plain:
        doubts += mix_remarks(mix)
    if apart := apart_ms(raw, mix, track.sample_rate):
        doubts.append(remark("channels_apart", ms=apart))
    placed = Placement(mix)
    found = [
        delay_along(track, span, render, placed, lag, step + 1.0)
        for span, lag in zip(spans, lags, strict=True)
        if lag is not None
    ]
    return replace(_combined(found, placed, nominal, tuple(doubts), track), correlation=peak)


_UNCLEAR = ("contradictory_context", "little_context", "repeating_music")


def _lags(grams: list[_Gram], step: int, sample_rate: int) -> tuple[list[int | None], list[Remark], float]:
    """The whole-sample lag of each span (None: it cannot tell), doubts about them, and the height of the peak."""
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
    doubts = [remark(code) for code, doubtful in (("repeating_music", repeats), ("little_context", little)) if doubtful]
    return lags, doubts, float(joint[index])


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


def _combined(found: list[Delay], placed: Placement, nominal: Placement, doubts, track: Track) -> Alignment:
    """One delay where the spans agree, a stretch where they nearly do, the nominal place where they do not."""
    scale = max(1.0, track.sample_rate / 44_100)
    ends = [end for each in found for end in (each.first, each.last)]
    if all(each.steady for each in found) and max(ends) - min(ends) <= _AGREEMENT_SAMPLES * scale:
        weight = sum(each.information for each in found) or 1.0
        delay = sum(each.first * each.information for each in found) / weight if weight > 0 else found[0].first
        return Alignment(replace(placed, anchors=((0, delay),)), doubts)
    milliseconds = {"left_ms": 1000 * ends[0] / track.sample_rate, "right_ms": 1000 * ends[-1] / track.sample_rate}
    for left, right in zip(found, found[1:], strict=False):
        if abs(right.first - left.last) > _MAX_STRETCH * (right.span[0] - left.span[1]):
            return Alignment(nominal, (remark("contradictory_context", **milliseconds),))
    anchors = dict(anchor for each in found for anchor in zip(each.span, (each.first, each.last)))
    far = track.samples(_CONTINUED_SECONDS)
    for each, edge, direction in ((found[0], found[0].span[0], -1), (found[-1], found[-1].span[1], 1)):
        slope = (each.last - each.first) / (each.span[1] - each.span[0])
        anchors[edge + direction * far] = anchors[edge] + direction * far * slope
    stretched = replace(placed, anchors=tuple(sorted(anchors.items())))
    said = [remark("stretched", **milliseconds)]
    for each in found:
        if each.off > _MAX_OFF_LINE_SAMPLES * scale:
            said.append(remark("joint_off", time=track.time(each.span[1]), samples=each.off))
    return Alignment(stretched, (*doubts, *said))


def _by_envelope(track: Track, spans, render: Render, nominal: Placement) -> Alignment:
    """Onsets instead of the waveform, for a backend that invents the phases (a vocoder)."""
    weak = Alignment(nominal, (remark("weak_context"),))
    margin = track.samples(SEARCH_SECONDS)
    rows = [
        (*envelope_correlogram(track.cut(a, b), render.cut(a - margin, b + margin), track.sample_rate), b - a)
        for a, b in spans
        if b - a >= track.samples(_MIN_ENVELOPE_SPAN_SECONDS)
    ]
    if not rows:
        return weak
    hop = rows[0][1]
    size = min(len(row) for row, *_ in rows)
    weights = sum(weight for *_, weight in rows)
    joint = torch.stack([row[:size] * (weight / weights) for row, _, weight in rows]).sum(0)
    index = int(joint.argmax())
    highest = float(joint[index])
    near = round(track.samples(_ENVELOPE_REPEAT_SECONDS) / hop)
    rivals = torch.cat([joint[: max(0, index - near)], joint[index + near + 1 :]])
    rival = float(rivals.amax()) if len(rivals) else 0.0
    if highest < _MIN_ENVELOPE_PEAK or rival > _MAX_ENVELOPE_RIVAL * highest:
        return weak
    lag = round((index + peak_offset(joint, index) - margin // hop) * hop)
    return Alignment(replace(nominal, anchors=((0, float(lag)),)), (remark("aligned_by_onsets"),))


def _rms(piece: torch.Tensor) -> float:
    return float(piece.square().mean().sqrt()) if piece.numel() else 0.0
