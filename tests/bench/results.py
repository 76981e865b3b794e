"""Measure all that the pack has a goal for, and write RESULTS.md beside this file.

    python3 tests/run.py tests/bench/results.py [TEXT]

TEXT: only the benchmarks of rows whose name holds it are run; of the others stands what stood there, if the file is of
the same machine, else nothing is written.

Each benchmark runs by itself, one after the other; what it prints is kept below the table. Leave the machine alone
meanwhile: ratios are of pairs measured in turn, but a busy machine spreads them.
"""

import os
import platform
import re
import subprocess
import sys
import time
import timeit
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import torch

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
LIMIT_SECONDS = 3600


@dataclass(frozen=True)
class Row:
    """One goal. number: finds the measured value in what the benchmark prints. most: the goal, in ``unit``.
    why: what stands in the way where it is missed."""

    what: str
    command: tuple[str, ...]
    number: str
    most: float
    unit: str = "×"
    pick: Callable[[list[float]], float] = max
    why: str = ""


def _ffmpeg() -> str:
    """The binary that ComfyUI's own requirements bring."""
    import imageio_ffmpeg

    return imageio_ffmpeg.get_ffmpeg_exe()


LOCAL_TIME = r"(?:graph|whole): time × ([\d.]+)"
# Ratio, and memory, of each edit in the table; of fifty ranges the last line tells what each adds.
HOUR_TIME = r"(?m)^(?!.*50 ranges).* s +([\d.]+) +[\d.]+$"
OF_THE_THREAD = "% of the main thread"
LONG_RANGES = (
    "Of a range of five minutes and more. Resampling it is a third of the time, hearing all of it for the report "
    "another; both grow with the range, the clone does not."
)
FURTHER_RANGES = (
    "Half of it is finding where the render lies (Fourier transforms of four seconds on each side), a quarter "
    "hearing both joints before and after: arithmetic, at the speed of the core."
)
CROWD = ("browser_drag.py", "--crowd", "1.58.1")
ROWS = (
    Row("a local song against ComfyUI's own graph, 1.5", ("local_generate.py",), LOCAL_TIME, 1.03),
    # Equal, as closely as samples of the process's size tell.
    Row("… its peak memory", ("local_generate.py",), r"peak memory × ([\d.]+)", 1.02),
    Row("20 s in 240 s against the whole track again, local", ("local_inpaint.py",), LOCAL_TIME, 0.5),
    Row("an edit of an hour against one clone of it", ("hour_long.py",), HOUR_TIME, 3.0, why=LONG_RANGES),
    Row("… its extra memory against the source", ("hour_long.py",), r"(?m) s +[\d.]+ +([\d.]+)$", 1.3),
    Row(
        "… each further range",
        ("hour_long.py",),
        r"further range of 2 s: ([\d.]+)",
        0.1,
        "s of one core",
        why=FURTHER_RANGES,
    ),
    Row("jobs beyond the service's own time, 4 in flight", ("jobs.py",), r"without that +([\d.]+) %", 5.0, "%"),
    # A tenth of a song of 10 s.
    Row("… what a job leaves in memory", ("jobs.py",), r"([+-][\d.]+) KiB for each", 375.0, "KiB"),
    Row("20 TimeRange and 10 Generate at rest", CROWD, r"at rest +([\d.]+) %", 3.0, OF_THE_THREAD),
    Row("… in a drag", CROWD, r"in a drag +([\d.]+) %", 25.0, OF_THE_THREAD),
    Row("import of the pack in ComfyUI", ("import_time.py",), r"median ([\d.]+) ms", 30.0, "ms"),
    Row("one RunComfy take beyond the service's time", ("runcomfy_overhead.py",), r"beyond it +([\d.]+) s", 2.5, "s"),
    Row("8 RunComfy takes against one", ("runcomfy_overhead.py",), r"one take +([\d.]+)", 2.3),
    Row("FLAC of 240 s against ffmpeg", ("flac_encode.py", "FFMPEG"), r"ratio +([\d.]+)", 1.2),
    Row("waveform of an hour on screen", ("browser_drag.py",), r"on screen ([\d.]+) ms", 300.0, "ms"),
    Row("a pointer move in a drag, 95th percentile", ("browser_drag.py",), r"handlers: .*p95 ([\d.]+)", 8.0, "ms"),
    Row("a minute of sketch", ("sketch.py",), r"([\d.]+) s", 0.5, "s"),
)  # fmt: skip


def machine() -> str:
    """What ran it, in one line."""
    names = re.findall(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text()) if sys.platform == "linux" else []
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{names[0] if names else platform.processor()}, {os.cpu_count()} cores, {memory:.0f} GiB, "
        f"{platform.system()}, Python {platform.python_version()}, torch {torch.__version__}, no GPU"
    )


def speed() -> str:
    """How fast one core of it reckons and copies, to read the times by."""
    torch.set_num_threads(1)
    square, long = torch.rand(1024, 1024), torch.rand(1 << 26)
    product, copy = (
        min(timeit.repeat(each, number=1, repeat=9)) for each in (lambda: square @ square, lambda: long.clone())
    )
    return (
        f"One of its cores does {2 * 1024**3 / product / 1e9:.0f} · 10⁹ operations a second in a product of matrices, "
        f"and copies {long.numel() * 4 / copy / 1e9:.1f} GB/s into new memory."
    )


def printed_by(command: tuple[str, ...]) -> str:
    name, *arguments = command
    arguments = [_ffmpeg() if each == "FFMPEG" else each for each in arguments]
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, str(HERE / name), *arguments],
        capture_output=True,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    return (
        done.stdout if not done.returncode else f"{done.stdout}\nended with exit code {done.returncode}:\n{done.stderr}"
    )


def line(row: Row, output: str) -> str:
    found = [float(number) for number in re.findall(row.number, output)]
    goal = f"≤ {row.most:g} {row.unit}"
    if not found:
        return f"| {row.what} | {goal} | not measured | |"
    value = row.pick(found)
    verdict = "reached" if value <= row.most else f"**missed** {row.why}".rstrip()
    return f"| {row.what} | {goal} | {value:g} {row.unit} | {verdict} |"


def kept_outputs() -> dict[tuple[str, ...], str]:
    """What each benchmark printed on this machine, by its command; nothing when RESULTS.md is of another one."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else ""
    if machine() not in text:
        return {}
    sections = re.findall(r"(?ms)^## (.+?)\n\n```\n(.*?)\n```$", text)
    return {tuple(command.split()): output for command, output in sections}


def main(find: str = "") -> int:
    asked = dict.fromkeys(row.command for row in ROWS if find in row.what)
    outputs = kept_outputs() if find else {}
    outputs |= {command: printed_by(command) for command in asked}
    rows = [row for row in ROWS if row.command in outputs]
    table = [line(row, outputs[row.command]) for row in rows]
    print("\n".join(table))
    if len(rows) < len(ROWS):
        return 0
    commands = dict.fromkeys(row.command for row in ROWS)
    text = "\n".join(
        [
            "# What was measured",
            "",
            f"By `python3 tests/run.py tests/bench/results.py` on: {machine()}. {speed()} Each benchmark in one run; "
            "where a row has several numbers, the worst of them.",
            "",
            "| what | goal | measured | |",
            "| --- | --- | --- | --- |",
            *table,
            "",
            *(f"## {' '.join(command)}\n\n```\n{outputs[command].strip()}\n```\n" for command in commands),
        ]
    )
    RESULTS.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
