"""What the words for genres and moods stand for, besides the tempo (see tempo.py of words)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Manner:
    """What genre and mood decide besides the tempo, wherever the tags say nothing more exact."""

    groove: str = "pop"  # a key of GROOVES
    band: tuple[str, ...] = ("piano", "pad")  # plays when the tags name nobody who could accompany
    bass: str = "bass"
    rhythm: bool = True  # bass and drums play without being named
    minor: float = 0.5  # how likely the key is a minor one
    swing: float = 0.0  # how late the second half of a beat is, in beats
    bright_hz: float = 12_000  # above this there is little sound
    sevenths: bool = False


# Rows that match apply in this order, so the particular ones stand below the general ones.
STYLES = (
    (r"pop|indie|[kj]-?pop", {"groove": "pop"}),
    (r"rock|punk|metal|grunge", {"groove": "rock", "band": ("rock guitar", "organ")}),
    (r"folk|country|acoustic|ballad", {"groove": "folk", "band": ("guitar", "strings")}),
    (r"funk|soul|r&b|disco", {"groove": "funk", "band": ("rhodes",), "sevenths": True}),
    (r"reggae|ska|bossa|samba|latin", {"groove": "offbeat", "band": ("guitar", "piano")}),
    (r"jazz|swing|blues", {"groove": "jazz", "swing": 0.16, "band": ("piano",), "sevenths": True}),
    (r"house|techno|edm|dance|trance", {"groove": "house", "band": ("synth", "pad")}),
    (r"synthwave|80s|electronic|chiptune", {"groove": "rock", "band": ("synth", "pad")}),
    (r"drum (?:and|&|n) bass|dnb|jungle", {"groove": "funk", "band": ("pad", "synth")}),
    (r"hip[- ]?hop|rap|boom[- ]?bap", {"groove": "boombap", "band": ("rhodes",)}),
    (r"trap|drill", {"groove": "trap", "band": ("bells", "pad"), "bass": "sub bass"}),
    (r"lo-?fi", {"swing": 0.09, "band": ("rhodes",), "sevenths": True, "bright_hz": 3_500}),
    (r"orchestral|cinematic|epic|film|classical", {"groove": "broad", "band": ("strings", "piano")}),
    (r"ambient|drone|sleep", {"groove": "broad", "band": ("pad", "bells"), "rhythm": False}),
    (r"^solo|only", {"rhythm": False, "band": ()}),
    (r"sad|melancholic|melancholy|dark|moody|tense|trap", {"minor": 1.0}),
    (r"happy|uplifting|cheerful|joyful|bright", {"minor": 0.0}),
    (r"ambient|warm|vintage|tape", {"bright_hz": 5_000}),
)
# A bar in sixteenths: kick, snare, hat, chords, bass. ``x`` is a hit, ``X`` a hard one; a digit, for the bass,
# a hit so many scale steps above the chord's root. A metre other than 4/4 has one groove for all genres.
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
