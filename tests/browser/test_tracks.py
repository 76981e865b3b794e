"""Where the panels find the track and the numbers in the real front end: in files, in runs, on other nodes and through
subgraphs, in each front end and renderer."""

import base64
import os
import re
import time
import wave

import numpy as np
import pytest

from browser.canvas import MUSIC, STAGES, workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

MESSAGE = "text => document.querySelector('[data-test-panel] .acestep-message').textContent.includes(text)"


def test_what_is_missing_is_said_on_the_waveform(canvas):
    canvas.place("TimeRange")
    canvas.show("TimeRange")
    assert "Connect a track" in canvas.panel("TimeRange").locator(".acestep-message").inner_text()
    graph = workflow("section_repair", "not there.mp3")
    canvas.open(graph)
    canvas.wait(
        """() => document.querySelector(".acestep-message")?.textContent
         .includes("not there.mp3 is not on the server")""",
    )
    canvas.editor.console[:] = [line for line in canvas.editor.console if "404" not in line]


def test_a_long_track_is_outlined_by_the_server(canvas, server):
    with wave.open(str(server.input / "long.wav"), "wb") as file:
        file.setparams((1, 2, 4000, 0, "NONE", ""))
        file.writeframes(b"\x00\x10\x00\xf0" * (2000 * 11 * 60))
    graph = workflow("section_repair", "long.wav")
    # 202 is what was read so far, on a slow machine.
    with canvas.page.expect_response(lambda answer: "/acestep/peaks" in answer.url and answer.status == 200) as answer:
        canvas.open(graph)
        canvas.show("TimeRange")
        canvas.waveform_is_drawn()
    assert answer.value.json()["seconds"] == 660
    # Its range is on screen, which would be a few pixels of the whole.
    assert canvas.panel("TimeRange").locator(".acestep-region[role=slider]").evaluate(
        "region => region.offsetWidth / region.parentElement.offsetWidth"
    ) == pytest.approx(0.6, abs=0.05)
    slider = canvas.panel("TimeRange").get_by_role("slider", name="End of the range")
    slider.focus()
    canvas.page.keyboard.press("End")
    assert canvas.values("TimeRange")["end_time"] == 660


def panel_after_a_run(canvas):
    """The panel of TimeRange, which asks for a run and then shows the track that it made."""
    canvas.show("TimeRange")
    panel = canvas.panel("TimeRange")
    canvas.wait(MESSAGE, "run once")
    canvas.page.evaluate("app.queuePrompt(0, 1)")
    canvas.waveform_is_drawn()
    return panel


def test_a_generated_track_is_drawn_and_heard_from_where_it_was_saved(canvas):
    canvas.place("ACEStepGenerate", "TimeRange", "SaveAudioAdvanced")
    canvas.set("ACEStepGenerate", backend="sketch", duration=6, tags="piano, 120 BPM", lyrics="[inst]")
    canvas.set("TimeRange", start_time=1.0, end_time=3.0)
    links = [["ACEStepGenerate", 0, "SaveAudioAdvanced", "audio"], ["SaveAudioAdvanced", 0, "TimeRange", "audio"]]
    canvas.connect(links)
    panel = panel_after_a_run(canvas)
    panel.get_by_role("button", name="Play the range").click()
    canvas.wait("() => !document.querySelector('[data-test-panel] .acestep-playhead').hidden")
    panel.get_by_role("button", name="Stop").click()


def nearest_crossing(canvas, time):
    """As the last run told of its track, in seconds."""
    told = canvas.page.evaluate(
        "() => Object.values(app.nodeOutputs).map((output) => output.acestep?.[0].crossings).find(Boolean)"
    )
    places = np.frombuffer(base64.b64decode(told["data"]), np.uint8)
    bins = np.flatnonzero(places < 255)
    times = (bins + (places[bins] + 0.5) / 255) * told["bin_seconds"]
    return times[np.abs(times - time).argmin()]


def test_without_a_preview_the_last_run_is_drawn(canvas):
    canvas.place_edit_of_a_made_track("piano, 120 BPM", 6)
    panel = panel_after_a_run(canvas)
    # The browser has no samples; where they cross zero came with the run.
    target = panel.get_by_role("button", name=re.compile("^Snaps to "))
    while target.is_visible() and "zero crossings" not in target.get_attribute("aria-label"):
        target.click()
    assert "zero crossings" in panel.get_by_role("button", name="Snap", exact=True).get_attribute("title")
    canvas.drag(panel.locator(".acestep-handle-start"), 7)
    start = canvas.values("TimeRange")["start_time"]
    assert start == pytest.approx(nearest_crossing(canvas, start), abs=1e-6)
    panel.get_by_role("slider", name="End of the range").focus()
    canvas.page.keyboard.press("End")
    assert canvas.values("TimeRange")["end_time"] == 6
    assert panel.get_by_role("button", name="Play the range").is_disabled()  # there is no file of it


def handle_is_at(canvas, edge, seconds):
    canvas.wait(
        "([edge, at]) => document.querySelector(`[data-test-panel] .acestep-handle-${edge}`).ariaValueNow === at",
        [edge, seconds],
    )


