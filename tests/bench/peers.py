"""Ways to put new sound into a track, side by side: this pack's and those that other packs have published.

    python3 tests/run.py tests/bench/peers.py [--quick]    prints the table and writes tests/bench/peers.txt

All get the same answers about the same real music (the three MP3s that ComfyUI's templates bring), of which the truth
is known: half of them as a model's own autoencoder gives sound back (48 kHz, ±2 dB, 25 dB above its own noise), half
as a hosted service does (48 kHz, MP3 at 128 kbit/s, up to 30 ms late or early, 2 dB softer). Written from what was
published in 2026; none of their code runs here, and their models are not part of it.

  this pack            align, level, find the quietest cut, fade inside the range
  hard cut             the new sound at its nominal place, nothing else
  native graph         the whole track is decoded anew, and divided by max(1, 5 sigma) as VAEDecodeAudio does
  RyanOnTheInside      a mask of whole latent frames stretched by whole samples, a linear fade of 0.1 s across the
                       edge of which only half is kept
  ACE-Step 1.5 itself  at 48 kHz, linear fades of 25 ms outside the range (its mode "balanced")
  RunComfy's own pack  what the service returns is the track

  outside   edits of which every sample outside the range is the source's, bit for bit
  step      loudness (K-weighted, by pyloudnorm) of up to 1 s inside the range behind the fade over up to 1 s outside
            it, against the same in the truth
  clicks    joints whose step from sample to sample is above the larger of the 99.9th percentile of the source's own
            and the source's own at that place
  spectrum  mean difference in dB of third-octave bands over 0.25 s behind the fade, against the truth at the same level
  delay     of the new sound against the truth
  time      to put one answer in, render and decoding not counted
"""

import argparse
import math
import random
import statistics
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyloudnorm
import torch
from degradation import Case, Service, at_source, make_case, no_splice, ours  # makes the pack importable
from scipy.signal import correlate

# isort: split

from acestep_nodes.nodes.audio.resample import resample

TABLE = Path(__file__).with_suffix(".txt")
SERVICES = (
    Service("a model's autoencoder", gains_db=(-2, 2), rates=(48_000,), noise_db=(25,), max_delay=0.0),
    Service("a hosted service", gains_db=(-2, -2), rates=(48_000,), mp3_kbits=(128,), max_delay=0.03),
)
CASES = 24
# ACE-Step v1 has a latent frame for 4096 samples at 44.1 kHz; the pack whose mask this is uses that for 1.5 too.
V1_FRAMES_PER_SECOND = 44_100 / 4096
HALF_FADE_SECONDS = 0.1
UPSTREAM_RATE, UPSTREAM_FADE_SECONDS = 48_000, 0.025
BANDS_HZ = [100 * 2 ** (third / 3) for third in range(22)]


# ---------------------------------------------------------------- the ways


def hard_cut(case: Case, render: torch.Tensor) -> torch.Tensor:
    (a, b), out = case.window.ranges[0], case.source.clone()
    out[:, a:b] = render[:, a - case.window.start : b - case.window.start]
    return out


def native_graph(case: Case, render: torch.Tensor) -> torch.Tensor:
    out = no_splice(case, render)
    return out / max(1.0, 5 * float(out.std()))


