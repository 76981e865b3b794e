"""What the local benchmarks share: models small (CPU) or full-size (GPU, random weights), and fair measuring."""

import argparse
import asyncio
import ctypes
import gc
import os
import statistics
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import pinned  # noqa: E402
from local_models import engine  # noqa: E402

REQUEST = {
    "node": "bench",
    "tags": "lo-fi hip-hop, mellow, rhodes piano, soft drums, 75 BPM, A minor",
    "lyrics": "[Verse]\nrain on the window\nslow is the day\n[Chorus]\nstay a while, stay",
    "version": "auto",
    "backend": "local",
    "batch_size": 1,
    "language": "en",
}


def arguments(description: str) -> argparse.Namespace:
    """What every local benchmark can be told."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--comfyui",
        default=os.environ.get("COMFYUI_PATH"),
        help="a ComfyUI tree; else COMFYUI_PATH, else the pinned one",
    )
    parser.add_argument("--full", action="store_true", help="full-size models with random weights, on the GPU")
    parser.add_argument("--family", choices=("1.5", "v1"), default="1.5")
    parser.add_argument("--pairs", type=int, default=5, help="measured pairs, after one that warms up")
    parser.add_argument("--text", action="store_true", help="let text encoder and language model run every time")
    parser.add_argument("--seconds", type=int, default=None, help="length of the song")
    given = parser.parse_args()
    engine.start(given.comfyui or str(pinned.tree()), cpu=not given.full)
    return given


def parts(given: argparse.Namespace):
    """(model, clip, vae)"""
    model, clip, vae = _parts(given.family, given.full)
    return model, clip if given.text else ReadOnce(clip), vae


class ReadOnce:
    """A CLIP that encodes only the first text it is given: all runs share what is the same code in all of them."""

    def __init__(self, clip):
        self._clip, self._made = clip, None
        self.tokenizer, self.tokenize = clip.tokenizer, clip.tokenize

    def encode_from_tokens_scheduled(self, tokens):
        if self._made is None:
            self._made = self._clip.encode_from_tokens_scheduled(tokens)
        return self._made


def _parts(family: str, full: bool):
    from local_models import full_size, tiny

    maker, version = (full_size if full else tiny), family.replace(".", "")
    version = version if version.startswith("v") else f"v{version}"
    return tuple(getattr(maker, f"{version}_{part}")() for part in ("model", "clip", "vae"))


@dataclass(frozen=True)
class Measured:
    """One run: seconds on the clock, seconds of processor, and the most memory above where it started, in MiB."""

    seconds: float
    cpu_seconds: float
    peak_mib: float


def measure(task: Callable[[], object]) -> Measured:
    """Wall time and peak memory of ``task``: the GPU's when there is one, else this process's."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        seconds, cpu_seconds = _timed(lambda: (task(), torch.cuda.synchronize()))
        return Measured(seconds, cpu_seconds, torch.cuda.max_memory_allocated() / 2**20)
    _give_back_memory()
    with _Resident() as resident:
        seconds, cpu_seconds = _timed(task)
    return Measured(seconds, cpu_seconds, resident.peak_mib)


def _give_back_memory() -> None:
    """What the run before freed: glibc keeps it, and the next run would seem to need that much less."""
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _timed(task: Callable[[], object]) -> tuple[float, float]:
    start, cpu_start = time.perf_counter(), time.process_time()
    task()
    return time.perf_counter() - start, time.process_time() - cpu_start


class _Resident:
    """Samples this process's resident memory every few milliseconds."""

    def __enter__(self):
        import psutil

        self._process, self._stop, self._peak = psutil.Process(), threading.Event(), 0
        self._before = self._process.memory_info().rss
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()

    def _watch(self):
        while not self._stop.wait(0.004):
            self._peak = max(self._peak, self._process.memory_info().rss - self._before)

    @property
    def peak_mib(self) -> float:
        return self._peak / 2**20


def paired(first: Callable, second: Callable, pairs: int) -> tuple[list[Measured], list[Measured]]:
    """Both tasks in turn, the order changing with every pair, so that whatever drifts hits both alike."""
    results: tuple[list[Measured], list[Measured]] = ([], [])
    tasks = (first, second)
    for pair in range(pairs + 1):
        for index in ((0, 1), (1, 0))[pair % 2]:
            measured = measure(tasks[index])
            if pair:
                results[index].append(measured)
    return results


def line(name: str, runs: Sequence[Measured], audio_seconds: float, steps: int) -> str:
    """Median seconds, steps a second (all stages counted), seconds a minute of audio, peak memory."""
    seconds = statistics.median(run.seconds for run in runs)
    cpu_seconds = statistics.median(run.cpu_seconds for run in runs)
    peak = statistics.median(run.peak_mib for run in runs)
    return (
        f"{name:<34} {seconds:8.3f} s {cpu_seconds:8.3f} cpu s {steps / seconds:8.2f} steps/s "
        f"{60 * seconds / audio_seconds:8.3f} s/min {peak:7.0f} MiB"
    )


def ratios(first: Sequence[Measured], second: Sequence[Measured]) -> str:
    """second ÷ first, pair by pair: median and range of the times, on the clock and of the processor; and peaks."""
    clock = sorted(b.seconds / a.seconds for a, b in zip(first, second))
    cpu = sorted(b.cpu_seconds / a.cpu_seconds for a, b in zip(first, second))
    peaks = statistics.median(b.peak_mib for b in second) / max(1.0, statistics.median(a.peak_mib for a in first))
    times = [f"{name} × {statistics.median(r):.3f} ({r[0]:.3f} … {r[-1]:.3f})" for name, r in
             (("time", clock), ("cpu", cpu))]  # fmt: skip
    return f"{', '.join(times)}, peak memory × {peaks:.3f}"


def run(coroutine):
    """A node's coroutine, in the mode ComfyUI runs nodes in."""
    with torch.inference_mode():
        return asyncio.run(coroutine)


def report(script: str, given: argparse.Namespace, lines: Sequence[str]) -> None:
    """Print, and keep the CPU figures beside the script."""
    import comfyui_version

    device = torch.cuda.get_device_name() if torch.cuda.is_available() and given.full else "CPU, 2 cores"
    size = "full-size models, random weights" if given.full else "small models of the real classes"
    head = f"ComfyUI {comfyui_version.__version__}, torch {torch.__version__}, {device}, {size}, {given.pairs} pairs"
    text = "\n".join([head, *lines]) + "\n"
    print(text)
    if not given.full:
        path = Path(script).with_suffix(".txt")
        old = path.read_text(encoding="utf-8") if path.exists() else ""
        blocks = [block for block in old.split("\n\n") if block and lines[0] not in block]
        path.write_text("\n\n".join([*blocks, text]).rstrip("\n") + "\n", encoding="utf-8")
