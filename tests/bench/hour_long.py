"""Everything but the render, on an hour of stereo sound: time against one clone() of it, and peak memory.

    python tests/bench/hour_long.py             prints the figures and writes tests/bench/hour_long.txt
    python tests/bench/hour_long.py --minutes 5 a shorter source, prints only

Each edit runs as the node runs it (`render_inpaint`, `render_outpaint`), in a process of its own, with a backend
that answers at once: the window at 48 kHz, 30 ms late and 3 dB too quiet; its own time is taken off. Time is the
median of five edits over the median of five clones, taken in turn, on one thread. Memory is the highest resident
set during an edit less the resident set before it, when the source and every library are already there; the
result and the rendered window count. The last line is what each further range costs in processor time.
"""

import argparse
import asyncio
import gc
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import types
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
TEXT = Path(__file__).with_suffix(".txt")
RATE = 44_100
ROUNDS = 5
CASES = {
    "inpaint 20 s in the middle": {"ranges": ((1800, 1820),)},
    "inpaint 3 ranges of 10 s": {"ranges": ((600, 610), (1500, 1510), (3000, 3010))},
    "inpaint 300 s (3 chunks)": {"ranges": ((1000, 1300),)},
    "inpaint 540 s in a 600 s window": {"ranges": ((1000, 1540),), "window": 600.0},
    "inpaint 50 ranges of 2 s": {"ranges": tuple((60 + 70 * k, 62 + 70 * k) for k in range(50))},
    "inpaint 1 range of 2 s": {"ranges": ((60, 62),)},
    "outpaint 30 s after": {"after": 30.0},
    "outpaint 20 s before, 240 s after": {"before": 20.0, "after": 240.0},
}


def pack():
    package = types.ModuleType("acestep_nodes")
    package.__path__ = [str(ROOT)]
    sys.modules["acestep_nodes"] = package
    from acestep_nodes.nodes.request.requests import inpaint_request, outpaint_request
    from acestep_nodes.nodes.run import rendering

    return rendering, inpaint_request, outpaint_request


def music(minutes: float) -> torch.Tensor:
    """[1, 2, T]: decaying notes over noise, written block by block so that nothing but the track is allocated."""
    track = torch.empty(1, 2, round(minutes * 60 * RATE))
    generator = torch.Generator().manual_seed(1)
    block = RATE // 2
    decay = torch.exp(-torch.arange(block) / (0.15 * RATE))
    clock = torch.arange(block) / RATE
    for start in range(0, track.shape[2], block):
        size = min(block, track.shape[2] - start)
        pitch = 110 * 2 ** (float(torch.randint(0, 36, (1,), generator=generator)) / 12)
        note = 0.3 * decay * torch.sin(2 * torch.pi * pitch * clock)
        noise = 0.02 * torch.randn(2, block, generator=generator) * decay
        track[0, :, start : start + size] = (note + noise)[:, :size]
    return track


