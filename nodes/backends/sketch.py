"""Sketch: a small synthesiser that plays what the tags, section markers and seed say. It is not ACE-Step.

It exists so that every graph runs and can be heard without a GPU, weights or an account. Tags and seed fix
the song: with other lyrics or another duration it is the same song, sung or cut differently. Words that the
tables below do not hold change only the dice. In 6/8 the tempo counts dotted quarters. With "loop" among the
tags the tempo moves to the nearest one at which whole bars fill the duration, and what rings on past the end
wraps round to the start.
"""

import hashlib
import math
import re
import unicodedata
from collections import namedtuple
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from ..audio.resample import resample, with_channels
from ..audio.value import Sound
from ..errors import InputError
from ..lyrics import Section, is_instrumental_marker, sections
from ..request import EditRequest, GenerateRequest, InpaintRequest, OutpaintRequest, Request
from ..tags import is_instrumental, read_bpm, read_key, read_time_signature, split_tags
from .interface import Backend, Plan, Range, Seconds

RATE_HZ = 48_000
NOT_ACE_STEP = "This is sketch, not ACE-Step."
_RMS, _PEAK = 0.13, 0.89  # level of a piece before the soft limiter, and the limiter's ceiling
_TAIL_SECONDS = 2.5  # how long sound may ring on past the end
_ENDING_SECONDS = 1.2  # the least time the last chord gets
_EDGE_SECONDS, _FADE_IN_SECONDS, _FADE_OUT_SECONDS = 0.008, 4.0, 10.0
_NEIGHBOUR_SECONDS = 10.0  # how much of what surrounds new music sets its level
_SILENT_RMS = 1e-3

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
# Roots as degrees of the scale. Only ones that lean on the tonic: the key must be heard, not implied.
PROGRESSIONS = {
    "major": ((0, 4, 5, 3), (0, 3, 0, 4), (0, 5, 3, 4), (0, 3, 4, 0), (0, 3, 5, 4), (0, 1, 4, 0)),
    "minor": ((0, 3, 0, 4), (0, 5, 0, 4), (0, 3, 4, 0), (0, 6, 5, 0), (0, 6, 0, 4), (0, 5, 3, 0)),
}
BROKEN_CHORDS = ((0, 1, 2, 3, 2, 1), (0, 2, 1, 3), (0, 1, 2, 1), (3, 2, 1, 0, 1, 2))

