"""The waveform on a TimeRange node in the real front end: mouse, keys, wheel, undo, beats and sound, in each front end
and renderer."""

import pytest
from playwright.sync_api import expect

from browser.canvas import workflow

PLAYHEAD = "document.querySelector('[data-test-panel] .acestep-playhead')"

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]


def test_a_handle_is_dragged_on_the_waveform(canvas, stage):
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    panel, position = canvas.panel("TimeRange"), canvas.position("TimeRange")
    before = canvas.values("TimeRange")
    canvas.drag(panel.locator(".acestep-handle-start"), -40)
    after = canvas.inputs("TimeRange")
    assert 0 <= after["start_time"] < before["start_time"]
    assert after["end_time"] == before["end_time"]
    assert canvas.position("TimeRange") == position
    canvas.drag(panel.locator(".acestep-region[role=slider]"), 50)
    moved = canvas.inputs("TimeRange")
    assert moved["start_time"] > after["start_time"]
    length = after["end_time"] - after["start_time"]
    assert moved["end_time"] - moved["start_time"] == pytest.approx(length, abs=3e-6)
    canvas.drag(panel.locator(".acestep-stage"), 40, at=(0.02, 0.5))
    new = canvas.inputs("TimeRange")
    assert new["start_time"] < 2 and new["end_time"] < moved["start_time"]
    canvas.picture(stage, "time-range")


def test_anchors_are_kept_while_dragging(canvas):
    canvas.open(workflow("rewrite_ending"))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    before = canvas.values("TimeRange")
    assert before["start_time_relative_to"] == before["end_time_relative_to"] == "end"
    canvas.drag(canvas.panel("TimeRange").locator(".acestep-handle-start"), -30)
    after = canvas.values("TimeRange")
    assert after["start_time"] > before["start_time"]
    assert after["end_time"] == 0
    assert after["start_time_relative_to"] == after["end_time_relative_to"] == "end"


def test_the_range_by_keyboard_alone(canvas):
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    panel = canvas.panel("TimeRange")
    start = panel.get_by_role("slider", name="Start of the range")
    start.focus()
    value = canvas.values("TimeRange")["start_time"]
    for keys, change in (("ArrowRight", 0.1), ("Shift+ArrowRight", 1.0), ("Alt+ArrowLeft", -0.01), ("PageDown", -5.0)):
        canvas.page.keyboard.press(keys)
        value += change
        assert canvas.values("TimeRange")["start_time"] == pytest.approx(value, abs=1e-6), keys
    canvas.page.keyboard.press("Home")
    assert canvas.values("TimeRange")["start_time"] == 0
    canvas.page.keyboard.press("Tab")  # the handles follow each other
    assert panel.get_by_role("slider", name="End of the range").evaluate("e => e === document.activeElement")
    canvas.page.keyboard.press("End")
    assert canvas.values("TimeRange")["end_time"] == pytest.approx(30, abs=0.2)
    assert canvas.page.evaluate("app.graph.nodes.some((n) => n.comfyClass === 'TimeRange')")


def test_undo_and_redo_go_gesture_by_gesture(canvas):
    graph = workflow("section_repair")
    # Older front ends change the size of this one after each undo, which counts as a step of its own.
    (save,) = [node for node in graph["nodes"] if node["type"] == "SaveAudioAdvanced"]
    graph["nodes"].remove(save)
    graph["links"] = [link for link in graph["links"] if link[3] != save["id"]]
    canvas.open_settled(graph)
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    started = canvas.values("TimeRange")["start_time"]
    canvas.drag(canvas.panel("TimeRange").locator(".acestep-handle-start"), -30)
    dragged = canvas.values("TimeRange")["start_time"]
    canvas.page.keyboard.press("ArrowLeft")
    nudged = canvas.values("TimeRange")["start_time"]
    assert started != dragged != nudged

    def press_until(keys, value):
        canvas.page.keyboard.press(keys)
        # An older front end loses a step when the next key comes while it is still restoring.
        canvas.wait(
            """value => !app.extensionManager.workflow.activeWorkflow.changeTracker._restoringState
             && app.graph.nodes.find((n) => n.comfyClass === "TimeRange")
             ?.widgets.find((w) => w.name === "start_time").value === value""",
            value,
        )

    canvas.panel("TimeRange").get_by_role("button", name="Zoom to the range").click()
    canvas.panel("TimeRange").get_by_role("slider", name="Start of the range").focus()
    press_until("Control+z", dragged)
    # The nodes are new ones now; what was in hand and on screen is there again.
    canvas.wait(
        """() => app.graph.nodes.find((n) => n.comfyClass === "TimeRange").widgets.find((w) => w.element)
         .element.querySelector(".acestep-handle-start") === document.activeElement""",
    )
    expect(canvas.panel("TimeRange").get_by_role("button", name="Show the whole track")).to_be_enabled()
    press_until("Control+z", started)
    press_until("Control+y", dragged)


