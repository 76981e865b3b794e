"""Reads a file of jobs, `.jsonl` or `.csv`: one line a job, its keys those of `--set` and `name`. Only text here.

    {"name": "calm {genre}", "ACEStepGenerate.tags": "{genre}, soft piano", "genre": ["jazz", "lo-fi"]}

A key without a dot is a variable: `{genre}` in any text of the line becomes its value, and a list of values makes one
job of each. In a `.csv` the first line names the keys, an empty cell leaves an input as the workflow has it, and `|`
stands between several values of a variable. `{{` and `}}` are braces.
"""

import csv
import io
import itertools
import json
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import Refused
from ..graph import Setting

MAX_JOBS = 10_000
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_SEED = 2**31 - 1
MAX_NAME_BYTES = 120  # leaves room for what is added to it, also where a path may have 260 characters
NAME, SEED = "name", "seed"

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACES = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}")
# What some file system does not take, what a shell would take for something else, and `~`, which the runner uses.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|~\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)", re.IGNORECASE)

Value = str | int | float | bool


@dataclass(frozen=True)
class Asked:
    """One job. name: safe as a file's, and its own. line: where it stands, from 1. seed: the one of `--seeds`."""

    name: str
    line: int
    settings: tuple[Setting, ...]
    seed: int | None = None


@dataclass(frozen=True)
class _Line:
    number: int
    name: str | None
    texts: dict[str, Value]  # NODE.INPUT → value
    variables: dict[str, tuple[Value, ...]]


def read(path: Path, workflow: str, seeds: tuple[int, ...] = ()) -> list[Asked]:
    """The jobs of a file, in order. workflow: what a job without a name is called after. Raises Refused."""
    if path.suffix.lower() not in (".jsonl", ".csv"):
        raise Refused(f"--jobs takes a .jsonl or a .csv file, and got {path.name}.")
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise Refused(f"--jobs: {path} is larger than {MAX_FILE_BYTES // 2**20} MiB; split it.")
        data = path.read_bytes()
    except OSError as error:
        raise Refused(f"--jobs: {path} cannot be read ({error.strerror}).") from None
    return parse(data, path.name, workflow, seeds)


