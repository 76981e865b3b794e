"""What the edits make of a service that delays, re-levels, resamples, compresses and adds noise.

    python tests/bench/degradation.py            prints the tables and writes tests/bench/degradation.txt
    python tests/bench/degradation.py --quick    a tenth of the cases, prints only

Real music (the three MP3s ComfyUI installs with its templates) is edited at random places; in half of the cases
the range gets other music, in the other half it stays. The "service" knows the right answer: it takes the
finished track, cuts the window, and damages it. So every number is an error against a known truth.

  exact      delays right to the sample (the vocoder, which keeps no waveform: to 2 ms)
  told       the rest of them, when the report says that the alignment is doubtful, or when off by one sample
  delay err  the largest error of a delay; gain err: the largest error of a gain
  step       level of 0.25 s inside the range past the fade over 0.25 s outside, against the same in the truth
  jump       the step from sample to sample at the seam over the larger of the 99.9th percentile of the source's
             own steps and the source's own step at that place; above 1 would be a click
  outside    whether every sample outside the range is the source's, bit for bit

A mono render has lost its sides for good: new music that is wider than its context stays quieter than the truth.

The baselines follow the published behaviour of other ways to do it, given the same render at the right rate:
  fade on the edge   the source and the render mixed by a mask with a 0.1 s linear fade centred on the edge
  no splice          the render is the result
  whole-clip scale   the render divided by max(1, 5 sigma) as VAEDecodeAudio does, pasted into the range
"""

import argparse
import functools
import importlib.util
import io
import math
import random
import sys
import types
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))
if "acestep_nodes" not in sys.modules:
    package = types.ModuleType("acestep_nodes")
    package.__path__ = [str(ROOT)]
    sys.modules["acestep_nodes"] = package

from acestep_nodes.nodes.audio.fit import EditOptions, fit_ranges  # noqa: E402
from acestep_nodes.nodes.audio.resample import resample  # noqa: E402
from acestep_nodes.nodes.audio.value import Sound  # noqa: E402
from acestep_nodes.nodes.audio.windows import plan_windows  # noqa: E402
from audio_samples import delayed  # noqa: E402

TABLE = Path(__file__).with_suffix(".txt")
OPTIONS = EditOptions(crossfade_ms=30.0, match_loudness=True)
LEVEL_SECONDS = 0.25


# ---------------------------------------------------------------- music and damage


@functools.cache
def songs() -> list[Sound]:
    """The three MP3s of comfyui_workflow_templates_media_api, decoded."""
    spec = importlib.util.find_spec("comfyui_workflow_templates_media_api")
    if spec is None:
        sys.exit("comfyui-workflow-templates-media-api is not installed; it brings the music for this benchmark.")
    folder = Path(spec.origin).parent / "templates"
    return [decode(path.read_bytes()) for path in sorted(folder.glob("api_stability_ai_*.mp3"))]


def decode(data: bytes) -> Sound:
    with av.open(io.BytesIO(data)) as container:
        stream = container.streams.audio[0]
        wave = np.concatenate([frame.to_ndarray() for frame in container.decode(stream)], axis=1)
        return Sound(torch.from_numpy(wave.astype(np.float32)), stream.codec_context.sample_rate)


