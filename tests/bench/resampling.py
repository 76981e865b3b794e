"""What the resampling filter costs an edit: as it is now against a filter of 24 zero crossings, in pairs.

    python3 tests/run.py tests/bench/resampling.py              prints the table and writes tests/bench/resampling.txt
    python3 tests/run.py tests/bench/resampling.py --rounds 3   fewer rounds, prints only

The shorter filter is torchaudio's own Kaiser window (beta 14.77, rolloff 0.97) with the same code around it. Each
edit runs as the node runs it, with a backend that resamples the window to its own rate as the real ones do and
answers at once; resampling both ways counts. CPU seconds on one thread, the median of all rounds; within a round
each edit is made with both filters in turn. The second table is `resample` by itself, and what the filters do to a
tone: the loss of a round trip, the loudest alias.

Goal: an edit takes at most 1.2 times as long.
"""

import argparse
import asyncio
import math
import statistics
import sys
import time
import types
from contextlib import contextmanager
from pathlib import Path

import torch

pack = types.ModuleType("acestep_nodes")
pack.__path__ = [str(Path(__file__).resolve().parents[2])]
sys.modules["acestep_nodes"] = pack

from acestep_nodes.nodes.audio import resample as module  # noqa: E402
from acestep_nodes.nodes.audio.resample import resample, resample_sound  # noqa: E402
from acestep_nodes.nodes.audio.value import Sound  # noqa: E402
from acestep_nodes.nodes.backends.interface import Backend  # noqa: E402
from acestep_nodes.nodes.request.requests import inpaint_request, outpaint_request  # noqa: E402
from acestep_nodes.nodes.run import rendering  # noqa: E402

TEXT = Path(__file__).with_suffix(".txt")
SHORTER = {"_FILTER_WIDTH": 24, "_ROLLOFF": 0.97, "_KAISER_BETA": 14.769656459379492}
SHARED = {
    "node": "bench", "tags": "piano", "lyrics": "", "seed": 1, "version": "auto", "backend": "sketch", "batch_size": 1,
}  # fmt: skip
ROUNDS = 9
TRACK_SECONDS = 240
# name: rate of the track, of the backend, seconds of the range, or of the extension
EDITS = {
    "inpaint 1 s": (44_100, 48_000, 1),
    "inpaint 20 s": (44_100, 48_000, 20),
    "inpaint 120 s": (44_100, 48_000, 120),
    "inpaint 20 s of 32 kHz": (32_000, 48_000, 20),
    "inpaint 20 s of 96 kHz": (96_000, 44_100, 20),
    "inpaint 20 s of 44.101 kHz": (44_101, 48_000, 20),
    "outpaint 30 s": (44_100, 48_000, -30),
}
PAIRS = [(44_100, 48_000), (48_000, 44_100), (32_000, 48_000), (48_000, 32_000), (96_000, 48_000), (8_000, 44_100)]


class Ready(Backend):
    """Gives its window back at once at its own rate, 0.7 times as loud."""

    name, shares_windows, version, model, max_seconds = "sketch", False, "none", "none", 240.0
    rate: int

    def check(self, plan):
        pass

    async def generate(self, request):
        raise NotImplementedError

    async def inpaint(self, window, ranges, request):
        return self._rendered(window)

    async def outpaint(self, window, before, after, request):
        return self._rendered(
            Sound(torch.nn.functional.pad(window.waveform, (0, round(after * window.sample_rate))), window.sample_rate)
        )

    def _rendered(self, sound: Sound) -> Sound:
        made = resample_sound(sound, self.rate)
        return Sound(0.7 * made.waveform, made.sample_rate)


@contextmanager
def filters(changes: dict):
    now = {name: getattr(module, name) for name in changes}
    try:
        for name, value in changes.items():
            setattr(module, name, value)
        yield
    finally:
        for name, value in now.items():
            setattr(module, name, value)


