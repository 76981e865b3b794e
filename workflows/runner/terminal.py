"""What the user reads while something runs: sentences, and on a terminal one line that keeps changing."""

import io
import shutil
import sys


def say(sentence: str) -> None:
    print(sentence, flush=True)


def complain(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)


def never_fail_to_print() -> None:
    """Let a terminal or a file that knows fewer characters show question marks, not end the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


class LiveLine:
    """One line on stdout that is redrawn in place; shows nothing when stdout is not a terminal."""

    def __init__(self):
        self._live = sys.stdout.isatty()
        self._shown = False

    def show(self, text: str) -> None:
        if not self._live:
            return
        width = shutil.get_terminal_size().columns - 1
        sys.stdout.write("\r\x1b[K" + text[:width])
        sys.stdout.flush()
        self._shown = True

    def clear(self) -> None:
        if self._shown:
            sys.stdout.write("\r\x1b[K")
            sys.stdout.flush()
            self._shown = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.clear()


def bar(done: float, total: float, width: int = 24) -> str:
    """`[████····]` for done of total."""
    filled = 0 if total <= 0 else round(width * min(1.0, max(0.0, done / total)))
    return "[" + "█" * filled + "·" * (width - filled) + "]"