def through_mp3(sound: Sound, kbits: int) -> Sound:
    """Encode and decode. The player's own gapless trimming stays on, as for a file fetched from a service."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        layout = "mono" if sound.channels == 1 else "stereo"
        stream = container.add_stream("libmp3lame", rate=sound.sample_rate, layout=layout)
        stream.bit_rate = kbits * 1000
        stream.codec_context.format = "fltp"
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound.waveform.numpy()), "fltp", layout)
        frame.sample_rate = sound.sample_rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return decode(buffer.getvalue())


def phase_lost(sound: Sound, generator: torch.Generator) -> Sound:
    """Magnitudes kept, phases made up (Griffin-Lim): what a mel vocoder does to the sound it was given."""
    size, hop = 2048, 512
    window = torch.hann_window(size)
    wave = sound.waveform
    magnitude = torch.stft(wave, size, hop, window=window, return_complex=True).abs()
    phase = 2 * math.pi * torch.rand(magnitude.shape, generator=generator)
    spectrum = torch.polar(magnitude, phase)
    for _ in range(12):
        again = torch.istft(spectrum, size, hop, window=window, length=wave.shape[1])
        angle = torch.stft(again, size, hop, window=window, return_complex=True).angle()
        spectrum = torch.polar(magnitude, angle)
    return Sound(torch.istft(spectrum, size, hop, window=window, length=wave.shape[1]), sound.sample_rate)


@dataclass(frozen=True)
class Service:
    """One kind of damage; every case draws its delay, and the lists are drawn from."""

    name: str
    gains_db: tuple[float, float] = (0.0, 0.0)
    rates: tuple[int, ...] = (0,)  # 0: the source's own
    mp3_kbits: tuple[int, ...] = ()
    noise_db: tuple[float, ...] = ()  # signal to noise
    odd: str = ""  # inverted, swapped, one inverted, mono, one empty
    vocoder: bool = False
    source_rates: tuple[int, ...] = (44_100,)
    context_seconds: tuple[float, ...] = (10.0, 12.0)
    max_delay: float = 0.5
    delay_rate: int = 0  # the delay is a whole number of samples at this rate; 0: at the source's
    cases: int = 18


SERVICES = (
    Service("delay only"),
    Service("delay, gain", gains_db=(-6, 6)),
    Service("48 kHz, gain", gains_db=(-6, 6), rates=(48_000,)),
    Service("32 kHz, gain", gains_db=(-6, 6), rates=(32_000,)),
    Service("delay in 48 kHz samples", gains_db=(-6, 6), rates=(48_000,), delay_rate=48_000),
    Service("source 22.05/48/96 kHz", gains_db=(-6, 6), rates=(44_100, 48_000), source_rates=(22_050, 48_000, 96_000)),
    Service("MP3 320", gains_db=(-6, 0), mp3_kbits=(320,)),
    Service("MP3 192, 48 kHz", gains_db=(-6, 0), rates=(48_000,), mp3_kbits=(192,)),
    Service("MP3 128", gains_db=(-6, 0), mp3_kbits=(128,)),
    Service("MP3 64, 48 kHz", gains_db=(-6, 0), rates=(48_000,), mp3_kbits=(64,)),
    Service("noise at 30 dB", gains_db=(-6, 6), noise_db=(30,)),
    Service("noise at 15 dB", gains_db=(-6, 6), noise_db=(15,)),
    Service("inverted", gains_db=(-6, 6), odd="inverted", cases=8),
    Service("channels exchanged", gains_db=(-6, 6), odd="swapped", cases=8),
    Service("mono render", gains_db=(-3, 3), odd="mono", cases=8),
    Service("one channel empty", gains_db=(-3, 3), odd="one empty", cases=8),
    Service(
        "everything at once",
        gains_db=(-6, 0),
        rates=(44_100, 48_000),
        mp3_kbits=(64, 96, 128, 192, 256, 320),
        noise_db=(25, 30, 40),
        source_rates=(22_050, 44_100, 48_000, 96_000),
        cases=40,
    ),  # fmt: skip
    Service("vocoder (phase lost)", gains_db=(-3, 3), vocoder=True, max_delay=0.1, cases=12),
)


@dataclass(frozen=True, eq=False)
class Case:
    """A track that should come out, the source it came from, and what the service returned."""

    source: torch.Tensor
    truth: torch.Tensor
    rate: int
    window: object
    rendered: Sound
    delay: float  # in samples of the source
    gain_db: float  # what was applied, and what its encoder or its channels do to the level by themselves
    slope: float


@functools.cache
def at_rate(song: int, rate: int) -> tuple[torch.Tensor, float]:
    """(a song at ``rate``, the 99.9th percentile of the step from one of its samples to the next)."""
    sound = songs()[song]
    wave = resample(sound.waveform, sound.sample_rate, rate)
    slope = wave.diff(dim=1).abs().flatten()
    return wave, float(slope.kthvalue(math.ceil(0.999 * slope.numel())).values)


def make_case(service: Service, draw: random.Random) -> Case:
    song, other = draw.sample(range(len(songs())), 2)
    rate = draw.choice(service.source_rates)
    (source, slope), (new, _) = at_rate(song, rate), at_rate(other, rate)
    samples = min(source.shape[1], new.shape[1])
    source, new = source[:, :samples], new[:, :samples]
    context = draw.choice(service.context_seconds)
    length = draw.uniform(0.5, 5.0)
    start = round(draw.uniform(context + 0.6, samples / rate - context - 0.6 - length) * rate)
    stop = start + round(length * rate)
    (window,) = plan_windows(samples, rate, ((start, stop),), context, 240, share=True)
    truth = source.clone()
    if draw.random() < 0.5:  # new music at the level of the old one; else the service gives the old music back
        level = source[:, start:stop].square().mean().sqrt() / new[:, start:stop].square().mean().sqrt().clamp_min(1e-4)
        truth[:, start:stop] = new[:, start:stop] * level.clamp(0.1, 4)
    seconds = draw.uniform(-service.max_delay, service.max_delay)
    gain_db = draw.uniform(*service.gains_db)
    sent = Sound(truth[:, window.start : window.stop], rate)
    rendered, delay, own_gain_db = damaged(sent, service, seconds, gain_db, draw)
    return Case(source, truth, rate, window, rendered, delay, gain_db + own_gain_db, slope)


def damaged(sound: Sound, service: Service, seconds: float, gain_db: float, draw: random.Random):
    """(what the service returns, its delay in samples of ``sound``, dB by which it changes the level unasked)."""
    generator = torch.Generator().manual_seed(draw.randrange(1 << 30))
    rate = draw.choice(service.rates) or sound.sample_rate
    delay_rate = service.delay_rate or sound.sample_rate
    delay = round(seconds * delay_rate)
    if service.vocoder:
        sound = phase_lost(sound, generator)
    wave = resample(sound.waveform, sound.sample_rate, delay_rate)
    wave = delayed(wave, delay) * 10 ** (gain_db / 20)
    level = power(wave)
    if service.odd == "inverted":
        wave = -wave
    elif service.odd == "swapped":
        wave = wave.flip(0)
    elif service.odd == "mono":
        wave = wave.mean(0, keepdim=True)
    elif service.odd == "one empty":
        wave = wave * torch.tensor([[1.0], [0.0]])
    own_gain_db = 10 * math.log10(power(wave) / level) + (3.01 if service.odd == "one empty" else 0.0)
    if service.noise_db:
        spread = math.sqrt(power(wave)) * 10 ** (-draw.choice(service.noise_db) / 20)
        wave = wave + spread * torch.randn(wave.shape, generator=generator)
    result = Sound(resample(wave, delay_rate, rate), rate)
    if service.mp3_kbits:
        # LAME scales by 0.95 to 1, depending on the bit rate.
        before, result = result, through_mp3(result, draw.choice(service.mp3_kbits))
        seconds_ratio = result.samples / before.samples
        own_gain_db += 10 * math.log10(power(result.waveform) * seconds_ratio / power(before.waveform))
    return result, delay * sound.sample_rate / delay_rate, own_gain_db


def power(wave: torch.Tensor) -> float:
    return float(wave.square().mean())


# ---------------------------------------------------------------- the ways to put it back


def ours(case: Case):
    out = case.source.clone()
    return out, fit_ranges(out, case.rate, case.window, case.rendered, OPTIONS)


def at_source(case: Case) -> torch.Tensor:
    """The render as the baselines get it: at the source's rate and channels, and as long as the window."""
    wave = resample(case.rendered.waveform, case.rendered.sample_rate, case.rate)
    wave = wave.expand(case.source.shape[0], -1)
    size = case.window.stop - case.window.start
    return torch.nn.functional.pad(wave, (0, max(0, size - wave.shape[1])))[:, :size]


