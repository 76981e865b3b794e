"""Sketch: a small synthesiser that plays what the tags, section markers and seed say. It is not ACE-Step.

It exists so that every graph runs and can be heard without a GPU, weights or an account. Tags are read
for tempo, key, metre, instruments, genre and mood through the tables below; words they do not hold
change only the arrangement's dice. Tags and seed fix the song, so the same tags and seed with other
lyrics (another language) or another duration is the same song sung or cut differently.

In 6/8 the tempo counts dotted quarters. With "loop" among the tags the tempo is moved to the nearest
one at which whole bars fill the duration, and what rings on past the end wraps round to the start.
"""

import hashlib
import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch

from ..audio.resample import resample, with_channels
from ..audio.value import Sound
from ..errors import InputError
from ..lyrics import Section, is_instrumental_marker, sections
from ..progress import Progress
from ..request import GenerateRequest, InpaintRequest, OutpaintRequest, Request
from ..tags import is_instrumental, read_bpm, read_key, read_time_signature, split_tags
from .interface import Backend, Plan, Range, Seconds

SAMPLE_RATE_HZ = 48_000
NOT_ACE_STEP = "This is sketch, not ACE-Step."
_RMS = 0.14  # of a whole piece, before the soft limiter
_PEAK = 0.89
_TAIL_SECONDS = 2.5  # what may ring on past the end before it is cut or wrapped round
_EDGE_SECONDS = 0.008  # fade where new sound meets old or nothing
_FADE_IN_SECONDS, _FADE_OUT_SECONDS = 4.0, 10.0  # when the tags ask for a fade
_NEIGHBOUR_SECONDS = 10.0  # how much of what surrounds a range sets its level
_SILENCE = 1e-3
_ENDING_SECONDS = 1.2  # the least the last chord rings

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
# Degrees of the scale, from 0. The ones that lean on the tonic, so that the key is heard and not only implied.
PROGRESSIONS = {
    "major": ((0, 4, 5, 3), (0, 3, 0, 4), (0, 5, 3, 4), (0, 3, 4, 0), (0, 2, 3, 4), (0, 4, 3, 0)),
    "minor": ((0, 3, 0, 4), (0, 5, 3, 4), (0, 3, 4, 0), (0, 4, 5, 4), (0, 6, 5, 4), (0, 0, 3, 4)),
}


class Timbre(NamedTuple):
    """Harmonic k has the amplitude k ** -rolloff (times ``even`` when k is even). Seconds, cents, -1…1."""

    role: str
    centre: int  # MIDI pitch
    rolloff: float
    even: float
    attack: float
    decay: float
    sustain: float
    release: float
    detune: float
    vibrato: float
    pan: float
    gain: float


