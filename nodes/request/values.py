"""Checks of single values, whoever sends them: each gives the value in its own type or one sentence to act on."""

from ..errors import InputError
from ..words.numbers import is_number, plain, shown
from ..words.remarks import Remark, Value, remark
from ..words.tags import holds_a_tag
from ..words.vocabulary import MAX_BPM, MIN_BPM

MAX_SEED = 2**31 - 1
NULL = "None"
_SEED_NODES_END = 2**64


def number(node: str, name: str, value, low: float, high: float, unit: str = "") -> float:
    """``value`` as a float within [low, high], or InputError."""
    value, least, most = plain(value), f"{low:g}", with_unit(f"{high:g}", unit)
    if not is_number(value):
        raise InputError(remark("no_number", node=node, name=name, value=shown(value), low=least, high=most))
    if not low <= value <= high:
        given = with_unit(shown(value), unit)
        raise InputError(remark("out_of_range", node=node, name=name, value=given, low=least, high=most))
    return float(value)


def whole_number(node: str, name: str, value, low: int, high: int, unit: str = "") -> int:
    """``value`` as an int within [low, high], or InputError."""
    value, most = plain(value), with_unit(high, unit)
    if not is_number(value) or value != int(value):
        raise InputError(remark("no_whole_number", node=node, name=name, value=shown(value), low=low, high=most))
    if not low <= value <= high:
        given = with_unit(shown(int(value)), unit)
        raise InputError(remark("out_of_range", node=node, name=name, value=given, low=low, high=most))
    return int(value)


def seed_number(node: str, name: str, value, low: int) -> tuple[int, Remark | None]:
    """``value`` as a seed from ``low`` to the largest, with what is to be said of one that had to be folded there.

    Seed nodes that are shared by many kinds of models give 32 or 64 bits. Raises InputError for anything else.
    """
    value = plain(value)
    if not is_number(value) or value != int(value) or not -_SEED_NODES_END <= value < _SEED_NODES_END:
        return whole_number(node, name, value, low, MAX_SEED), None
    if low <= value <= MAX_SEED:
        return int(value), None
    folded = int(value) % (MAX_SEED + 1)
    # As text: the page's numbers do not hold 64 bits.
    return folded, remark("seed_folded", name=name, given=str(int(value)), most=MAX_SEED, seed=folded)


def with_unit(value: Value, unit: str) -> Value:
    return remark("with_unit", value=value, unit=unit) if unit else value


def tempo(node: str, value) -> int:
    """``value`` as a tempo in BPM: 0 (none) or what ACE-Step accepts, or InputError."""
    bpm = whole_number(node, "bpm", value, 0, MAX_BPM)
    if 0 < bpm < MIN_BPM:
        raise InputError(remark("tempo_too_slow", node=node, bpm=bpm, least=MIN_BPM, most=MAX_BPM))
    return bpm


def yes_or_no(node: str, name: str, value) -> bool:
    """``value`` when it is true or false, or InputError."""
    value = plain(value)
    if not isinstance(value, bool):
        raise InputError(remark("not_yes_or_no", node=node, name=name, value=shown(value)))
    return value


def choice(node: str, name: str, value, options: tuple[str, ...]) -> str:
    """``value`` when it is one of ``options``, or InputError."""
    if not isinstance(value, str) or value not in options:
        listed = ", ".join(options)
        raise InputError(remark("no_option", node=node, name=name, value=shown(value), options=listed))
    return value


def text(node: str, name: str, value) -> str:
    """``value`` when it is whole text, or InputError. ComfyUI makes the word None of a null in an API prompt."""
    problem = _text_problem(node, name, value)
    if problem:
        raise InputError(problem)
    return "" if value == NULL else value


def tags_problem(node: str, tags) -> Remark | None:
    """What is to be said when ``tags`` cannot be used, else None."""
    problem = _text_problem(node, "tags", tags)
    if problem:
        return problem
    if tags == NULL or not holds_a_tag(tags):
        return remark("no_tags", node=node)
    return None


def _text_problem(node: str, name: str, value) -> Remark | None:
    if not isinstance(value, str):
        return remark("no_text", node=node, name=name, kind=type(value).__name__)
    try:
        value.encode()
    except UnicodeEncodeError as error:
        return remark("half_character", node=node, name=name, place=error.start + 1)
    return None