def parse(data: bytes, file: str, workflow: str, seeds: tuple[int, ...] = ()) -> list[Asked]:
    """The jobs in the bytes of a file of that name. Raises Refused, naming file, line, key, value and what to do."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise Refused(f"{file}, line {line}: this is not UTF-8; save the file in that encoding.") from None
    lines = _csv_lines(text, file) if file.lower().endswith(".csv") else _json_lines(text, file)
    jobs: list[Asked] = []
    by_name: dict[str, Asked] = {}
    for line in lines:
        for job in _expanded(line, file, workflow, seeds):
            other = by_name.setdefault(job.name.casefold(), job)
            if other is not job:
                raise _refused(file, line.number, f"its file would be called “{job.name}”, {_as_is(other, job)}")
            jobs.append(job)
            if len(jobs) > MAX_JOBS:
                raise _refused(file, line.number, f"there are more than {MAX_JOBS} jobs by now; split the file.")
    if not jobs:
        raise Refused(f"{file} holds no job; write one on each line.")
    return jobs


def parse_seeds(text: str) -> tuple[int, ...]:
    """`1-20`, or `1,5,7-9`: the seeds, in order. Raises Refused."""
    seeds: list[int] = []
    for part in text.split(","):
        found = re.fullmatch(r"\s*([0-9]{1,10})\s*(?:-\s*([0-9]{1,10})\s*)?", part, re.ASCII)
        first, last = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
        if not first <= last <= MAX_SEED or last - first >= MAX_JOBS:
            raise Refused(
                f"--seeds takes numbers from 0 to {MAX_SEED} such as 1-20 or 1,5,7-9, at most {MAX_JOBS}, and got "
                f"“{text[:80]}”."
            )
        seeds += range(first, last + 1)
    if len(set(seeds)) != len(seeds):
        raise Refused(f"--seeds names a seed twice in “{text[:80]}”; name each once.")
    return tuple(seeds)


def safe_name(text: str) -> str:
    """The text as the name of a file on any system, "" when nothing of it can be; no path, no device, not hidden."""
    name = _UNSAFE.sub("_", unicodedata.normalize("NFC", text)).strip(". \u00a0")
    while len(name.encode()) > MAX_NAME_BYTES:
        name = name[:-1]
    name = name.rstrip(". \u00a0")
    return f"_{name}" if _RESERVED.match(name) else name


# Reading lines


def _json_lines(text: str, file: str) -> Iterator[_Line]:
    for number, row in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        if not row.strip():
            continue
        try:
            found = json.loads(row, object_pairs_hook=_unique, parse_constant=_no_constant)
        except _Twice as error:
            raise _refused(file, number, f"it has the key “{error}” twice; write it once.") from None
        except (ValueError, RecursionError) as error:
            column = f", column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
            raise _refused(file, number, f"this is not JSON{column}; write one object in one line.") from None
        if not isinstance(found, dict):
            raise _refused(file, number, 'this is no object; write {"name": …, "NODE.INPUT": …}.')
        yield _line(found, number, file)


class _Twice(Exception):
    """A key that an object has twice."""


def _unique(pairs: list[tuple[str, object]]) -> dict:
    found: dict[str, object] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(key[:80])
        found[key] = value
    return found


def _no_constant(word: str):
    raise ValueError(word)


def _csv_lines(text: str, file: str) -> Iterator[_Line]:
    first = text.split("\n", 1)[0]
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    header: list[str] = []
    number = 1
    try:
        for row in rows:
            if not header:
                header = [key.strip() for key in row]
                _check_header(header, number, file)
            elif any(cell.strip() for cell in row):
                if len(row) > len(header):
                    raise _refused(
                        file, number, f"it has {len(row)} cells and the first line {len(header)} keys; put quotes "
                        "around a text with a comma in it."
                    )  # fmt: skip
                yield _line(dict(_cells(header, row)), number, file)
            number = rows.line_num + 1
    except csv.Error as error:
        raise _refused(file, number, f"this is not CSV ({error}); see to its quotes.") from None


def _check_header(header: list[str], number: int, file: str) -> None:
    for key in header:
        if header.count(key) > 1:
            raise _refused(file, number, f"it has the key “{key[:80]}” twice; write it once.")
        if not key:
            raise _refused(file, number, "a column has no key; name it, or remove it.")


def _cells(header: list[str], row: list[str]) -> Iterator[tuple[str, object]]:
    for key, cell in zip(header, row):
        if not cell.strip():
            continue
        if key == NAME:
            yield key, cell
        elif "." not in key:
            yield key, [part.strip() for part in cell.split("|")]
        else:
            yield key, _as_in_set(cell)


def _as_in_set(cell: str) -> object:
    """JSON where it is a number, true, false or a text in quotes; else the text itself."""
    if cell.strip() in ("TRUE", "FALSE"):  # as spreadsheets write them
        return cell.strip() == "TRUE"
    try:
        value = json.loads(cell, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return cell
    return value if isinstance(value, (int, float, str)) else cell


def _line(found: dict[str, object], number: int, file: str) -> _Line:
    name, texts, variables = None, {}, {}
    for key, value in found.items():
        node, dot, name_of_input = key.rpartition(".")
        if key == NAME:
            if isinstance(value, bool) or not isinstance(value, (str, int)):
                raise _wrong(file, number, key, value, "write a text.")
            name = _whole_text(str(value), key, number, file)
        elif dot:
            if not node or not name_of_input:
                raise _wrong(file, number, key, value, "a key is NODE.INPUT, such as ACEStepGenerate.tags.")
            texts[key] = _value(value, key, number, file)
        else:
            variables[key] = _values(value, key, number, file)
    return _Line(number, name, texts, variables)


def _values(value: object, key: str, number: int, file: str) -> tuple[Value, ...]:
    """What a variable stands for, one after the other."""
    if not _VARIABLE.fullmatch(key):
        raise _wrong(
            file, number, key, value,
            "a key is name, NODE.INPUT or a variable of letters, digits and _.",
        )  # fmt: skip
    several = value if isinstance(value, list) else [value]
    found = tuple(_value(each, key, number, file) for each in several)
    if not found or len({str(each) for each in found}) != len(found):
        raise _wrong(file, number, key, value, "give a variable one value or several that differ.")
    return found


def _value(value: object, key: str, number: int, file: str) -> Value:
    if isinstance(value, str):
        return _whole_text(value, key, number, file)
    if not isinstance(value, (bool, int, float)) or (isinstance(value, float) and not math.isfinite(value)):
        raise _wrong(file, number, key, value, "write a text, a number, true or false.")
    return value


def _whole_text(text: str, key: str, number: int, file: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise _refused(file, number, f"{key[:80]} holds half of a character, such as half an emoji.") from None
    return text


# From a line to its jobs


def _expanded(line: _Line, file: str, workflow: str, seeds: tuple[int, ...]) -> Iterator[Asked]:
    variables = dict(line.variables)
    if seeds:
        if taken := [key for key in (*line.texts, *variables) if key.rpartition(".")[2] == SEED]:
            raise _refused(file, line.number, f"it sets {taken[0]} and --seeds does too; leave one of them out.")
        variables[SEED] = seeds
    count = math.prod(len(values) for values in variables.values())
    if count > MAX_JOBS:
        raise _refused(file, line.number, f"its variables make {count} jobs, and {MAX_JOBS} is the most; split it.")
    named = f"{workflow}-{line.number:04}" if line.name is None else line.name
    said = set().union(*(_names_in(text) for text in (named, *line.texts.values())))
    for key in line.variables:
        if key not in said:
            raise _refused(
                file, line.number, f"{key} is set and no text says {{{key}}}; for an input write NODE.{key}."
            )  # fmt: skip
    for values in itertools.product(*variables.values()):
        chosen = dict(zip(variables, values))
        settings = tuple(
            Setting(*_parted(key), _filled(text, chosen, key, line.number, file)) for key, text in line.texts.items()
        )
        name = str(_filled(named, chosen, NAME, line.number, file))
        for key, several in variables.items():
            if len(several) > 1 and key not in _names_in(named):
                name += f"-{_sortable(chosen[key], several)}"
        safe = safe_name(name)
        if not safe:
            raise _wrong(file, line.number, NAME, name, "nothing of it can name a file; give it letters or digits.")
        yield Asked(safe, line.number, settings, int(chosen[SEED]) if seeds else None)


def _names_in(text: Value) -> set[str]:
    return {name for name in _PLACES.findall(text) if name} if isinstance(text, str) else set()


def _filled(text: Value, chosen: dict[str, Value], key: str, number: int, file: str) -> Value:
    """The text with its variables' values in it."""
    if not isinstance(text, str):
        return text

    def value_at(place: re.Match) -> str:
        name = place[1]
        if name is None:
            return place[0][0]
        if name not in chosen:
            known = ", ".join(chosen) or "none"
            raise _refused(
                file, number, f"{key[:80]} says {{{name}}}, which no key of the line sets (there is: {known}); set it, "
                f"or write {{{{{name}}}}} for the braces themselves."
            )  # fmt: skip
        return str(chosen[name])

    return _PLACES.sub(value_at, text)


def _sortable(value: Value, among: tuple[Value, ...]) -> str:
    """The value, with zeros before it where that lets a folder sort the names."""
    whole = all(isinstance(each, int) and not isinstance(each, bool) and each >= 0 for each in among)
    return str(value).zfill(max(len(str(each)) for each in among)) if whole else str(value)


def _parted(key: str) -> tuple[str, str]:
    node, _, name = key.rpartition(".")
    return node, name


def _as_is(other: Asked, job: Asked) -> str:
    """How a job's name meets another's, for a sentence."""
    where = f"as that of line {other.line}" if other.line != job.line else "as another of the same line"
    return f"{where}; give each a name of its own."


def _wrong(file: str, line: int, key: str, value: object, advice: str) -> Refused:
    shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=True)
    return _refused(file, line, f"{key[:80]} is “{_printable(shown)[:80]}”; {advice}")


def _refused(file: str, line: int, sentence: str) -> Refused:
    return Refused(f"{file}, line {line}: {_printable(sentence)}")


def _printable(text: str) -> str:
    """On one line of a terminal, whatever is in it."""
    return "".join(c if c.isprintable() else "�" for c in text)