# Centre is a MIDI pitch; harmonic k sounds at k ** -rolloff; attack, decay and release in seconds; to the
# left and right sound copies detuned by ± cents. ``words`` are what a tag calls it by.
Timbre = namedtuple("Timbre", "role centre rolloff attack decay sustain release cents pan gain words")
TIMBRES = {
    "rhodes": Timbre("comp", 60, 2.4, 0.004, 1.6, 0, 0.3, 4, 0.1, 0.065, r"electric piano|rhodes|wurlitzer|keys"),
    "piano": Timbre("comp", 60, 1.5, 0.003, 1.3, 0, 0.2, 1, -0.2, 0.07, r"(?<!electric )(?<!rhodes )piano"),
    "rock guitar": Timbre("comp", 57, 1.4, 0.005, 1.2, 0.3, 0.1, 6, 0.3, 0.05, r"(?:electric|rock|distorted) guitar"),
    "guitar": Timbre(
        "arp", 60, 1.3, 0.002, 0.8, 0, 0.2, 0, 0.3, 0.1, r"(?<!electric )(?<!distorted )(?<!bass )guitar|harp|ukulele"
    ),
    "synth": Timbre("arp", 67, 1.3, 0.004, 0.25, 0.2, 0.2, 9, -0.1, 0.1, r"synth(?! pad)|arpeggio|arp|chiptune"),
    "bells": Timbre("arp", 79, 2.6, 0.001, 1.2, 0, 0.5, 2, 0.4, 0.07, r"bell|glockenspiel|vibraphone|marimba|celesta"),
    "pad": Timbre("pad", 60, 1.7, 0.5, 2.0, 0.9, 0.9, 9, 0.0, 0.06, r"pad|drone|choir|texture"),
    "strings": Timbre("pad", 65, 1.4, 0.16, 2.0, 0.9, 0.4, 7, 0.1, 0.05, r"string|violin|cello|orchestra|orchestral"),
    "organ": Timbre("pad", 60, 1.5, 0.02, 1.0, 1.0, 0.1, 3, 0.0, 0.05, r"organ|accordion"),
    "brass": Timbre("lead", 65, 1.2, 0.05, 0.5, 0.8, 0.1, 4, -0.1, 0.15, r"brass|trumpet|horn|trombone|sax|saxophone"),
    "flute": Timbre("lead", 76, 2.6, 0.06, 1.0, 0.9, 0.1, 0, 0.1, 0.14, r"flute|whistle|clarinet|oboe|woodwind"),
    "voice": Timbre("lead", 67, 1.0, 0.05, 2.0, 0.9, 0.1, 3, 0.0, 0.14, r"(?!)"),
    "sub bass": Timbre("bass", 34, 3.5, 0.006, 0.9, 0.55, 0.1, 0, 0.0, 0.21, r"808|sub|sub[- ]?bass"),
    "bass": Timbre("bass", 36, 1.9, 0.006, 0.7, 0.35, 0.07, 0, 0.0, 0.19, r"bass|bassline"),
}
Drum = namedtuple("Drum", "decay low_hz high_hz pan gain")  # noise between low and high
DRUMS = {
    "kick": Drum(0.12, 0, 0, 0.0, 0.7),
    "snare": Drum(0.11, 400, 9_000, 0.1, 0.55),
    "hat": Drum(0.04, 6_500, 16_000, 0.35, 0.3),
    "crash": Drum(0.7, 3_000, 15_000, -0.3, 0.25),
}
DRUM_WORDS = r"drum|drumming|percussion|beat|breakbeat|kick|snare|hi-?hat|808|drumless|beatless"
# Rows that match apply in this order, so the particular ones stand below the general ones.
STYLES = (
    (r"pop|indie|[kj]-?pop", {"groove": "pop", "bpm": (96, 124)}),
    (r"rock|punk|metal|grunge", {"groove": "rock", "bpm": (112, 148), "band": ("rock guitar", "organ")}),
    (r"folk|country|acoustic|ballad", {"groove": "folk", "bpm": (80, 112), "band": ("guitar", "strings")}),
    (r"funk|soul|r&b|disco", {"groove": "funk", "bpm": (96, 116), "band": ("rhodes",), "sevenths": True}),
    (r"reggae|ska|bossa|samba|latin", {"groove": "offbeat", "bpm": (84, 120), "band": ("guitar", "piano")}),
    (r"jazz|swing|blues", {"groove": "jazz", "swing": 0.16, "band": ("piano",), "sevenths": True}),
    (r"house|techno|edm|dance|trance", {"groove": "house", "bpm": (120, 130), "band": ("synth", "pad")}),
    (r"synthwave|80s|electronic|chiptune", {"groove": "rock", "bpm": (92, 116), "band": ("synth", "pad")}),
    (r"drum (?:and|&|n) bass|dnb|jungle", {"groove": "funk", "bpm": (164, 176), "band": ("pad", "synth")}),
    (r"hip[- ]?hop|rap|boom[- ]?bap", {"groove": "boombap", "bpm": (82, 98), "band": ("rhodes",)}),
    (r"trap|drill", {"groove": "trap", "bpm": (132, 150), "band": ("bells", "pad"), "bass": "sub bass"}),
    (r"lo-?fi", {"bpm": (70, 88), "swing": 0.09, "band": ("rhodes",), "sevenths": True, "bright_hz": 3_500}),
    (r"orchestral|cinematic|epic|film|classical", {"groove": "broad", "band": ("strings", "piano")}),
    (r"ambient|drone|sleep", {"groove": "broad", "bpm": (60, 76), "band": ("pad", "bells"), "rhythm": False}),
    (r"^solo|only", {"rhythm": False, "band": ()}),
    (r"sad|melancholic|melancholy|dark|moody|tense|trap", {"minor": 1.0}),
    (r"happy|uplifting|cheerful|joyful|bright", {"minor": 0.0}),
    (r"slow|calm|relaxing|mellow|peaceful|dreamy", {"pace": 0.88}),
    (r"fast|energetic|driving|upbeat|anthemic", {"pace": 1.12}),
    (r"ambient|warm|vintage|tape", {"bright_hz": 5_000}),
)
# A bar in sixteenths: kick, snare, hat, chords, bass. ``x`` is a hit, ``X`` a hard one; a digit, for the bass,
# a hit so many scale steps above the chord's root.
GROOVES = {
    "pop": "X.......x.x..... ....X.......X... x.x.x.x.x.x.x.x. X...x...x...x... 0...0...0...0.4.",
    "rock": "X.....x.x....... ....X.......X... x.x.x.x.x.x.x.x. X.x.x.x.x.x.x.x. 0.0.0.0.0.0.0.4.",
    "folk": "X.......x....... ....x.......x... x.x.x.x.x.x.x.x. X...x.x...x.x.x. 0.......0...4...",
    "funk": "X.........x..... ....X..x....X..x x.x.x.x.x.x.x.x. X.....x...x..... 0.....0..04...7.",
    "offbeat": "X.......X....... ....x..x....x... x.x.x.x.x.x.x.x. ..X...x...X...x. 0.....0.4.....2.",
    "jazz": "X.......x....... ......x.....x... x...X.x.x...X.x. X.....x.......x. 0...2...4...5...",
    "house": "X...X...X...X... ....x.......x... x.X.x.X.x.X.x.X. X..x..x...x..x.. ..0...0...0...7.",
    "boombap": "X......x..x..... ....X.......X... x.x.x.x.x.x.x.x. X.....x...x..... 0......0..4.....",
    "trap": "X.....x...x..... ........X....... x.x.x.x.x.xxx.x. X.......x....... 0.....0...0.....",
    "broad": "X............... ........x....... x...x...x...x... X.......x....... 0...............",
    "2/4": "X....... ....X... x.x.x.x. X.x...x. 0...4...",
    "3/4": "X........... ....x...x... x.x.x.x.x.x. X...x...x... 0.......0.4.",
    "6/8": "X.....x..... ......X..... x.x.x.x.x.x. X...x.x...x. 0.....0...4.",
}
# How a section is played. ``drums``: 1 hats and a kick on the bar, 2 the groove, 3 groove and crash. ``weight``:
# of its length.
Part = namedtuple("Part", "words level_db drums bass lead progression weight")
PARTS = {
    "verse": Part(r"verse", -3.5, 2, True, True, 0, 4),
    "intro": Part(r"intro|opening|prelude|前奏", -4.5, 1, False, False, 0, 2),
    "build": Part(r"pre.?chorus|build|rise|lift", -2.5, 2, True, False, 1, 2),
    "chorus": Part(r"chorus|hook|drop|refrain|climax|副歌", 0, 3, True, True, 1, 4),
    "bridge": Part(r"bridge|break|interlude|middle|桥段", -6, 1, True, True, 2, 2),
    "solo": Part(r"solo|inst", -1, 2, True, True, 0, 4),
    "outro": Part(r"outro|ending|end\b|coda|fade|尾奏", -5, 1, True, False, 0, 2),
}
# The first two formants in Hz, after Peterson and Barney 1952.
FORMANTS_HZ = {"a": (790, 1180), "e": (570, 2080), "i": (290, 2540), "o": (580, 880), "u": (330, 910)}
# Vowels of Latin, Greek and Cyrillic, the vowel inside a decomposed Hangul syllable, a kana, an ideograph.
_SYLLABLE = re.compile("[aeiouyαεηιουωаеиоуыэюя]+|[\u1161-\u1175\u3041-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True)
class Style:
    """What tags and seed decide, whatever is sung and however long it is."""

    groove: tuple[str, ...]  # a row of GROOVES
    bpm: float
    tonic: int  # pitch class
    mode: str
    beats: int  # a bar
    beat_steps: int  # sixteenths a beat
    swing: float  # how late the second half of a beat is, in beats
    bright_hz: float
    sevenths: bool
    voices: tuple[str, ...]
    lead: str | None
    bass: str | None
    drums: bool
    low_voice: bool
    loop: bool
    fade_in: bool
    fade_out: bool

    @property
    def steps(self) -> int:
        return self.beats * self.beat_steps

    @property
    def bar_seconds(self) -> Seconds:
        return 60.0 * self.beats / self.bpm

    def filling(self, seconds: Seconds) -> tuple["Style", int]:
        """This style at the nearest tempo at which whole bars fill ``seconds``, and how many they are."""
        bars = max(1, round(seconds / self.bar_seconds))
        return replace(self, bpm=60.0 * self.beats * bars / seconds), bars

    def seconds(self, bar: int, step: float) -> Seconds:
        """When a step of a bar sounds: off-beats come late in a swung style, beats never."""
        beat, inside = divmod(step / self.beat_steps, 1.0)
        half = 0.5 + self.swing
        inside = inside * 2 * half if inside < 0.5 else half + (inside - 0.5) * 2 * (1 - half)
        return bar * self.bar_seconds + (beat + inside) * 60.0 / self.bpm

    def pitch(self, degree: int, centre: int) -> int:
        """MIDI pitch of a scale degree; degree 0 is the tonic within an octave below ``centre`` + 3."""
        return centre + 2 - (centre + 2 - self.tonic) % 12 + 12 * (degree // 7) + SCALES[self.mode][degree % 7]

    def near(self, degree: int, centre: int) -> int:
        """MIDI pitch of a scale degree in the octave round ``centre``: chords made of these move little."""
        return centre - 6 + (self.pitch(degree, centre) - centre + 6) % 12


def _dice(request: Request, purpose: str) -> np.random.Generator:
    """Random numbers for one purpose, from tags and seed only."""
    digest = hashlib.sha256(f"{request.seed}\n{purpose}\n{request.tags}".encode("utf-8", "replace")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def _pick(dice: np.random.Generator, options: Sequence):
    return options[int(dice.integers(len(options)))]


def _read_style(request: Request) -> Style:
    tags = [tag.casefold() for tag in split_tags(request.tags)]
    denied = [tag for tag in tags if re.match(r"(?:no|without)\b|drumless|beatless", tag)]
    wanted = [tag for tag in tags if tag not in denied]
    dice = _dice(request, "style")

    def has(words: str, where: Sequence[str] = wanted) -> bool:
        return any(re.search(rf"\b(?:{words})s?\b", tag) for tag in where)

    row = {"groove": "pop", "bpm": (88, 120), "band": ("piano", "pad"), "bass": "bass", "rhythm": True}
    row |= {"pace": 1.0, "minor": 0.5, "swing": 0.0, "bright_hz": 12_000, "sevenths": False}
    for words, changes in STYLES:
        if has(words):
            row |= changes
    tempo = round(int(dice.integers(row["bpm"][0], row["bpm"][1] + 1)) * row["pace"])
    key = f"{_pick(dice, 'CDEFGAB')} {'minor' if dice.random() < row['minor'] else 'major'}"
    root, mode = (read_key(request.tags) or key).split()
    metre = read_time_signature(request.tags) or "4/4"

    possible = {name: timbre for name, timbre in TIMBRES.items() if not has(timbre.words, denied)}
    found = [name for name, timbre in possible.items() if has(timbre.words)]
    voices = [name for name in found if TIMBRES[name].role != "bass"]
    if all(TIMBRES[name].role == "lead" for name in voices):
        voices += [name for name in row["band"] if name in possible]
    basses = [name for name in found if TIMBRES[name].role == "bass"]
    basses += [row["bass"]] if row["rhythm"] and row["bass"] in possible else []
    drums = has(DRUM_WORDS) or (row["rhythm"] and not has(DRUM_WORDS, denied))
    if not (voices or basses or drums):
        voices = ["piano"]
    leads = [name for name in voices if TIMBRES[name].role == "lead"] or voices
    fades = [tag for tag in wanted if re.search(r"\bfad(?:e|ing)", tag)]
    return Style(
        groove=tuple(GROOVES[row["groove"] if metre == "4/4" else metre].split()),
        bpm=float(read_bpm(request.tags) or tempo),
        tonic=(SCALES["major"]["CDEFGAB".index(root[0])] + {"": 0, "#": 1, "b": -1}[root[1:]]) % 12,
        mode=mode,
        beats=2 if metre == "6/8" else int(metre[0]),
        beat_steps=6 if metre == "6/8" else 4,
        swing=row["swing"],
        bright_hz=row["bright_hz"],
        sevenths=row["sevenths"],
        voices=tuple(voices),
        lead=_pick(dice, leads) if leads else None,
        bass=basses[0] if basses else None,
        drums=drums,
        low_voice=has(r"male|man|baritone"),
        loop=has(r"loop|looping|loopable"),
        fade_in=any("in" in tag.split() for tag in fades),
        fade_out=any("in" not in tag.split() for tag in fades),
    )


Block = namedtuple("Block", "part start bars lines")  # a section in its place, in bars, and what is sung in it
Note = namedtuple("Note", "start seconds midi gain vowel")


def _part(marker: str) -> Part:
    """How to play the section of a marker such as ``Pre-Chorus 2``; one that says nothing known is a verse."""
    found = (part for part in PARTS.values() if re.search(rf"\b(?:{part.words})", marker.casefold()))
    return next(found, PARTS["verse"])


def _form(lyrics: str, bars: int, begins: bool, ends: bool) -> list[Block]:
    """The marked sections shared out over ``bars`` ≥ 1, or a common form when there are none.

    Music that does not begin has no intro and music that does not end no outro, unless there is nothing else.
    """
    marked = [] if is_instrumental_marker(lyrics) else list(sections(lyrics))
    if not any(section.name for section in marked):
        lines = marked[0].lines if marked else ()
        names = ["verse", "chorus"] * (2 if bars >= 24 else 1) if bars >= 6 else ["verse"]
        share = -(-len(lines) // len(names))
        marked = [Section(name, lines[i * share : (i + 1) * share]) for i, name in enumerate(names)]
        marked = [Section("intro", ())] * (begins and bars >= 8) + marked
        marked += [Section("outro", ())] * (ends and bars >= 12)
    unwanted = [PARTS["intro"]] * (not begins) + [PARTS["outro"]] * (not ends)
    marked = [section for section in marked if _part(section.name) not in unwanted][:bars] or marked[:1]
    parts = [_part(section.name) for section in marked]
    reach = np.cumsum([max(p.weight, min(len(s.lines), 16)) for p, s in zip(parts, marked)]).tolist()
    edges = [bars * i // len(marked) for i in range(len(marked) + 1)]
    for phrase in (1, 2, 4):  # the longest phrase that leaves every section something
        rounded = [0, *(round(bars * r / reach[-1] / phrase) * phrase for r in reach[:-1]), bars]
        if all(a < b for a, b in zip(rounded, rounded[1:])):
            edges = rounded
    return [Block(p, a, b - a, s.lines) for p, s, a, b in zip(parts, marked, edges, edges[1:])]


class Score:
    """Every note of a piece, by instrument."""

    def __init__(self, request: Request, style: Style, blocks: Sequence[Block], rings: bool):
        self.style = style
        self.notes: dict[str, list[Note]] = {}
        self.sings = not (is_instrumental(request.tags) or is_instrumental_marker(request.lyrics))
        dice = _dice(request, "harmony")
        self.progressions = [PROGRESSIONS[style.mode][i] for i in dice.permutation(6)[:3]]
        self.broken = _pick(dice, BROKEN_CHORDS)
        dice = _dice(request, "melody")
        self.motifs = [self._motif(dice) for _ in range(3)]
        self.feel = _dice(request, "feel")
        for block in blocks:
            self._section(block, is_last=block is blocks[-1])
        if rings:  # the last chord
            patterns = self._patterns(PARTS["chorus"], opens=True, fills=False)
            once = {voice: "0" for voice, pattern in patterns.items() if pattern and voice not in ("snare", "hat")}
            self._bar(blocks[-1].start + blocks[-1].bars, 0, 0.5, once)

    def _root(self, part: Part, bar: int) -> int:
        """The chord of a section's bar; when bars are short a chord lasts for two."""
        return self.progressions[part.progression][bar // (2 if self.style.bar_seconds < 1.4 else 1) % 4]

    def _add(self, voice, bar: int, step: int, steps: int, midi: int, gain: float, vowel: str = "") -> None:
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

    def _patterns(self, part: Part, opens: bool, fills: bool) -> dict[str, str]:
        """What every instrument but the lead does in a bar, by instrument."""
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

    def _bar(self, bar: int, root: int, level: float, patterns: dict[str, str]) -> None:
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
        role, centre = TIMBRES[voice][:2]
        if role == "bass":
            return [self.style.near(root, centre) + self.style.pitch(root + int(mark), 60) - self.style.pitch(root, 60)]
        degrees = (root, root + 2, root + 4, root + 6)[: 4 if self.style.sevenths and root else 3]
        chord = [self.style.near(degree, centre) for degree in degrees]
        chord += [chord[0] + 12] if root == 0 else []  # the tonic is doubled
        return chord if mark != "x" or role != "arp" else [[*chord, chord[0] + 12][self.broken[n % len(self.broken)]]]

    def _motif(self, dice: np.random.Generator) -> dict[int, int]:
        """Two bars of melody, step → move in scale degrees: it begins on the first beat and rests on the last."""
        beat = self.style.beat_steps
        cells = ((0,), (0, 2), (0, 2, 3), (2,), ()) if beat == 4 else ((0,), (0, 4), (0, 2, 4), ())
        beats = range(2 * self.style.beats - 1)
        steps = [n * beat + step for n in beats for step in (_pick(dice, cells) if n else (0,))]
        return {step: _pick(dice, (-3, -2, -1, -1, 0, 1, 1, 2, 3)) if step else 0 for step in steps}

    def _melody(self, block: Block, level: float) -> None:
        """Two-bar phrases on the section's motif: sung where there are lines, else played by the lead."""
        sung = self.sings and bool(block.lines)
        voice = "voice" if sung else self.style.lead
        for phrase, first in enumerate(range(0, block.bars, 2) if voice else ()):
            if not sung and block.part is PARTS["verse"] and phrase % 2:
                continue  # the lead leaves room
            steps = min(2, block.bars - first) * self.style.steps
            moves = {step: move for step, move in self.motifs[block.part.progression].items() if step < steps}
            vowels = [""]
            if sung:
                vowels = _vowels(block.lines[phrase % len(block.lines)])
                moves = _fitted(moves, len(vowels), steps - self.style.beat_steps)
            roots = [self._root(block.part, first), self._root(block.part, first + 1)]
            self._phrase(voice, block.start + first, roots, moves, level * (1.0 if sung else 0.8), vowels)

    def _phrase(self, voice: str, bar: int, roots: Sequence[int], moves: dict[int, int], level: float, vowels) -> None:
        """A walk along the scale that is on a tone of the chord at every beat and comes to rest at its end."""
        centre = max(72, TIMBRES[voice].centre) if voice != "voice" else 55 if self.style.low_voice else 67
        degree, beat, onsets = 0, self.style.beat_steps, sorted(moves)
        for n, step in enumerate(onsets):
            rests = step == onsets[-1]
            degree += moves[step]
            degree += 7 if degree < -3 else -7 if degree > 8 else 0
            if rests or step % beat == 0:
                chord = [(roots[step // self.style.steps] + third) % 7 for third in (0, 2, 4)]
                tones = [0] if rests and 0 in chord else chord
                around = [tone + 7 * octave for tone in tones for octave in (-1, 0, 1)]
                degree = min(around, key=lambda tone: (abs(tone - degree), tone))
            length = 2 * beat if rests else onsets[n + 1] - step
            self._add(voice, bar, step, length, self.style.pitch(degree, centre), level, vowels[n % len(vowels)])


def _vowels(line: str) -> str:
    """The vowel of each syllable of a line, in any script."""
    line = line[:200]
    found = _SYLLABLE.findall(unicodedata.normalize("NFD", line.casefold())) or re.findall(r"\w+", line) or ["a"]
    return "".join(s[0] if s[0] in FORMANTS_HZ else "aeiou"[ord(s[0]) % 5] for s in found)


def _fitted(moves: dict[int, int], notes: int, steps: int) -> dict[int, int]:
    """The motif with a note for each syllable: its own onsets first, then the strongest free steps."""
    free = sorted((s for s in range(steps) if s not in moves), key=lambda s: (s % 4 != 0, s % 2 != 0, s))
    return {step: moves.get(step, (-1) ** n) for n, step in enumerate([*moves, *free][:notes])}


class Synth:
    """Plays notes into one stereo buffer [2, samples]. Each different note is made once."""

    TABLE_BITS = 13

    def __init__(self, samples: int, bright_hz: float):
        self.mix = np.zeros((2, samples), np.float32)
        self.bright_hz = bright_hz
        self._made: dict[tuple, np.ndarray] = {}

    def play(self, voice: str, note: Note) -> None:
        key = (voice, note.midi, note.vowel, 0 if voice in DRUMS else round(note.seconds * RATE_HZ))
        if key not in self._made:
            self._made[key] = self._drum(voice) if voice in DRUMS else self._tone(*key)
        sound, start = self._made[key], round(note.start * RATE_HZ)
        place = self.mix[:, start : start + sound.shape[1]]
        place += sound[:, : place.shape[1]] * np.float32(note.gain)

    def _tone(self, voice: str, midi: int, vowel: str, held: int) -> np.ndarray:
        timbre, hz = TIMBRES[voice], 440.0 * 2 ** ((midi - 69) / 12)
        time = np.arange(held + round(timbre.release * RATE_HZ), dtype=np.float32) / np.float32(RATE_HZ)
        dying = np.exp(time / np.float32(-timbre.decay))
        envelope = (timbre.sustain + (1 - timbre.sustain) * dying) * np.minimum(time / np.float32(timbre.attack), 1)
        envelope[held:] *= np.linspace(1, 0, time.size - held, dtype=np.float32) ** 2
        body, edge = self._wave(hz, timbre.rolloff, vowel), self._wave(hz, timbre.rolloff - 0.6, vowel)
        swing = 0
        if timbre.role == "lead":  # vibrato of 10 cents that comes after the attack
            swing = np.minimum(time / np.float32(0.4), 1) * (1 - np.cos(time * np.float32(2 * np.pi * 5.3)))
            swing = (swing * np.float32(hz * (2 ** (10 / 1200) - 1) / (2 * np.pi * 5.3) * 2**40)).astype(np.int64)

        def voice_at(cents: float) -> np.ndarray:
            # Whole numbers count the phase, so that pitch never drifts.
            phase = np.arange(time.size, dtype=np.int64) * round(hz * 2 ** (cents / 1200) / RATE_HZ * 2**40) + swing
            phase = (phase >> (40 - self.TABLE_BITS)) & (2**self.TABLE_BITS - 1)
            # What is struck or plucked starts bright and darkens.
            return body[phase] if timbre.sustain > 0.5 else body[phase] + 0.5 * edge[phase] * dying**3

        # Both channels share a voice in tune, so that the mix to mono does not beat.
        sound = np.stack([voice_at(0)] * 2)
        if timbre.cents:
            sound += 0.7 * np.stack([voice_at(-timbre.cents), voice_at(timbre.cents)])
            sound *= np.float32(0.82)
        return sound * envelope * _panned(timbre.pan, timbre.gain)

    def _wave(self, hz: float, rolloff: float, vowel: str) -> np.ndarray:
        """One period of unit power, with nothing above 14 kHz and little above ``bright_hz``."""
        size = 2**self.TABLE_BITS
        k = np.arange(1, max(1, min(int(14_000 / hz), 128)) + 1)
        amplitude = k**-rolloff / (1 + (k * hz / self.bright_hz) ** 4)
        if vowel:
            formants = zip((*FORMANTS_HZ[vowel], 2700), (1.0, 0.5, 0.15))
            amplitude *= 0.03 + sum(w / (1 + ((k * hz - f) / (60 + f / 16)) ** 2) for f, w in formants)
        spectrum = np.zeros(size // 2 + 1, complex)
        spectrum[k] = -1j * size * amplitude / np.sqrt(2 * np.sum(amplitude**2))
        return np.fft.irfft(spectrum, size).astype(np.float32)

    def _drum(self, name: str) -> np.ndarray:
        drum = DRUMS[name]
        time = np.arange(int(drum.decay * 7 * RATE_HZ)) / RATE_HZ
        envelope = np.exp(-time / drum.decay) * np.minimum(time / 0.001, 1) * np.minimum((time[-1] - time) / 0.02, 1)
        if name == "kick":  # a sine that falls from 158 to 48 Hz
            sound = np.sin(2 * np.pi * (48 * time + 3.3 * (1 - np.exp(-time / 0.03))))
        else:
            noise = np.random.Generator(np.random.PCG64(len(name))).uniform(-1, 1, time.size)
            hz = np.fft.rfftfreq(time.size, 1 / RATE_HZ)
            low, high, dark = ((hz / edge) ** 4 for edge in (drum.low_hz, drum.high_hz, 2 * self.bright_hz))
            band = np.fft.rfft(noise) * low / (1 + low) / (1 + high)
            sound = np.fft.irfft(band / (1 + dark), time.size) * 0.4 / np.fft.irfft(band, time.size).std()
        if name == "snare":
            sound += 0.6 * np.sin(2 * np.pi * 190 * time) * np.exp(-time / 0.05)
        return (sound * envelope).astype(np.float32) * _panned(drum.pan, drum.gain)

    def add_room(self, seconds: Seconds = 1.1, amount: float = 0.22) -> None:
        """A dark room round what has been played so far: decaying noise at 8 kHz, convolved block by block."""
        step, block = 6, 1 << 13
        length = -(-self.mix.shape[1] // (step * block)) * block
        send = np.zeros(length * step, np.float32)
        np.add(*self.mix, out=send[: self.mix.shape[1]])
        spectrum = np.fft.rfft(sum(send[i::step] for i in range(step)).reshape(-1, block), 2 * block)
        time = np.arange(block) * step / RATE_HZ
        dice = np.random.Generator(np.random.PCG64(1))
        for channel in self.mix:
            response = dice.uniform(-1, 1, block) * np.exp(-6.9 * time / seconds) * np.minimum(time / 0.02, 1)
            response *= amount / step / np.sqrt(np.sum(response**2))
            blocks = np.fft.irfft(spectrum * np.fft.rfft(response, 2 * block), 2 * block)
            wet = np.zeros(length + block + 1, np.float32)
            wet[:length] = blocks[:, :block].ravel()
            wet[block : length + block] += blocks[:, block:].ravel()
            for i in range(step):  # linear interpolation back to the full rate
                dry = channel[i::step]
                dry += wet[: dry.size] * (1 - i / step) + wet[1 : dry.size + 1] * (i / step)


def _panned(pan: float, gain: float) -> np.ndarray:
    """Gains [2, 1] of equal power."""
    angle = (pan + 1) * math.pi / 4
    return np.array([[math.cos(angle)], [math.sin(angle)]], np.float32) * np.float32(gain * math.sqrt(2))


def _perform(request: Request, style: Style, seconds: Seconds, begins: bool, ends: bool) -> np.ndarray:
    """Music of ``seconds``, float32 [2, samples]. Where it does not begin or end it sounds cut out of a piece."""
    samples = round(seconds * RATE_HZ)
    rings = ends and not style.fade_out and not style.loop
    if style.loop:
        style, bars = style.filling(seconds)
    elif rings:
        bars = max(1, math.floor((seconds - _ENDING_SECONDS) / style.bar_seconds))
    else:
        bars = math.ceil(seconds / style.bar_seconds)
    blocks = _form(request.lyrics, bars, begins and not style.loop, ends and not style.loop)
    score = Score(request, style, blocks, rings)
    synth = Synth(samples + round(_TAIL_SECONDS * RATE_HZ), style.bright_hz)
    dry = [voice for voice in score.notes if voice in DRUMS or voice == style.bass]
    in_room = [voice for voice in score.notes if voice not in dry]
    for done, voice in enumerate([*in_room, "room", *dry], start=1):
        request.progress.raise_if_stopped()
        if voice == "room":
            synth.add_room()
        for note in score.notes.get(voice, ()):
            synth.play(voice, note)
        request.progress.step(done, len(score.notes) + 1)
    music = synth.mix[:, :samples]
    for start in range(samples, synth.mix.shape[1], samples) if style.loop else ():
        rest = synth.mix[:, start : start + samples]
        music[:, : rest.shape[1]] += rest
    power = float(np.mean(np.square(music)))
    music *= _RMS / math.sqrt(power) if power else 0.0
    return _limited(music)


def _limited(music: np.ndarray) -> np.ndarray:
    """``music`` with its peaks rounded off in place so that none passes ``_PEAK``."""
    music /= _PEAK
    np.tanh(music, out=music)
    music *= _PEAK
    return music


def _fade_ends(music: np.ndarray, style: Style, begins: bool, ends: bool) -> None:
    """Fade in place: as long as the tags ask where the piece begins or ends, elsewhere just enough not to click."""
    fade_in = _FADE_IN_SECONDS if begins and style.fade_in else _EDGE_SECONDS
    fade_out = (_FADE_OUT_SECONDS if style.fade_out else _ENDING_SECONDS) if ends else _EDGE_SECONDS
    for seconds, side in ((fade_in, music), (fade_out, music[:, ::-1])):
        samples = min(round(seconds * RATE_HZ), music.shape[1] // 2)
        side[:, :samples] *= np.sin(np.linspace(0, np.pi / 2, samples, endpoint=False, dtype=np.float32)) ** 2


def _match_level(music: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Music at the level of its neighbours, gliding from the left one's to the right one's."""
    near = round(_NEIGHBOUR_SECONDS * RATE_HZ)
    own, *levels = (_level(sound) for sound in (music, left[:, -near:], right[:, :near]))
    heard = [level for level in levels if level > _SILENT_RMS]
    if not heard or own <= _SILENT_RMS:
        return music
    first, last = (level if level > _SILENT_RMS else heard[0] for level in levels)
    return _limited(music * np.geomspace(first / own, last / own, music.shape[1], dtype=np.float32))


def _level(sound: np.ndarray) -> float:
    """RMS of the quarter seconds that are not far (20 dB) below the loudest."""
    block = RATE_HZ // 4
    powers = [float(np.mean(np.square(sound[:, i : i + block]))) for i in range(0, sound.shape[1], block)]
    heard = [power for power in powers if power >= max(powers) / 100]
    return math.sqrt(sum(heard) / len(heard)) if heard else 0.0


def _blend(old: np.ndarray, new: np.ndarray, strength: float) -> None:
    """Cross from ``old`` to ``new`` in place, at equal power, as far as ``strength``, with short edges."""
    edge = min(round(_EDGE_SECONDS * RATE_HZ), old.shape[1] // 4)
    turn = np.full(old.shape[1], strength * np.pi / 2, np.float32)
    ramp = np.linspace(0, 1, edge, endpoint=False, dtype=np.float32)
    turn[:edge] *= ramp
    turn[turn.size - edge :] *= ramp[::-1]
    old *= np.cos(turn)
    old += new * np.sin(turn)


def _stereo(window: Sound) -> np.ndarray:
    return with_channels(resample(window.waveform, window.sample_rate, RATE_HZ), 2).numpy()


def _sound(samples: np.ndarray) -> Sound:
    return Sound(torch.from_numpy(np.ascontiguousarray(samples, np.float32)), RATE_HZ)


class SketchBackend(Backend):
    """Renders with the synthesiser above: free, at once, and the same every time."""

    name = "sketch"
    shares_windows = True
    max_seconds = 600.0
    version = "none"
    model = "sketch synthesiser"

    def __init__(self, request: Request):
        super().__init__(request)
        defaults = {"version": "auto", "variant": "auto", "language": "auto", "steps": 0, "guidance": 0.0}
        ignored = [name for name, default in defaults.items() if getattr(request, name) != default]
        ignored += [name for name in ("model", "clip", "vae") if getattr(request, name) is not None]
        self._warnings = [NOT_ACE_STEP] + [f"Sketch ignores {', '.join(ignored)}."] * bool(ignored)

    def check(self, plan: Plan) -> None:
        if self.request.resume_request_ids:
            raise InputError(
                f"{self.request.node}: resume_request_id is {', '.join(self.request.resume_request_ids)}, but only "
                "RunComfy can resume a request; set backend to runcomfy, or clear resume_request_id."
            )

    def facts(self) -> dict:
        return {"warnings": list(self._warnings)}

    async def generate(self, request: GenerateRequest) -> Sound:
        style = _read_style(request)
        music = _perform(request, style, request.duration, begins=True, ends=True)
        if style.loop:
            self._say_loop_tempo(style, request)
        else:
            _fade_ends(music, style, begins=True, ends=True)
        return _sound(music)

    def _say_loop_tempo(self, style: Style, request: GenerateRequest) -> None:
        filled, bars = style.filling(request.duration)
        change = f"{filled.bpm:.1f} BPM instead of {style.bpm:g}"
        sentence = f"The loop plays at {change}, so that {bars} whole bars fill {request.duration} s."
        asked = read_bpm(request.tags) is not None and abs(filled.bpm - style.bpm) > 0.05
        if asked and sentence not in self._warnings:
            self._warnings.append(sentence)

    async def inpaint(self, window: Sound, ranges: Sequence[Range], request: InpaintRequest) -> Sound:
        """New music in the ranges, mixed in by ``strength``: 0 leaves the window as it is, 1 replaces the range.

        Each range begins on a bar and is as loud as its neighbours. It has an intro or a fade-in only where it
        reaches the window's start, an ending or a fade-out only where it reaches the window's end.
        """
        source = _stereo(window)
        out = source.copy()
        for index, bounds in enumerate(ranges):
            start, stop = (min(round(seconds * RATE_HZ), source.shape[1]) for seconds in bounds)
            if start < stop:
                part = replace(request, progress=request.progress.part(index, len(ranges)))
                new = _addition(part, source[:, :start], stop - start, source[:, stop:])
                _blend(out[:, start:stop], new, request.strength)
        return _sound(out)

    async def outpaint(self, window: Sound, before: Seconds, after: Seconds, request: OutpaintRequest) -> Sound:
        """New music whose last bar ends where the window starts, the window, new music from its end on."""
        source = _stereo(window)
        nothing, pieces = source[:, :0], [source]
        count = bool(before) + bool(after)
        if before:
            part = replace(request, progress=request.progress.part(0, count))
            pieces.insert(0, _addition(part, nothing, round(before * RATE_HZ), source))
        if after:
            part = replace(request, progress=request.progress.part(count - 1, count))
            pieces.append(_addition(part, source, round(after * RATE_HZ), nothing))
        return _sound(np.concatenate(pieces, axis=1))


def _addition(request: EditRequest, left: np.ndarray, samples: int, right: np.ndarray) -> np.ndarray:
    """New music between ``left`` and ``right``, as loud as they are; it begins or ends where there is nothing."""
    style = _read_style(request)
    begins, ends = not left.size, not right.size
    seconds = samples / RATE_HZ
    if begins and not ends:  # its last bar is a whole one
        seconds = math.ceil(seconds / style.bar_seconds) * style.bar_seconds
    music = _perform(request, style, seconds, begins, ends)[:, -samples:]
    if request.match_loudness:
        music = _match_level(music, left, right)
    _fade_ends(music, style, begins, ends)
    return music
