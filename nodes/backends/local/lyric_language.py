"""Which language lyrics are in, told from their script, and how ACE-Step v1 is told it: by a mark on every line."""

import re
import unicodedata

# Scripts that belong to one language among those the models know. Kana decides before the Chinese characters
# that Japanese is written with as well.
_SCRIPTS = (
    ("HANGUL", "ko"),
    ("HIRAGANA", "ja"),
    ("KATAKANA", "ja"),
    ("CJK", "zh"),
    ("CYRILLIC", "ru"),
    ("ARABIC", "ar"),
    ("DEVANAGARI", "hi"),
    ("GREEK", "el"),
    ("HEBREW", "he"),
    ("THAI", "th"),
    ("TAMIL", "ta"),
    ("TELUGU", "te"),
    ("BENGALI", "bn"),
    ("GURMUKHI", "pa"),
)
# The languages of v1's lyric tokenizer (comfy/text_encoders/ace.py).
V1_LANGUAGES = tuple("en de fr es it pt pl tr ru cs nl ar zh ja hu ko hi".split())

_MARKED = re.compile(r"^\s*\[[^\[\]]+\]")


def of_script(text: str) -> str | None:
    """The language whose script ``text`` is written in, or None where a script serves many (Latin)."""
    seen = {unicodedata.name(character, "").split(" ")[0] for character in text if character.isalpha()}
    return next((language for script, language in _SCRIPTS if script in seen), None)


def v1_lyrics(lyrics: str, language: str) -> str:
    """Lyrics with v1's language mark on every sung line.

    language: one of V1_LANGUAGES for all lines, or "auto" to tell each line by its script. A line that begins
    with a mark of its own (a section, or a language) stays as it is; without any mark v1 takes it as English.
    """
    return "\n".join(_marked(line, language) for line in lyrics.splitlines())


def _marked(line: str, language: str) -> str:
    if not line.strip() or _MARKED.match(line):
        return line
    code = language if language in V1_LANGUAGES else of_script(line)
    return f"[{code}]{line.strip()}" if code in V1_LANGUAGES and code != "en" else line
