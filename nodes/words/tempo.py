"""How fast music usually is, by the words for genres and moods among its tags."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .tags import split_tags

# Of the rows that match the last one holds, so the particular ones stand below the general ones. BPM, both included.
_GENRES = (
    (r"pop|indie|[kj]-?pop", (96, 124)),
    (r"rock|punk|metal|grunge", (112, 148)),
    (r"folk|country|acoustic|ballad", (80, 112)),
    (r"funk|soul|r&b|disco", (96, 116)),
    (r"reggae|ska|bossa|samba|latin", (84, 120)),
    (r"house|techno|edm|dance|trance", (120, 130)),
    (r"synthwave|80s|electronic|chiptune", (92, 116)),
    (r"drum (?:and|&|n) bass|dnb|jungle", (164, 176)),
    (r"hip[- ]?hop|rap|boom[- ]?bap", (82, 98)),
    (r"trap|drill", (132, 150)),
    (r"lo-?fi", (70, 88)),
    (r"ambient|drone|sleep", (60, 76)),
)
_PACES = (
    (r"slow|calm|relaxing|mellow|peaceful|dreamy", 0.88),
    (r"fast|energetic|driving|upbeat|anthemic", 1.12),
)
_ANY = (88, 120)


@dataclass(frozen=True)
class UsualTempo:
    """slowest, fastest: BPM of the genre. pace: how many times as fast as that the mood is."""

    slowest: int
    fastest: int
    pace: float

    @property
    def middle(self) -> int:
        return round((self.slowest + self.fastest) / 2 * self.pace)


def usual_tempo(tags: Sequence[str]) -> UsualTempo:
    """Of music with these tags, in lower case, that are wanted (see ``wanted_and_denied``)."""
    slowest, fastest = next((bpm for words, bpm in reversed(_GENRES) if named(words, tags)), _ANY)
    pace = next((pace for words, pace in reversed(_PACES) if named(words, tags)), 1.0)
    return UsualTempo(slowest, fastest, pace)


def wanted_and_denied(text: str) -> tuple[list[str], list[str]]:
    """The tags of ``text`` in lower case: those that ask for something, and those that say what is not to be heard."""
    tags = [tag.casefold() for tag in split_tags(text)]
    denied = [tag for tag in tags if re.match(r"(?:no|without)\b|drumless|beatless", tag)]
    return [tag for tag in tags if tag not in denied], denied


def named(words: str, tags: Iterable[str]) -> bool:
    """Whether one of ``words``, a pattern, stands in one of the tags, also in the plural."""
    return any(re.search(rf"\b(?:{words})s?\b", tag) for tag in tags)
