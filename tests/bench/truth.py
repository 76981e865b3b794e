"""Right, or said: what a listener hears of a damaged answer, and what the report said of it.

    python tests/bench/truth.py            prints the table and writes tests/bench/truth.txt
    python tests/bench/truth.py --quick    a few cases, prints only

Real music (the three MP3s ComfyUI installs with its templates) is edited at random places; the "service" knows the
right answer, which in half of the cases is the old music and in the other half other music of the same piece, and
damages it.

  right    the range is the truth: what differs lies 25 dB below it or softer (behind the joints), and no sample is off
           by a tenth of full scale
  said     the rest of them, when the report says so, by a code of the kind of the damage
  silent   neither: a fault

Honest answers (MP3 at 128 kbit/s, 2 dB softer, 30 ms late) come last: how many of them were warned about, also of
music that no threshold was tuned on (materials.py). Another part of a piece, cut in anywhere, may truly be louder
than what it meets, or of another colour. A gap stands 5 ms behind the default fade; it is right, too, when the joint
was made behind it and the old music stands in its place.
"""

import argparse
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from degradation import songs, through_mp3  # makes the pack importable
from materials import KINDS

# isort: split

from acestep_nodes.nodes.audio.fit import EditOptions, fit_ranges
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.audio.windows import plan_windows
from audio_samples import delayed, skewed

TABLE = Path(__file__).with_suffix(".txt")
RATE = 44_100
OPTIONS = EditOptions(crossfade_ms=30.0, match_loudness=True)
RIGHT_DB = -25.0
RIGHT_PEAK = 0.1
JOINT_SAMPLES = round(0.3 * RATE)
GAP_SAMPLES = round(0.035 * RATE)
# Where a gap would be heard there is sound, if not the very sound.
FILLED_DB = -6.0
LEVEL = {
    "seam_louder", "seam_softer", "range_louder", "range_softer", "level_unsure_soft", "level_unsure_loud",
    "level_far_soft", "level_far_loud",
}  # fmt: skip
SIDES = {
    "mono_render", "seam_wider", "seam_narrower", "seam_left", "seam_right", "channel_empty", "channels_apart",
    "range_left", "range_right", "range_narrower",
}  # fmt: skip
PLACE = {
    "unlike_context", "weak_context", "contradictory_context", "joint_off", "repeating_music", "stretched",
}  # fmt: skip

Change = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Damage:
    """whole: done to the window; inside: to the range. codes: any of which says it. seconds: of the range."""

    name: str
    codes: frozenset
    whole: Change = lambda wave: wave
    inside: Change = lambda wave: wave
    cases: int = 18
    seconds: tuple[float, float] = (1.0, 4.0)


def mono(wave: torch.Tensor) -> torch.Tensor:
    return wave.mean(0, keepdim=True).expand(2, -1)


def mixed(*rows: tuple[float, float]) -> Change:
    return lambda wave: torch.tensor(rows) @ wave


def without_treble(wave: torch.Tensor) -> torch.Tensor:
    spectrum = torch.fft.rfft(wave)
    spectrum[:, round(5000 / (RATE / 2) * spectrum.shape[1]) :] *= 1e-3
    return torch.fft.irfft(spectrum, wave.shape[1])


