"""Reading and writing the comma-separated tags that drive ACE-Step.

Tempo, key and metre are read back out of free text, because ACE-Step 1.5 takes them as fields of
their own while people (and the hosted model) write them among the tags.
"""

import re
import unicodedata
from collections.abc import Iterable

from .vocabulary import MAX_BPM, MIN_BPM

# Letters and symbols by their category, and blank: the fillers of Hangul and Braille's empty cell.
_UNSEEN_LETTERS = frozenset("\u115f\u1160\u3164\uffa0\u2800")
# "75 BPM", "75bpm", "bpm: 75"; a number with decimals is rounded, as upstream's field is whole.
_BPM = re.compile(r"\b(\d{2,3}(?:\.\d+)?)\s*bpm\b|\bbpm\s*[:=]?\s*(\d{2,3}(?:\.\d+)?)\b", re.IGNORECASE)
_ROOT = r"(?P<root>[A-Ga-g])\s*(?P<accidental>#|♯|♭|b(?![a-z])|[\s-]?sharp\b|[\s-]?flat\b)?"
_KEY = re.compile(rf"(?<![A-Za-z#♯♭]){_ROOT}[\s-]*(?P<mode>major|minor|maj|min)\b", re.IGNORECASE)
_TIME_SIGNATURE = re.compile(r"(?<![\d/])([2346])/([48])(?![\d/])")
_NO_VOCALS = re.compile(r"\b(?:instrumental|no[\s-]+vocals?|without[\s-]+vocals?)\b", re.IGNORECASE)
_VOCALS = re.compile(
    r"\b(?:vocals?|vocalists?|voice|voices|sing|singer|singing|sung|rap|rapper|rapping|choir|a[\s-]?cappella)\b",
    re.IGNORECASE,
)
# Tags that speak of vocals and mean their absence.
_VOCALS_DENIED = re.compile(r"\b(?:no|without)[\s-]+(?:vocals?|voices?|singing|singer|rap|choir)\b", re.IGNORECASE)

# The same with the words that lead to them: "at 75 BPM", "in the key of A minor". Compiled by the first run and not
# when ComfyUI starts.
_FILLER = r"(?:at|in|with|of|the|a|an|is|and|key|tempo|time|signature|metre|meter|around|about)\b"
_LEAD = rf"(?:\b{_FILLER}[\s:=~]*)*"
_BPM_SAID = f"(?i){_LEAD}(?:{_BPM.pattern})"
_KEY_SAID = f"(?i){_LEAD}{_KEY.pattern}"
_METRE_SAID = f"(?i){_LEAD}{_TIME_SIGNATURE.pattern}"
_FILLERS_ONLY = rf"(?i)(?:[\s.:~=-]|\b{_FILLER})*"

# Metres ACE-Step knows (2, 3, 4 and 6 beats); others in the text are left to the text.
_METRES = {("2", "4"): "2/4", ("3", "4"): "3/4", ("4", "4"): "4/4", ("6", "8"): "6/8"}


def split_tags(text: str) -> tuple[str, ...]:
    """``text`` → its tags: split at commas, line breaks and semicolons, trimmed, empty ones dropped."""
    pieces = (" ".join(piece.split()) for piece in re.split(r"[,;\n，、；]", text))
    return tuple(piece for piece in pieces if piece)


def holds_a_tag(text: str) -> bool:
    """Whether ``text`` says anything: a letter, a number or a symbol of any script, one that can be seen."""
    return any(unicodedata.category(each)[0] in "LNS" and each not in _UNSEEN_LETTERS for each in text)


def join_tags(tags: Iterable[str]) -> str:
    """Tags → text, in order, each once (compared without regard to case)."""
    unique = {}
    for tag in tags:
        unique.setdefault(tag.casefold(), tag)
    return ", ".join(unique.values())