TIMBRES = {
    "piano": Timbre("comp", 60, 1.5, 0.9, 0.003, 1.3, 0.0, 0.25, 1, 0, -0.2, 0.11),
    "electric piano": Timbre("comp", 60, 2.4, 0.5, 0.004, 1.6, 0.0, 0.30, 4, 0, 0.15, 0.11),
    "electric guitar": Timbre("comp", 57, 1.0, 0.8, 0.005, 1.2, 0.3, 0.12, 6, 0, 0.3, 0.07),
    "guitar": Timbre("arp", 60, 1.3, 0.8, 0.002, 0.8, 0.0, 0.20, 0, 0, 0.3, 0.12),
    "harp": Timbre("arp", 67, 2.0, 0.7, 0.002, 1.1, 0.0, 0.40, 0, 0, -0.35, 0.11),
    "synth": Timbre("arp", 67, 1.0, 1.0, 0.004, 0.25, 0.2, 0.15, 9, 0, -0.1, 0.06),
    "bells": Timbre("arp", 79, 2.2, 0.2, 0.001, 1.2, 0.0, 0.50, 2, 0, 0.4, 0.07),
    "organ": Timbre("pad", 60, 1.5, 1.0, 0.02, 1.0, 1.0, 0.08, 2, 6, 0.0, 0.05),
    "pad": Timbre("pad", 60, 1.7, 0.8, 0.5, 2.0, 0.9, 0.90, 9, 0, 0.0, 0.05),
    "strings": Timbre("pad", 65, 1.4, 1.0, 0.16, 2.0, 0.9, 0.40, 7, 7, 0.1, 0.05),
    "choir": Timbre("pad", 62, 1.0, 1.0, 0.25, 2.0, 0.9, 0.50, 8, 9, -0.1, 0.05),
    "brass": Timbre("lead", 65, 1.2, 1.0, 0.05, 0.5, 0.8, 0.12, 4, 8, -0.15, 0.09),
    "flute": Timbre("lead", 76, 2.6, 0.5, 0.06, 1.0, 0.9, 0.12, 0, 12, 0.1, 0.10),
    "voice": Timbre("lead", 67, 1.0, 1.0, 0.05, 2.0, 0.9, 0.12, 3, 14, 0.0, 0.13),
    "bass": Timbre("bass", 36, 1.9, 0.8, 0.006, 0.7, 0.35, 0.07, 0, 0, 0.0, 0.19),
    "sub bass": Timbre("bass", 34, 3.5, 1.0, 0.006, 0.9, 0.55, 0.10, 0, 0, 0.0, 0.21),
}
# What asks for which of them; searched in the tags that do not begin with "no" or "without".
INSTRUMENTS = {
    "electric piano": r"electric piano|e-?piano|rhodes|wurlitzer|keys",
    "piano": r"(?<!electric )(?<!rhodes )piano|keyboard",
    "electric guitar": r"(?:electric|distorted|overdriven|rock|metal|power) guitar|distortion",
    "guitar": r"(?:acoustic|nylon|classical|fingerpicked|clean) guitar|guitar (?:picking|arpeggio)|^guitar|ukulele|banjo|mandolin|lute",
    "harp": r"harp|koto|pizzicato|kalimba",
    "synth": r"synth(?:s|esizer)?(?! pad)|arp(?:eggio)?|chiptune|8-bit|saw|lead",
    "bells": r"bell|glockenspiel|vibraphone|marimba|xylophone|celesta|music box|chime",
    "organ": r"organ|accordion|harmonica",
    "pad": r"(?:\w+ )?pad|atmospher\w*|drone|texture",
    "strings": r"string|violin|viola|cello|orchestra\w*",
    "choir": r"choir|choral|chant\w*",
    "brass": r"brass|trumpet|horn|trombone|sax\w*",
    "flute": r"flute|whistle|recorder|clarinet|oboe|woodwind|ocarina|pan pipe",
    "sub bass": r"808|sub|sub.?bass",
    "bass": r"bass(?:line)?|contrabass",
    "drums": r"drum\w*|percussion|beat|breakbeat|kick|snare|hi-?hat|808",
}
# Rows that match are applied in order, so the particular ones stand below the general ones.
STYLES = (
    (r"pop|indie|k-?pop|j-?pop", {"groove": "pop", "bpm": (96, 124)}),
    (r"rock|punk|metal|grunge", {"groove": "rock", "bpm": (112, 148), "band": ("electric guitar", "organ")}),
    (r"folk|country|acoustic|ballad", {"groove": "folk", "bpm": (80, 112), "band": ("guitar", "strings")}),
    (r"funk|soul|r&b|rnb|disco", {"groove": "breaks", "bpm": (96, 116), "band": ("electric piano",), "sevenths": True}),
    (r"reggae|ska|bossa|samba|latin", {"groove": "offbeat", "bpm": (84, 120), "band": ("guitar", "piano")}),
    (
        r"jazz|swing|blues",
        {"groove": "jazz", "bpm": (108, 150), "swing": 0.16, "band": ("piano",), "sevenths": True, "bright": 8000},
    ),
    (r"house|techno|edm|dance|trance|electro\w*", {"groove": "four", "bpm": (120, 130), "band": ("synth", "pad")}),
    (r"synthwave|retrowave|80s|chiptune", {"groove": "rock", "bpm": (92, 116), "band": ("synth", "pad")}),
    (r"drum (?:and|&|n) bass|dnb|jungle|breakbeat", {"groove": "breaks", "bpm": (164, 176), "band": ("pad", "synth")}),
    (r"hip.?hop|rap|boom.?bap", {"groove": "boombap", "bpm": (82, 98), "band": ("electric piano",)}),
    (r"trap|drill", {"groove": "trap", "bpm": (132, 150), "band": ("bells", "pad"), "minor": True}),
    (
        r"lo-?fi|chill\w*",
        {"groove": "boombap", "bpm": (70, 88), "swing": 0.09, "band": ("electric piano",), "sevenths": True}
        | {"bright": 3500},
    ),
    (r"classical|orchestra\w*|cinematic|epic|film|trailer", {"groove": "broad", "band": ("strings", "piano")}),
    (
        r"ambient|drone|meditat\w*|sleep|new age|atmospheric",
        {"groove": "broad", "bpm": (60, 76), "band": ("pad", "bells"), "rhythm": False, "bright": 5000},
    ),
    (r"solo|only|a cappella|unaccompanied", {"rhythm": False, "alone": True}),
    (r"sad|melanchol\w*|dark|somber|moody|tense|mysterious", {"minor": True}),
    (r"happy|uplifting|cheerful|joyful|bright|triumphant", {"minor": False}),
    (r"slow|calm|relax\w*|mellow|peaceful|dreamy", {"pace": 0.88}),
    (r"fast|energetic|driving|upbeat|anthemic|aggressive", {"pace": 1.12}),
    (r"warm|muffled|vintage|tape|vinyl \w+", {"bright": 4500}),
)


class Groove(NamedTuple):
    """One bar in sixteenths. ``x`` a hit, ``X`` a hard one; in ``bass`` scale steps above the chord's root."""

    kick: str
    snare: str
    hat: str
    comp: str
    bass: str


GROOVES = {
    "pop": Groove("X.......x.x.....", "....X.......X...", "x.x.x.x.x.x.x.x.", "x...x...x...x...", "0...0...0...0.4."),
    "rock": Groove("X.....x.x.......", "....X.......X...", "x.x.x.x.x.x.x.x.", "x.x.x.x.x.x.x.x.", "0.0.0.0.0.0.0.4."),
    "folk": Groove("X.......x.......", "....x.......x...", "x.x.x.x.x.x.x.x.", "x...x.x...x.x.x.", "0.......4......."),
    "four": Groove("X...X...X...X...", "....x.......x...", "x.X.x.X.x.X.x.X.", "x..x..x...x..x..", "..0...0...0...7."),
    "breaks": Groove("X.........x.....", "....X..x....X..x", "x.x.x.x.x.x.x.x.", "x.....x...x.....", "0.....0..04...7."),
    "offbeat": Groove("X.......X.......", "....x..x....x...", "x.x.x.x.x.x.x.x.", "..x...x...x...x.", "0.....0.4.....2."),
    "jazz": Groove("X.......x.......", "......x.....x...", "x...X.x.x...X.x.", "x.....x.......x.", "0...2...4...5..."),
    "boombap": Groove("X......x..x.....", "....X.......X...", "x.x.x.x.x.x.x.x.", "x.....x...x.....", "0......0..4....."),
    "trap": Groove("X.....x...x.....", "........X.......", "x.x.x.x.x.xxx.x.", "x.......x.......", "0.....0...0....."),
    "broad": Groove("X...............", "........x.......", "x...x...x...x...", "x.......x.......", "0..............."),
}
OTHER_METRES = {
    "2/4": Groove("X.......", "....X...", "x.x.x.x.", "x.x...x.", "0...4..."),
    "3/4": Groove("X...........", "....x...x...", "x.x.x.x.x.x.", "x...x...x...", "0.......4..."),
    "6/8": Groove("X.....x.....", "......X.....", "x.x.x.x.x.x.", "x...x.x...x.", "0.....4...0."),
}
_BEATS = {"2/4": (2, 4), "3/4": (3, 4), "4/4": (4, 4), "6/8": (2, 6)}  # beats a bar, sixteenths a beat


