"""Which language lyrics are in, by script, marks and tags, and how ACE-Step v1 is told it: by a mark on every line."""

import re
import unicodedata

from ...words.vocabulary import LANGUAGE_NAMES, LANGUAGES

# The languages the models know that are written in a script, the commonest first. Kana decides before the Chinese
# characters that Japanese is written with as well.
_SCRIPTS = (
    ("HANGUL", ("ko",)),
    ("HIRAGANA", ("ja",)),
    ("KATAKANA", ("ja",)),
    ("CJK", ("zh", "yue", "ja")),
    ("CYRILLIC", ("ru", "bg", "sr", "uk")),
    ("ARABIC", ("ar", "fa", "ur")),
    ("DEVANAGARI", ("hi", "ne", "sa")),
    ("GREEK", ("el",)),
    ("HEBREW", ("he",)),
    ("THAI", ("th",)),
    ("TAMIL", ("ta",)),
    ("TELUGU", ("te",)),
    ("BENGALI", ("bn",)),
    ("GURMUKHI", ("pa",)),
)
# What upstream's users and ComfyUI's templates send for Latin script.
USUAL = "en"
# The languages of v1's lyric tokenizer (comfy/text_encoders/ace.py).
V1_LANGUAGES = tuple("en de fr es it pt pl tr ru cs nl ar zh ja hu ko hi".split())

# The languages' names and codes, the longer names first; "latin pop" is no song in Latin.
_CODES = {name: code for code, name in LANGUAGE_NAMES.items()} | {"mandarin": "zh"}
_NAMES = "|".join(sorted(_CODES, key=len, reverse=True))
_SUNG_IN = re.compile(
    rf"\b(?P<before>{_NAMES})[\s-]+(?:(?:language|female|male|woman|man|lead|backing|choral)[\s-]+)*"
    r"(?:vocals?|vocalists?|voices?|singers?|singing|lyrics|rap|rapper|choir)\b"
    rf"|\b(?:sing|sings|singing|sung|rapped|rapping|vocals?|lyrics)[\s-]+in[\s-]+(?P<after>{_NAMES})\b",
    re.IGNORECASE,
)

_MARKED = re.compile(r"^\s*\[(?P<mark>[^\[\]]+)\]")


def of_script(text: str) -> str | None:
    """The language whose script ``text`` is written in, or None where a script serves many (Latin)."""
    return next(iter(_of_script(text)), None)


def of(lyrics: str, tags: str) -> str:
    """The language of lyrics: what a mark such as ``[fr]`` or the tags say if the script allows it, else the script's,
    else English."""
    named, written = named_in(lyrics, tags), _of_script(lyrics)
    if named and (named in written or not written):
        return named
    return written[0] if written else USUAL


def named_in(lyrics: str, tags: str) -> str | None:
    """The language that the first mark in ``lyrics`` or the ``tags`` name, or None."""
    marks = (match["mark"].strip().lower() for line in lyrics.splitlines() if (match := _MARKED.match(line)))
    return next((mark for mark in marks if mark in LANGUAGES), None) or of_tags(tags)


def of_tags(tags: str) -> str | None:
    """The code of the first language that ``tags`` want sung, as "french vocal" or "sung in french", or None.

    A language that names a style or an instrument ("latin pop", "spanish guitar") is none.
    """
    found = _SUNG_IN.search(tags)
    return _CODES[(found["before"] or found["after"]).lower()] if found else None


def v1_lyrics(lyrics: str, language: str, usual: str = USUAL) -> str:
    """Lyrics with v1's language mark on every sung line.

    language: one of V1_LANGUAGES for all lines, or "auto" to tell each line by its script, and ``usual`` where that
    does not tell. A line that begins with a mark of its own (a section, or a language) stays as it is; without any mark
    v1 takes it as English.
    """
    return "\n".join(_marked(line, language, usual) for line in lyrics.splitlines())


def _of_script(text: str) -> tuple[str, ...]:
    seen = {unicodedata.name(character, "").split(" ")[0] for character in text if character.isalpha()}
    return next((languages for script, languages in _SCRIPTS if script in seen), ())


def _marked(line: str, language: str, usual: str) -> str:
    if not line.strip() or _MARKED.match(line):
        return line
    code = language if language in V1_LANGUAGES else of_script(line) or usual
    return f"[{code}]{line.strip()}" if code in V1_LANGUAGES and code != "en" else line
