"""Sketch: what the tags ask for is measured in the sound."""

import asyncio
import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from acestep_nodes.nodes.backends.interface import Plan
from acestep_nodes.nodes.backends.sketch import SketchBackend
from acestep_nodes.nodes.backends.sketch.backend import NOT_ACE_STEP
from acestep_nodes.nodes.errors import InputError
from acestep_nodes.nodes.request.progress import Progress
from acestep_nodes.nodes.request.requests import generate_request
from listening import PITCH_CLASSES, band_db, bar_accent, level_db, measured_bpm, measured_key, onsets, pulse, spectra
from sketch_runs import RATE, SHARED, generate, inpaint, noise


@pytest.mark.parametrize("duration", [5, 60, 600])
def test_generation_has_exactly_the_duration_and_no_clipping(duration):
    music = generate("indie pop, electric guitar, drums", "[Verse]\nla la\n[Chorus]\nhey", duration)
    assert music.shape == (2, duration * RATE)
    assert np.isfinite(music).all()
    assert 0.3 < np.abs(music).max() <= 0.9
    assert -20 < level_db(music) < -14


@pytest.mark.parametrize("tags", ["rock, drums", "ambient pad", "solo piano", "trap, 808", "flute only"])
def test_ends_do_not_click(tags):
    music = generate(tags, duration=8)
    assert np.abs(music[:, 0]).max() < 0.02
    assert np.abs(music[:, -1]).max() < 0.02


def test_same_request_gives_the_same_samples_in_another_process():
    tags, lyrics = "lo-fi hip-hop, rhodes, 75 BPM", "[Verse]\nrain on the window"
    ours = hashlib.sha256(generate(tags, lyrics, 12, 3).tobytes()).hexdigest()
    script = (
        "import hashlib, sys; sys.path[:0] = [sys.argv[1]]; import conftest, test_sketch; "
        "music = test_sketch.generate(sys.argv[2], sys.argv[3], 12, 3); "
        "print(hashlib.sha256(music.tobytes()).hexdigest())"
    )
    folder = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-c", script, folder, tags, lyrics], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ours


def test_another_seed_is_another_arrangement_at_the_same_tempo_and_in_the_same_key():
    tags = "pop, piano, drums, 110 BPM, D minor"
    takes = [generate(tags, duration=20, seed=seed) for seed in range(3)]
    for take in takes:
        assert measured_bpm(take, 110) == pytest.approx(110, rel=0.01)
        assert measured_key(take) == "D minor"
    pictures = [spectra(take, 4096, 4800).ravel() for take in takes]
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert np.corrcoef(one, other)[0, 1] < 0.9


def test_seed_chooses_tempo_and_key_when_the_tags_name_none():
    assert len({measured_key(generate("piano", duration=10, seed=seed)) for seed in range(6)}) >= 3


def test_other_lyrics_leave_the_song_as_it_is():
    english, french = (
        generate("pop, piano, 100 BPM", lyrics, 20)
        for lyrics in ("[Verse]\nwalking in the rain", "[Verse]\nje marche sous la pluie")
    )
    assert not np.array_equal(english, french)
    assert np.corrcoef(spectra(english, 4096, 4800).ravel(), spectra(french, 4096, 4800).ravel())[0, 1] > 0.9


@pytest.mark.parametrize(
    "style, bpm",
    [
        ("pop", 60),
        ("pop", 174),
        ("jazz trio, piano, drums", 100),
        ("jazz trio, piano, drums", 174),
        ("house", 75),
        ("house", 128),
        ("lo-fi hip-hop", 60),
        ("lo-fi hip-hop", 128),
        ("solo piano", 75),
        ("solo piano", 174),
    ],
)
def test_tempo_of_the_tags_is_heard(style, bpm):
    assert measured_bpm(generate(f"{style}, {bpm} BPM", duration=20), bpm) == pytest.approx(bpm, rel=0.01)


