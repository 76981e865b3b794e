"""A track that is too long to decode in the browser: drawn while the server reads it, and snapped to all the same."""

import base64
import json
import re
import wave

import numpy as np
import pytest

from browser.canvas import workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

NAME, MINUTES, RATE, HERTZ = "long.wav", 11, 8_000, 31
# The share of the waveform's columns, in its left and right half, in which more than the line of silence is drawn.
HALVES = """() => {
  const wave = document.querySelector("[data-test-panel] canvas.acestep-wave");
  const { data, width, height } = wave.getContext("2d").getImageData(0, 0, wave.width, wave.height);
  const drawn = (x) => [...Array(height).keys()].filter((y) => data[4 * (y * width + x) + 3] > 0).length > 8;
  const share = (from, to) => Array.from({ length: to - from }, (_, i) => drawn(from + i))
    .filter(Boolean).length / (to - from);
  return [share(0, Math.floor(width * 0.48)), share(Math.ceil(width * 0.52), width)];
}"""
MESSAGE = """text => {
  const message = document.querySelector("[data-test-panel] .acestep-message");
  return text === null ? message.hidden : !message.hidden && message.textContent.includes(text);
}"""


@pytest.fixture
def long_track(server):
    tone = np.sin(2 * np.pi * HERTZ * np.arange(MINUTES * 60 * RATE) / RATE + 0.7)
    with wave.open(str(server.input / NAME), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes((tone * 20_000).astype("<i2").tobytes())
    yield
    (server.input / NAME).unlink()


class Withheld:
    """Lets the page have the first half of what the server answers, and the rest when it is allowed to."""

    def __init__(self):
        self.waiting, self.answered, self.free = [], 0, False

    def __call__(self, route):
        if self.free:
            route.continue_()
        elif self.answered:
            self.waiting.append(route)
        else:
            self.answer_half(route)

    def answer_half(self, route):
        self.answered += 1
        body = route.fetch(post_data=json.dumps({**route.request.post_data_json, "growing": False})).json()
        rows = np.frombuffer(base64.b64decode(body["data"]), np.uint8).reshape(3, -1)
        half = rows[:, : rows.shape[1] // 2]
        data = base64.b64encode(half.tobytes()).decode()
        peaks = {**body, "data": data, "bins": half.shape[1], "seconds": half.shape[1] * body["bin_seconds"]}
        route.fulfill(status=202, json={"peaks": peaks, "seconds": body["seconds"]})

    def let_go(self):
        self.free = True
        for route in self.waiting:
            route.continue_()


def test_a_long_track_is_drawn_as_it_is_read_and_its_zero_crossings_are_snapped_to(canvas, long_track, stage):
    withheld = Withheld()
    canvas.page.route("**/acestep/peaks", withheld)
    canvas.open(workflow("section_repair", NAME))
    canvas.show("TimeRange")
    canvas.panel("TimeRange")
    canvas.wait(MESSAGE, f"Reading {NAME} … 50 %")
    panel = canvas.panel("TimeRange")
    panel.get_by_role("button", name=re.compile("whole track")).click()
    assert canvas.page.evaluate(HALVES) == [1, 0]
    canvas.picture(stage, "half-read")
    canvas.set("TimeRange", start_time=100.0, end_time=300.0)
    seen = canvas.page.evaluate("() => document.querySelector('[data-test-panel] .acestep-scroll > *').style.width")
    withheld.let_go()
    canvas.wait(MESSAGE, None)
    assert canvas.page.evaluate(HALVES) == [1, 1]
    # What was looked at stays as it was.
    assert seen == canvas.page.evaluate(
        "() => document.querySelector('[data-test-panel] .acestep-scroll > *').style.width"
    )
    for pixels in (-7, 12, 5):
        canvas.drag(panel.locator(".acestep-handle-start"), pixels)
        half_waves = 2 * (HERTZ * canvas.values("TimeRange")["start_time"] + 0.7 / (2 * np.pi))
        assert abs(half_waves - round(half_waves)) < 2 * HERTZ * 50e-6
    canvas.page.unroute("**/acestep/peaks")