def fade_on_the_edge(case: Case, render: torch.Tensor) -> torch.Tensor:
    (a, b), fade = case.window.ranges[0], 0.1 * case.rate
    position = torch.arange(case.window.start, case.window.stop)
    mask = ((position - a) / fade + 0.5).clamp(0, 1) * ((b - position) / fade + 0.5).clamp(0, 1)
    out = case.source.clone()
    window = out[:, case.window.start : case.window.stop]
    window.mul_(1 - mask).add_(render * mask)
    return out


def no_splice(case: Case, render: torch.Tensor) -> torch.Tensor:
    out = case.source.clone()
    out[:, case.window.start : case.window.stop] = render
    return out


def whole_clip_scale(case: Case, render: torch.Tensor) -> torch.Tensor:
    a, b = case.window.ranges[0]
    out = case.source.clone()
    scaled = render[:, a - case.window.start : b - case.window.start] / max(1.0, 5 * float(render.std()))
    out[:, a:b] = scaled
    return out


PEERS = {"fade on the edge": fade_on_the_edge, "no splice": no_splice, "whole-clip scale": whole_clip_scale}


# ---------------------------------------------------------------- measuring


@dataclass
class Tally:
    cases: int = 0
    exact: int = 0
    told: int = 0
    worst_delay: float = 0.0
    worst_gain: float = 0.0
    changed: int = 0
    steps: list = field(default_factory=list)
    jumps: list = field(default_factory=list)


def step_db(track: torch.Tensor, position: int, inward: int, rate: int, fade_ms: float) -> float:
    """Level of LEVEL_SECONDS inside the range, past the fade, over that of LEVEL_SECONDS outside it."""
    size, fade = round(LEVEL_SECONDS * rate), round(fade_ms / 1000 * rate)
    left, right = track[:, position - size : position], track[:, position : position + size]
    if inward > 0:
        right = track[:, position + fade : position + fade + size]
    else:
        left = track[:, position - fade - size : position - fade]
    return 10 * math.log10(float(right.square().mean() + 1e-9) / float(left.square().mean() + 1e-9))


