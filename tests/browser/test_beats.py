"""Beats that the server finds in a track, on the waveform in the real front end: drawn, snapped to, or not there."""

import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rhythms
import torch
from acestep_nodes.nodes.audio.codec import encode_flac
from acestep_nodes.nodes.audio.value import Sound
from sketch_runs import RATE, generate

from browser.canvas import workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

BPM, SECONDS = 118, 30
BEAT, BAR = 60 / BPM, 240 / BPM
TITLE = "text => document.querySelector('[data-test-panel] .acestep-bar').innerHTML.includes(text)"
# How many columns of the axis, halfway up, are coloured, and how strong the strongest are.
LINES = """() => {
  const axis = document.querySelector("[data-test-panel] canvas.acestep-axis");
  const { width, height } = axis;
  const row = axis.getContext("2d").getImageData(0, Math.round(height / 2), width, 1).data;
  const lines = [...Array(width).keys()].filter((x) => row[4 * x + 3] > 0).map((x) => [x / width, row[4 * x + 3]]);
  return lines;
}"""


@pytest.fixture(scope="module")
def song():
    with ThreadPoolExecutor() as elsewhere:  # Playwright has an event loop in this thread
        samples = elsewhere.submit(generate, f"pop, {BPM} BPM", duration=SECONDS, seed=3).result()
    return Sound(torch.from_numpy(samples), RATE)


@pytest.fixture
def opened(canvas, server):
    """Opens a track under a name of its own; gives the panel when the server has answered what its beats are."""

    def show(sound: Sound):
        name = f"{uuid.uuid4().hex}.flac"
        (server.input / name).write_bytes(encode_flac(sound))
        with canvas.page.expect_response(lambda answer: "/acestep/beats" in answer.url):
            canvas.open(workflow("section_repair", name))
            canvas.show("TimeRange")
            canvas.waveform_is_drawn()
        return canvas.panel("TimeRange")

    return show


def bpm_of(magnet) -> float:
    return float(re.search(r"sound, ([\d.]+) BPM", magnet.get_attribute("title"))[1])


def off(time: float, step: float) -> float:
    return abs(time / step - round(time / step)) * step


def test_beats_and_bars_are_drawn_and_snapped_to(canvas, opened, song, stage):
    panel = opened(song)
    magnet = panel.get_by_role("button", name="Snap", exact=True)
    canvas.wait(TITLE, "beats found in the sound")
    assert bpm_of(magnet) == pytest.approx(BPM, rel=0.003)
    lines = canvas.page.evaluate(LINES)
    strongest = max(strength for _, strength in lines)
    bars = [x * SECONDS for x, strength in lines if strength > 0.8 * strongest]
    assert SECONDS / BAR - 3 <= len(bars) <= SECONDS / BAR + 1
    assert max(off(time, BAR) for time in bars) < 0.15  # a pixel is 80 ms
    canvas.picture(stage, "beats")
    canvas.set("TimeRange", start_time=8.0, end_time=16.1)
    panel.get_by_role("slider", name="Start of the range").focus()
    for keys, step in ((".", BEAT), (",", BEAT), ("Shift+.", BAR), ("Shift+,", BAR)):
        before = canvas.values("TimeRange")["start_time"]
        canvas.page.keyboard.press(keys)
        after = canvas.values("TimeRange")["start_time"]
        assert (after > before) == ("." in keys) and off(after, step) < 0.03, keys
    canvas.drag(panel.locator(".acestep-handle-end"), 3)
    assert off(canvas.values("TimeRange")["end_time"], BEAT) < 0.03
    target = panel.get_by_role("button", name="Snaps to beats")
    target.click()
    assert panel.get_by_role("button", name="Snaps to bars").is_visible()
    canvas.set("TimeRange", end_time=round(16 / BAR) * BAR + 0.2)
    canvas.drag(panel.locator(".acestep-handle-end"), -2)
    assert off(canvas.values("TimeRange")["end_time"], BAR) < 0.03
    panel.get_by_role("button", name="Snaps to bars").click()
    assert panel.get_by_role("button", name="Snaps to zero crossings").is_visible()
    saved = canvas.page.evaluate("app.graph.serialize().nodes.find((n) => n.type === 'TimeRange').properties.snap_to")
    assert saved == "crossings"


def test_a_tempo_set_by_hand_is_found_in_the_sound(canvas, opened, song):
    opened(song)
    with canvas.page.expect_response(lambda answer: "/acestep/beats" in answer.url) as answer:
        canvas.set("TimeRange", bpm=59)
    found = answer.value.json()["beats"]
    assert found["bpm"] == pytest.approx(59, rel=0.005)
    assert max(off(time, BEAT) for time in found["times"]) < 0.03
    assert np.diff(found["times"]).min() > 1.9 * BEAT
    canvas.wait(TITLE, "found in the sound, 59")


def test_what_has_no_beats_has_none_on_its_waveform(canvas, opened):
    panel = opened(rhythms.speech(SECONDS, 2))
    assert canvas.page.evaluate(LINES) == []
    assert "zero crossings" in panel.get_by_role("button", name="Snap", exact=True).get_attribute("title")
    assert panel.get_by_role("button", name="Snaps to").count() == 0
    # A tempo set by hand counts from the start then, as it does before there is a track.
    canvas.set("TimeRange", bpm=60)
    canvas.wait(TITLE, "at 60 BPM from the start")
    assert len(canvas.page.evaluate(LINES)) == pytest.approx(SECONDS, abs=2)


def test_a_made_track_tells_its_beats_with_the_run(canvas):
    canvas.place_edit_of_a_made_track("pop, 118 BPM", 20)
    canvas.show("TimeRange")
    panel = canvas.panel("TimeRange")
    canvas.page.evaluate("app.queuePrompt(0, 1)")
    canvas.waveform_is_drawn()
    assert bpm_of(panel.get_by_role("button", name="Snap", exact=True)) == pytest.approx(BPM, rel=0.005)
    assert len(canvas.page.evaluate(LINES)) > 20
