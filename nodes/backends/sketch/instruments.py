"""What can play, how it sounds, and the words in tags that call for it."""

from typing import NamedTuple


class Timbre(NamedTuple):
    """A pitched instrument. ``role``: comp (chords), arp (broken chords), pad (held chords), lead or bass."""

    role: str
    centre: int  # MIDI pitch round which it plays
    rolloff: float  # harmonic k sounds at k ** -rolloff
    attack: float  # seconds, as are decay and release
    decay: float
    sustain: float  # 0 to 1
    release: float
    cents: int  # to the left and right sound copies detuned by as much
    pan: float  # -1 left to 1 right
    gain: float
    words: str  # what a tag calls it by


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


class Drum(NamedTuple):
    """Noise between two frequencies that dies away; the kick is a falling sine instead."""

    decay: float  # seconds
    low_hz: float
    high_hz: float
    pan: float
    gain: float


DRUMS = {
    "kick": Drum(0.12, 0, 0, 0.0, 0.7),
    "snare": Drum(0.11, 400, 9_000, 0.1, 0.55),
    "hat": Drum(0.04, 6_500, 16_000, 0.35, 0.3),
    "crash": Drum(0.7, 3_000, 15_000, -0.3, 0.25),
}
DRUM_WORDS = r"drum|drumming|percussion|beat|breakbeat|kick|snare|hi-?hat|808|drumless|beatless"