@pytest.mark.parametrize("root", range(12))
def test_key_of_the_tags_is_heard(root):
    style = ("pop, piano", "lo-fi, rhodes", "strings, cinematic", "ambient pad")[root % 4]
    mode = ("major", "minor")[(root + root // 4) % 2]  # every style in both
    key = f"{PITCH_CLASSES[root]} {mode}"
    assert measured_key(generate(f"{style}, {key}", duration=20, seed=root)) == key


@pytest.mark.parametrize("beats", [2, 3, 4])
def test_metre_of_the_tags_is_heard(beats):
    bpm = 120
    music = generate(f"folk, guitar, drums, bass, {beats}/4, {bpm} BPM", "[Verse]", 40)
    accents = {count: bar_accent(music, bpm, count) for count in (2, 3, 4)}
    assert accents[beats] > 1.3
    if beats == 3:
        assert accents[3] > 1.3 * max(accents[2], accents[4])
    else:
        assert accents[beats] > 1.3 * accents[3]


def test_six_eight_divides_each_beat_in_three():
    music = generate("folk, guitar, 6/8, 60 BPM", duration=30)
    two, three = pulse(music, [120, 180])
    assert three > 2 * two


@pytest.mark.parametrize(
    "tags, without, low, high",
    [
        ("pop, piano, bass, drums", "pop, piano, no bass, no drums", 20, 120),
        ("pop, piano, drums", "pop, piano, no drums", 7000, 16000),
        ("ambient pad, flute", "ambient pad", 700, 1100),
        ("solo piano, bass", "solo piano", 20, 110),
    ],
)
def test_instruments_of_the_tags_are_heard(tags, without, low, high):
    more, less = (generate(f"{t}, C major, 100 BPM", "[Chorus]", 20) for t in (tags, without))
    assert band_db(more, low, high) > band_db(less, low, high) + 4


def test_every_instrument_has_its_own_sound():
    names = ("pad", "piano", "rhodes", "electric guitar", "guitar", "strings", "synth", "bells", "organ")
    sounds = [generate(f"{name}, no drums, no bass, C major, 90 BPM", "[Verse]", 6) for name in names]
    likeness = np.corrcoef([spectra(sound, 4096, 4800).ravel() for sound in sounds])
    alike = [(a, b) for i, a in enumerate(names) for j, b in enumerate(names[:i]) if likeness[i, j] >= 0.9]
    assert not alike


def test_stereo_is_wide_and_survives_mono():
    for tags in ("pop, piano, strings, drums", "ambient pad", "synthwave"):
        left, right = generate(tags, duration=10)
        assert 0.3 < np.corrcoef(left, right)[0, 1] < 0.98


def test_lines_of_lyrics_are_sung_on_their_vowels():
    tags = "pop, pad, no drums, no bass, 100 BPM, C major"
    ah, ee = (generate(tags, f"[Verse]\n{line}") for line in ("la la la la la", "li li li li li"))
    brightness = [band_db(music, 2300, 2900) - band_db(music, 700, 1300) for music in (ah, ee)]
    assert brightness[1] > brightness[0] + 10


def test_nothing_is_sung_when_the_music_is_instrumental():
    verses = [generate("pop, piano, 100 BPM, instrumental", f"[Verse]{line}") for line in ("", "\nla la la")]
    assert np.array_equal(*verses)
    assert not np.array_equal(verses[0], generate("pop, piano, 100 BPM, instrumental", "[Chorus]"))


def test_lofi_dulls_the_instruments_too():
    plain, lofi = (generate(f"{style}, synth, no drums, 80 BPM, C major", "[Verse]", 10) for style in ("pop", "lo-fi"))
    assert band_db(plain, 6000, 20000) > band_db(lofi, 6000, 20000) + 6


def test_lofi_is_darker_and_late_on_the_off_beats():
    plain, lofi = (generate(f"{style}, rhodes, drums, 80 BPM, C major", "[Verse]", 20) for style in ("pop", "lo-fi"))
    assert band_db(plain, 7000, 20000) > band_db(lofi, 7000, 20000) + 6
    eighth = 30 / 80
    flux = onsets(lofi)
    straight, late = ([flux[round((2 * n + 1) * eighth * 100 + late)] for n in range(20)] for late in (0, 7))
    assert np.mean(late) > 2 * np.mean(straight)


def test_sections_have_their_own_level_and_density():
    bpm, bar = 120, 2.0
    music = generate(f"rock, drums, bass, guitar, {bpm} BPM", "[Intro]\n[Verse]\n[Chorus]\n[Outro]", 60)
    # Weights 2 4 4 2 of 29 bars, rounded to phrases of four bars.
    edges = [round(e * bar * RATE) for e in (0, 4, 16, 24, 28)]
    intro, verse, chorus, outro = (level_db(music[:, a:b]) for a, b in zip(edges, edges[1:]))
    assert intro + 3 < verse < chorus - 2
    assert outro < chorus - 4
    flux = onsets(music)
    density = [flux[a // 480 : b // 480].mean() for a, b in zip(edges, edges[1:])]
    assert density[0] < 0.8 * density[2]


@pytest.mark.parametrize("tags", ["pop, fade out", "ambient pad, soft fade, low volume tail"])
def test_a_fade_out_falls_to_nothing(tags):
    music = generate(tags, duration=40)
    assert level_db(music[:, -RATE:]) < level_db(music[:, 20 * RATE : 28 * RATE]) - 20


def test_a_fade_that_the_tags_refuse_is_not_made():
    music = generate("pop, no fade out, 100 BPM", "[Chorus]", 20)
    assert level_db(music[:, 15 * RATE : 17 * RATE]) > level_db(music[:, : 5 * RATE]) - 3


def test_markers_are_known_in_many_spellings():
    markers = ("Chorus", "Final Chorus", "chorus 2", "CHORUS", "Drop", "副歌", "Chorus - big", "Verse")
    takes = {marker: generate("rock, 120 BPM", f"[{marker}]", 5) for marker in markers}
    same = [marker for marker, take in takes.items() if np.array_equal(take, takes["Chorus"])]
    assert same == [marker for marker in markers if marker != "Verse"]


def test_a_fade_in_only_fades_in():
    faded, plain = (generate(f"rock{extra}, 100 BPM", "[Chorus]", 20) for extra in (", fade in", ""))
    assert level_db(faded[:, : RATE // 2]) < level_db(plain[:, : RATE // 2]) - 15
    assert level_db(faded[:, 10 * RATE : 15 * RATE]) > level_db(plain[:, 10 * RATE : 15 * RATE]) - 2


@pytest.mark.parametrize("duration, bpm", [(28, 75), (30, 120), (13, 97), (5, 60)])
def test_a_loop_holds_whole_bars_and_its_end_meets_its_start(duration, bpm):
    request = generate_request(
        node="ACEStepGenerate", tags=f"seamless loop, game music, synth, drums, {bpm} BPM", lyrics="[inst]",
        duration=duration, seed=1, **SHARED,
    )  # fmt: skip
    backend = SketchBackend(request)
    music = asyncio.run(backend.generate(request)).waveform.numpy()
    bars = max(1, round(duration * bpm / 240))
    assert music.shape[1] == duration * RATE
    warnings = backend.facts()["warnings"]
    assert (len(warnings) == 1) == (bars * 240 == duration * bpm)
    twice = np.concatenate([music, music], axis=1)
    assert measured_bpm(twice, bars * 240 / duration) == pytest.approx(bars * 240 / duration, rel=0.01)
    assert level_db(music[:, -RATE // 10 :]) > level_db(music) - 25


@pytest.mark.parametrize("instrument", ["pad", "strings", "organ", "rhodes"])
def test_the_seam_of_a_loop_of_held_notes_is_as_smooth_as_the_music(instrument):
    music = generate(f"seamless loop, {instrument}, no drums, no bass, 90 BPM", "[inst]", 16)
    steps = np.abs(np.diff(np.concatenate([music, music[:, :1]], axis=1), axis=1)).max(axis=0)
    assert steps[-1] <= np.quantile(steps, 0.99)
    # What rang at the end still rings at the start.
    assert level_db(music[:, : RATE // 100]) > level_db(music) - 20


def test_the_report_says_that_it_is_not_ace_step_and_what_is_ignored():
    request = generate_request(
        node="ACEStepGenerate", tags="pop", lyrics="", seed=1, duration=5, steps=30, recipe="comfyui",
        planning="off", variation=0.5,
        **SHARED | {"version": "ace-step"},
    )  # fmt: skip
    warnings = SketchBackend(request).facts()["warnings"]
    assert [said.sentence() for said in warnings] == [
        "This is sketch, not ACE-Step.",
        "Sketch ignores version, steps, recipe, planning, variation.",
    ]
    plain = generate_request(node="ACEStepGenerate", tags="pop", lyrics="", seed=1, duration=5, **SHARED)
    assert SketchBackend(plain).facts()["warnings"] == [NOT_ACE_STEP]


def test_sketch_costs_nothing_and_cannot_resume():
    request = generate_request(
        node="ACEStepGenerate", tags="pop", lyrics="", seed=1, duration=5, resume_request_id="abc", **SHARED
    )
    backend = SketchBackend(request)
    assert backend.estimate(Plan((5.0,))) is None
    with pytest.raises(InputError, match="ACEStepGenerate: resume_request_id is abc.*RunComfy"):
        backend.check(Plan((5.0,)))


class Stopped(Exception):
    pass


class StopsAfter(Progress):
    def __init__(self, checks: int):
        self.checks, self.steps = checks, []

    def step(self, done: int, total: int) -> None:
        self.steps.append(done / total)

    def raise_if_stopped(self) -> None:
        self.checks -= 1
        if self.checks < 0:
            raise Stopped


def test_stop_is_heard_between_instruments_and_progress_runs_to_its_end():
    with pytest.raises(Stopped):
        generate("pop, piano, drums", duration=10, progress=StopsAfter(2))
    progress = StopsAfter(1000)
    inpaint(noise(12), [(1, 4), (6, 9)], progress=progress)
    assert progress.steps == sorted(progress.steps) and progress.steps[-1] == 1.0


@pytest.mark.parametrize(
    "tags, lyrics",
    [
        ("🎸🔥, 🥁", "[Chorus 🎉]\n🎵🎵🎵"),
        ("流行, 钢琴, 女声", "【主歌】\n你好世界\n[Chorus]\n我们一起唱"),
        ("pop", "la la la la\n" * 10_000),
        ("pop", "[Verse]\n" * 5_000),
        ("pop", "x" * 10_000),
        (", ".join(f"tag {n}" for n in range(3000)), ""),
        ("no drums, no bass, no piano, no pad, no guitar", ""),
        ("only", "[]\n[ ]\n[[]]"),
        ("pop \x00", "\x07\n\x00"),
        ("300 bpm, 6/8", "[Outro]\n[Intro]"),
        ("30 bpm, 4/4, F# major", "[Verse]\nвсё хорошо\n안녕하세요\nγειά σου κόσμε\nمرحبا"),
    ],
)
def test_strange_words_still_make_music(tags, lyrics):
    music = generate(tags, lyrics, 6)
    assert music.shape == (2, 6 * RATE)
    assert np.isfinite(music).all() and np.abs(music).max() <= 0.9
    assert level_db(music) > -30
