"""Words as a singing voice without consonants: the vowels of a line, and what makes one vowel of another."""

import re
import unicodedata

# The first two formants in Hz, after Peterson and Barney 1952.
FORMANTS_HZ = {"a": (790, 1180), "e": (570, 2080), "i": (290, 2540), "o": (580, 880), "u": (330, 910)}
# Vowels of Latin, Greek and Cyrillic, the vowel inside a decomposed Hangul syllable, a kana, an ideograph.
_SYLLABLE = re.compile("[aeiouyαεηιουωаеиоуыэюя]+|[\u1161-\u1175\u3041-\u30ff\u3400-\u9fff]")
_LONGEST_LINE = 200


def vowels(line: str) -> str:
    """The vowel of each syllable of a line, in any script; at least one."""
    line = line[:_LONGEST_LINE]
    found = _SYLLABLE.findall(unicodedata.normalize("NFD", line.casefold())) or re.findall(r"\w+", line) or ["a"]
    return "".join(s[0] if s[0] in FORMANTS_HZ else "aeiou"[ord(s[0]) % 5] for s in found)
