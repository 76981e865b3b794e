"""Seam numbers: they see what was done to a joint, stay quiet about music, and are plain JSON."""

import json
import math
from dataclasses import replace

import pytest
import torch
from acestep_nodes.nodes.audio.joints import Joint, ended_seconds, measured, neighbour
from acestep_nodes.nodes.audio.seams import (
    Difference,
    Made,
    Measured,
    Seam,
    Usual,
    judged,
    usual,
)
from acestep_nodes.nodes.audio.spaces import Track
from audio_samples import music

RATE = 44_100
AT = 5 * RATE
SILENCE = 1e-8
START = Joint(AT, AT, "start", (0, AT), (0, AT), (AT, 9 * RATE))
END = Joint(AT, AT, "end", (AT, 10 * RATE), (AT, 10 * RATE), (RATE, AT))


@pytest.fixture(scope="module")
def track():
    return music(10, RATE)


def common_of(track, *joints, rate=RATE) -> Usual:
    beside = [neighbour(Track(track, rate), joint, SILENCE) for joint in joints]
    return usual([each.blocks for each in beside], [each.slopes for each in beside], SILENCE)


def measure(track, joint, rate=RATE) -> Measured:
    whole = Track(track, rate)
    return measured(whole, neighbour(whole, joint, SILENCE), SILENCE)


def seam(track, joint=START, before=None, common=None) -> Seam:
    return judged(Made(5.0, joint.edge), measure(track, joint), before, common or common_of(track, START, END))


def codes(found) -> list[str]:
    return [fault.code for fault in found.faults]


def test_a_level_step_is_measured_in_db_from_kept_to_new():
    tone = 0.1 * torch.sin(2 * torch.pi * 441 * torch.arange(10 * RATE) / RATE)[None]
    tone[:, AT:] *= 10 ** (4 / 20)
    assert seam(tone).difference.level_db == pytest.approx(4, abs=0.05)
    assert seam(tone, END).difference.level_db == pytest.approx(-4, abs=0.05)


@pytest.mark.parametrize("joint", [START, END], ids=["start", "end"])
def test_a_joint_is_heard_where_the_sounds_meet_and_not_at_their_far_ends(joint):
    inward = (torch.arange(10 * RATE) / RATE - 5) * (1 if joint.kept_is_left else -1)  # seconds into the new sound
    tone = 0.1 * torch.sin(2 * torch.pi * 441 * inward)[None]
    soft_before = seam(tone * torch.where(inward < -3, 0.02, 1.0), joint).difference
    assert soft_before.loudness_db == pytest.approx(0, abs=0.1) and soft_before.level_db == pytest.approx(0, abs=0.1)
    louder_at_first = seam(tone * torch.where((inward > 0) & (inward < 1), 2.0, 1.0), joint).difference
    assert louder_at_first.level_db == pytest.approx(6, abs=0.1)


@pytest.mark.parametrize("fade_ms", [30, 1000])
def test_a_step_is_measured_behind_the_fade(track, fade_ms):
    """Through a fade of a second a step of 20 dB looks like one of 1."""
    fade = round(fade_ms / 1000 * RATE)
    soft = track.clone()
    soft[:, AT + fade :] *= 0.1
    soft[:, AT : AT + fade] *= torch.linspace(1, 0.1, fade)
    behind = replace(START, new=(AT + fade, AT + fade + 4 * RATE))
    found = measure(soft, behind).difference.level_db - measure(track, behind).difference.level_db
    assert found == pytest.approx(-20, abs=0.5)


def test_a_loud_step_is_poor_and_says_so(track):
    common = common_of(track, START, END)
    loud = track.clone()
    loud[:, AT:] *= 10 ** (2.5 * common.level_db / 20)
    found = seam(loud, common=common)
    assert found.verdict == "poor" and found.excess > 1.4 and codes(found)[0] == "seam_louder"
    assert found.faults[0].sentence().startswith("At 5.00 s the new part is ")
    assert "dB louder than what it joins" in found.faults[0].sentence()


def test_a_click_is_seen_and_an_ordinary_joint_is_not(track):
    assert seam(track).jump < 1
    clicked = track.clone()
    clicked[:, AT:] += 0.5
    found = seam(clicked, common=common_of(track, START, END))
    assert found.jump > 2 and found.verdict == "poor" and codes(found) == ["seam_jump"]


def test_a_change_of_colour_is_seen(track):
    common = common_of(track, START, END)
    dull = track.clone()
    spectrum = torch.fft.rfft(dull[:, AT:])
    spectrum[:, round(300 * spectrum.shape[1] / (RATE / 2)) :] *= 1e-4
    dull[:, AT:] = torch.fft.irfft(spectrum, 10 * RATE - AT)
    found = seam(dull, common=common)
    assert found.verdict == "poor" and "seam_colour" in codes(found)
    assert found.difference.colour_db > 1.4 * common.colour_db