def test_a_saved_workflow_is_the_same_after_loading_it(canvas):
    canvas.open(workflow("multi_repair"))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    canvas.drag(canvas.panel("TimeRange").locator(".acestep-handle-end"), 20)
    prompt = canvas.editor.prompt()
    canvas.open(canvas.page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))"))
    canvas.waveform_is_drawn()
    again = canvas.editor.prompt()
    for node in (*prompt.values(), *again.values()):
        node["inputs"].pop("audioUI", None)  # LoadAudio's own, differs after loading
    assert again == prompt


def test_the_wheel_zooms_the_waveform_with_ctrl_and_the_canvas_without(canvas):
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    panel = canvas.panel("TimeRange")
    box = panel.locator(".acestep-stage").bounding_box()
    canvas.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    canvas.page.keyboard.down("Control")
    canvas.page.mouse.wheel(0, -500)
    canvas.page.keyboard.up("Control")
    canvas.wait("() => parseFloat(document.querySelector('[data-test-panel] .acestep-scroll-thumb').style.width) < 60")
    assert canvas.page.evaluate("app.canvas.ds.scale") == 1
    canvas.page.mouse.wheel(0, -120)
    canvas.wait("() => app.canvas.ds.scale > 1")
    panel.get_by_role("button", name="Show the whole track").click()
    assert panel.locator(".acestep-scroll-thumb").evaluate("e => e.style.width") == "100%"


def test_earlier_ranges_are_shown_and_beats_are_snapped_to(canvas):
    canvas.open(workflow("multi_repair"))
    canvas.waveform_is_drawn()
    shown = canvas.page.evaluate("""() => app.graph.nodes.filter((n) => n.comfyClass === "TimeRange")
      .map((n) => n.widgets.find((w) => w.element).element.querySelectorAll(".acestep-previous").length)""")
    assert max(shown) >= 1 and min(shown) == 0
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    canvas.set("TimeRange", bpm=60, start_time=8.0)
    canvas.panel("TimeRange").get_by_role("slider", name="Start of the range").focus()
    canvas.page.keyboard.press(".")
    beat = canvas.values("TimeRange")["start_time"]
    assert 8 < beat <= 9
    canvas.drag(canvas.panel("TimeRange").locator(".acestep-handle-start"), 3)
    assert canvas.values("TimeRange")["start_time"] == beat


def test_the_range_is_heard(canvas):
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    panel = canvas.panel("TimeRange")
    canvas.set("TimeRange", start_time=4.0, end_time=29.0)
    panel.get_by_role("button", name="Play the range").click()
    canvas.wait(
        """() => { const head = document.querySelector("[data-test-panel] .acestep-playhead");
         return !head.hidden && parseFloat(head.style.left) > 100 * 4 / 30; }""",
    )
    panel.get_by_role("button", name="Stop").click()
    canvas.wait("() => document.querySelector('[data-test-panel] .acestep-playhead').hidden")


def test_a_range_across_the_tracks_end_is_two_pieces_for_an_edit_with_loop(canvas, stage):
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    panel = canvas.panel("TimeRange")
    canvas.set("TimeRange", start_time=26.0, end_time=4.0)
    said = panel.locator(".acestep-message")
    expect(said).to_contain_text("turn on loop")
    canvas.picture(stage, "range-across-the-end-refused")
    expect(canvas.panel("ACEStepInpaint").locator(".acestep-notes")).to_contain_text("turn on loop")
    canvas.set("ACEStepInpaint", loop=True)
    expect(canvas.panel("ACEStepInpaint").locator(".acestep-notes")).not_to_contain_text("turn on loop")
    panel = canvas.panel("TimeRange")
    expect(panel.locator(".acestep-message")).to_be_hidden()
    expect(panel.locator(".acestep-readout b")).to_have_text("8.00 s")
    pieces = [piece.bounding_box() for piece in panel.locator(".acestep-region").all()]
    field = panel.locator(".acestep-field").bounding_box()
    shares = [((box["x"] - field["x"]) / field["width"], box["width"] / field["width"]) for box in pieces]
    assert shares == [pytest.approx((26 / 30, 4 / 30), abs=0.01), pytest.approx((0, 4 / 30), abs=0.01)]
    canvas.drag(panel.locator(".acestep-handle-start"), -40)
    canvas.drag(panel.locator(".acestep-region").nth(1), -10)
    after = canvas.inputs("TimeRange")
    assert after["end_time"] < 4 < after["start_time"] < 26
    canvas.picture(stage, "range-across-the-end")