def ready_backend(rendering, window_seconds: float):
    """A backend that gives its window back at once, changed as a service would change it."""
    from acestep_nodes.nodes.audio.resample import resample, resampled_length
    from acestep_nodes.nodes.audio.value import Sound
    from acestep_nodes.nodes.backends.interface import Backend

    class Ready(Backend):
        name, shares_windows = "sketch", False
        max_seconds, version, model = window_seconds, "none", "none"

        def check(self, plan):
            pass

        async def generate(self, request):
            raise NotImplementedError

        async def inpaint(self, window, ranges, request):
            return self._answer(window, 0.0, 0.0)

        async def outpaint(self, window, before, after, request):
            return self._answer(window, before, after)

        def _answer(self, window, before, after):
            started, worked = time.perf_counter(), time.process_time()
            lead, second = round(before * RATE) + round(0.03 * RATE), 48_000
            samples = lead + window.samples + round(after * RATE)
            answer = Sound(torch.empty(2, resampled_length(samples, RATE, second)), second)
            for at in range(0, -(-samples // RATE)):  # by the second, so that it adds nothing to the peak
                low, high = at * RATE - lead, min(samples, (at + 1) * RATE) - lead
                first, last = max(0, low), min(window.samples, high)
                part = torch.zeros(2, high - low)
                if first < last:
                    part[:, first - low : last - low] = window.waveform[:, first:last] * 0.7
                part = resample(part, RATE, second)
                answer.waveform[:, at * second : at * second + part.shape[1]] = part
            render_seconds[0] += time.perf_counter() - started
            render_seconds[1] += time.process_time() - worked
            return answer

    render_seconds = [0.0, 0.0]
    rendering.open_backend = lambda request: Ready(request)
    return render_seconds


def edit(rendering, requests, audio, case):
    inpaint_request, outpaint_request = requests
    shared = {"node": "bench", "tags": "piano", "lyrics": "", "seed": 1, "version": "auto", "backend": "sketch"}
    shared["batch_size"] = 1
    if "ranges" in case:
        ranges = tuple((float(a), "start", float(b), "start") for a, b in case["ranges"])
        return asyncio.run(rendering.render_inpaint(inpaint_request(**shared), audio, ranges))
    extensions = {
        "extend_before_duration": case.get("before", 0.0),
        "extend_after_duration": case.get("after", 0.0),
    }
    return asyncio.run(rendering.render_outpaint(outpaint_request(**shared, **extensions), audio))


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def scaled(case: dict, minutes: float) -> dict:
    """The same edit in a shorter track: its places move, its lengths stay."""
    if "ranges" not in case:
        return case
    places = ((min(a * minutes / 60, minutes * 60 - (b - a)), b - a) for a, b in case["ranges"])
    return {"ranges": tuple((start, start + length) for start, length in places)}


def measure(name: str, minutes: float) -> dict:
    # One thread: on a busy machine threads that wait for each other measure the other load.
    torch.set_num_threads(1)
    rendering, *requests = pack()
    render_seconds = ready_backend(rendering, CASES[name].get("window", 240.0))
    case = scaled(CASES[name], minutes)
    track = music(minutes)
    audio = {"waveform": track, "sample_rate": RATE}
    short = {"waveform": track[..., : 700 * RATE].clone(), "sample_rate": RATE}
    edit(rendering, requests, short, scaled(CASES[name], 700 / 60))
    del short
    gc.collect()
    edits, clones, busy = [], [], []
    before = resident_bytes()
    for turn in range(ROUNDS):
        render_seconds[:] = [0.0, 0.0]
        started, worked = time.perf_counter(), time.process_time()
        result = edit(rendering, requests, audio, case)
        took = time.perf_counter() - started - render_seconds[0]
        busy.append(time.process_time() - worked - render_seconds[1])
        if turn == 0:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        del result
        started = time.perf_counter()
        copy = track.clone()
        clones.append(time.perf_counter() - started)
        del copy
        edits.append(took)
    return {
        "edit": statistics.median(edits),
        "clone": statistics.median(clones),
        "cpu": statistics.median(busy),
        "memory": (peak - before) / (track.numel() * 4),
        "source_bytes": track.numel() * 4,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(json.dumps(measure(arguments.case, arguments.minutes)))
        return
    lines = [
        f"{arguments.minutes:g} min, stereo, {RATE} Hz; everything but the render; one thread",
        f"{'edit':<36}{'edit':>9}{'clone':>9}{'ratio':>8}{'extra memory / source':>24}",
    ]
    print("\n".join(lines))
    cpu = {}
    for name in CASES:
        command = [sys.executable, __file__, "--minutes", str(arguments.minutes), "--case", name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(done.stderr)
        got = json.loads(done.stdout.splitlines()[-1])
        cpu[name] = got["cpu"]
        ratio = got["edit"] / got["clone"]
        lines.append(f"{name:<36}{got['edit']:>7.2f} s{got['clone']:>7.2f} s{ratio:>8.2f}{got['memory']:>24.2f}")
        print(lines[-1], flush=True)
    further = (cpu["inpaint 50 ranges of 2 s"] - cpu["inpaint 1 range of 2 s"]) / 49
    lines.append(f"each further range of 2 s: {further:.3f} s of one core")
    print(lines[-1])
    if arguments.minutes == 60:
        TEXT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
