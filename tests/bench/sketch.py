"""Seconds that sketch takes for a minute of audio on one core.

    python tests/bench/sketch.py [--minutes 1] [--repeats 5]

The goal is below 0.5 s. The first line is the time of one Fourier transform as long as the sound (one channel) on
this machine, so that the other lines can be read as ratios of it.
"""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

import argparse
import asyncio
import sys
import time
import types
from pathlib import Path

import numpy as np

pack = types.ModuleType("acestep_nodes")
pack.__path__ = [str(Path(__file__).resolve().parents[2])]
sys.modules["acestep_nodes"] = pack

from acestep_nodes.nodes.backends.sketch import SketchBackend  # noqa: E402
from acestep_nodes.nodes.backends.sketch.synth import RATE_HZ  # noqa: E402
from acestep_nodes.nodes.request.requests import generate_request  # noqa: E402

SONGS = {
    "lo-fi": ("lo-fi hip-hop, mellow, rhodes piano, soft drums, 75 BPM", "[inst]"),
    "pop song": (
        "indie pop, anthemic, electric guitar, driving drums, female vocal, 120 BPM",
        "[Verse]\nChalk on the palms\nMorning on the ridge\n[Chorus]\nWe rise, we strike\nWe sing it loud",
    ),
    "ambient": ("ambient, pad, strings, bells", ""),
    "everything": (
        "piano, rhodes, electric guitar, acoustic guitar, synth, bells, pad, strings, organ, brass, flute, 808, "
        "drums, vocals, 170 BPM",
        "[Verse]\nla la la la\n[Chorus]\nla la la la la la",
    ),
}


def render(tags: str, lyrics: str, seconds: int, seed: int) -> None:
    request = generate_request(
        node="ACEStepGenerate", tags=tags, lyrics=lyrics, duration=seconds, seed=seed, version="auto",
        backend="sketch", batch_size=1,
    )  # fmt: skip
    asyncio.run(SketchBackend(request).generate(request))


def best(work, repeats: int) -> float:
    times = []
    for n in range(repeats):
        start = time.perf_counter()
        work(n)
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=int, default=1)
    options.add_argument("--repeats", type=int, default=5)
    given = options.parse_args()
    samples = np.random.default_rng(0).uniform(-1, 1, given.minutes * 60 * RATE_HZ)
    unit = best(lambda _: np.fft.rfft(samples), given.repeats) / given.minutes
    print(f"{'one Fourier transform':24} {unit:6.3f} s a minute")
    for name, (tags, lyrics) in SONGS.items():
        took = best(lambda n: render(tags, lyrics, given.minutes * 60, n), given.repeats) / given.minutes  # noqa: B023
        print(f"{name:24} {took:6.3f} s a minute  {took / unit:5.1f} x")


if __name__ == "__main__":
    main()
