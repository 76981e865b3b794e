"""Seam numbers: they see what was done to a joint, stay quiet about music, and are plain JSON."""

import json
import math

import pytest
import torch
from acestep_nodes.nodes.audio.seams import Seam, Usual, judged, measured, usual
from audio_samples import music

RATE = 44_100
AT = 5 * RATE
KNOWN = ((0, AT), (AT, 10 * RATE))


@pytest.fixture(scope="module")
def track():
    return music(10, RATE)


def seam(track, before=None, common=None, edge="start") -> Seam:
    return judged(
        measured(track, AT, RATE), before, common or usual(track, KNOWN, RATE), time_seconds=5.0, edge=edge,
        correlation=0.9, delay_ms=0.1, gain_db=-0.2,
    )  # fmt: skip


def test_a_level_step_is_measured_in_db_from_kept_to_new():
    tone = 0.1 * torch.sin(2 * torch.pi * 441 * torch.arange(10 * RATE) / RATE)[None]
    tone[:, AT:] *= 10 ** (4 / 20)
    assert seam(tone).level_step_db == pytest.approx(4, abs=0.05)
    assert seam(tone, edge="end").level_step_db == pytest.approx(-4, abs=0.05)


def test_a_loud_step_is_poor_and_says_so(track):
    common = usual(track, KNOWN, RATE)
    loud = track.clone()
    loud[:, AT:] *= 10 ** (2.5 * common.level_step_db / 20)
    found = seam(loud, common=common)
    assert found.verdict == "poor"
    assert "the level steps by +" in found.sentence() and "5.00 s" in found.sentence()


def test_a_click_is_seen_and_an_ordinary_joint_is_not(track):
    assert seam(track).jump < 1
    clicked = track.clone()
    clicked[:, AT:] += 0.5
    found = seam(clicked, common=usual(track, KNOWN, RATE))
    assert found.jump > 2 and found.verdict == "poor" and "jumps" in found.sentence()


def test_a_change_of_colour_is_seen(track):
    common = usual(track, KNOWN, RATE)
    dull = track.clone()
    spectrum = torch.fft.rfft(dull[:, AT:])
    spectrum[:, round(300 * spectrum.shape[1] / (RATE / 2)) :] *= 1e-4
    dull[:, AT:] = torch.fft.irfft(spectrum, 10 * RATE - AT)
    found = seam(dull, common=common)
    assert found.verdict == "poor" and "spectrum" in found.sentence()
    assert found.spectral_distance_db > 1.4 * common.spectral_distance_db


@pytest.mark.parametrize("second", range(1, 9))
def test_untouched_music_is_never_called_poor(track, second):
    at = second * RATE + 12_345
    common = usual(track, ((0, at), (at, track.shape[1])), RATE)
    place = measured(track, at, RATE)
    found = judged(
        place, place, common, time_seconds=second, edge="start", correlation=None, delay_ms=0, gain_db=0
    )  # fmt: skip
    assert found.verdict == "good"


def test_what_the_source_did_at_that_place_is_not_held_against_the_joint(track):
    loud = track.clone()
    loud[:, AT:] *= 20
    common = usual(track, KNOWN, RATE)
    assert seam(loud, common=common).verdict == "poor"
    assert seam(loud, before=measured(loud, AT, RATE), common=common).verdict == "good"


def test_silence_has_no_level_and_no_colour():
    found = seam(torch.zeros(1, 10 * RATE))
    assert found.level_step_db is None and found.spectral_distance_db is None
    assert found.jump == 0 and found.verdict == "good"


@pytest.mark.parametrize("rate", [8_000, 192_000])
@pytest.mark.parametrize("position", [1, 3, 200, -1])
def test_places_near_the_ends_of_a_short_track_are_measured(rate, position):
    track = music(0.2, rate, channels=1)
    at = position % track.shape[1]
    place = measured(track, at, rate)
    assert math.isfinite(place.step)
    found = judged(
        place, None, usual(track, ((0, track.shape[1]),), rate), time_seconds=0, edge="end", correlation=None,
        delay_ms=0, gain_db=0,
    )  # fmt: skip
    assert found.verdict in ("good", "fair", "poor")


def test_little_known_sound_leaves_the_usual_at_its_defaults(track):
    common = usual(track, ((0, RATE),), RATE)
    assert common.level_step_db == Usual().level_step_db
    assert usual(track, (), RATE) == Usual()


def test_as_dict_is_plain_json_without_nan(track):
    odd = Seam(1.23456789, "start", None, math.inf, math.nan, None, 0.123456, -0.0, "fair")
    text = json.dumps(odd.as_dict(), allow_nan=False)
    assert json.loads(text) == {
        "time_seconds": 1.234568, "edge": "start", "level_step_db": None, "jump": None, "spectral_distance_db": None,
        "correlation": None, "delay_ms": 0.123, "gain_db": 0.0, "verdict": "fair",
    }  # fmt: skip
    assert set(seam(track).as_dict()) == set(odd.as_dict())
