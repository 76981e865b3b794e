"""The score: what every instrument plays, section by section and bar by bar."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ...request.requests import Request
from ...words.lyrics import is_instrumental_marker
from ...words.tags import is_instrumental
from ..interface import Seconds
from .dice import dice_for, pick
from .form import PARTS, Block, Part
from .instruments import DRUMS, TIMBRES
from .melody import fitted, motif, walk
from .singing import vowels
from .style import Style

# Roots as degrees of the scale. Only ones that lean on the tonic: the key must be heard, not implied.
PROGRESSIONS = {
    "major": ((0, 4, 5, 3), (0, 3, 0, 4), (0, 5, 3, 4), (0, 3, 4, 0), (0, 3, 5, 4), (0, 1, 4, 0)),
    "minor": ((0, 3, 0, 4), (0, 5, 0, 4), (0, 3, 4, 0), (0, 6, 5, 0), (0, 6, 0, 4), (0, 5, 3, 0)),
}
BROKEN_CHORDS = ((0, 1, 2, 3, 2, 1), (0, 2, 1, 3), (0, 1, 2, 1), (3, 2, 1, 0, 1, 2))
_SHORT_BAR_SECONDS = 1.4  # when bars are shorter a chord lasts for two


class Note(NamedTuple):
    start: Seconds
    seconds: Seconds
    midi: int  # 0 for drums
    gain: float
    vowel: str  # "" when it is not sung


class Score:
    """``notes`` of a piece by instrument. With ``rings`` the last chord sounds in the bar after the last block."""

    def __init__(self, request: Request, style: Style, blocks: Sequence[Block], rings: bool):
        self.style = style
        self.notes: dict[str, list[Note]] = {}
        self.sings = not (is_instrumental(request.tags) or is_instrumental_marker(request.lyrics))
        dice = dice_for(request, "harmony")
        self.progressions = [PROGRESSIONS[style.mode][i] for i in dice.permutation(6)[:3]]
        self.broken = pick(dice, BROKEN_CHORDS)
        dice = dice_for(request, "melody")
        self.motifs = [motif(style, dice) for _ in self.progressions]
        self.feel = dice_for(request, "feel")
        for block in blocks:
            self._section(block, is_last=block is blocks[-1])
        if rings:
            self._last_chord(blocks[-1].start + blocks[-1].bars)

    def _root(self, part: Part, bar: int) -> int:
        """The root of the chord in a section's bar."""
        chord = bar // 2 if self.style.bar_seconds < _SHORT_BAR_SECONDS else bar
        return self.progressions[part.progression][chord % 4]

    def _add(self, voice: str, bar: int, step: int, steps: int, midi: int, gain: float, vowel: str = "") -> None:
        start = self.style.seconds(bar, step)
        length = self.style.seconds(bar, step + steps) - start
        self.notes.setdefault(voice, []).append(Note(start, length, midi, gain, vowel))

    def _section(self, block: Block, is_last: bool) -> None:
        part = block.part
        level = 10 ** (part.level_db / 20)
        for i in range(block.bars):
            patterns = self._patterns(part, opens=i == 0, fills=i == block.bars - 1 and not is_last)
            taper = 1 - 0.6 * i / block.bars if part is PARTS["outro"] else 1.0
            self._bar(block.start + i, self._root(part, i), level * taper, patterns)
        if part.lead or not self.notes:
            self._melody(block, level)

    def _last_chord(self, bar: int) -> None:
        patterns = self._patterns(PARTS["chorus"], opens=True, fills=False)
        once = {voice: "0" for voice, pattern in patterns.items() if pattern and voice not in ("snare", "hat")}
        self._bar(bar, 0, 0.5, once)

    def _patterns(self, part: Part, opens: bool, fills: bool) -> dict[str, str]:
        """What every instrument but the lead does in a bar, by instrument, in the notation of GROOVES."""
        steps, beat = self.style.steps, self.style.beat_steps
        kick, snare, hat, chords, bass = self.style.groove
        by_role = {"comp": chords, "arp": "x." * (steps // 2), "pad": "X".ljust(steps, "."), "lead": ""}
        patterns = {voice: by_role[TIMBRES[voice].role] for voice in self.style.voices}
        if self.style.bass and part.bass:
            patterns[self.style.bass] = bass
        if self.style.drums:
            patterns |= {"hat": hat, "kick": kick if part.drums > 1 else "X"}
        if self.style.drums and part.drums > 1:
            patterns["snare"] = snare[:-beat] + "x" * beat if fills else snare
        if self.style.drums and part.drums > 2 and opens:
            patterns["crash"] = "X"
        return patterns

    def _bar(self, bar: int, root: int, level: float, patterns: Mapping[str, str]) -> None:
        for voice, pattern in patterns.items():
            hits = [step for step, mark in enumerate(pattern) if mark != "."]
            for n, (step, until) in enumerate(zip(hits, [*hits[1:], self.style.steps])):
                accent = 1.0 if step == 0 else 0.85 if step % self.style.beat_steps == 0 else 0.7
                accent *= 0.65 if voice in DRUMS and pattern[step] == "x" else 1.0
                accent *= 1 - 0.12 * self.feel.random()
                for midi in self._pitches(voice, root, n, pattern[step]):
                    self._add(voice, bar, step, until - step, midi, level * accent)

    def _pitches(self, voice: str, root: int, n: int, mark: str) -> list[int]:
        """What an instrument plays at the n-th hit of a bar."""
        if voice in DRUMS:
            return [0]
        style, timbre = self.style, TIMBRES[voice]
        if timbre.role == "bass":
            return [style.near(root, timbre.centre) + style.pitch(root + int(mark), 60) - style.pitch(root, 60)]
        degrees = (root, root + 2, root + 4, root + 6)[: 4 if style.sevenths and root else 3]
        chord = [style.near(degree, timbre.centre) for degree in degrees]
        chord += [chord[0] + 12] if root == 0 else []  # the tonic is doubled
        if mark != "x" or timbre.role != "arp":
            return chord
        return [[*chord, chord[0] + 12][self.broken[n % len(self.broken)]]]

    def _melody(self, block: Block, level: float) -> None:
        """Two-bar phrases on the section's motif: sung where there are lines, else played by the lead."""
        for phrase, first in enumerate(range(0, block.bars, 2)):
            steps = min(2, block.bars - first) * self.style.steps
            moves = {step: move for step, move in self.motifs[block.part.progression].items() if step < steps}
            roots = [self._root(block.part, first), self._root(block.part, first + 1)]
            bar = block.start + first
            if self.sings and block.lines:
                sung = vowels(block.lines[phrase % len(block.lines)])
                moves = fitted(moves, len(sung), steps - self.style.beat_steps)
                centre = 55 if self.style.low_voice else TIMBRES["voice"].centre
                for n, (step, length, midi) in enumerate(walk(self.style, roots, moves, centre)):
                    self._add("voice", bar, step, length, midi, level, sung[n % len(sung)])
            elif self.style.lead and not (block.part is PARTS["verse"] and phrase % 2):  # in verses it leaves room
                centre = max(72, TIMBRES[self.style.lead].centre)
                for step, length, midi in walk(self.style, roots, moves, centre):
                    self._add(self.style.lead, bar, step, length, midi, level * 0.8)
