"""What stands in the first 30 ms after the source stops, by three ways to join an extension to it.

  python tests/bench/extension_joint.py            prints the table and writes tests/bench/extension_joint.txt
  python tests/bench/extension_joint.py --quick    a few places, prints only

splash     how far the spectrum of 46 ms across the joint rises above those on both sides (dB RMS; mean, p90)
level      of the 30 ms against the sound on both sides (dB; mean), jump: mean step between the two samples
"""

import argparse
import math
import random
from pathlib import Path

import numpy as np
import torch
from degradation import phase_lost, power, songs, through_mp3  # makes the pack importable

# isort: split

from acestep_nodes.nodes.audio.splice import continue_from

TABLE = Path(__file__).with_suffix(".txt")
JOINT_MS, RATE, FRAME = 30, 44_100, 2048


def joint_table(places: int) -> list[str]:
    """What stands after the source stops, by three ways to join, for three kinds of render."""
    header = f"{'joint of an extension':<24}{'render':<22}{'splash':>9}{'p90':>9}{'level':>10}{'jump':>9}"
    lines = [header, "-" * len(header)]
    generator = torch.Generator().manual_seed(0)
    renders = {
        "MP3 64": lambda sound: through_mp3(sound, 64).waveform,
        "vocoder": lambda sound: phase_lost(sound, generator).waveform,
        "other music": lambda sound: songs()[(next(at for at, s in enumerate(songs()) if s is sound) + 1) % 3].waveform,
    }
    for kind, render in renders.items():
        found: dict[str, list] = {"this pack": [], "mirrored residual": [], "cut": [], "the music itself": []}
        for sound in songs():
            track, rendered = sound.waveform, render(sound)
            draw = random.Random(kind)
            for _ in range(places):
                at = round(draw.uniform(2, 27) * RATE)
                for name, new in joined(track, rendered, at).items():
                    found[name].append(joint_measures(torch.cat([track[:, at - RATE : at], new], dim=1)))
        for name, values in found.items():
            splash, level, jump = np.array(values).T
            lines.append(
                f"{name:<24}{kind:<22}{splash.mean():>6.2f} dB{np.percentile(splash, 90):>6.2f} dB"
                f"{level.mean():>+7.2f} dB{jump.mean():>9.4f}"
            )
    return lines


def joined(track: torch.Tensor, rendered: torch.Tensor, at: int) -> dict[str, torch.Tensor]:
    """The second after ``at`` by each way to join ``rendered`` to ``track``."""
    fade = round(JOINT_MS / 1000 * RATE)
    kept, before, new = track[:, at - RATE : at], rendered[:, at - RATE : at], rendered[:, at : at + RATE]
    ours = new.clone()
    continue_from(ours, kept, before, fade, RATE)
    mirrored = new.clone()
    falling = 0.5 + 0.5 * torch.cos(math.pi * (torch.arange(fade) + 0.5) / fade)
    mirrored[:, :fade] += falling * (kept - before)[:, -fade:].flip(1)
    return {"this pack": ours, "mirrored residual": mirrored, "cut": new, "the music itself": track[:, at : at + RATE]}


def joint_measures(track: torch.Tensor) -> tuple[float, float, float]:
    """(splash, level, jump) at the middle of two seconds."""
    fade = round(JOINT_MS / 1000 * RATE)
    across = log_spectrum(track[:, RATE - FRAME // 2 : RATE + FRAME // 2])
    sides = log_spectrum(track[:, RATE - FRAME - 512 : RATE - 512]), log_spectrum(track[:, RATE + fade :][:, :FRAME])
    splash = (across - torch.maximum(*sides)).clamp_min(0).square().mean().sqrt()
    around = (power(track[:, RATE - fade : RATE]) + power(track[:, RATE + fade : RATE + 2 * fade])) / 2
    level = 10 * math.log10((power(track[:, RATE : RATE + fade]) + 1e-9) / (around + 1e-9))
    return float(splash), level, float((track[:, RATE] - track[:, RATE - 1]).abs().amax())


def log_spectrum(frame: torch.Tensor) -> torch.Tensor:
    """dB in third-octave-like bands up to 16 kHz."""
    spectrum = torch.fft.rfft(frame * torch.hann_window(FRAME)).abs().square().sum(0)
    edges = torch.logspace(math.log10(4), math.log10(FRAME * 16_000 / RATE), 31).round().long().unique().tolist()
    return 10 * torch.log10(torch.stack([spectrum[a:b].mean() for a, b in zip(edges, edges[1:])]) + 1e-6)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a few places; nothing is written")
    quick = parser.parse_args().quick
    lines = joint_table(2 if quick else 12)
    print("\n".join(lines))
    if not quick:
        TABLE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
