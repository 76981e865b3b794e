"""Reading lyrics: section markers such as ``[Verse]``, the markers that mean "no vocals", and what is not sung."""

import re
from dataclasses import dataclass

# A marker stands alone on its line: [Verse], [Chorus 2], [Guitar Solo - soft].
_MARKER = re.compile(
    r"^\s*(?:[\[【［](?P<name>[^\[\]【】［］]{1,60})[\]】］]|[(（]\s*(?P<none>inst|instrumental)\s*[)）])\s*$",
    re.IGNORECASE,
)
_NO_VOCALS = frozenset({"inst", "instrumental"})
# LRC, the format of karaoke players: [01:23.45] before a line, <01:23.45> within it, [ar:…] on a line of its own.
_TIME = r"\d{1,3}:\d{2}(?:[.:]\d{1,3})?"
_LRC_TIMES = re.compile(rf"^(?:\s*\[{_TIME}\])+[ \t]*|<{_TIME}>[ \t]*")
_LRC_FACT = re.compile(r"^\s*\[(?:ti|ar|al|au|by|re|ve|la|lr|length|offset|tool|#)\s*:[^\]]*\]\s*$", re.IGNORECASE)
# Markdown, which language models write lyrics in.
_RULE = re.compile(r"^\s*(?:```.*|(?:-\s*){3,}|(?:\*\s*){3,}|(?:_\s*){3,})$")
_HEADING = re.compile(r"^\s*#{1,6}\s+(?P<text>.+?)[\s#:：]*$")
_QUOTE = re.compile(r"^\s*>\s?")
_EMPHASIS = re.compile(r"(?<![\w*_])(?P<mark>\*{1,3}|_{2,3})(?=[^\s*_])(?P<text>.+?)(?<=[^\s*_])(?P=mark)(?![\w*_])")
_BREAK = re.compile(r"\\$")
_SECTION_NAME = re.compile(
    r"^(?:(?:pre|post)[\s-]?)?(?:intro|verse|chorus|refrain|hook|bridge|interlude|break|breakdown|solo|drop|outro)"
    r"(?:\s+\d{1,2})?\s*[:：]?$",
    re.IGNORECASE,
)


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
            found.append(((marker["name"] or marker["none"]).strip(), []))
        elif line.strip():
            if not found:
                found.append(("", []))
            found[-1][1].append(line.strip())
    return tuple(Section(name, tuple(lines)) for name, lines in found)


def is_instrumental_marker(lyrics: str) -> bool:
    """Whether the lyrics say only that there are no vocals: ``[inst]``, ``［inst］`` or ``(instrumental)``."""
    parts = sections(lyrics)
    return bool(parts) and all(s.name.lower() in _NO_VOCALS and not s.lines for s in parts)


def has_words(lyrics: str) -> bool:
    """Whether there is anything to sing."""
    return any(section.lines for section in sections(lyrics))


def without_times(lyrics: str) -> str:
    """Lyrics without the times and facts of an LRC file."""
    lines = (line for line in lyrics.splitlines() if not _LRC_FACT.match(line))
    return "\n".join(_LRC_TIMES.sub("", line) for line in lines).strip()


def without_markdown(lyrics: str) -> str:
    """Lyrics without Markdown; headings, and section names set in bold, become section markers."""
    return "\n".join(_plain(line) for line in lyrics.splitlines() if not _RULE.match(line)).strip()


def _plain(line: str) -> str:
    heading = _HEADING.match(line)
    line = _BREAK.sub("", _QUOTE.sub("", heading["text"] if heading else line))
    text = _EMPHASIS.sub(lambda found: found["text"], line)
    is_name = heading or (text != line and _SECTION_NAME.match(text.strip()))
    return f"[{text.strip().rstrip(':：')}]" if is_name and not _MARKER.match(text) else text