@pytest.mark.parametrize(
    ("change", "name", "code"),
    [
        (lambda x: x.mean(0, keepdim=True).expand(2, -1), "width_db", "seam_narrower"),
        (lambda x: x * torch.tensor([[0.3], [1.0]]), "balance_db", "seam_right"),
    ],
)
def test_a_change_of_the_stereo_image_is_seen(track, change, name, code):
    common = common_of(track, START, END)
    other = track.clone()
    other[:, AT:] = change(other[:, AT:])
    found = seam(other, common=common)
    assert getattr(found.difference, name) < -1.4 * getattr(common, name)
    assert code in codes(found)


@pytest.mark.parametrize("second", range(1, 9))
def test_untouched_music_is_never_called_poor(track, second):
    at = second * RATE + 12_345
    kept = (max(0, at - 6 * RATE), at)
    joint = Joint(at, at, "start", kept, kept, (at, min(10 * RATE, at + 4 * RATE)))
    place = measure(track, joint)
    found = judged(Made(second, "start"), place, place, common_of(track, joint))
    assert found.verdict == "good"


def test_what_the_source_did_at_that_place_is_not_held_against_the_joint(track):
    loud = track.clone()
    loud[:, AT:] *= 20
    common = common_of(track, START, END)
    assert seam(loud, common=common).verdict == "poor"
    assert seam(loud, before=measure(loud, START), common=common).verdict == "good"


def test_silence_has_no_level_and_no_colour():
    found = seam(torch.zeros(1, 10 * RATE))
    assert found.difference == Difference()
    assert found.jump == 0 and found.verdict == "good"


@pytest.mark.parametrize("rate", [8_000, 192_000])
@pytest.mark.parametrize("position", [1, 3, 200, -1])
@pytest.mark.parametrize("edge", ["start", "end"])
def test_places_near_the_ends_of_a_short_track_are_measured(rate, position, edge):
    track = music(0.2, rate, channels=1)
    at, whole = position % track.shape[1], track.shape[1]
    sides = ((0, at), (at, whole)) if edge == "start" else ((at, whole), (0, at))
    joint = Joint(at, at, edge, sides[0], *sides)
    place = measure(track, joint, rate)
    assert math.isfinite(place.step)
    found = judged(Made(0, edge), place, None, common_of(track, joint, rate=rate))
    assert found.verdict in ("good", "fair", "poor")
    json.dumps(found.as_dict(), allow_nan=False)


def test_little_known_sound_leaves_the_usual_at_its_defaults(track):
    short = replace(START, kept=(AT - RATE // 2, AT))
    common = common_of(track, short)
    assert replace(common, slope=Usual.slope) == Usual()
    assert usual((), (), SILENCE) == Usual()


@pytest.mark.parametrize("behind_db", [-45, -55, -65])
def test_that_a_song_ends_is_not_what_it_usually_does(track, behind_db):
    """An encoder leaves a noise behind the end of a song, far above digital silence."""
    ended = track.clone()
    ended[:, 8 * RATE :] *= 10 ** (behind_db / 20)
    music_alone = common_of(track, replace(END, kept=(AT, 8 * RATE)))
    with_end = common_of(ended, replace(END, kept=(AT, 10 * RATE)))
    assert with_end.loudness_db < 1.5 * music_alone.loudness_db
    assert with_end.bass_db < 1.5 * music_alone.bass_db
    assert with_end.colour_db < 1.5 * music_alone.colour_db


def test_a_track_that_has_ended_before_the_joint_is_told(track):
    ended = track.clone()
    ended[:, AT - RATE :] *= 1e-3
    whole = Track(ended, RATE)
    assert ended_seconds(neighbour(whole, START, SILENCE)) == pytest.approx(1, abs=0.15)
    assert ended_seconds(neighbour(Track(track, RATE), START, SILENCE)) == 0
    assert ended_seconds(neighbour(Track(torch.zeros_like(track), RATE), START, SILENCE)) == 0


def test_as_dict_is_plain_json_without_nan(track):
    made = Made(1.23456789, "start", None, 0.123456, -0.0)
    odd = Seam(made, Difference(colour_db=math.nan), math.inf, "fair", 1.2)
    text = json.dumps(odd.as_dict(), allow_nan=False)
    assert json.loads(text) == {
        "time_seconds": 1.234568, "edge": "start", "level_step_db": None, "jump": None, "spectral_distance_db": None,
        "correlation": None, "delay_ms": 0.123, "gain_db": 0.0, "verdict": "fair", "loudness_db": None,
        "width_db": None, "balance_db": None, "treble_db": None, "bass_db": None,
        "cut_ms": 0.0, "fade_ms": 0.0, "excess": 1.2,
    }  # fmt: skip
    assert set(seam(track).as_dict()) == set(odd.as_dict())
