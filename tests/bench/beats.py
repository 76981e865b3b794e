"""How well beats are found where there are some, and how seldom where there are none.

    python tests/bench/beats.py            prints the table and writes tests/bench/beats.txt
    python tests/bench/beats.py --quick    a fifth of the songs, prints only

Songs by sketch, whose score tells where beats and bars lie, of other seeds than the thresholds were chosen on; sticks
in sounds without rhythm; and sounds that have no beats at all.

  tempo    within 2 % of the score's; "octave": of its half or its double, which is how a slow or a fast piece is heard;
           "wrong": neither; "none": no beats where there are some
  30 ms    how many of the beats found lie within 30 ms of one of the score's (or halfway between two, when twice as
           many are found); median: of the distance
  bars     of the songs: all bars that are found begin one of the score's; no bar is found; any other. Where twice as
           many beats are found, a bar of four is half of the score's and counts as wrong
  set      the same with the score's tempo given as bpm
"""

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from degradation import songs  # makes the pack importable
from materials import KINDS

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# isort: split

import rhythms
from acestep_nodes.nodes.audio.beats import Beats, find_beats
from acestep_nodes.nodes.audio.onsets import OnsetMeter
from acestep_nodes.nodes.audio.outline import outline_of_sound
from acestep_nodes.nodes.audio.value import Sound
from acestep_nodes.nodes.backends.sketch.style import read_style
from acestep_nodes.nodes.request.requests import generate_request
from sketch_runs import RATE, SHARED, generate

TABLE = Path(__file__).with_suffix(".txt")
GENRES = (
    "pop", "rock", "folk, 3/4", "funk", "reggae", "jazz", "house", "synthwave", "drum and bass", "hip hop", "trap",
    "lo-fi hip hop", "cinematic orchestral", "ballad, piano", "disco", "metal", "folk, 6/8",
)  # fmt: skip
TEMPI = (64, 78, 96, 112, 126, 144, 172)
SECONDS = 40
FREE_SECONDS = 40
REACH = 0.03


@dataclass
class Row:
    """What was found in the songs of one kind."""

    tempo: Counter = field(default_factory=Counter)
    off: list[float] = field(default_factory=list)
    bars: Counter = field(default_factory=Counter)

    def take(self, found: Beats | None, bpm: float, first: float = 0.0, metre: int = 0) -> None:
        if found is None:
            self.tempo["none"] += 1
            return
        ratio = found.bpm / bpm
        near = next((level for level in (1, 2, 0.5) if abs(ratio / level - 1) < 0.02), None)
        self.tempo["right" if near == 1 else "octave" if near else "wrong"] += 1
        self.off += distances(found.times, 60 / bpm / (2 if near == 2 else 1), first)
        if metre and found.bars:
            self.bars["right" if max(distances(found.bars, metre * 60 / bpm, first)) < 2 * REACH else "wrong"] += 1
        elif metre:
            self.bars["none"] += 1

    def line(self, name: str) -> str:
        tempo = "".join(f"{self.tempo[each]:8}" for each in ("right", "octave", "wrong", "none"))
        off = np.array(self.off or [np.nan])
        bars = "".join(f"{self.bars[each]:7}" for each in ("right", "none", "wrong")) if self.bars else ""
        return f"{name:34}{tempo}{100 * (off <= REACH).mean():9.1f} %{1000 * np.median(off):8.1f} ms{bars}"


def distances(times, step: float, first: float) -> list[float]:
    places = (np.array(times) - first) / step
    return (abs(places - np.round(places)) * step).tolist()


def beats_of(sound: Sound, bpm: float = 0) -> Beats | None:
    return find_beats(outline_of_sound(sound).onsets, bpm)


def sketch(tags: str, seed: int) -> Sound:
    return Sound(torch.from_numpy(generate(tags, duration=SECONDS, seed=seed)), RATE)


def metre_of(tags: str, seed: int) -> int:
    request = generate_request(node="bench", tags=tags, lyrics="", duration=SECONDS, seed=seed, **SHARED)
    return read_style(request).beats


def steady(every: int) -> list[str]:
    lines = [
        f"{'songs by sketch':34}{'right':>8}{'octave':>8}{'wrong':>8}{'none':>8}{'30 ms':>11}{'median':>11}"
        f"{'right':>7}{'none':>7}{'wrong':>7}",
        "-" * 115,
    ]
    total, given = Row(), Row()
    count = 0
    for index, genre in enumerate(GENRES):
        row = Row()
        for bpm in TEMPI:
            count += 1
            if count % every:
                continue
            seed, tags = 500 + 7 * index + bpm, f"{genre}, {bpm} BPM"
            sound, metre = sketch(tags, seed), metre_of(tags, seed)
            onsets = outline_of_sound(sound).onsets
            for each in (row, total):
                each.take(find_beats(onsets), bpm, metre=metre)
            given.take(find_beats(onsets, bpm), bpm, metre=metre)
        lines.append(row.line(genre))
    return [*lines, "-" * 115, total.line("all"), given.line("all, with the tempo set")]


