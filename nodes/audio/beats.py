"""Where the beats of a track lie, or that it has none that can be told.

After Ellis, "Beat tracking by dynamic programming" (2007): the beats are the path through the onsets that is strong at
each of its places and even in between. Its tempo is followed through the track in windows. Each window also tells how
far the tempo can be trusted: by how well the onsets fit those two and four beats later. Only stretches that can be
trusted have beats, so that free rhythm, speech and noise have none.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .onsets import FRAMES_PER_CHORD, Onsets

# What is looked for without one. A slower or faster pulse is found at its double or its half.
_SLOWEST_BPM, _FASTEST_BPM = 55.0, 215.0
# Which of several metrical levels is heard as the beat: near 120 a minute, ±0.9 octaves (Ellis).
_USUAL_BPM, _USUAL_OCTAVES = 120.0, 0.9
_TEMPI = 200
# How far a tempo given by hand may be off: whole numbers are asked for, and players are no clocks.
_ASKED_TOLERANCE = 0.03

_WINDOW_SECONDS = 12.0
_STEP_SECONDS = 2.0
_SHORTEST_SECONDS = 6.0
_LEAST_BEATS = 8
# Beats a window is compared with itself over: for the tempo, and for how far it can be trusted. One beat later the
# offbeat may be the louder one; and what is uneven still fits over one beat, but no longer over four.
_TEMPO_BEATS = (1, 2, 4)
_TRUST_BEATS = (2, 4)
# Of 110 sketch songs all but single windows in fades are above 0.5; speech, noise, rubato and random hits stay below
# 0.3 (tests/bench/beats.txt). A stretch is trusted from the first figure on, and goes on down to the second.
_TRUSTED, _STILL_TRUSTED = 0.5, 0.4
# A break without drums, at whose end the tempo is the same, has beats too.
_LONGEST_BREAK_SECONDS = 16.0
# Onsets closer than this are one; slower changes are no onsets.
_SMOOTH_SECONDS = 0.02
_TREND_SECONDS = 1.5
# Added to the deviation of the onsets, which is 0.02 to 0.1 in music: less is the ripple of a steady tone.
_STILL = 0.004
_LEVEL_SECONDS = 8.0
# How much the kick and the bass count beside everything: they lie on beats more often than chords and hats do.
_BASS_SHARE = 1.5
# How much an uneven step costs, for the square of its logarithm (Ellis takes 680).
_TIGHTNESS = 1000.0
# A window of 46 ms hears a sound begin before it does: clicks 13 ms, drums and plucked strings 2 ms.
_EARLY_SECONDS = 0.007
# The cost, as a logarithm of what windows fit, of another tempo in the next one; and the most that a jump costs.
_DRIFT_COST, _JUMP_COST = 60.0, 2.0

_METRES = (4, 3)
_LEAST_BARS = 4
# How far the beats that begin a bar must stand out: in standard errors, and against the next best place for them.
_CLEAR_BARS = 4.0
_CLEAR_MARGIN = 1.4


@dataclass(frozen=True)
class Beats:
    """times: of the beats, seconds, ascending; bars: of those that begin a bar, none where that is not clear.

    bpm: of the mean step. confidence: 0 to 1, the mean over what has beats.
    """

    times: tuple[float, ...]
    bars: tuple[float, ...]
    bpm: float
    confidence: float

    def as_dict(self) -> dict:
        return {
            "times": [round(time, 4) for time in self.times],
            "bars": [round(time, 4) for time in self.bars],
            "bpm": round(self.bpm, 2),
            "confidence": round(self.confidence, 3),
        }


@dataclass(frozen=True, eq=False)
class _Pulse:
    """What the windows of a track tell. periods: frames a beat, trust: of each window; centres: frames."""

    periods: np.ndarray
    trust: np.ndarray
    centres: np.ndarray


def find_beats(onsets: Onsets, bpm: float = 0) -> Beats | None:
    """The beats of a track, of about ``bpm`` when it is not 0; None when there are none that can be trusted."""
    frame = onsets.frame_seconds
    if len(onsets.strength) * frame < _SHORTEST_SECONDS:
        return None
    hits = _hits(onsets.strength, frame)
    pulse = _pulse(hits, frame, bpm)
    stretches = _trusted(pulse, frame)
    if not stretches:
        return None
    every = np.arange(len(hits))
    periods = np.interp(every, pulse.centres, pulse.periods)
    beats = _path(_weights(onsets, hits), periods)
    times, bars, trust = [], [], []
    for first, last in stretches:
        begin, end = _bounds(pulse, first, last, len(hits))
        inside = beats[(beats >= begin) & (beats < end)]
        if len(inside) < _LEAST_BEATS:
            continue
        at = _refined(inside, hits) * frame
        times.append(at + _EARLY_SECONDS)
        bars.append(times[-1][_bar_places(onsets, inside)])
        trust.append(pulse.trust[first:last])
    if not times:
        return None
    step = float(sum(each[-1] - each[0] for each in times)) / sum(len(each) - 1 for each in times)
    confidence = float(np.clip(np.concatenate(trust).mean(), 0, 1))
    return Beats(tuple(np.concatenate(times).tolist()), tuple(np.concatenate(bars).tolist()), 60 / step, confidence)


# ------------------------------------------------------------------ onsets


def _hits(strength: np.ndarray, frame: float) -> np.ndarray:
    """The onsets without what changes slowly; 0 in the mean."""
    reach = round(3 * _SMOOTH_SECONDS / frame)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * frame / _SMOOTH_SECONDS) ** 2)
    smooth = np.convolve(strength, kernel / kernel.sum(), mode="same")
    return smooth - _mean_around(smooth, _TREND_SECONDS / frame)


def _weights(onsets: Onsets, hits: np.ndarray) -> np.ndarray:
    """How much each frame speaks for a beat."""

    def levelled(row: np.ndarray) -> np.ndarray:
        return row / (np.sqrt(_mean_around(row * row, _LEVEL_SECONDS / onsets.frame_seconds)) + _STILL)

    return levelled(hits) + _BASS_SHARE * levelled(_hits(onsets.bass, onsets.frame_seconds))


def _mean_around(row: np.ndarray, frames: float) -> np.ndarray:
    """The mean of ``row`` over that many frames around each of them."""
    half = max(1, round(frames / 2))
    total = np.concatenate(([0.0], np.cumsum(row)))
    every = np.arange(len(row))
    begin, end = np.maximum(0, every - half), np.minimum(len(row), every + half + 1)
    return (total[end] - total[begin]) / (end - begin)


# ------------------------------------------------------------------ tempo


def _pulse(hits: np.ndarray, frame: float, bpm: float) -> _Pulse:
    """The tempo through the track, and how far it can be trusted."""
    if bpm:
        beats_per_minute = bpm * np.linspace(1 - _ASKED_TOLERANCE, 1 + _ASKED_TOLERANCE, 25)
        likely = np.ones(len(beats_per_minute))
    else:
        beats_per_minute = np.geomspace(_SLOWEST_BPM, _FASTEST_BPM, _TEMPI)
        likely = np.exp(-0.5 * (np.log2(beats_per_minute / _USUAL_BPM) / _USUAL_OCTAVES) ** 2)
    periods = 60 / beats_per_minute / frame
    length = min(len(hits), round(_WINDOW_SECONDS / frame))
    starts = range(0, len(hits) - length + 1, round(_STEP_SECONDS / frame))
    alike = [_likeness(hits[start : start + length]) for start in starts]

    def fits(counts: tuple[int, ...]) -> np.ndarray:
        lags = np.arange(length)
        return np.array([np.mean([np.interp(n * periods, lags, row) for n in counts], axis=0) for row in alike])

    chosen = _steadiest(np.maximum(fits(_TEMPO_BEATS), 0) * likely, np.log(periods))
    trust = fits(_TRUST_BEATS)[np.arange(len(chosen)), chosen]
    return _Pulse(periods[chosen], trust, np.array(starts) + length / 2)


def _likeness(hits: np.ndarray) -> np.ndarray:
    """How much a window is like itself, by how many frames later: 1 for the same, 0 for nothing in common."""
    count = len(hits)
    power = np.abs(np.fft.rfft(hits, 1 << (2 * count - 1).bit_length())) ** 2
    products = np.fft.irfft(power)[:count]
    later = np.arange(count)
    unbiased = products * count / (count - later)
    # Beyond two thirds of the window little is left to compare.
    return np.where(later <= count * 2 / 3, unbiased, 0) / (products[0] + count * _STILL**2)


def _steadiest(scores: np.ndarray, logarithms: np.ndarray) -> np.ndarray:
    """Of each window [windows, tempi] the tempo on the best path through all of them (Viterbi)."""
    change = -np.minimum(_DRIFT_COST * abs(logarithms[:, None] - logarithms), _JUMP_COST)
    best, came_from = np.zeros(scores.shape[1]), []
    for row in np.log(scores + 0.02):
        ways = best[:, None] + change
        came_from.append(ways.argmax(axis=0))
        best = ways.max(axis=0) + row
    path = [int(best.argmax())]
    for origins in reversed(came_from[1:]):
        path.append(int(origins[path[-1]]))
    return np.array(path[::-1])


def _trusted(pulse: _Pulse, frame: float) -> list[tuple[int, int]]:
    """The stretches of windows [first, last) that can be trusted; over short breaks they go on."""
    padded = np.pad(pulse.trust, 1, mode="edge")
    steady = np.convolve(padded, np.ones(3) / 3, mode="valid")
    holds = np.concatenate(([0], steady >= _STILL_TRUSTED, [0]))
    edges = np.flatnonzero(np.diff(holds))
    runs = [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2]) if steady[a:b].max() >= _TRUSTED]
    joined: list[tuple[int, int]] = []
    for run in runs:
        if joined and _goes_on(pulse, joined[-1], run, frame):
            joined[-1] = (joined[-1][0], run[1])
        else:
            joined.append(run)
    return joined


def _goes_on(pulse: _Pulse, before: tuple[int, int], after: tuple[int, int], frame: float) -> bool:
    one, other = before[1] - 1, after[0]
    short = (pulse.centres[other] - pulse.centres[one]) * frame <= _LONGEST_BREAK_SECONDS
    return short and abs(np.log(pulse.periods[one] / pulse.periods[other])) < 0.02


def _bounds(pulse: _Pulse, first: int, last: int, frames: int) -> tuple[float, float]:
    """The frames that windows [first, last) speak for: all up to the track's ends, else to halfway to the next."""
    centres = pulse.centres
    begin = 0.0 if first == 0 else (centres[first - 1] + centres[first]) / 2
    end = float(frames) if last == len(centres) else (centres[last - 1] + centres[last]) / 2
    return begin, end


