"""What tags and seed decide: tempo, key, metre and who plays."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...request.requests import Request
from ...words.tags import read_bpm, read_key, read_time_signature
from ...words.tempo import named, usual_tempo, wanted_and_denied
from ..interface import Seconds
from .dice import dice_for, pick
from .genres import GROOVES, STYLES, Manner
from .instruments import DRUM_WORDS, TIMBRES

SCALES = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}


@dataclass(frozen=True)
class Style:
    """What tags and seed decide, whatever is sung and however long it is. In 6/8 a beat is a dotted quarter."""

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


def read_style(request: Request) -> Style:
    wanted, denied = wanted_and_denied(request.tags)
    dice = dice_for(request, "style")

    manner = _manner(wanted)
    usual = usual_tempo(wanted)
    tempo = round(int(dice.integers(usual.slowest, usual.fastest + 1)) * usual.pace)
    key = f"{pick(dice, 'CDEFGAB')} {'minor' if dice.random() < manner.minor else 'major'}"
    root, mode = (read_key(request.tags) or key).split()
    metre = read_time_signature(request.tags) or "4/4"
    voices, bass, drums = _players(manner, wanted, denied)
    leads = [name for name in voices if TIMBRES[name].role == "lead"] or voices
    fades = [tag for tag in wanted if re.search(r"\bfad(?:e|ing)", tag)]
    return Style(
        groove=tuple(GROOVES[manner.groove if metre == "4/4" else metre].split()),
        bpm=float(read_bpm(request.tags) or tempo),
        tonic=(SCALES["major"]["CDEFGAB".index(root[0])] + {"": 0, "#": 1, "b": -1}[root[1:]]) % 12,
        mode=mode,
        beats=2 if metre == "6/8" else int(metre[0]),
        beat_steps=6 if metre == "6/8" else 4,
        swing=manner.swing,
        bright_hz=manner.bright_hz,
        sevenths=manner.sevenths,
        voices=tuple(voices),
        lead=pick(dice, leads) if leads else None,
        bass=bass,
        drums=drums,
        low_voice=named(r"male|man|baritone", wanted),
        loop=named(r"loop|looping|loopable", wanted),
        fade_in=any("in" in tag.split() for tag in fades),
        fade_out=any("in" not in tag.split() for tag in fades),
    )


def _manner(tags: Sequence[str]) -> Manner:
    changes = {}
    for words, row in STYLES:
        if named(words, tags):
            changes |= row
    return Manner(**changes)


def _players(manner: Manner, wanted: Sequence[str], denied: Sequence[str]) -> tuple[list[str], str | None, bool]:
    """Who plays besides the singer: instruments, the bass, and whether there are drums. Somebody always does."""
    possible = [name for name, timbre in TIMBRES.items() if not named(timbre.words, denied)]
    found = [name for name in possible if named(TIMBRES[name].words, wanted)]
    voices = [name for name in found if TIMBRES[name].role != "bass"]
    if all(TIMBRES[name].role == "lead" for name in voices):
        voices += [name for name in manner.band if name in possible]
    bass = next((name for name in found if TIMBRES[name].role == "bass"), None)
    if bass is None and manner.rhythm and manner.bass in possible:
        bass = manner.bass
    drums = named(DRUM_WORDS, wanted) or (manner.rhythm and not named(DRUM_WORDS, denied))
    return (voices if voices or bass or drums else ["piano"]), bass, drums