def sticks() -> list[str]:
    """In front of sounds that have no rhythm of their own."""
    lines = []
    for name, ground in (
        ("sticks in silence", lambda seed: rhythms.silence(FREE_SECONDS)),
        ("sticks in noise", lambda seed: rhythms.noise(FREE_SECONDS, seed)),
        ("sticks in speech", lambda seed: rhythms.speech(FREE_SECONDS, seed)),
        ("sticks in a plucked guitar", lambda seed: Sound(KINDS["plucked"](FREE_SECONDS, seed), rhythms.RATE)),
        ("sticks in swelling strings", lambda seed: Sound(KINDS["swelling"](FREE_SECONDS, seed), rhythms.RATE)),
    ):
        row = Row()
        for seed, bpm in enumerate((60, 75, 90, 110, 128, 150, 175)):
            under, click = ground(seed), rhythms.clicks(FREE_SECONDS, bpm)
            length = min(under.samples, click.samples)
            mixed = 0.5 * under.waveform[:, :length] + click.waveform[:, :length]
            row.take(beats_of(Sound(mixed, rhythms.RATE)), bpm, first=0.5)
        lines.append(row.line(name))
    return lines


def free() -> list[str]:
    """Sounds without beats, and how many got a grid."""
    tags = ("solo piano, 100 BPM", "ballad, piano, no drums, 76 BPM", "folk, guitar, no drums, 90 BPM", "pop, 110 BPM")
    kinds = {
        "noise": [rhythms.noise(FREE_SECONDS, seed) for seed in range(100, 110)],
        "speech": [rhythms.speech(FREE_SECONDS, seed) for seed in range(100, 120)],
        "hits at random, dense": [rhythms.random_hits(FREE_SECONDS, seed, 0.02, 0.4) for seed in range(100, 120)],
        "hits at random, sparse": [rhythms.random_hits(FREE_SECONDS, seed, 0.25, 0.9) for seed in range(100, 120)],
        "swelling strings": [Sound(KINDS["swelling"](FREE_SECONDS, seed), rhythms.RATE) for seed in range(100, 110)],
        "silence, a steady tone": [rhythms.silence(FREE_SECONDS), rhythms.tone(FREE_SECONDS)],
        "three seconds of a beat": [rhythms.clicks(3, bpm) for bpm in (80, 120, 160)],
    }
    for amount in (0.12, 0.2, 0.3):
        kinds[f"songs played freely, ±{100 * amount:.0f} %"] = [
            rhythms.rubato(sketch(each, 700 + index), amount, 6, index) for index, each in enumerate(tags)
        ]
    lines = [f"{'sounds without beats':34}{'sounds':>8}{'with a grid':>14}", "-" * 56]
    for name, sounds in kinds.items():
        lines.append(f"{name:34}{len(sounds):8}{sum(beats_of(sound) is not None for sound in sounds):14}")
    return lines


def music() -> list[str]:
    """The three MP3s that ComfyUI installs: nobody has written their beats down."""
    lines = []
    for index, sound in enumerate(songs()):
        found = beats_of(sound)
        said = (
            f"{found.bpm:.1f} BPM, confidence {found.confidence:.2f}, {found.times[0]:.1f} to {found.times[-1]:.1f} s"
            if found
            else "no beats"
        )
        lines.append(f"real piece {index + 1} ({sound.seconds:.0f} s): {said}")
    return lines


def hour() -> list[str]:
    minute = torch.from_numpy(generate("house, 124 BPM", duration=60, seed=2))
    began, meter = time.process_time(), OnsetMeter(RATE)
    for _ in range(60):
        meter.feed(minute)
    onsets = meter.onsets()
    heard = time.process_time()
    found = find_beats(onsets)
    return [
        f"an hour of stereo at {RATE} Hz: onsets {heard - began:.1f} s of one core, "
        f"beats {time.process_time() - heard:.1f} s ({len(found.times) if found else 0} of them), "
        f"{sum(row.nbytes for row in (onsets.strength, onsets.bass, onsets.chords)) / 1e6:.0f} MB are kept"
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fifth of the songs, prints only")
    quick = parser.parse_args().quick
    lines = []
    for part in (lambda: steady(5 if quick else 1), sticks, free, music, hour):
        lines += [*part(), ""]
    text = "\n".join(lines).rstrip() + "\n"
    print(text)
    if not quick:
        TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
