"""How far off the joints are when the service's clock runs at another speed.

    python tests/bench/clock.py            prints the table and writes tests/bench/clock.txt
    python tests/bench/clock.py --quick    one source, prints only

A service that plays and records, or resamples by a wrong ratio, gives the sound back late by an amount that grows.
What counts is the delay at the joints, where new sound meets kept sound; on one side of a range at either end of the
track, and of an extension, there is no context to tell it.

  off    the largest error of the delay at a joint, in samples of the source
  said   how many of the edits that are more than the limit off say that they may be (0.5 samples up to 50 ppm, 2 above)

Real music (the three MP3s ComfyUI installs with its templates: at 44.1 kHz, at 22.05 kHz, at 48 kHz in mono), 25 ms
late, plain and through MP3 at 128 kbit/s; 12 s of context.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import torch
from degradation import songs, through_mp3  # makes the pack importable
from truth import OPTIONS, PLACE

# isort: split

from acestep_nodes.nodes.audio.fit import fit_extension, fit_ranges
from acestep_nodes.nodes.audio.resample import resample_sound
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.audio.windows import plan_extensions, plan_windows
from audio_samples import delayed, skewed

TABLE = Path(__file__).with_suffix(".txt")
PPM = (0, 50, 200, -200)
LATE_SECONDS = 0.025
CONTEXT_SECONDS = 12.0
RANGE_SECONDS = 3.0
PLACES = ("inside", "at the start", "at the end", "extended after", "extended before")


def limit(ppm: int) -> float:
    return 0.5 if abs(ppm) <= 50 else 2.0


@dataclass(frozen=True)
class Case:
    """off: samples at the worst joint. said: whether the report doubts where the new sound lies."""

    off: float
    said: bool


def sources(quick: bool) -> list[Sound]:
    first, second, third = songs()
    if quick:
        return [first]
    mono = Sound(third.waveform.mean(0, keepdim=True), third.sample_rate)
    return [first, resample_sound(second, 22_050), resample_sound(mono, 48_000)]


def damaged(sent: torch.Tensor, rate: int, ppm: int, mp3: bool) -> Sound:
    late = delayed(skewed(sent, ppm) if ppm else sent, round(LATE_SECONDS * rate))
    # MP3 knows no higher rate.
    return through_mp3(Sound(late, rate), 128) if mp3 and rate <= 48_000 else Sound(late.contiguous(), rate)


def measured(source: Sound, place: str, ppm: int, mp3: bool) -> Case:
    wave, rate = source.waveform, source.sample_rate
    total, length = wave.shape[1], round(RANGE_SECONDS * rate)
    if place.startswith("extended"):
        before, after = (RANGE_SECONDS, 0.0) if place.endswith("before") else (0.0, RANGE_SECONDS)
        (extension,) = plan_extensions(total - length, rate, before, after, CONTEXT_SECONDS, 240.0)
        # What was cut off at that end is what the service adds.
        out = wave.clone()
        out[:, slice(0, length) if before else slice(total - length, total)] = 0
        origin, stop = extension.start - extension.before, extension.stop + extension.after
        fit = fit_extension(out, rate, extension, damaged(wave[:, origin:stop], rate, ppm, mp3), OPTIONS)
    else:
        start = {"inside": total // 2, "at the start": 0, "at the end": total - length}[place]
        (window,) = plan_windows(total, rate, ((start, start + length),), CONTEXT_SECONDS, 240.0, share=True)
        origin = window.start
        out = wave.clone()
        fit = fit_ranges(out, rate, window, damaged(wave[:, origin : window.stop], rate, ppm, mp3), OPTIONS)
    late = round(LATE_SECONDS * rate)
    off = 0.0
    for seam in fit.seams:
        at = seam.made.time_seconds * rate - origin
        off = max(off, abs(seam.made.delay_ms * rate / 1000 - (late + at * ppm * 1e-6)))
    return Case(off, bool({said.code for said in fit.remarks} & (PLACE - {"stretched"})))


def run(quick: bool) -> list[str]:
    header = f"{'place':<18}{'codec':<7}" + "".join(f"{f'{ppm} ppm':>16}" for ppm in PPM)
    lines = [f"{'':<25}" + "".join(f"{'off   said':>16}" for _ in PPM), header, "-" * len(header)]
    print("\n".join(lines), flush=True)
    for place in PLACES:
        for mp3 in (False,) if quick else (False, True):
            row = f"{place:<18}{'MP3' if mp3 else 'none':<7}"
            for ppm in PPM:
                cases = [measured(source, place, ppm, mp3) for source in sources(quick)]
                missed = [case for case in cases if case.off > limit(ppm)]
                said = f"{sum(case.said for case in missed)}/{len(missed)}" if missed else ""
                row += f"{max(case.off for case in cases):>9.2f}{said:>7}"
            lines.append(row)
            print(row, flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="one source, without MP3; nothing is written")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    lines = run(quick)
    if not quick:
        TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
