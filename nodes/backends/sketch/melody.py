"""Melody: motifs of two bars, fitted to syllables and walked along the scale from chord to chord."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from .dice import pick
from .style import Style

Moves = Mapping[int, int]  # step → move in scale degrees


def motif(style: Style, dice: np.random.Generator) -> Moves:
    """Two bars of melody: it begins on the first beat and rests on the last."""
    beat = style.beat_steps
    cells = ((0,), (0, 2), (0, 2, 3), (2,), ()) if beat == 4 else ((0,), (0, 4), (0, 2, 4), ())
    steps = [0]
    for n in range(1, 2 * style.beats - 1):
        steps += [n * beat + step for step in pick(dice, cells)]
    return {step: pick(dice, (-3, -2, -1, -1, 0, 1, 1, 2, 3)) if step else 0 for step in steps}


def fitted(moves: Moves, notes: int, steps: int) -> Moves:
    """The motif with a note for each syllable: its own onsets first, then the strongest free steps."""
    free = sorted((s for s in range(steps) if s not in moves), key=lambda s: (s % 4 != 0, s % 2 != 0, s))
    return {step: moves.get(step, -1 if n % 2 else 1) for n, step in enumerate([*moves, *free][:notes])}


def walk(style: Style, roots: Sequence[int], moves: Moves, centre: int) -> Iterator[tuple[int, int, int]]:
    """(step, length in steps, MIDI pitch) of each note: a tone of the chord at every beat, at rest at the end.

    ``roots`` are the chords of the bars that the moves span.
    """
    degree, beat, onsets = 0, style.beat_steps, sorted(moves)
    for step, until in zip(onsets, [*onsets[1:], onsets[-1] + 2 * beat]):
        rests = step == onsets[-1]
        degree += moves[step]
        degree += 7 if degree < -3 else -7 if degree > 8 else 0
        if rests or step % beat == 0:
            chord = [(roots[step // style.steps] + third) % 7 for third in (0, 2, 4)]
            tones = [0] if rests and 0 in chord else chord
            degree = min(
                (tone + 7 * octave for tone in tones for octave in (-1, 0, 1)),
                key=lambda tone: (abs(tone - degree), tone),
            )
        yield step, until - step, style.pitch(degree, centre)
