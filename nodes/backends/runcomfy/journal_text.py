"""The journal as text and back: JSON, with a line for each entry and each run."""

import json

from .entries import Content, Entry, Run, is_whole

SCHEMA = 1


class NewerJournal(Exception):
    """Written by a later version of the pack."""


class JournalText:
    """The text that was read or written last is held with what it says: a request takes several steps, each of them
    reads and writes the file, and to take thousands of lines apart for each would keep ComfyUI busy. As only a text
    that is the same, byte for byte, is known again, and a line only of the very same entry or run, a change by anybody
    else is never overlooked. Thread-safe."""

    def __init__(self):
        self._held: tuple[bytes | None, Content, dict[str, tuple[Entry | Run, str]]] = (None, Content(), {})

    def read(self, text: bytes) -> Content:
        """Raises NewerJournal; for what is none ValueError, KeyError, TypeError, AttributeError or RecursionError."""
        held, content, _ = self._held
        if text == held:
            return content
        data = json.loads(text)
        if is_whole(data["schema"]) and data["schema"] > SCHEMA:
            raise NewerJournal
        if data["schema"] != SCHEMA:
            raise ValueError(data["schema"])
        content = Content(
            tuple(Entry.from_json(entry) for entry in data["entries"]),
            tuple(Run.from_json(run) for run in data["runs"]),
        )
        self._held = text, content, {}
        return content

    def written(self, content: Content) -> bytes:
        _, _, known = self._held
        lines: dict[str, tuple[Entry | Run, str]] = {}

        def line(each: Entry | Run) -> str:
            held = known.get(each.key)
            # An indent would take json's slow encoder.
            lines[each.key] = held if held and held[0] is each else (each, json.dumps(each.as_json()))
            return lines[each.key][1]

        entries, runs = (",\n".join(map(line, part)) for part in (content.entries, content.runs))
        text = f'{{"schema": {SCHEMA},\n"entries": [\n{entries}\n],\n"runs": [\n{runs}\n]}}\n'.encode()
        self._held = text, content, lines
        return text


# One for the process: what one run has written, another one reads next.
JOURNAL_TEXT = JournalText()