class Part(NamedTuple):
    """How a section is played. ``drums`` 0 none, 1 hats, 2 groove, 3 groove and crash; ``weight`` of its length."""

    words: str
    level_db: float
    drums: int
    bass: bool
    lead: bool
    progression: int
    weight: int


PARTS = {
    "intro": Part(r"intro|opening|prelude", -7, 1, False, False, 0, 2),
    "build": Part(r"pre.?chorus|build\w*|rise|riser|lift", -2.5, 2, True, False, 1, 2),
    "chorus": Part(r"chorus|hook|drop|refrain|climax", 0, 3, True, True, 1, 4),
    "bridge": Part(r"bridge|break\w*|interlude|middle|quiet", -6, 1, True, True, 2, 2),
    "solo": Part(r"solo|inst\w*|lead", -1, 2, True, True, 0, 4),
    "outro": Part(r"outro|ending|end|coda|fade\w*", -5, 1, True, False, 0, 2),
    "verse": Part(r"", -3.5, 2, True, True, 0, 4),
}
# Hz and weight of the first formants (Peterson and Barney 1952, men and women averaged).
FORMANTS = {
    "a": ((790, 1.0), (1180, 0.6), (2700, 0.15)),
    "e": ((570, 1.0), (2080, 0.4), (2800, 0.2)),
    "i": ((290, 1.0), (2540, 0.3), (3200, 0.2)),
    "o": ((580, 1.0), (880, 0.6), (2600, 0.08)),
    "u": ((330, 1.0), (910, 0.3), (2500, 0.05)),
}
_VOWELS = "aeiou"
# Vowels of Latin, Greek and Cyrillic, vowels inside decomposed Hangul, and one syllable a kana or ideograph.
_SYLLABLE = re.compile("[aeiouyαεηιουωаеиоуыэюя]+|[\u1161-\u1175\u3041-\u30ff\u3400-\u9fff]")


@dataclass(frozen=True)
class Style:
    """What the tags and the seed decide, whatever is sung and however long it is."""

    groove: Groove = GROOVES["pop"]
    bpm: float = 100.0
    tonic: int = 0  # pitch class
    mode: str = "major"
    beats: int = 4
    beat_steps: int = 4
    swing: float = 0.0  # how late the second half of a beat is, in beats
    bright_hz: float = 12_000.0
    sevenths: bool = False
    voices: tuple[str, ...] = ()
    lead: str | None = None
    bass: str | None = "bass"
    drums: bool = True
    sings: bool = False
    low_voice: bool = False
    loop: bool = False
    fade_in: bool = False
    fade_out: bool = False

    @property
    def steps(self) -> int:
        return self.beats * self.beat_steps

    @property
    def bar_seconds(self) -> Seconds:
        return 60.0 * self.beats / self.bpm

    def seconds(self, bar: int, step: float) -> Seconds:
        """Time of a step of a bar; the off-beats of a swung style come late, the beats never."""
        beat, inside = divmod(step / self.beat_steps, 1.0)
        half = 0.5 + self.swing
        inside = inside * half / 0.5 if inside < 0.5 else half + (inside - 0.5) * (1 - half) / 0.5
        return bar * self.bar_seconds + (beat + inside) * 60.0 / self.bpm


def _dice(request: Request, purpose: str) -> np.random.Generator:
    """Random numbers for one purpose. The lyrics and the duration are left out so that they move no note."""
    digest = hashlib.sha256(f"{request.seed}\n{purpose}\n{request.tags}".encode("utf-8", "replace")).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest, "big")))


def _pick(dice: np.random.Generator, options: Sequence):
    return options[int(dice.integers(len(options)))]


def _read_style(request: Request) -> Style:
    tags = [tag.casefold() for tag in split_tags(request.tags)]
    denied = ", ".join(tag for tag in tags if re.match(r"(?:no|without)\b|drumless|beatless", tag))
    wanted = ", ".join(tag for tag in tags if tag not in denied)
    dice = _dice(request, "style")

    def has(words: str, text: str = wanted) -> bool:
        return re.search(rf"\b(?:{words})s?\b", text) is not None

    row = {"groove": "pop", "bpm": (88, 120), "band": ("piano", "pad"), "rhythm": True, "pace": 1.0}
    for words, changes in STYLES:
        if has(words):
            row |= changes
    drawn_bpm = round(int(dice.integers(row["bpm"][0], row["bpm"][1] + 1)) * row["pace"])
    drawn_key = (int(dice.integers(12)), "minor" if dice.random() < row.get("minor", 0.5) else "major")
    tonic, mode = _parse_key(read_key(request.tags)) or drawn_key
    metre = read_time_signature(request.tags) or "4/4"
    found = [name for name, words in INSTRUMENTS.items() if has(words) and not has(words, denied)]
    voices = [name for name in found if name in TIMBRES and TIMBRES[name].role != "bass"]
    if not any(TIMBRES[name].role != "lead" for name in voices) and not (voices and row.get("alone")):
        voices += [name for name in row["band"] if not has(INSTRUMENTS[name], denied)]
    basses = [name for name in found if name in TIMBRES and TIMBRES[name].role == "bass"]
    default_bass = "sub bass" if row["groove"] == "trap" else "bass"
    leads = [n for n in voices if TIMBRES[n].role == "lead"] or [n for n in voices if TIMBRES[n].role != "pad"]
    fades = [tag for tag in tags if "fade" in tag or "fading" in tag]
    return Style(
        groove=GROOVES[row["groove"]] if metre == "4/4" else OTHER_METRES[metre],
        bpm=read_bpm(request.tags) or drawn_bpm,
        tonic=tonic,
        mode=mode,
        beats=_BEATS[metre][0],
        beat_steps=_BEATS[metre][1],
        swing=row.get("swing", 0.0),
        bright_hz=row.get("bright", 12_000.0),
        sevenths=row.get("sevenths", False),
        voices=tuple(voices),
        lead=_pick(dice, leads or voices) if voices else None,
        bass=basses[0] if basses else default_bass if row["rhythm"] and not has("bass", denied) else None,
        drums="drums" in found or (row["rhythm"] and not has(INSTRUMENTS["drums"] + "|drumless|beatless", denied)),
        sings=not (is_instrumental(request.tags) or is_instrumental_marker(request.lyrics)),
        low_voice=has(r"male|man|men|baritone|bass voice|deep voice"),
        loop=has(r"(?:seamless )?loop(?:ing|able|ed)?") ,
        fade_in=any("in" in tag.split() for tag in fades),
        fade_out=any("in" not in tag.split() for tag in fades),
    )


