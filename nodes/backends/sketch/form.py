"""The form of a piece: the sections of the lyrics laid out in bars."""

import re
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from ...words.lyrics import Section, is_instrumental_marker, sections


class Part(NamedTuple):
    """How a kind of section is played."""

    words: str  # what a marker calls it by
    level_db: float
    drums: int  # 1 hats and a kick on the bar, 2 the groove, 3 groove and crash
    bass: bool
    lead: bool
    progression: int  # which of the song's three
    weight: int  # of its length


PARTS = {
    "verse": Part(r"verse", -3.5, 2, True, True, 0, 4),
    "intro": Part(r"intro|opening|prelude|前奏", -4.5, 1, False, False, 0, 2),
    "build": Part(r"pre.?chorus|build|rise|lift", -2.5, 2, True, False, 1, 2),
    "chorus": Part(r"chorus|hook|drop|refrain|climax|副歌", 0, 3, True, True, 1, 4),
    "bridge": Part(r"bridge|break|interlude|middle|桥段", -6, 1, True, True, 2, 2),
    "solo": Part(r"solo|inst", -1, 2, True, True, 0, 4),
    "outro": Part(r"outro|ending|end\b|coda|fade|尾奏", -5, 1, True, False, 0, 2),
}


class Block(NamedTuple):
    """A section in its place, in bars, and the lines that are sung in it."""

    part: Part
    start: int
    bars: int
    lines: tuple[str, ...]


def form(lyrics: str, bars: int, begins: bool, ends: bool) -> list[Block]:
    """The marked sections shared out over ``bars`` ≥ 1, or a common form when there are none.

    Music that does not begin has no intro and music that does not end no outro, unless there is nothing else.
    """
    marked = [] if is_instrumental_marker(lyrics) else list(sections(lyrics))
    if not any(section.name for section in marked):
        marked = _common_form(marked[0].lines if marked else (), bars, begins, ends)
    played = [(_part(section.name), section.lines) for section in marked]
    unwanted = [PARTS["intro"]] * (not begins) + [PARTS["outro"]] * (not ends)
    played = [(part, lines) for part, lines in played if part not in unwanted][:bars] or played[:1]
    edges = _edges([max(part.weight, min(len(lines), 16)) for part, lines in played], bars)
    return [Block(part, a, b - a, lines) for (part, lines), (a, b) in zip(played, pairwise(edges))]


def _part(marker: str) -> Part:
    """How to play the section of a marker such as ``Pre-Chorus 2``; one that says nothing known is a verse."""
    found = (part for part in PARTS.values() if re.search(rf"\b(?:{part.words})", marker.casefold()))
    return next(found, PARTS["verse"])


def _common_form(lines: tuple[str, ...], bars: int, begins: bool, ends: bool) -> list[Section]:
    """Verses and choruses that share the lines, between an intro and an outro where there is room."""
    names = ["verse"] if bars < 6 else ["verse", "chorus"] if bars < 24 else ["verse", "chorus"] * 2
    share = -(-len(lines) // len(names))
    found = [Section(name, lines[i * share : (i + 1) * share]) for i, name in enumerate(names)]
    if begins and bars >= 8:
        found.insert(0, Section("intro", ()))
    if ends and bars >= 12:
        found.append(Section("outro", ()))
    return found


def _edges(weights: Sequence[int], bars: int) -> list[int]:
    """Bars at which the sections start, and ``bars``: on phrases of four, two or one where each gets something."""
    *starts, total = accumulate(weights)
    for phrase in (4, 2, 1):
        edges = [0, *(round(bars * start / total / phrase) * phrase for start in starts), bars]
        if all(a < b for a, b in pairwise(edges)):
            return edges
    return [bars * i // len(weights) for i in range(len(weights) + 1)]
