"""FLAC encoding of 240 s stereo against the ffmpeg command, on the same samples: goal at most 1.2× its time.

    python tests/bench/flac_encode.py path/to/ffmpeg

Paired: both take turns, and the median of the ratios counts. The command reads the same floats as a WAV file
from memory-backed storage and writes FLAC at its default level.
"""

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[2]
pack = types.ModuleType("acestep_nodes")
pack.__path__ = [str(ROOT)]
sys.modules["acestep_nodes"] = pack
sys.path.insert(0, str(ROOT / "tests"))

from acestep_nodes.nodes.audio.codec import encode_flac  # noqa: E402
from acestep_nodes.nodes.audio.value import Sound  # noqa: E402
from runcomfy_simulator.rendering import Music, write  # noqa: E402

RATE_HZ, SECONDS, ROUNDS = 44_100, 240, 7


def music() -> Sound:
    """Chords over noise: neither silence nor white, so that the encoder has its usual work."""
    time_axis = torch.arange(RATE_HZ * SECONDS, dtype=torch.float32) / RATE_HZ
    generator = torch.Generator().manual_seed(0)
    voices = sum(torch.sin(2 * torch.pi * hz * time_axis) for hz in (110.0, 164.8, 220.0, 277.2, 659.3))
    left = 0.1 * voices + 0.02 * torch.randn(time_axis.shape, generator=generator)
    right = 0.8 * left + 0.02 * torch.randn(time_axis.shape, generator=generator)
    return Sound(torch.stack([left, right]), RATE_HZ)


def seconds(work) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    ffmpeg = sys.argv[1] if len(sys.argv) > 1 else shutil.which("ffmpeg")
    if ffmpeg is None:
        sys.exit("Give the path of an ffmpeg command; none is on the PATH.")
    sound = music()
    shared_memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=shared_memory if shared_memory.exists() else None) as folder:
        source, target = Path(folder, "in.wav"), Path(folder, "out.flac")
        source.write_bytes(write(Music(sound.waveform.numpy(), RATE_HZ), "wav"))
        command = [ffmpeg, "-v", "error", "-y", "-i", source, "-sample_fmt", "s16", target]
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(seconds(lambda: encode_flac(sound)))
            theirs.append(seconds(lambda: subprocess.run(command, check=True)))
        size = target.stat().st_size
    ratio = statistics.median(a / b for a, b in zip(ours, theirs))
    print(f"encode_flac {statistics.median(ours):.3f} s ({len(encode_flac(sound)) / 1e6:.1f} MB)")
    print(f"ffmpeg      {statistics.median(theirs):.3f} s ({size / 1e6:.1f} MB)")
    print(f"ratio       {ratio:.2f} (goal at most 1.20)")


if __name__ == "__main__":
    main()