def _parse_key(key: str | None) -> tuple[int, str] | None:
    """``"Bb minor"`` → (10, "minor")."""
    if key is None:
        return None
    root, mode = key.split()
    return (SCALES["major"]["CDEFGAB".index(root[0])] + {"": 0, "#": 1, "b": -1}[root[1:]]) % 12, mode


# --- form -------------------------------------------------------------------------------------------


class Block(NamedTuple):
    """A section in its place: what it is, its first bar, its length in bars, and what is sung in it."""

    name: str
    start: int
    bars: int
    lines: tuple[str, ...]


def _part_name(marker: str) -> str:
    return next(name for name, part in PARTS.items() if re.search(rf"\b(?:{part.words})", marker.casefold()))


def _form(lyrics: str, bars: int, begins: bool, ends: bool) -> list[Block]:
    """The sections shared out over ``bars``: by the markers, or a common form when there are none."""
    marked = [] if is_instrumental_marker(lyrics) else list(sections(lyrics))
    if not any(section.name for section in marked):
        lines = marked[0].lines if marked else ()
        core = ("verse", "chorus", "verse", "chorus") if bars >= 24 else ("verse", "chorus") if bars >= 6 else ("verse",)
        names = ("intro",) * (begins and bars >= 8) + core + ("outro",) * (ends and bars >= 12)
        sung = [i for i, name in enumerate(names) if name in ("verse", "chorus")]
        share = -(-len(lines) // len(sung))
        marked = [
            Section(name, lines[sung.index(i) * share :][:share] if i in sung else ()) for i, name in enumerate(names)
        ]
    marked = marked[:bars]
    names = [_part_name(section.name) for section in marked]
    weights = [max(PARTS[name].weight, min(len(s.lines), 16)) for name, s in zip(names, marked)]
    ends_at = np.cumsum(weights) / sum(weights) * bars
    edges = [bars * i // len(marked) for i in range(len(marked) + 1)]
    for unit in (1, 2, 4):  # the longest phrase that leaves every section something
        rounded = [0, *(int(round(end / unit)) * unit for end in ends_at[:-1]), bars]
        if min(np.diff(rounded)) > 0:
            edges = rounded
    return [Block(n, a, b - a, s.lines) for n, s, a, b in zip(names, marked, edges, edges[1:])]


# --- notes ------------------------------------------------------------------------------------------


class Note(NamedTuple):
    start: Seconds
    seconds: Seconds
    midi: int
    gain: float
    vowel: str = ""


class Score:
    """Every note and hit of a piece: ``notes`` by instrument, ``hits`` by drum."""

    def __init__(self, style: Style, request: Request):
        self.style, self.request = style, request
        self.notes: dict[str, list[Note]] = {}
        self.hits: dict[str, list[tuple[Seconds, float]]] = {}
        dice = _dice(request, "harmony")
        pool = PROGRESSIONS[style.mode]
        order = dice.permutation(len(pool))
        self.progressions = [pool[i] for i in order[:3]]
        dice = _dice(request, "melody")
        self.motifs = [self._motif(dice) for _ in range(3)]

    def _motif(self, dice) -> list[tuple[int, int]]:
        """Two bars of melody: (step, move in scale degrees)."""
        cells = ((0,), (0, 2), (0, 2, 3), (2,), (0, 3), ()) if self.style.beat_steps == 4 else ((0,), (0, 4), (0, 2, 4))
        moves = (-2, -1, -1, 1, 1, 2, 0, 3, -3)
        beats = 2 * self.style.beats - 1  # the last beat breathes
        onsets = [b * self.style.beat_steps + s for b in range(beats) for s in (_pick(dice, cells) if b else (0,))]
        return [(step, _pick(dice, moves)) for step in onsets]

    def pitch(self, degree: int, centre: int) -> int:
        """MIDI pitch of a scale degree, the tonic being the one nearest below or at ``centre`` + 2."""
        tonic = centre + 2 - (centre + 2 - self.style.tonic) % 12
        return tonic + 12 * (degree // 7) + SCALES[self.style.mode][degree % 7]

    def chord(self, root: int, centre: int) -> list[int]:
        """The chord on a scale degree, each tone in the octave around ``centre``, so that voices move little."""
        degrees = (root, root + 2, root + 4, root + 6)[: 4 if self.style.sevenths else 3]
        return sorted(centre - 6 + (self.pitch(d, centre) - centre + 6) % 12 for d in degrees)

    def add(self, voice: str, bar: int, step: float, steps: float, midi: int, gain: float, vowel: str = "") -> None:
        start = self.style.seconds(bar, step)
        note = Note(start, self.style.seconds(bar, step + steps) - start, midi, gain, vowel)
        self.notes.setdefault(voice, []).append(note)

    def hit(self, drum: str, bar: int, step: float, gain: float) -> None:
        self.hits.setdefault(drum, []).append((self.style.seconds(bar, step), gain))


def _compose(style: Style, request: Request, blocks: list[Block], ends: bool) -> Score:
    score = Score(style, request)
    feel = _dice(request, "feel")
    last = blocks[-1]
    for block in blocks:
        part = PARTS[block.name]
        roots = score.progressions[part.progression]
        per_chord = 2 if style.bar_seconds < 1.4 else 1
        for i in range(block.bars):
            level = 10 ** (part.level_db / 20)
            if block.name == "outro" and not style.loop:
                level *= 1 - 0.6 * i / block.bars
            root = roots[i // per_chord % len(roots)]
            bar = block.start + i
            _accompany(score, bar, root, level, block.name)
            if style.bass and part.bass:
                _bass(score, bar, root, level)
            if style.drums and part.drums:
                _drums(score, feel, bar, part.drums, level, first=i == 0, fill=i == block.bars - 1 and block is not last)
        if part.lead:
            _melody(score, block, part, roots, per_chord)
    if ends:
        _ending(score, last.start + last.bars)
    return score


def _accompany(score: Score, bar: int, root: int, level: float, name: str) -> None:
    style = score.style
    for voice in style.voices:
        timbre = TIMBRES[voice]
        chord = score.chord(root, timbre.centre + (5 if name == "chorus" and timbre.role == "arp" else 0))
        gain = level / len(style.voices) ** 0.5
        if timbre.role == "pad":
            for midi in chord:
                score.add(voice, bar, 0, style.steps, midi, gain)
        elif timbre.role == "comp":
            hits = [step for step, mark in enumerate(style.groove.comp) if mark != "."]
            for step, after in zip(hits, [*hits[1:], style.steps]):
                for midi in chord:
                    score.add(voice, bar, step, after - step, midi, gain * (1.0 if step == 0 else 0.7))
        elif timbre.role == "arp":
            up_down = chord + chord[-2:0:-1]
            for n, step in enumerate(range(0, style.steps, 2)):
                score.add(voice, bar, step, 3, up_down[n % len(up_down)], gain * (1.15 if n == 0 else 0.8))


def _bass(score: Score, bar: int, root: int, level: float) -> None:
    style = score.style
    hits = [(step, int(mark)) for step, mark in enumerate(style.groove.bass) if mark != "."]
    for (step, interval), after in zip(hits, [s for s, _ in hits[1:]] + [style.steps]):
        midi = score.pitch(root, TIMBRES[style.bass].centre - 5)
        midi += score.pitch(root + interval, 60) - score.pitch(root, 60)
        score.add(style.bass, bar, step, after - step, midi, level * (1.0 if step == 0 else 0.8))


def _drums(score: Score, feel, bar: int, amount: int, level: float, first: bool, fill: bool) -> None:
    style, groove = score.style, score.style.groove
    parts = {"hat": groove.hat, "kick": groove.kick, "snare": groove.snare} if amount > 1 else {"hat": groove.hat}
    for drum, pattern in parts.items():
        for step, mark in enumerate(pattern):
            if mark == "." or (fill and drum == "snare" and step >= style.steps - 4):
                continue
            strong = 1.25 if step == 0 else 1.0 if step % style.beat_steps == 0 else 0.75
            gain = level * strong * (1.0 if mark == "X" else 0.6) * (1 - 0.15 * feel.random())
            score.hit(drum, bar, step, gain)
    if amount == 1:
        score.hit("kick", bar, 0, level)
    if fill and amount > 1:
        for n in range(4):
            score.hit("snare", bar, style.steps - 4 + n, level * (0.4 + 0.2 * n))
    if first and amount > 2:
        score.hit("crash", bar, 0, level)


def _melody(score: Score, block: Block, part: Part, roots: Sequence[int], per_chord: int) -> None:
    """Two-bar phrases on the section's motif: sung when the section has lines, else the lead plays it."""
    style = score.style
    sung = style.sings and bool(block.lines)
    voice = "voice" if sung else style.lead
    if voice is None:
        return
    centre = TIMBRES[voice].centre + (12 if TIMBRES[voice].role == "comp" else 0) - (12 if sung and style.low_voice else 0)
    motif = score.motifs[part.progression]
    lift = 2 if block.name == "chorus" else 0
    level = 10 ** (part.level_db / 20) * (1.0 if sung else 0.8)
    lines = block.lines if sung else ()
    for phrase, first in enumerate(range(0, block.bars, 2)):
        if not sung and block.name == "verse" and phrase % 2:
            continue
        moves = motif
        vowels = ""
        if lines:
            vowels = _vowels(lines[phrase % len(lines)])
            moves = _fit(motif, len(vowels), 2 * style.steps - style.beat_steps)
        last_step = min(2, block.bars - first) * style.steps
        moves = [(step, move) for step, move in moves if step < last_step]
        degree = lift
        for n, (step, move) in enumerate(moves):
            bar = first + step // style.steps
            root = roots[bar // per_chord % len(roots)]
            closes = n == len(moves) - 1
            degree += move
            degree += -7 if degree > lift + 6 else 7 if degree < lift - 4 else 0
            if closes or step % style.beat_steps == 0:
                tones = [root % 7, (root + 4) % 7] if closes else [root % 7, (root + 2) % 7, (root + 4) % 7]
                degree = min((t + 7 * k for t in tones for k in (-1, 0, 1)), key=lambda d: (abs(d - degree), d))
            until = moves[n + 1][0] if not closes else min(step + 2 * style.beat_steps, last_step)
            vowel = vowels[n % len(vowels)] if vowels else ""
            score.add(
                voice, block.start + bar, step % style.steps, max(1, until - step), score.pitch(degree, centre), level, vowel
            )


def _vowels(line: str) -> str:
    """The vowel of each syllable of a line of lyrics in any script."""
    found = _SYLLABLE.findall(unicodedata.normalize("NFD", line[:200].casefold())) or re.findall(r"\w+", line[:200]) or ["a"]
    return "".join(s[0] if s[0] in _VOWELS else _VOWELS[ord(s[0]) % 5] for s in found)


def _fit(motif: list[tuple[int, int]], count: int, steps: int) -> list[tuple[int, int]]:
    """The motif with as many notes as there are syllables: its own onsets first, then the strongest free steps."""
    moves = dict(motif)
    free = sorted((s for s in range(steps) if s not in moves), key=lambda s: (s % 4 != 0, s % 2 != 0, s))
    chosen = sorted([*moves, *free][:count])
    return [(step, moves.get(step, (-1) ** n)) for n, step in enumerate(chosen)]


def _ending(score: Score, bar: int) -> None:
    """The last chord: the tonic, left to ring."""
    style = score.style
    for voice in style.voices:
        if TIMBRES[voice].role != "lead":
            for midi in score.chord(0, TIMBRES[voice].centre):
                score.add(voice, bar, 0, style.steps, midi, 0.7 / len(style.voices) ** 0.5)
    if style.bass:
        score.add(style.bass, bar, 0, style.steps, score.pitch(0, TIMBRES[style.bass].centre - 5), 0.7)
    if style.drums:
        score.hit("kick", bar, 0, 0.7)
        score.hit("crash", bar, 0, 0.5)


# --- sound ------------------------------------------------------------------------------------------


class Synth:
    """Plays a score into one stereo buffer [2, samples]. Each different note is made once."""

    TABLE_BITS = 13
    DECIMATION = 6  # the room is heard up to 4 kHz

    def __init__(self, samples: int, bright_hz: float):
        self.mix = np.zeros((2, samples), np.float32)
        self.bright_hz = bright_hz
        self._made: dict[tuple, np.ndarray] = {}

    def play(self, voice: str, note: Note) -> None:
        samples = round(min(note.seconds, 12.0) * SAMPLE_RATE_HZ)
        key = (voice, note.midi, samples, note.vowel)
        if key not in self._made:
            self._made[key] = self._note(*key)
        self._add(self._made[key], note.start, note.gain)

    def hit(self, drum: str, start: Seconds, gain: float) -> None:
        if drum not in self._made:
            self._made[drum] = self._drum(drum)
        self._add(self._made[drum], start, gain)

    def _add(self, sound: np.ndarray, start: Seconds, gain: float) -> None:
        at = round(start * SAMPLE_RATE_HZ)
        room = self.mix[:, at : at + sound.shape[1]]
        room += sound[:, : room.shape[1]] * np.float32(gain)

    def _note(self, voice: str, midi: int, held: int, vowel: str) -> np.ndarray:
        timbre = TIMBRES[voice]
        hz = 440.0 * 2 ** ((midi - 69) / 12)
        release = round(timbre.release * SAMPLE_RATE_HZ)
        time = np.arange(held + release, dtype=np.float32) / np.float32(SAMPLE_RATE_HZ)
        envelope = np.exp(time / np.float32(-timbre.decay))
        body = timbre.sustain + (1 - timbre.sustain) * envelope
        body *= np.minimum(time / np.float32(timbre.attack), 1)
        body[held:] *= np.linspace(1, 0, release, dtype=np.float32) ** 2
        vowel = vowel or ("a" if voice == "choir" else "")
        table = self._table(timbre, hz, vowel, timbre.rolloff)
        struck = timbre.sustain < 0.5
        # What is struck or plucked begins bright and darkens.
        edge = self._table(timbre, hz, vowel, timbre.rolloff - 0.6) * 0.5 if struck else None
        fading = envelope**3 if struck else None
        sides = (-1, 1) if timbre.detune else (0,)
        out = np.empty((2, held + release), np.float32)
        for channel, side in zip(out, sides):
            phase = self._phase(hz * 2 ** (side * timbre.detune / 1200), time, timbre.vibrato)
            np.multiply(table[phase], body, out=channel)
            if struck:
                channel += edge[phase] * (body * fading)
        if not timbre.detune:
            out[1] = out[0]
        angle = (timbre.pan + 1) * np.pi / 4
        out *= (timbre.gain * np.sqrt(2) * np.array([[np.cos(angle)], [np.sin(angle)]])).astype(np.float32)
        return out

    def _phase(self, hz: float, time: np.ndarray, vibrato_cents: float) -> np.ndarray:
        """Positions in a wave table, as a whole-number accumulator so that pitch never drifts."""
        phase = np.arange(time.size, dtype=np.int64) * round(hz / SAMPLE_RATE_HZ * 2**40)
        if vibrato_cents:
            swing = hz * (2 ** (vibrato_cents / 1200) - 1) / (2 * np.pi * 5.3) * 2**40
            depth = np.minimum(time / 0.4, 1) * np.float32(swing)
            phase += (depth * (1 - np.cos(time * np.float32(2 * np.pi * 5.3)))).astype(np.int64)
        return (phase >> (40 - self.TABLE_BITS)) & (2**self.TABLE_BITS - 1)

    def _table(self, timbre: Timbre, hz: float, vowel: str, rolloff: float) -> np.ndarray:
        """One period at equal power, with nothing above 14 kHz and little above ``bright_hz``."""
        size = 2**self.TABLE_BITS
        k = np.arange(1, max(2, min(int(14_000 / hz), 128) + 1))
        amplitude = k**-rolloff * np.where(k % 2, 1.0, timbre.even) / (1 + (k * hz / self.bright_hz) ** 4)
        if vowel:
            amplitude *= 0.02 + sum(w / (1 + ((k * hz - f) / (50 + 0.06 * f)) ** 2) for f, w in FORMANTS[vowel])
        spectrum = np.zeros(size // 2 + 1, complex)
        spectrum[k] = -0.5j * size * amplitude / np.sqrt((amplitude**2).sum())
        return np.fft.irfft(spectrum, size).astype(np.float32)

    def _drum(self, name: str) -> np.ndarray:
        decay, low, high, pan, gain = {
            "kick": (0.13, 0, 0, 0.0, 0.75),
            "snare": (0.09, 400, 9_000, 0.1, 0.4),
            "hat": (0.03, 6_500, 16_000, 0.35, 0.22),
            "crash": (0.7, 3_000, 15_000, -0.3, 0.22),
        }[name]
        time = np.arange(int(decay * 7 * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        envelope = np.minimum(time / 0.001, 1) * np.exp(-time / decay) * np.minimum((time[-1] - time) / 0.02, 1)
        tone = np.sin(2 * np.pi * (48 * time + 110 * 0.03 * (1 - np.exp(-time / 0.03)))) if name == "kick" else 0.0
        if name == "snare":
            tone = 0.6 * np.sin(2 * np.pi * 190 * time) * np.exp(-time / 0.05)
        if high:
            noise = np.random.Generator(np.random.PCG64(len(name))).uniform(-1, 1, time.size)
            hz = np.fft.rfftfreq(time.size, 1 / SAMPLE_RATE_HZ)
            band = (hz / low) ** 4 / (1 + (hz / low) ** 4) / (1 + (hz / min(high, 2 * self.bright_hz)) ** 4)
            tone = tone + np.fft.irfft(np.fft.rfft(noise) * band, time.size)
        angle = (pan + 1) * np.pi / 4
        return (gain * tone * envelope * [[np.cos(angle)], [np.sin(angle)]]).astype(np.float32)

    def add_room(self, seconds: float = 1.1, amount: float = 0.35) -> None:
        """A dark stereo room on what has been played so far: decaying noise, convolved block by block."""
        step, block = self.DECIMATION, 1 << 13
        length = -(-self.mix.shape[1] // (step * block)) * block
        send = np.zeros(length * step, np.float32)
        np.add(self.mix[0], self.mix[1], out=send[: self.mix.shape[1]])
        send = sum(send[i::step] for i in range(step)).reshape(-1, block)
        spectrum = np.fft.rfft(send, 2 * block)
        time = np.arange(block) * step / SAMPLE_RATE_HZ
        dice = np.random.Generator(np.random.PCG64(1))
        for channel in self.mix:
            response = dice.uniform(-1, 1, block) * np.exp(-time * 6.9 / seconds) * np.minimum(time / 0.02, 1)
            response *= amount / step / np.sqrt((response**2).sum())
            blocks = np.fft.irfft(spectrum * np.fft.rfft(response, 2 * block), 2 * block)
            wet = np.zeros(length + block + 1, np.float32)
            wet[:length] = blocks[:, :block].ravel()
            wet[block : length + block] += blocks[:, block:].ravel()
            for i in range(step):  # linear interpolation back to the full rate
                dry = channel[i::step]
                dry += wet[: dry.size] * (1 - i / step) + wet[1 : dry.size + 1] * (i / step)


def _perform(request: Request, style: Style, seconds: Seconds, begins: bool = True, ends: bool = True) -> np.ndarray:
    """Music of exactly ``seconds``, float32 [2, samples]. Without ``begins`` or ``ends`` it sounds cut out there."""
    samples = round(seconds * SAMPLE_RATE_HZ)
    rings = ends and not style.fade_out and not style.loop
    if style.loop:
        bars = _loop_bars(style, seconds)
        style = replace(style, bpm=60.0 * style.beats * bars / seconds)
    else:
        bars = math.ceil((seconds - _ENDING_SECONDS) / style.bar_seconds - 1) if rings else math.ceil(seconds / style.bar_seconds)
        bars = max(1, bars)
    score = _compose(style, request, _form(request.lyrics, bars, begins and not style.loop, rings), rings)
    synth = Synth(samples + round(_TAIL_SECONDS * SAMPLE_RATE_HZ), style.bright_hz)
    _play(score, synth, request.progress)
    music = synth.mix[:, :samples]
    if style.loop:
        for start in range(samples, synth.mix.shape[1], samples):
            rest = synth.mix[:, start : start + samples]
            music[:, : rest.shape[1]] += rest
    own = _rms(music)
    if own > 0:
        music *= _RMS / own
    _limit(music)
    return music


def _loop_bars(style: Style, seconds: Seconds) -> int:
    return max(1, round(seconds / style.bar_seconds))


def _play(score: Score, synth: Synth, progress: Progress) -> None:
    """The instruments, then the room they stand in, then what stays dry: bass and drums."""
    in_the_room = [voice for voice in score.notes if TIMBRES[voice].role != "bass"]
    dry = [voice for voice in score.notes if TIMBRES[voice].role == "bass"]
    steps = len(score.notes) + 1
    for done, voice in enumerate(in_the_room + dry):
        progress.raise_if_stopped()
        if done == len(in_the_room):
            synth.add_room()
        for note in score.notes[voice]:
            synth.play(voice, note)
        progress.step(done + 1, steps)
    progress.raise_if_stopped()
    for drum, hits in score.hits.items():
        for start, gain in hits:
            synth.hit(drum, start, gain)
    progress.step(steps, steps)


def _rms(sound: np.ndarray) -> float:
    return math.sqrt(float(np.mean(np.square(sound)))) if sound.size else 0.0


def _fade_ends(music: np.ndarray, style: Style, begins: bool, ends: bool) -> None:
    """Fade in place: as long as the tags ask where the piece begins and ends, else just enough not to click."""
    fade_in = _FADE_IN_SECONDS if begins and style.fade_in else _EDGE_SECONDS
    fade_out = _FADE_OUT_SECONDS if ends and style.fade_out else _EDGE_SECONDS
    for seconds, side in ((fade_in, music), (fade_out, music[:, ::-1])):
        samples = min(round(seconds * SAMPLE_RATE_HZ), music.shape[1] // 2)
        side[:, :samples] *= np.sin(np.linspace(0, np.pi / 2, samples, endpoint=False, dtype=np.float32)) ** 2


def _match_level(music: np.ndarray, left: np.ndarray, right: np.ndarray) -> None:
    """Bring music in place to the level of its neighbours, gliding from the left one's to the right one's."""
    near = round(_NEIGHBOUR_SECONDS * SAMPLE_RATE_HZ)
    levels = [_level(left[:, -near:]), _level(right[:, :near])]
    heard = [level for level in levels if level > _SILENCE]
    own = _level(music)
    if not heard or own <= _SILENCE:
        return
    first, last = (level if level > _SILENCE else heard[0] for level in levels)
    music *= np.geomspace(first / own, last / own, music.shape[1], dtype=np.float32)
    _limit(music)


def _level(sound: np.ndarray) -> float:
    """RMS of the blocks of a quarter of a second that are not far (20 dB) below the loudest."""
    block = SAMPLE_RATE_HZ // 4
    powers = np.array([np.mean(np.square(sound[:, i : i + block])) for i in range(0, sound.shape[1], block)])
    return math.sqrt(powers[powers >= powers.max() / 100].mean()) if powers.size else 0.0


def _limit(music: np.ndarray) -> None:
    """Round off peaks in place so that none passes ``_PEAK``."""
    music /= _PEAK
    np.tanh(music, out=music)
    music *= _PEAK


def _stereo(window: Sound) -> np.ndarray:
    return with_channels(resample(window.waveform, window.sample_rate, SAMPLE_RATE_HZ), 2).numpy()


def _sound(samples: np.ndarray) -> Sound:
    return Sound(torch.from_numpy(np.ascontiguousarray(samples, np.float32)), SAMPLE_RATE_HZ)


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
        defaults |= {"model": None, "clip": None, "vae": None}
        ignored = [name for name, default in defaults.items() if getattr(request, name) != default]
        self._warnings = [NOT_ACE_STEP]
        if ignored:
            self._warn(f"Sketch ignores {', '.join(ignored)}.")

    def check(self, plan: Plan) -> None:
        if self.request.resume_request_ids:
            raise InputError(
                f"{self.request.node}: resume_request_id is {', '.join(self.request.resume_request_ids)}, and sketch "
                "has no paid requests to resume; set backend to runcomfy, or clear resume_request_id."
            )

    def facts(self) -> dict:
        return {"warnings": list(self._warnings)}

    async def generate(self, request: GenerateRequest) -> Sound:
        style = _read_style(request)
        music = _perform(request, style, request.duration)
        if style.loop:
            self._say_loop_tempo(request, style)
        else:
            _fade_ends(music, style, begins=True, ends=True)
        return _sound(music)

    async def inpaint(self, window: Sound, ranges: Sequence[Range], request: InpaintRequest) -> Sound:
        """New music in the ranges, mixed in by ``strength``: 0 leaves the window as it is, 1 replaces the range.

        Each range starts on a bar and is as loud as what surrounds it. It has an intro or a fade-in only where
        it reaches the window's start, an ending or a fade-out only where it reaches the window's end.
        """
        source = _stereo(window)
        out = source.copy()
        style = _read_style(request)
        for index, (start, stop) in enumerate(ranges):
            first, last = (min(round(t * SAMPLE_RATE_HZ), source.shape[1]) for t in (start, stop))
            if first == last:
                continue
            edges = {"begins": first == 0, "ends": last == source.shape[1]}
            part = replace(request, progress=request.progress.part(index, len(ranges)))
            music = _perform(part, style, (last - first) / SAMPLE_RATE_HZ, **edges)
            if request.match_loudness:
                _match_level(music, source[:, :first], source[:, last:])
            _fade_ends(music, style, **edges)
            _blend(out[:, first:last], music, request.strength)
        return _sound(out)

    async def outpaint(self, window: Sound, before: Seconds, after: Seconds, request: OutpaintRequest) -> Sound:
        """New music that meets the window's start with whole bars, the window, new music from its end on."""
        source = _stereo(window)
        style = _read_style(request)
        pieces = [source]
        if before:
            part = replace(request, progress=request.progress.part(0, 2 if after else 1))
            whole_bars = math.ceil(before / style.bar_seconds) * style.bar_seconds
            music = _perform(part, style, whole_bars, ends=False)[:, -round(before * SAMPLE_RATE_HZ) :]
            pieces.insert(0, music)
            if request.match_loudness:
                _match_level(music, source[:, :0], source)
            _fade_ends(music, style, begins=True, ends=False)
        if after:
            part = replace(request, progress=request.progress.part(1 if before else 0, 2 if before else 1))
            music = _perform(part, style, after, begins=False)
            pieces.append(music)
            if request.match_loudness:
                _match_level(music, source, source[:, :0])
            _fade_ends(music, style, begins=False, ends=True)
        return _sound(np.concatenate(pieces, axis=1))

    def _say_loop_tempo(self, request: GenerateRequest, style: Style) -> None:
        bars = _loop_bars(style, request.duration)
        bpm = 60.0 * style.beats * bars / request.duration
        if read_bpm(request.tags) and abs(bpm - style.bpm) > 0.05:
            self._warn(
                f"The loop plays at {bpm:.1f} BPM instead of {style.bpm:g}, so that {bars} whole bars "
                f"fill {request.duration} s."
            )

    def _warn(self, sentence: str) -> None:
        if sentence not in self._warnings:
            self._warnings.append(sentence)


def _blend(old: np.ndarray, new: np.ndarray, strength: float) -> None:
    """Cross from ``old`` to ``new`` in place at equal power, by ``strength``, over short edges."""
    samples = old.shape[1]
    edge = min(round(_EDGE_SECONDS * SAMPLE_RATE_HZ), samples // 4)
    turn = np.full(samples, strength * np.pi / 2, np.float32)
    ramp = np.linspace(0, 1, edge, endpoint=False, dtype=np.float32)
    turn[:edge] *= ramp
    turn[samples - edge :] *= ramp[::-1]
    old *= np.cos(turn)
    old += new * np.sin(turn)