# ------------------------------------------------------------------ beats


def _path(weights: np.ndarray, periods: np.ndarray) -> np.ndarray:
    """The frames of the beats, by dynamic programming: ``periods`` frames apart, as even and as strong as can be."""
    total, before = weights.copy(), np.full(len(weights), -1)
    begin = 0
    while begin < len(weights):
        period = periods[begin]
        # A beat never comes after less than half a period: that many frames do not depend on each other.
        end = min(len(weights), begin + int(period / 2))
        steps = np.arange(int(period / 2), round(period * 2) + 1)
        cost = _TIGHTNESS * np.log(steps / period) ** 2
        every = np.arange(begin, end)
        origins = every[:, None] - steps
        values = np.where(origins >= 0, total[origins.clip(0)] - cost, -np.inf)
        best = values.argmax(axis=1)
        value = values[np.arange(len(every)), best]
        follows = value > 0
        total[begin:end] += np.where(follows, value, 0)
        before[begin:end] = np.where(follows, every - steps[best], -1)
        begin = end
    tail = max(0, len(total) - round(periods[-1]))
    beats = [tail + int(total[tail:].argmax())]
    while before[beats[-1]] >= 0:
        beats.append(int(before[beats[-1]]))
    return np.array(beats[::-1])


def _refined(beats: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Between the frames: where a parabola through a beat and its neighbours is highest."""
    inner = beats.clip(1, len(hits) - 2)
    left, middle, right = hits[inner - 1], hits[inner], hits[inner + 1]
    bend = left - 2 * middle + right
    shift = np.divide(0.5 * (left - right), bend, out=np.zeros(len(beats)), where=bend < 0)
    return beats + shift.clip(-1, 1)


# ------------------------------------------------------------------ bars


def _bar_places(onsets: Onsets, beats: np.ndarray) -> np.ndarray:
    """Which of the beats begin a bar, as the harmony and the bass tell; none where they do not tell clearly."""
    signs = _standardised(_changes(onsets, beats)) + _standardised(_struck(onsets, beats))
    found: list[tuple[float, int, int]] = []
    for metre in _METRES:
        if len(beats) < _LEAST_BARS * metre:
            continue
        ranked = sorted(((_stands_out(signs, metre, place), place) for place in range(metre)), reverse=True)
        if ranked[0][0] >= _CLEAR_BARS and ranked[0][0] >= _CLEAR_MARGIN * ranked[1][0]:
            found.append((ranked[0][0], metre, ranked[0][1]))
    if not found:
        return np.zeros(0, int)
    _, metre, place = max(found)
    return np.arange(place, len(beats), metre)


def _stands_out(signs: np.ndarray, metre: int, place: int) -> float:
    """By how many standard errors the beats at that place of the bar are above the others."""
    first = np.arange(len(signs)) % metre == place
    spread = np.sqrt(signs[first].var() / first.sum() + signs[~first].var() / (~first).sum())
    return float((signs[first].mean() - signs[~first].mean()) / (spread + 1e-9))


def _struck(onsets: Onsets, beats: np.ndarray) -> np.ndarray:
    reach = range(-2, 3)
    return np.max([onsets.bass[(beats + shift).clip(0, len(onsets.bass) - 1)] for shift in reach], axis=0)


def _changes(onsets: Onsets, beats: np.ndarray) -> np.ndarray:
    """How different the notes after each beat are from those before it."""
    edges = np.round(beats / FRAMES_PER_CHORD).astype(int)
    total = np.concatenate((np.zeros((1, 12)), np.cumsum(onsets.chords, axis=0)))
    edges = np.concatenate(([0], edges, [len(onsets.chords)])).clip(0, len(onsets.chords))
    between = np.array([total[b] - total[a] for a, b in pairwise(edges)])
    between /= np.linalg.norm(between, axis=1, keepdims=True) + 1e-9
    return 1 - (between[:-1] * between[1:]).sum(axis=1)


def _standardised(row: np.ndarray) -> np.ndarray:
    return (row - row.mean()) / (row.std() + 1e-9)
