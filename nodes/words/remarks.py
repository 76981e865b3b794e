"""What a report says besides its numbers, and what an error says: a code with values, and the sentence for it.

Whoever finds that there is something to say names it by its code; the words are in sentences/, and in the page's own
languages in js/strings/. Whoever adds a code adds it in both places.
"""

from dataclasses import dataclass
from typing import Union

from .sentences import SENTENCES

Value = Union[float, int, str, "Remark"]


@dataclass(frozen=True)
class Remark:
    """One thing to say. values: sorted (name, value) pairs, whole enough to write the sentence in any language."""

    code: str
    values: tuple[tuple[str, Value], ...] = ()

    def sentence(self) -> str:
        return SENTENCES[self.code].format(**dict(self.values))

    def number(self, name: str) -> float:
        """The value of that name, which is a number."""
        value = dict(self.values)[name]
        if not isinstance(value, (float, int)):
            raise TypeError(f"{name} of {self.code} is no number")
        return float(value)

    __str__ = sentence  # where it is a value of another one

    def as_dict(self) -> dict:
        """For JSON: what ``codes`` of a report holds."""
        values = {name: value.as_dict() if isinstance(value, Remark) else value for name, value in self.values}
        return {"code": self.code, "values": values}


def remark(code: str, **values: Value) -> Remark:
    """A remark; numbers are rounded to what its sentence shows, so that equal ones are said once."""
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}
    return Remark(code, tuple(sorted(rounded.items())))


def directed(more: str, less: str, db: float, **values: Value) -> Remark:
    """``more`` when ``db`` is positive, else ``less``: the code tells the direction, and ``db`` how far."""
    return remark(more if db > 0 else less, db=abs(db), **values)


def joined(*remarks: Remark, by: str = "joined") -> Remark:
    """Several remarks as one. by: the code of what stands between two of them."""
    first, *others = remarks
    return remark(by, first=first, then=joined(*others, by=by)) if others else first


def in_words(said: Remark | None, name: str = "message") -> dict:
    """For JSON: the sentence under ``name``, and its code and values as ``said``; both null for nothing."""
    return {name: said and said.sentence(), "said": said and said.as_dict()}


def as_remark(said: Remark | str) -> Remark:
    """A remark; of a sentence that has no code one that says so."""
    return said if isinstance(said, Remark) else remark("text", text=said)