def music(rate: int) -> dict:
    """Decaying notes over noise."""
    generator = torch.Generator().manual_seed(1)
    clock = torch.arange(TRACK_SECONDS * rate) / rate
    pitch = 110 * 2 ** (torch.randint(0, 36, (TRACK_SECONDS * 2,), generator=generator) / 12)
    note = torch.sin(
        2 * torch.pi * pitch.repeat_interleave(-(-clock.numel() // pitch.numel()))[: clock.numel()] * clock
    )
    noise = torch.randn(2, clock.numel(), generator=generator)
    wave = (0.3 * note + 0.05 * noise) * torch.exp(-(clock % 0.5) / 0.15)
    return {"waveform": wave[None], "sample_rate": rate}


def edit(audio: dict, seconds: int) -> None:
    if seconds > 0:
        start = (TRACK_SECONDS - seconds) / 2
        ranges = ((start, "start", start + seconds, "start"),)
        asyncio.run(rendering.render_inpaint(inpaint_request(**SHARED), audio, ranges))
    else:
        lengths = {"extend_before_duration": 0.0, "extend_after_duration": float(-seconds)}
        asyncio.run(rendering.render_outpaint(outpaint_request(**SHARED, **lengths), audio))


def in_pairs(work, rounds: int) -> tuple[float, float]:
    """Median CPU seconds with the shorter filter and with the one that is there, in turn."""
    times: tuple[list, list] = [], []
    for turn in range(rounds + 1):
        for changes, into in zip((SHORTER, {}), times):
            with filters(changes):
                started = time.process_time()
                work()
                if turn:  # the first is for imports and caches
                    into.append(time.process_time() - started)
    return statistics.median(times[0]), statistics.median(times[1])


def tone(hz: float, rate: int) -> torch.Tensor:
    return torch.sin(2 * math.pi * hz * torch.arange(rate, dtype=torch.float64) / rate).float()[None]


def decibels(made: torch.Tensor, of: torch.Tensor) -> float:
    middle = slice(4_000, -4_000)
    return 10 * math.log10(float(made[:, middle].square().mean() / of[:, middle].square().mean()))


def loss_at_20_khz() -> float:
    source = tone(20_000, 44_100)
    return decibels(resample(resample(source, 44_100, 48_000), 48_000, 44_100), source)


def loudest_alias() -> float:
    tones = (tone(hz, 48_000) for hz in torch.linspace(23_050, 23_990, 50).tolist())
    return max(decibels(resample(source, 48_000, 44_100), source) for source in tones)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    rendering.open_backend = Ready
    lines = [f"stereo, {TRACK_SECONDS} s; CPU seconds on one thread", f"{'edit':<36}{'24':>10}{'now':>10}{'ratio':>8}"]
    print("\n".join(lines))

    def row(name: str, work) -> None:
        shorter, now = in_pairs(work, rounds)
        lines.append(f"{name:<36}{shorter:>8.4f} s{now:>8.4f} s{now / shorter:>8.2f}")
        print(lines[-1], flush=True)

    for name, (rate, rendered_rate, seconds) in EDITS.items():
        audio, Ready.rate = music(rate), rendered_rate
        row(name, lambda audio=audio, seconds=seconds: edit(audio, seconds))
    for rate, other in PAIRS:
        sound = music(rate)["waveform"][0, :, : 60 * rate]
        row(f"resample 60 s, {rate} to {other} Hz", lambda sound=sound, rates=(rate, other): resample(sound, *rates))
    with filters(SHORTER):
        before = loss_at_20_khz(), loudest_alias()
    now = loss_at_20_khz(), loudest_alias()
    for name, a, b in zip(("20 kHz, 44.1 → 48 → 44.1 kHz", "loudest alias of 23.05…24 kHz at 44.1"), before, now):
        lines.append(f"{name:<36}{a:>7.2f} dB{b:>7.2f} dB")
        print(lines[-1])
    if rounds == ROUNDS:
        TEXT.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