def test_numbers_of_other_nodes_are_shown_before_a_run_and_cannot_be_dragged(canvas):
    canvas.place("LoadAudio", "TimeRange", "PrimitiveFloat", "TagBuilder")
    canvas.set("LoadAudio", audio=MUSIC)
    canvas.set("TimeRange", start_time=2.0, end_time=20.0)
    canvas.set("PrimitiveFloat", value=5.5)
    canvas.set("TagBuilder", bpm=60)
    canvas.connect([
        ["LoadAudio", 0, "TimeRange", "audio"], ["PrimitiveFloat", 0, "TimeRange", "start_time"],
        ["TagBuilder", 1, "TimeRange", "bpm"],
    ])  # fmt: skip
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    panel = canvas.panel("TimeRange")
    handle_is_at(canvas, "start", "5.50")
    canvas.set("PrimitiveFloat", value=7.5)
    handle_is_at(canvas, "start", "7.50")
    start = panel.locator(".acestep-handle-start")
    assert start.get_attribute("aria-disabled") == "true"
    canvas.drag(start, -40)
    assert canvas.values("TimeRange")["start_time"] == 2.0
    # The tempo of TagBuilder is one to snap to.
    canvas.wait("() => document.querySelector('[data-test-panel] .acestep-bar').innerHTML.includes(' BPM')")
    panel.locator(".acestep-handle-end").focus()
    canvas.page.keyboard.press(",")
    assert 18.9 < canvas.values("TimeRange")["end_time"] < 20


OUTLINE = """() => {
  const wave = document.querySelector(".acestep-time-range canvas.acestep-wave");
  const { data } = wave.getContext("2d").getImageData(0, 0, wave.width, wave.height);
  return data.reduce((sum, value) => (Math.imul(sum, 31) + value) | 0, wave.width);
}"""


# What the price of an edit is reckoned from.
SECONDS = """async name => {
  const script = performance.getEntriesByType("resource").find((each) => each.name.includes("/audio/waveform.js"));
  const { secondsOf } = await import(new URL(script.name).pathname);
  return secondsOf({ filename: name, subfolder: "", type: "input" });
}"""


@pytest.mark.parametrize("age_days", [0, 400])
def test_a_file_written_anew_under_its_name_is_drawn_and_measured_anew(canvas, server, age_days):
    """A browser goes on for long with what it has read of a file that was old."""
    name = f"again {age_days}.wav"

    def write(seconds: int) -> None:
        part = server.input / "again.part"
        noise = np.random.default_rng(seconds).integers(-9000, 9000, seconds * 8000)
        with wave.open(str(part), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(noise.astype("<i2").tobytes())
        then = time.time() - 86_400 * age_days
        os.utime(part, (then, then))
        part.replace(server.input / name)

    write(40)
    canvas.open(workflow("section_repair", name))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    before = canvas.page.evaluate(OUTLINE)
    assert canvas.page.evaluate(SECONDS, name) == 40
    # At once: the beats of the first may still be read.
    write(30)
    canvas.page.evaluate("window.dispatchEvent(new Event('focus'))")  # as when its user comes back from elsewhere
    canvas.wait(f"before => ({OUTLINE})() !== before", before)
    assert canvas.page.evaluate(SECONDS, name) == 30


# Of the graph on screen, which app.graph is not inside a subgraph.
INSIDE = """name => {
  const node = app.canvas.graph.nodes.find((n) => n.comfyClass === name);
  app.canvas.ds.scale = 1;
  app.canvas.ds.offset = [120 - node.pos[0], 110 - node.pos[1]];
  app.canvas.setDirty(true, true);
  for (const old of document.querySelectorAll("[data-test-panel]")) old.removeAttribute("data-test-panel");
  node.widgets.find((w) => w.element?.classList.contains("acestep")).element.dataset.testPanel = "";
}"""


def test_panels_work_inside_a_subgraph(canvas, stage):
    canvas.open(workflow("section_repair"))
    canvas.set("ACEStepInpaint", backend="sketch", seed=STAGES.index(stage))
    canvas.waveform_is_drawn()
    canvas.page.evaluate("""() => {
      const inner = app.graph.nodes.filter((n) => ["TimeRange", "ACEStepInpaint"].includes(n.comfyClass));
      const { node } = app.graph.convertToSubgraph(new Set(inner));
      app.canvas.openSubgraph(node.subgraph, node);
    }""")
    canvas.wait("() => app.canvas.graph !== app.graph && app.canvas.graph.nodes.length === 2")
    canvas.page.evaluate(INSIDE, "TimeRange")
    canvas.wait("() => document.querySelector('[data-test-panel]')?.isConnected")
    canvas.waveform_is_drawn()
    canvas.page.wait_for_timeout(200)  # the DOM follows the canvas
    panel = canvas.page.locator("[data-test-panel]")
    canvas.drag(panel.locator(".acestep-handle-start"), -40)
    inputs = next(node["inputs"] for node in canvas.editor.prompt().values() if node["class_type"] == "TimeRange")
    assert 0 <= inputs["start_time"] < 12 and inputs["end_time"] == 20
    canvas.page.evaluate(INSIDE, "ACEStepInpaint")
    canvas.page.evaluate("app.queuePrompt(0, 1)")
    canvas.wait("() => document.querySelector('[data-test-panel] .acestep-state')?.textContent.startsWith('Done in')")
    # The source lies before the subgraph, the saved result behind it.
    canvas.wait("() => !document.querySelector('[data-test-panel] .acestep-compare').hidden")
    canvas.picture(stage, "subgraph")
    canvas.page.evaluate("app.canvas.setGraph(app.graph)")