def read_bpms(tags: str) -> tuple[int, ...]:
    """Every different tempo named in ``tags`` that ACE-Step accepts (30 to 300 BPM), in order."""
    found = (round(float(a or b)) for a, b in _BPM.findall(tags))
    return tuple(dict.fromkeys(bpm for bpm in found if MIN_BPM <= bpm <= MAX_BPM))


def read_keys(tags: str) -> tuple[str, ...]:
    """Every different key named in ``tags``, as ``"A minor"`` or ``"Bb major"``, in order."""
    keys = []
    for match in _KEY.finditer(tags):
        sign = (match["accidental"] or "").strip(" -").lower()
        accidental = "#" if sign in ("#", "♯", "sharp") else "b" if sign in ("b", "♭", "flat") else ""
        root = match["root"].upper() + accidental
        mode = "major" if match["mode"].lower().startswith("maj") else "minor"
        keys.append(f"{_COMMON_ROOT.get(root, root)} {mode}")
    return tuple(dict.fromkeys(keys))


def read_time_signatures(tags: str) -> tuple[str, ...]:
    """Every different metre named in ``tags`` that ACE-Step knows, in order."""
    found = (_METRES.get(match) for match in _TIME_SIGNATURE.findall(tags))
    return tuple(dict.fromkeys(metre for metre in found if metre))


def without_data(tags: str) -> str:
    """``tags`` without the tempo, key and metre that are read from them, for a model that has fields for these.

    What is left of a tag stays ("slow 90 BPM groove" → "slow groove"); of tags that say nothing else all stay.
    """
    kept = []
    for tag in split_tags(tags):
        rest = re.sub(_BPM_SAID, lambda found: " " if read_bpms(found[0]) else found[0], tag)
        rest = re.sub(_METRE_SAID, lambda found: " " if read_time_signatures(found[0]) else found[0], rest)
        rest = re.sub(_KEY_SAID, _unless_article, rest)
        if rest == tag:
            kept.append(tag)
        elif not re.fullmatch(_FILLERS_ONLY, rest):
            kept.append(" ".join(rest.split()))
    return join_tags(kept) or tags


def _unless_article(key: re.Match) -> str:
    """In running text a small "a" is an article: "a major label sound" stays."""
    article = key["root"] == "a" and not key["accidental"] and key.end() < len(key.string)
    return key[0] if article else " "


def read_bpm(tags: str) -> int | None:
    """The first tempo named in ``tags``, or None."""
    return next(iter(read_bpms(tags)), None)


def read_key(tags: str) -> str | None:
    """The first key named in ``tags``, or None."""
    return next(iter(read_keys(tags)), None)


def read_time_signature(tags: str) -> str | None:
    """The first metre named in ``tags``, or None."""
    return next(iter(read_time_signatures(tags)), None)


def is_instrumental(tags: str) -> bool:
    """Whether ``tags`` ask for music without vocals."""
    return bool(_NO_VOCALS.search(tags))


def names_vocals(tags: str) -> bool:
    """Whether ``tags`` ask for a voice."""
    return any(_VOCALS.search(tag) and not _VOCALS_DENIED.search(tag) for tag in split_tags(tags))


def contradictions(tags: str) -> tuple[str, ...]:
    """One sentence for each thing in ``tags`` that another tag contradicts."""
    found = []
    if is_instrumental(tags) and names_vocals(tags):
        voice = next(t for t in split_tags(tags) if _VOCALS.search(t) and not _VOCALS_DENIED.search(t))
        found.append(f"The tags ask for no vocals and for {voice!r}; keep one of them.")
    for name, values in (
        ("tempos", [f"{bpm} BPM" for bpm in read_bpms(tags)]),
        ("keys", read_keys(tags)),
        ("metres", read_time_signatures(tags)),
    ):
        if len(values) > 1:
            found.append(f"The tags name {len(values)} {name} ({', '.join(values)}); the first one is used.")
    return tuple(found)


# Enharmonic spellings the models do not list, by the spelling they do.
_COMMON_ROOT = {"E#": "F", "B#": "C", "Fb": "E", "Cb": "B"}