def from_half(db: float) -> Change:
    def change(wave: torch.Tensor) -> torch.Tensor:
        wave = wave.clone()
        wave[:, wave.shape[1] // 2 :] *= 10 ** (db / 20)
        return wave

    return change


def second_third(db: float) -> Change:
    def change(wave: torch.Tensor) -> torch.Tensor:
        wave, third = wave.clone(), wave.shape[1] // 3
        wave[:, third : 2 * third] *= 10 ** (db / 20)
        return wave

    return change


def middle(seconds: float, change: Change) -> Change:
    """``change`` of so much in the middle."""

    def changed(wave: torch.Tensor) -> torch.Tensor:
        wave, size = wave.clone(), round(seconds * RATE)
        first = (wave.shape[1] - size) // 2
        wave[:, first : first + size] = change(wave[:, first : first + size])
        return wave

    return changed


def without_bass(wave: torch.Tensor) -> torch.Tensor:
    spectrum = torch.fft.rfft(wave)
    spectrum[:, : round(200 / (RATE / 2) * spectrum.shape[1])] *= 1e-3
    return torch.fft.irfft(spectrum, wave.shape[1])


def telephone(wave: torch.Tensor) -> torch.Tensor:
    spectrum = torch.fft.rfft(wave)
    hertz = torch.linspace(0, RATE / 2, spectrum.shape[1])
    return torch.fft.irfft(spectrum * ((hertz > 300) & (hertz < 3400)), wave.shape[1])


def with_whistle(wave: torch.Tensor) -> torch.Tensor:
    clock = torch.arange(wave.shape[1]) / RATE
    return wave + 0.3 * wave.square().mean().sqrt() * torch.sin(2 * math.pi * 9_000 * clock)


def missing(milliseconds: float) -> Change:
    def change(wave: torch.Tensor) -> torch.Tensor:
        middle, size = wave.shape[1] // 2, round(milliseconds / 1000 * RATE)
        return torch.nn.functional.pad(torch.cat([wave[:, :middle], wave[:, middle + size :]], 1), (0, size))

    return change


def dropouts(milliseconds: float) -> Change:
    """Five a second."""

    def change(wave: torch.Tensor) -> torch.Tensor:
        clock = torch.arange(wave.shape[1]) % round(0.2 * RATE)
        return wave * (clock >= round(milliseconds / 1000 * RATE))

    return change


def noise(wave: torch.Tensor) -> torch.Tensor:
    generator = torch.Generator().manual_seed(wave.shape[1])
    return torch.randn(wave.shape, generator=generator) * wave.square().mean().sqrt()


def clicks(height: float) -> Change:
    """One in the middle and one every 0.3 s behind it."""

    def change(wave: torch.Tensor) -> torch.Tensor:
        wave = wave.clone()
        wave[:, wave.shape[1] // 2 :: round(0.3 * RATE)] += height
        return wave

    return change


def left_late(samples: int) -> Change:
    return lambda wave: torch.stack([wave[0].roll(samples), *wave[1:]])


def gap(milliseconds: float) -> Change:
    def change(wave: torch.Tensor) -> torch.Tensor:
        wave = wave.clone()
        wave[:, GAP_SAMPLES : GAP_SAMPLES + round(milliseconds / 1000 * RATE)] = 0
        return wave

    return change


def damage(name: str, codes: set, **changes) -> Damage:
    return Damage(name, frozenset(codes), **changes)


DAMAGES = (
    damage("everything 12 dB softer", LEVEL, whole=lambda x: x * 10 ** (-12 / 20)),
    damage("everything 20 dB softer", LEVEL, whole=lambda x: x * 10 ** (-20 / 20)),
    damage("the range 9 dB softer", LEVEL, inside=lambda x: x * 10 ** (-9 / 20)),
    damage("the range 9 dB louder", LEVEL | {"range_clipped"}, inside=lambda x: x * 10 ** (9 / 20)),
    damage("9 dB softer from its half on", LEVEL, inside=from_half(-9), seconds=(8.0, 16.0)),
    damage("9 dB louder in its second third", LEVEL | {"range_clipped"}, inside=second_third(9), seconds=(10.0, 16.0)),
    damage("a mono answer", SIDES, whole=mono),
    damage("a mono range", SIDES, inside=mono),
    damage("sides exchanged", SIDES | {"channels_exchanged"}, whole=lambda x: x.flip(0)),
    damage("sides halved", SIDES, whole=mixed((0.75, 0.25), (0.25, 0.75))),
    damage("left 6 dB softer", SIDES, whole=mixed((0.5, 0.0), (0.0, 1.0))),
    damage("left of the range 6 dB softer", SIDES, inside=mixed((0.5, 0.0), (0.0, 1.0))),
    damage("left 20 samples late", SIDES, whole=left_late(20)),
    damage("0.7 s late", PLACE, whole=lambda x: delayed(x, round(0.7 * RATE))),
    damage("clock 50 ppm slow", PLACE, whole=lambda x: skewed(x, 50), cases=9),
    damage("clock 200 ppm slow", PLACE, whole=lambda x: skewed(x, 200), cases=9),
    damage("a gap of 40 ms", {"range_hole"}, inside=gap(40)),
    damage("a gap of 200 ms", {"range_hole"} | LEVEL, inside=gap(200)),
    damage("clipped", {"range_clipped"}, whole=lambda x: (8 * x).clamp(-1, 1)),
    damage("clipped and turned down", {"range_clipped"}, whole=lambda x: (8 * x).clamp(-1, 1) / 8),
    damage("clicks of 0.5", {"range_click", "range_clipped"}, inside=clicks(0.5)),
    damage("an offset of 0.05", set(), whole=lambda x: x + 0.05),
    damage("an offset of 0.05 in the range", set(), inside=lambda x: x + 0.05),
    damage("no treble above 5 kHz", {"range_treble", "seam_colour", "context_less"}, whole=without_treble),
    damage("no treble in the range", {"range_treble", "seam_colour"}, inside=without_treble),
    damage("no bass below 200 Hz", {"range_bass", "seam_colour", "context_less"} | PLACE, whole=without_bass),
    damage("300 to 3400 Hz only", {"context_less"} | PLACE, whole=telephone),
    damage("a whistle in everything", {"context_more"}, whole=with_whistle),
    damage("1 % too fast", PLACE, whole=lambda x: skewed(x, -10_000)),
    damage("30 ms missing", PLACE, whole=missing(30)),
    damage("dropouts of 30 ms in the range", {"range_hole"} | LEVEL, inside=dropouts(30)),
    damage("noise instead of music", {"seam_colour", "range_bass", "range_colour"} | SIDES, inside=noise),
    damage("polarity of the left turned", SIDES, inside=mixed((-1.0, 0.0), (0.0, 1.0))),
    damage("the range fades away", LEVEL, inside=lambda x: x * torch.linspace(1, 0, x.shape[1])),
    damage("no bass in the range", {"range_bass", "seam_colour"}, inside=without_bass),
    *(
        damage(f"{name} in the middle", codes, inside=middle(seconds, change), seconds=(10.0, 14.0))
        for name, seconds, codes, change in (
            ("2 s of noise", 2.0, {"range_colour", "range_bass"}, noise),
            ("2 s without the left", 2.0, SIDES, mixed((0.0, 0.0), (0.0, 1.0))),
            ("2 s of mono", 2.0, SIDES, mono),
            ("2 s without treble", 2.0, {"range_treble", "range_colour"}, without_treble),
            ("2 s without bass", 2.0, {"range_bass", "range_colour"}, without_bass),
            ("1 s 20 dB softer", 1.0, LEVEL, lambda x: 0.1 * x),
            ("the left out for 0.2 s", 0.2, {"range_hole"} | SIDES, mixed((0.0, 0.0), (0.0, 1.0))),
        )
    ),
)


def through_limiter(song: torch.Tensor) -> torch.Tensor:
    """6 dB louder, its peaks let down for 10 ms each, and 2 % above full scale, as codecs leave it."""
    loud = 2 * song
    size = round(0.005 * RATE)
    envelope = torch.nn.functional.max_pool1d(loud.abs().amax(0)[None], 2 * size + 1, 1, size)[0].clamp_min(1.0)
    return 1.02 * loud / envelope


def level_db(sound: torch.Tensor) -> float:
    return 10 * math.log10(float(sound.square().mean()) + 1e-12)


def edited(
    draw: random.Random,
    other: bool,
    hurt: Damage | None,
    seconds: tuple[float, float] = (1.0, 4.0),
    tracks: Sequence[torch.Tensor] = (),
):
    """(whether the range is right, codes of what was said, whether all outside is the source's) of one edit."""
    source = draw.choice(tracks or [song.waveform for song in songs()])
    length = round(draw.uniform(*(hurt.seconds if hurt else seconds)) * RATE)
    start = draw.randrange(3 * RATE, source.shape[1] - 3 * RATE - length)
    stop = start + length
    truth = source.clone()
    if other:
        at = draw.randrange(0, source.shape[1] - length)
        truth[:, start:stop] = source[:, at : at + length]
    (window,) = plan_windows(source.shape[1], RATE, ((start, stop),), 12.0, 240.0, share=True)
    sent = truth[:, window.start : window.stop].clone()
    if hurt is None:
        rendered = through_mp3(Sound(delayed(sent, round(0.03 * RATE)) * 10 ** (-2 / 20), RATE), 128)
    else:
        inside = slice(start - window.start, stop - window.start)
        sent[:, inside] = hurt.inside(sent[:, inside])
        rendered = Sound(hurt.whole(sent).contiguous(), RATE)
    out = source.clone()
    fit = fit_ranges(out, RATE, window, rendered, OPTIONS)
    within = slice(start + JOINT_SAMPLES, stop - JOINT_SAMPLES)
    if hurt is not None and hurt.name.startswith("a gap"):
        within = slice(start, stop)  # which is at the joint
        where = slice(start + GAP_SAMPLES, start + GAP_SAMPLES + round(0.04 * RATE))
        if level_db(out[:, where]) > level_db(truth[:, where]) + FILLED_DB:
            truth = out  # let in behind the gap: the old music stands there
    off = (out - truth)[:, within]
    off_db = level_db(off) - level_db(truth[:, within])
    right = off_db <= RIGHT_DB and float(off.abs().max()) <= RIGHT_PEAK
    same = torch.equal(out[:, :start], source[:, :start]) and torch.equal(out[:, stop:], source[:, stop:])
    return right, {said.code for said in fit.remarks}, same


def honest(
    words: str, cases: int, seconds: tuple[float, float], tracks: Sequence[torch.Tensor] = (), other: bool = False
) -> str:
    draw, warned = random.Random("honest"), Counter()
    accused = 0
    for _ in range(cases):
        codes = edited(draw, other, None, seconds, tracks)[1]
        accused += bool(codes)
        warned.update(codes)
    found = ", ".join(f"{code} {count}" for code, count in warned.most_common())
    line = f"honest answers {words}: {accused} of {cases} edits were warned about" + (f" ({found})" if found else "")
    print(line, flush=True)
    return line


def run(scale: float, only: str) -> list[str]:
    header = f"{'damage':<32}{'cases':>6}{'right':>7}{'said':>6}{'silent':>8}{'outside':>10}"
    lines = [header, "-" * len(header)]
    print("\n".join(lines), flush=True)
    for hurt in (each for each in DAMAGES if only in each.name):
        draw = random.Random(hurt.name)
        right = said = silent = changed = 0
        cases = max(2, round(hurt.cases * scale))
        for case in range(cases):
            is_right, codes, same = edited(draw, case % 2 == 1, hurt)
            changed += not same
            if is_right:
                right += 1
            elif codes & hurt.codes:
                said += 1
            else:
                silent += 1
        outside = "CHANGED" if changed else "equal"
        lines.append(f"{hurt.name:<32}{cases:>6}{right:>7}{said:>6}{silent:>8}{outside:>10}")
        print(lines[-1], flush=True)
    lines.append("")
    if only and only not in "honest":
        return lines
    for words, cases, seconds in (("1 to 4 s", 100, (1.0, 4.0)), ("8 to 16 s", 50, (8.0, 16.0))):
        count = max(2, round(cases * scale))
        lines.append(honest(f"of real music for ranges of {words}", count, seconds))
        lines.append(honest(f"of another part of it for ranges of {words}", count, seconds, other=True))
    limited = [through_limiter(song.waveform) for song in songs()]
    lines.append(honest("of real music at full scale", max(2, round(34 * scale)), (1.0, 8.0), limited, other=True))
    for name, kind in KINDS.items():
        tracks = [kind(40.0, seed) for seed in range(3)]
        lines.append(honest(f"of {name} music made by rule", max(2, round(34 * scale)), (1.0, 8.0), tracks))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the cases; nothing is written")
    parser.add_argument("--only", default="", help="the damages whose name holds this; nothing is written")
    options = parser.parse_args()
    torch.set_num_threads(1)
    lines = run(0.1 if options.quick else 1.0, options.only)
    if not (options.quick or options.only):
        TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