def test_the_price_of_a_range_across_the_tracks_end_is_that_of_its_own_length(canvas):
    canvas.open(workflow("section_repair"))
    canvas.show("ACEStepInpaint")
    canvas.waveform_is_drawn()
    canvas.set("ACEStepInpaint", backend="runcomfy", loop=True, context_seconds=5)
    canvas.set("TimeRange", start_time=26.0, end_time=4.0)
    reckoning = canvas.panel("ACEStepInpaint").locator(".acestep-reckoning")
    expect(reckoning).to_contain_text("18 s ×")
    canvas.set("ACEStepInpaint", loop=False)
    expect(reckoning).to_be_hidden()
    expect(canvas.panel("ACEStepInpaint").locator(".acestep-notes")).to_contain_text("turn on loop")


def test_a_click_sets_a_cursor_and_space_plays_from_it(canvas, stage):
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    panel, before = canvas.panel("TimeRange"), canvas.values("TimeRange")
    box = panel.locator(".acestep-stage").bounding_box()

    def click(share, **options):
        panel.locator(".acestep-stage").click(position={"x": box["width"] * share, "y": box["height"] / 2}, **options)

    canvas.page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + box["height"] / 2)
    assert panel.locator(".acestep-hover").inner_text().startswith("0:2")
    click(0.8)
    assert canvas.values("TimeRange") == before
    expect(panel.locator(".acestep-cursor")).to_be_visible()
    canvas.page.keyboard.press("Space")
    canvas.wait(f"() => !{PLAYHEAD}.hidden && parseFloat({PLAYHEAD}.style.left) > 79")
    canvas.picture(stage, "cursor")
    assert panel.get_by_role("button", name="Stop").locator(".acestep-icon-stop").count() == 1
    canvas.page.keyboard.press("Space")
    canvas.wait(f"() => {PLAYHEAD}.hidden")
    canvas.page.keyboard.press("Escape")
    expect(panel.locator(".acestep-cursor")).to_be_hidden()
    click(0.9, modifiers=["Shift"])
    extended = canvas.values("TimeRange")
    assert extended["start_time"] == before["start_time"]
    assert extended["end_time"] == pytest.approx(0.9 * 30, abs=0.5)


def test_escape_takes_a_drag_back(canvas):
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    before = canvas.values("TimeRange")
    box = canvas.panel("TimeRange").locator(".acestep-handle-start").bounding_box()
    canvas.page.mouse.move(box["x"] + 6, box["y"] + 40)
    canvas.page.mouse.down()
    canvas.page.mouse.move(box["x"] - 40, box["y"] + 40, steps=4)
    assert canvas.values("TimeRange")["start_time"] < before["start_time"]
    canvas.page.keyboard.press("Escape")
    assert canvas.values("TimeRange") == before
    canvas.page.mouse.move(box["x"] - 60, box["y"] + 40, steps=2)
    canvas.page.mouse.up()
    assert canvas.values("TimeRange") == before
    assert canvas.page.evaluate("app.graph.nodes.some((n) => n.comfyClass === 'TimeRange')")


def test_a_looped_range_begins_again_and_one_player_silences_the_other(canvas):
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    canvas.set("TimeRange", start_time=4.0, end_time=4.6)
    panel = canvas.panel("TimeRange")
    panel.get_by_role("slider", name="Whole range").focus()
    canvas.page.evaluate(
        """() => {
          window.turns = 0;
          const head = document.querySelector("[data-test-panel] .acestep-playhead");
          let last = 0;
          new MutationObserver(() => {
            const at = parseFloat(head.style.left);
            if (at < last) turns += 1;
            last = at;
          }).observe(head, { attributes: true });
        }"""
    )
    canvas.page.keyboard.press("l")
    canvas.wait("() => turns >= 2")
    assert panel.get_by_role("button", name="Loop the range").get_attribute("aria-pressed") == "true"
    canvas.page.evaluate(
        """async () => {
          const style = [...document.querySelectorAll("link")].find((link) => link.href.endsWith("/acestep.css"));
          const { takeTurn } = await import(style.href.replace("acestep.css", "audio/turn.js"));
          takeTurn({ playing: true, stop() {} });
        }"""
    )
    canvas.wait(f"() => {PLAYHEAD}.hidden")
    canvas.page.keyboard.press("l")
    assert panel.get_by_role("button", name="Loop the range").get_attribute("aria-pressed") == "false"
