"""Reading lyrics: section markers such as ``[Verse]`` and the markers that mean "no vocals"."""

import re
from dataclasses import dataclass

# A marker stands alone on its line: [Verse], [Chorus 2], [Guitar Solo - soft].
_MARKER = re.compile(r"^\s*[\[【](?P<name>[^\[\]【】]{1,60})[\]】]\s*$")
_NO_VOCALS = frozenset({"inst", "instrumental"})


@dataclass(frozen=True)
class Section:
    """One marked part of the lyrics. ``name`` is the marker's text, "" before the first marker."""

    name: str
    lines: tuple[str, ...]


def sections(lyrics: str) -> tuple[Section, ...]:
    """Lyrics → their sections in order; a marker without lines is a section of its own."""
    found: list[tuple[str, list[str]]] = []
    for line in lyrics.splitlines():
        marker = _MARKER.match(line)
        if marker:
            found.append((marker["name"].strip(), []))
        elif line.strip():
            if not found:
                found.append(("", []))
            found[-1][1].append(line.strip())
    return tuple(Section(name, tuple(lines)) for name, lines in found)


def is_instrumental_marker(lyrics: str) -> bool:
    """Whether the lyrics say only that there are no vocals: ``[inst]`` or ``[instrumental]``."""
    parts = sections(lyrics)
    return bool(parts) and all(s.name.lower() in _NO_VOCALS and not s.lines for s in parts)


def has_words(lyrics: str) -> bool:
    """Whether there is anything to sing."""
    return any(section.lines for section in sections(lyrics))