def half_a_fade(case: Case, render: torch.Tensor) -> torch.Tensor:
    """A mask of whole frames, faded across its edges: rising, what lies outside it; falling, what lies inside."""
    samples, (a, b) = case.source.shape[1], case.window.ranges[0]
    frames = math.ceil(samples / case.rate * V1_FRAMES_PER_SECOND)
    mask = torch.zeros(frames)
    first, last = (round(edge / case.rate * V1_FRAMES_PER_SECOND) for edge in (a, b))
    mask[first:last] = 1
    mask = mask.repeat_interleave(samples // frames)
    mask = torch.nn.functional.pad(mask, (0, samples - len(mask)))
    half = round(HALF_FADE_SECONDS * case.rate / 2)
    rise, fall = (int(edge) for edge in torch.diff(mask).nonzero().flatten() + 1)
    up = torch.linspace(0, 1, 2 * half)
    mask[rise - half : rise + half] = torch.maximum(mask[rise - half : rise + half], up)
    mask[fall - half : fall + half] = torch.minimum(mask[fall - half : fall + half], up.flip(0))
    return case.source * (1 - mask) + no_splice(case, render) * mask


def upstreams_splice(case: Case, render: torch.Tensor) -> torch.Tensor:
    source, new = (resample(wave, case.rate, UPSTREAM_RATE) for wave in (case.source, no_splice(case, render)))
    a, b = (edge / case.rate * UPSTREAM_RATE for edge in case.window.ranges[0])
    position, fade = torch.arange(source.shape[1]), UPSTREAM_FADE_SECONDS * UPSTREAM_RATE
    mask = ((position - a) / fade + 1).clamp(0, 1) * ((b - position) / fade + 1).clamp(0, 1)
    back = resample(source * (1 - mask) + new * mask, UPSTREAM_RATE, case.rate)
    return torch.nn.functional.pad(back, (0, max(0, case.source.shape[1] - back.shape[1])))[
        :, : case.source.shape[1]
    ]  # fmt: skip


PEERS = {
    "hard cut": hard_cut,
    "native graph": native_graph,
    "RyanOnTheInside": half_a_fade,
    "ACE-Step 1.5 itself": upstreams_splice,
    "RunComfy's own pack": no_splice,
}


# ---------------------------------------------------------------- measuring


@dataclass
class Tally:
    cases: int = 0
    equal: int = 0
    steps: list[float] = field(default_factory=list)
    clicks: int = 0
    spectra: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


def loudness(piece: torch.Tensor, rate: int) -> float:
    meter = pyloudnorm.Meter(rate, block_size=min(0.2, piece.shape[1] / rate))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return max(-70.0, float(meter.integrated_loudness(piece.T.double().numpy())))


def bands(piece: torch.Tensor, rate: int) -> np.ndarray:
    """Power in third octaves, in dB."""
    power = (
        torch.fft.rfft(piece.double() * torch.hann_window(piece.shape[1], dtype=torch.float64)).abs().square().sum(0)
    )
    hertz = torch.fft.rfftfreq(piece.shape[1], 1 / rate)
    inside = [(hertz >= centre * 2 ** (-1 / 6)) & (hertz < centre * 2 ** (1 / 6)) for centre in BANDS_HZ]
    return np.array([10 * math.log10(float(power[band].sum()) + 1e-9) for band in inside])


def note(tally: Tally, case: Case, out: torch.Tensor, behind: tuple[int, int]) -> None:
    """behind: samples from either edge of the range to where the way's own fade has ended."""
    (a, b), rate, truth = case.window.ranges[0], case.rate, case.truth
    tally.cases += 1
    tally.equal += torch.equal(out[:, :a], case.source[:, :a]) and torch.equal(out[:, b:], case.source[:, b:])
    size = min(rate, (b - a) // 3)
    for edge, inward, skip in zip((a, b), (1, -1), behind):
        inside = (edge + skip, edge + skip + size) if inward > 0 else (edge - skip - size, edge - skip)
        outside = (edge - rate, edge) if inward > 0 else (edge, edge + rate)
        heard, right = (
            loudness(track[:, slice(*inside)], rate) - loudness(track[:, slice(*outside)], rate)
            for track in (out, truth)
        )
        tally.steps.append(abs(heard - right))
        near = slice(inside[0], inside[0] + rate // 4) if inward > 0 else slice(inside[1] - rate // 4, inside[1])
        difference = bands(out[:, near], rate) - bands(truth[:, near], rate)
        tally.spectra.append(float(np.abs(difference - np.median(difference)).mean()))
        jump, own = (float(track[:, edge - 1 : edge + 1].diff(dim=1).abs().amax()) for track in (out, case.source))
        tally.clicks += jump > max(case.slope, own)
    middle = [track[:, a + max(behind) : b - max(behind)].sum(0).numpy() for track in (out, truth)]
    lags = correlate(*middle, method="fft")
    tally.delays.append(1000 * abs(int(lags.argmax()) - (len(middle[1]) - 1)) / rate)


def run(cases: int) -> list[str]:
    tallies = {"this pack": Tally()} | {name: Tally() for name in PEERS}
    for service in SERVICES:
        draw = random.Random(service.name)
        for _ in range(cases):
            case = make_case(service, draw)
            render = at_source(case)
            a, b = case.window.ranges[0]
            started = time.perf_counter()
            out, fit = ours(case)
            tallies["this pack"].seconds.append(time.perf_counter() - started)
            fades = [round((seam.made.cut_ms + seam.made.fade_ms) / 1000 * case.rate) for seam in fit.seams]
            note(tallies["this pack"], case, out, (fades[0], fades[1]))
            for name, way in PEERS.items():
                started = time.perf_counter()
                out = way(case, render)
                tallies[name].seconds.append(time.perf_counter() - started)
                skip = min(round(HALF_FADE_SECONDS * case.rate), (b - a) // 8)
                note(tallies[name], case, out, (skip, skip))
    return [HEADER, "-" * len(HEADER), *(row(name, tally) for name, tally in tallies.items())]


HEADER = (
    f"{'way':<22}{'outside equal':>14}{'step p50':>11}{'step max':>11}{'clicks':>8}{'spectrum p50':>14}"
    f"{'delay max':>11}{'time p50':>10}"
)


def row(name: str, t: Tally) -> str:
    return (
        f"{name:<22}{f'{t.equal} of {t.cases}':>14}{statistics.median(t.steps):>8.2f} dB{max(t.steps):>8.2f} dB"
        f"{t.clicks:>8}{statistics.median(t.spectra):>11.2f} dB{max(t.delays):>8.2f} ms"
        f"{1000 * statistics.median(t.seconds):>7.0f} ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="peers", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a sixth of the cases; nothing is written")
    quick = parser.parse_args().quick
    torch.manual_seed(0)
    lines = run(CASES // 6 if quick else CASES)
    print("\n".join(lines))
    if not quick:
        TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