def tally_track(tally: Tally, case: Case, out: torch.Tensor, fit=None) -> None:
    """``fit`` tells how far inside the range its fades end; else they are as long as was asked for."""
    fades_ms = [seam.made.cut_ms + seam.made.fade_ms for seam in fit.seams] if fit else [OPTIONS.crossfade_ms] * 2
    a, b = case.window.ranges[0]
    tally.cases += 1
    tally.changed += not (torch.equal(out[:, :a], case.source[:, :a]) and torch.equal(out[:, b:], case.source[:, b:]))
    for edge, inward, fade_ms in zip((a, b), (1, -1), fades_ms):
        step = step_db(out, edge, inward, case.rate, fade_ms) - step_db(case.truth, edge, inward, case.rate, fade_ms)
        tally.steps.append(abs(step))
        jump, own = (float((track[:, edge] - track[:, edge - 1]).abs().amax()) for track in (out, case.source))
        tally.jumps.append(jump / max(case.slope, own))


def tally_fit(tally: Tally, case: Case, fit, tolerance: float) -> None:
    found = fit.seams[0].made.delay_ms / 1000 * case.rate
    error = abs(found - case.delay)
    tally.worst_delay = max(tally.worst_delay, 1000 * error / case.rate)
    tally.exact += error < tolerance
    tally.told += error >= tolerance and (error < 1.5 or bool(fit.remarks))
    wanted = -case.gain_db
    tally.worst_gain = max(tally.worst_gain, *(abs(seam.made.gain_db - wanted) for seam in fit.seams))


def run(scale: float) -> list[str]:
    torch.manual_seed(0)
    lines = [HEADER, "-" * len(HEADER)]
    print("\n".join(lines), flush=True)
    total, peers = Tally(), {name: Tally() for name in PEERS}
    for service in SERVICES:
        draw, tally = random.Random(service.name), Tally()
        for _ in range(max(2, round(service.cases * scale))):
            case = make_case(service, draw)
            out, fit = ours(case)
            tolerance = 0.002 * case.rate if service.vocoder else 0.5
            for each in (tally,) if service.vocoder else (tally, total):
                tally_track(each, case, out, fit)
                tally_fit(each, case, fit, tolerance)
            render = at_source(case)
            for name, way in PEERS.items():
                tally_track(peers[name], case, way(case, render))
        lines.append(row(service.name, tally))
        print(lines[-1], flush=True)
    rest = [row("all but the vocoder", total), "", PEER_HEADER, "-" * len(PEER_HEADER), peer_row("this pack", total)]
    rest += [peer_row(name, peer) for name, peer in peers.items()]
    print("\n".join(rest), flush=True)
    return lines + rest


# ---------------------------------------------------------------- printing


HEADER = (
    f"{'service':<24}{'cases':>6}{'exact':>8}{'told':>6}{'delay err':>11}{'gain err':>10}"
    f"{'step max':>10}{'step p95':>10}{'jump max':>10}{'outside':>10}"
)
PEER_HEADER = (
    f"{'same services':<24}{'cases':>6}{'step p50':>10}{'step p95':>10}{'step max':>10}{'clicks':>9}{'jump max':>10}"
    f"{'outside':>14}"
)


def row(name: str, t: Tally) -> str:
    return (
        f"{name:<24}{t.cases:>6}{100 * t.exact / t.cases:>7.1f}%{t.told:>6}{t.worst_delay:>8.3f} ms"
        f"{t.worst_gain:>7.2f} dB{max(t.steps):>7.2f} dB{np.percentile(t.steps, 95):>7.2f} dB{max(t.jumps):>10.2f}"
        f"{'equal' if not t.changed else 'CHANGED':>10}"
    )


def peer_row(name: str, t: Tally) -> str:
    clicks = sum(jump > 1 for jump in t.jumps)
    return (
        f"{name:<24}{t.cases:>6}"
        + "".join(f"{np.percentile(t.steps, p):>7.2f} dB" for p in (50, 95, 100))
        + f"{100 * clicks / len(t.jumps):>8.1f}%{max(t.jumps):>10.2f}"
        + f"{'equal' if not t.changed else f'{100 * t.changed / t.cases:.0f}% changed':>14}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the cases; nothing is written")
    quick = parser.parse_args().quick
    lines = run(0.1 if quick else 1.0)
    if not quick:
        TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
