"""The pack's nodes in the real front end: every example graph, mouse, keys, undo, runs, prices, in each front end
and renderer. Screenshots are left in .artefacts/ to be looked at."""

import json
import re
import urllib.request
import wave

import pytest
from browser import MUSIC, STAGES, WORKFLOWS, Canvas, editing, workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

GRAPHS = sorted(path.stem for path in WORKFLOWS.glob("*.json"))
PANELS = {
    "ACEStepGenerate": "acestep-status",
    "ACEStepInpaint": "acestep-status",
    "ACEStepOutpaint": "acestep-status",
    "TimeRange": "acestep-time-range",
    "TagBuilder": "acestep-tags",
}


@pytest.fixture(scope="module")
def simulator():
    from runcomfy_simulator import Simulator, rendering

    with Simulator(queue_seconds=0.6, run_seconds=0.6, compose=rendering.tone) as running:
        yield running


@pytest.fixture(scope="module", params=STAGES, ids=str)
def stage(request):
    return request.param


@pytest.fixture(scope="module")
def server(stage, comfyui_servers, simulator, example_music, tmp_path_factory):
    nowhere = str(tmp_path_factory.mktemp("config"))
    environment = {"ACESTEP_RUNCOMFY_BASE_URL": simulator.url, "RUNCOMFY_CONFIG_DIR": nowhere}
    comfyui = comfyui_servers.get(stage.comfyui, *stage.flags, environment=environment)
    (comfyui.input / MUSIC).write_bytes(example_music[0].read_bytes())
    return comfyui


@pytest.fixture(scope="module")
def editor(stage, server, chromium_path):
    with editing(server, chromium_path, stage) as opened:
        yield opened


@pytest.fixture
def canvas(editor):
    canvas = Canvas(editor)
    canvas.take_errors()
    yield canvas
    assert canvas.take_errors() == []


def wait(canvas, expression, arg=None):
    canvas.page.wait_for_function(expression, arg=arg, timeout=20_000)


def waveform_is_drawn(canvas):
    wait(
        canvas,
        """() => [...document.querySelectorAll(".acestep-time-range")].every((panel) => {
      const wave = panel.querySelector("canvas.acestep-wave");
      return panel.querySelector(".acestep-message").hidden && wave.width > 100
        && wave.getContext("2d").getImageData(0, 0, wave.width, wave.height).data.some((value) => value > 0);
    })""",
    )


# ---------------------------------------------------------------------- graphs


def test_every_example_graph_opens_with_its_panels(canvas):
    for name in GRAPHS:
        canvas.open(workflow(name))
        state = canvas.page.evaluate(
            """panels => ({
              missing: app.graph.nodes.map((n) => n.type).filter((type) => !(type in LiteGraph.registered_node_types)),
              bare: app.graph.nodes.filter((n) => panels[n.comfyClass]
                && !n.widgets.some((w) => w.element?.classList.contains(panels[n.comfyClass]))).map((n) => n.type),
              extra: app.graph.serialize().nodes.filter((n) => panels[n.type]
                && n.widgets_values?.some((v) => v !== null && typeof v === "object")).map((n) => n.type),
            })""",
            PANELS,
        )
        assert state == {"missing": [], "bare": [], "extra": []}, name
        # Panels are of the page alone: the prompt is that of the checked-in API twin.
        twin = json.loads((WORKFLOWS / "api" / f"{name}.json").read_text(encoding="utf-8"))
        for key, node in canvas.editor.prompt().items():
            assert node["inputs"].keys() >= twin[key]["inputs"].keys() - {"audioUI"}, name
            assert not {"status", "waveform", "chips"} & node["inputs"].keys(), name


# ---------------------------------------------------------------------- time range


def test_a_handle_is_dragged_on_the_waveform(canvas, stage):
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    waveform_is_drawn(canvas)
    panel, position = canvas.panel("TimeRange"), canvas.position("TimeRange")
    before = canvas.values("TimeRange")
    canvas.drag(panel.locator(".acestep-handle-start"), -40)
    after = canvas.inputs("TimeRange")
    assert 0 <= after["start_time"] < before["start_time"]
    assert after["end_time"] == before["end_time"]
    assert canvas.position("TimeRange") == position
    canvas.drag(panel.locator(".acestep-region"), 50)
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
    waveform_is_drawn(canvas)
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
    waveform_is_drawn(canvas)
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
    canvas.open_settled(workflow("section_repair"))
    canvas.show("TimeRange")
    waveform_is_drawn(canvas)
    started = canvas.values("TimeRange")["start_time"]
    canvas.drag(canvas.panel("TimeRange").locator(".acestep-handle-start"), -30)
    dragged = canvas.values("TimeRange")["start_time"]
    canvas.page.keyboard.press("ArrowLeft")
    nudged = canvas.values("TimeRange")["start_time"]
    assert started != dragged != nudged

    def press_until(keys, value):
        canvas.page.keyboard.press(keys)
        # An older front end loses a step when the next key comes while it is still restoring.
        wait(
            canvas,
            """value => !app.extensionManager.workflow.activeWorkflow.changeTracker._restoringState
             && app.graph.nodes.find((n) => n.comfyClass === "TimeRange")
             ?.widgets.find((w) => w.name === "start_time").value === value""",
            value,
        )

    canvas.panel("TimeRange").get_by_role("button", name="Zoom to the range").click()
    canvas.panel("TimeRange").get_by_role("slider", name="Start of the range").focus()
    press_until("Control+z", dragged)
    # The nodes are new ones now; what was in hand and on screen is there again.
    wait(
        canvas,
        """() => app.graph.nodes.find((n) => n.comfyClass === "TimeRange").widgets.find((w) => w.element)
         .element.querySelector(".acestep-handle-start") === document.activeElement""",
    )
    assert not canvas.panel("TimeRange").get_by_role("button", name="Show the whole track").is_disabled()
    press_until("Control+z", started)
    press_until("Control+y", dragged)


def test_a_saved_workflow_is_the_same_after_loading_it(canvas):
    canvas.open(workflow("multi_repair"))
    canvas.show("TimeRange")
    waveform_is_drawn(canvas)
    canvas.drag(canvas.panel("TimeRange").locator(".acestep-handle-end"), 20)
    prompt = canvas.editor.prompt()
    canvas.open(canvas.page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))"))
    waveform_is_drawn(canvas)
    again = canvas.editor.prompt()
    for node in (*prompt.values(), *again.values()):
        node["inputs"].pop("audioUI", None)  # LoadAudio's own, differs after loading
    assert again == prompt


def test_the_wheel_zooms_the_waveform_with_ctrl_and_the_canvas_without(canvas):
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    waveform_is_drawn(canvas)
    panel = canvas.panel("TimeRange")
    box = panel.locator(".acestep-stage").bounding_box()
    canvas.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    canvas.page.keyboard.down("Control")
    canvas.page.mouse.wheel(0, -500)
    canvas.page.keyboard.up("Control")
    wait(canvas, "() => parseFloat(document.querySelector('[data-test-panel] .acestep-scroll-thumb').style.width) < 60")
    assert canvas.page.evaluate("app.canvas.ds.scale") == 1
    canvas.page.mouse.wheel(0, -120)
    wait(canvas, "() => app.canvas.ds.scale > 1")
    panel.get_by_role("button", name="Show the whole track").click()
    assert panel.locator(".acestep-scroll-thumb").evaluate("e => e.style.width") == "100%"


def test_earlier_ranges_are_shown_and_beats_are_snapped_to(canvas):
    canvas.open(workflow("multi_repair"))
    waveform_is_drawn(canvas)
    shown = canvas.page.evaluate("""() => app.graph.nodes.filter((n) => n.comfyClass === "TimeRange")
      .map((n) => n.widgets.find((w) => w.element).element.querySelectorAll(".acestep-previous").length)""")
    assert max(shown) >= 1 and min(shown) == 0
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    waveform_is_drawn(canvas)
    canvas.set("TimeRange", bpm=60, start_time=8.0)
    canvas.panel("TimeRange").get_by_role("slider", name="Start of the range").focus()
    canvas.page.keyboard.press("ArrowRight")
    assert canvas.values("TimeRange")["start_time"] == 9
    canvas.drag(canvas.panel("TimeRange").locator(".acestep-handle-start"), 3)
    assert canvas.values("TimeRange")["start_time"] == 9


def test_the_range_is_heard(canvas):
    canvas.open(workflow("section_repair"))
    canvas.show("TimeRange")
    waveform_is_drawn(canvas)
    panel = canvas.panel("TimeRange")
    canvas.set("TimeRange", start_time=4.0, end_time=6.0)
    panel.get_by_role("button", name="Play the range").click()
    wait(
        canvas,
        """() => { const head = document.querySelector("[data-test-panel] .acestep-playhead");
         return !head.hidden && parseFloat(head.style.left) > 100 * 4 / 30; }""",
    )
    panel.get_by_role("button", name="Stop").click()
    wait(canvas, "() => document.querySelector('[data-test-panel] .acestep-playhead').hidden")


def test_what_is_missing_is_said_on_the_waveform(canvas):
    canvas.place("TimeRange")
    canvas.show("TimeRange")
    assert "Connect audio" in canvas.panel("TimeRange").locator(".acestep-message").inner_text()
    graph = workflow("section_repair")
    for node in graph["nodes"]:
        if node["type"] == "LoadAudio":
            node["widgets_values"][0] = "not there.mp3"
    canvas.open(graph)
    wait(
        canvas,
        """() => document.querySelector(".acestep-message")?.textContent
         .includes("not there.mp3 is not on the server")""",
    )
    canvas.editor.console[:] = [line for line in canvas.editor.console if "404" not in line]


def test_a_long_track_is_outlined_by_the_server(canvas, server):
    with wave.open(str(server.input / "long.wav"), "wb") as file:
        file.setparams((1, 2, 4000, 0, "NONE", ""))
        file.writeframes(b"\x00\x10\x00\xf0" * (2000 * 11 * 60))
    graph = workflow("section_repair")
    for node in graph["nodes"]:
        if node["type"] == "LoadAudio":
            node["widgets_values"][0] = "long.wav"
    with canvas.page.expect_response(lambda answer: "/acestep/peaks" in answer.url) as answer:
        canvas.open(graph)
        canvas.show("TimeRange")
        waveform_is_drawn(canvas)
    assert answer.value.json()["seconds"] == 660
    slider = canvas.panel("TimeRange").get_by_role("slider", name="End of the range")
    slider.focus()
    canvas.page.keyboard.press("End")
    assert canvas.values("TimeRange")["end_time"] == 660


CONNECT = """links => {
  const node = (name) => app.graph.nodes.find((n) => n.comfyClass === name);
  for (const [from, slot, to, input] of links) {
    node(from).connect(slot, node(to), node(to).inputs.findIndex((i) => i.name === input));
  }
}"""
MESSAGE = "text => document.querySelector('[data-test-panel] .acestep-message').textContent.includes(text)"


def test_a_generated_track_is_drawn_and_heard_from_its_preview(canvas):
    canvas.place("ACEStepGenerate", "TimeRange", "PreviewAudio")
    canvas.set("ACEStepGenerate", backend="sketch", duration=6, tags="piano, 120 BPM", lyrics="[inst]")
    canvas.set("TimeRange", start_time=1.0, end_time=3.0)
    links = [["ACEStepGenerate", 0, "TimeRange", "audio"], ["ACEStepGenerate", 0, "PreviewAudio", "audio"]]
    canvas.page.evaluate(CONNECT, links)
    canvas.show("TimeRange")
    panel = canvas.panel("TimeRange")
    wait(canvas, MESSAGE, "run once")
    canvas.page.evaluate("app.queuePrompt(0, 1)")
    waveform_is_drawn(canvas)
    panel.get_by_role("button", name="Play the range").click()
    wait(canvas, "() => !document.querySelector('[data-test-panel] .acestep-playhead').hidden")
    panel.get_by_role("button", name="Stop").click()


def test_without_a_preview_the_last_run_is_drawn(canvas):
    canvas.place("ACEStepGenerate", "TimeRange", "ACEStepInpaint", "PreviewAudio")
    for node in ("ACEStepGenerate", "ACEStepInpaint"):
        canvas.set(node, backend="sketch", tags="piano, 120 BPM", lyrics="[inst]")
    canvas.set("ACEStepGenerate", duration=6)
    canvas.set("TimeRange", start_time=1.0, end_time=3.0)
    canvas.page.evaluate(CONNECT, [
        ["ACEStepGenerate", 0, "TimeRange", "audio"], ["ACEStepGenerate", 0, "ACEStepInpaint", "audio"],
        ["TimeRange", 0, "ACEStepInpaint", "time_range"], ["ACEStepInpaint", 0, "PreviewAudio", "audio"],
    ])  # fmt: skip
    canvas.show("TimeRange")
    panel = canvas.panel("TimeRange")
    wait(canvas, MESSAGE, "run once")
    canvas.page.evaluate("app.queuePrompt(0, 1)")
    waveform_is_drawn(canvas)
    panel.get_by_role("slider", name="End of the range").focus()
    canvas.page.keyboard.press("End")
    assert canvas.values("TimeRange")["end_time"] == 6
    assert panel.get_by_role("button", name="Play the range").is_disabled()  # there is no file of it


# ---------------------------------------------------------------------- tags


def test_tags_are_typed_pasted_moved_and_removed(canvas, stage):
    canvas.place("TagBuilder")
    canvas.show("TagBuilder")
    panel = canvas.panel("TagBuilder")
    box = panel.get_by_role("combobox")
    box.click()
    box.press_sequentially("rhodes")
    assert panel.get_by_role("option", name="rhodes piano").is_visible()
    canvas.page.keyboard.press("Enter")
    box.evaluate("""box => {
      const data = new DataTransfer();
      data.setData("text", "trap, dark, male rapper, 140 BPM");
      box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }""")
    box.press_sequentially("soft drums,")
    canvas.page.keyboard.press("Escape")
    inputs = canvas.inputs("TagBuilder")
    assert [inputs[name] for name in ("genre", "mood", "instruments", "vocals", "extra")] == [
        "trap", "dark", "rhodes piano, soft drums", "male rapper", "140 BPM",
    ]  # fmt: skip
    canvas.set("TagBuilder", instrumental=True, bpm=90)
    hints = panel.locator(".acestep-notes")
    wait(canvas, "() => document.querySelectorAll('[data-test-panel] .acestep-notes li').length === 2")
    assert "male rapper" in hints.inner_text() and "140 BPM" in hints.inner_text()
    canvas.picture(stage, "tags")
    panel.get_by_role("option", name="soft drums").focus()
    canvas.page.keyboard.press("Alt+ArrowLeft")
    assert canvas.values("TagBuilder")["instruments"] == "soft drums, rhodes piano"
    canvas.page.keyboard.press("Delete")
    assert canvas.values("TagBuilder")["instruments"] == "rhodes piano"
    assert canvas.page.evaluate("app.graph.nodes.length") == 1  # Delete took the chip, not the node
    canvas.set("TagBuilder", mood="mellow, warm")
    assert panel.get_by_role("option", name="warm").count() == 1


def test_chips_are_dragged_between_groups_and_drawn_by_chance(canvas):
    canvas.place("TagBuilder")
    canvas.show("TagBuilder")
    canvas.set("TagBuilder", genre="jazz, dreamy")
    panel = canvas.panel("TagBuilder")
    chip = panel.locator(".acestep-chip", has_text="dreamy").bounding_box()
    row = panel.locator(".acestep-chips[data-group=mood]").bounding_box()
    canvas.page.mouse.move(chip["x"] + 10, chip["y"] + 8)
    canvas.page.mouse.down()
    canvas.page.mouse.move(row["x"] + 20, row["y"] + 10, steps=6)
    canvas.page.mouse.up()
    values = canvas.values("TagBuilder")
    assert (values["genre"], values["mood"]) == ("jazz", "dreamy")
    panel.get_by_role("button", name="Random Instruments").click()
    assert len(canvas.values("TagBuilder")["instruments"].split(", ")) == 3


# ---------------------------------------------------------------------- runs


def test_a_sketch_run_shows_how_it_went(canvas, stage):
    canvas.open(workflow("section_repair"))
    canvas.set("ACEStepInpaint", backend="sketch", steps=12)
    canvas.show("ACEStepInpaint", 0.75)
    panel = canvas.panel("ACEStepInpaint")
    wait(canvas, "() => document.querySelector('[data-test-panel] .acestep-notes')?.innerText.includes('not ACE-Step')")
    assert "steps has no effect" in panel.locator(".acestep-notes").inner_text()
    canvas.page.evaluate("app.queuePrompt(0, 1)")
    wait(canvas, "() => document.querySelector('[data-test-panel] .acestep-state').textContent.startsWith('Done in')")
    assert panel.locator(".acestep-seam").count() == 2
    assert "SAVED" not in panel.inner_text()
    # The result was saved, so before and after can be heard at the same place.
    wait(canvas, "() => !document.querySelector('[data-test-panel] .acestep-compare').hidden")
    panel.get_by_role("button", name="Play", exact=True).click()
    wait(canvas, "() => parseFloat(document.querySelector('[data-test-panel] .acestep-seek').value) > 0.3")
    position = float(panel.locator(".acestep-seek").input_value())
    panel.get_by_role("button", name="Before").click()
    wait(canvas, "at => parseFloat(document.querySelector('[data-test-panel] .acestep-seek').value) > at", position)
    assert float(panel.locator(".acestep-seek").input_value()) < position + 5
    panel.get_by_role("button", name="Stop").click()
    for palette in ("light", "dark"):
        canvas.theme(palette)
        canvas.page.wait_for_timeout(300)
        canvas.picture(stage, f"inpaint-{palette}")


def ledger(simulator):
    with urllib.request.urlopen(f"{simulator.url}/control/ledger") as answer:
        return json.load(answer)


def test_a_paid_run_from_its_price_to_its_resumption(canvas, stage, simulator):
    canvas.open(workflow("text_to_music"))
    seed = 1000 + STAGES.index(stage)  # another seed on each front end: the same request is never bought twice
    canvas.set("ACEStepGenerate", backend="runcomfy", duration=20, seed=seed, version="ace-step-1.5", batch_size=2)
    canvas.show("ACEStepGenerate", 0.75)
    panel = canvas.panel("ACEStepGenerate")

    def text(part):
        return panel.locator(f".acestep-{part}").inner_text()

    def wait_for_text(part, pattern):
        wait(
            canvas,
            "([part, pattern]) => new RegExp(pattern).test("
            "document.querySelector(`[data-test-panel] .acestep-${part}`)?.textContent)",
            [part, pattern],
        )

    wait_for_text("money", "^≈ \\$0\\.0120$")
    assert "2 × 20 s × $0.0003" in text("reckoning")
    if "No RunComfy token" in text("notes"):
        assert "list price" in text("reckoning")

    panel.get_by_role("button", name="Account").click()
    dialog = canvas.page.get_by_role("dialog", name="RunComfy account")
    dialog.get_by_label("API token").fill(simulator.token)
    dialog.get_by_role("button", name="Save", exact=True).click()
    dialog.get_by_text("RunComfy accepts the token").wait_for()
    assert simulator.token not in dialog.inner_html()
    dialog.get_by_label(re.compile("Most one prompt may cost")).fill("3")
    dialog.get_by_role("button", name="Set", exact=True).click()
    dialog.get_by_text("Ceiling set.").wait_for()
    canvas.picture(stage, "account")
    canvas.page.keyboard.press("Escape")
    wait_for_text("reckoning", "live price")

    bought = len(ledger(simulator)["submissions"])
    canvas.page.evaluate("app.queuePrompt(0, 1)")
    wait_for_text("state", "In queue|Rendering")
    wait_for_text("state", "^Done in")
    assert text("money") == "cost $0.0120"
    assert len(ledger(simulator)["submissions"]) == bought + 2

    panel.get_by_role("button", name="Resume", exact=True).click()
    ids = canvas.inputs("ACEStepGenerate")["resume_request_id"].split(", ")
    assert len(ids) == 2
    wait_for_text("notes", "already paid")
    canvas.page.evaluate("app.queuePrompt(0, 1)")
    wait_for_text("state", "^Done in")
    assert len(ledger(simulator)["submissions"]) == bought + 2
    panel.get_by_role("button", name="Clear resume").click()
    assert canvas.values("ACEStepGenerate")["resume_request_id"] == ""
    assert simulator.token not in json.dumps(canvas.page.evaluate("app.graph.serialize()"))


def test_settings_a_backend_ignores_are_dimmed(canvas):
    canvas.place("ACEStepGenerate")
    disabled = """() => app.graph.nodes[0].widgets.filter((w) => w.disabled).map((w) => w.name).sort()"""
    for backend, names in (
        ("runcomfy", ["guidance", "steps", "variant"]),
        ("local", ["max_cost_usd", "resume_request_id"]),
        ("sketch", ["guidance", "language", "max_cost_usd", "steps", "variant", "version"]),
    ):
        canvas.set("ACEStepGenerate", backend=backend)
        wait(canvas, f"names => JSON.stringify(({disabled})()) === JSON.stringify(names)", names)
    assert canvas.page.evaluate("app.graph.nodes[0].widgets.find((w) => w.name === 'steps').tooltip")


# ---------------------------------------------------------------------- for everyone


def test_panels_can_be_read_by_a_screen_reader(canvas):
    canvas.open(workflow("section_repair"))
    waveform_is_drawn(canvas)
    canvas.show("TimeRange")
    tree = canvas.panel("TimeRange").aria_snapshot()
    for part in (
        'toolbar "Listen, snap and zoom"', 'button "Play the range"', 'group "Time range on the waveform"',
        'slider "Whole range"', 'slider "Start of the range"', 'slider "End of the range"',
    ):  # fmt: skip
        assert part in tree, f"{part} is not in\n{tree}"
    spoken = canvas.panel("TimeRange").get_by_role("slider", name="Start of the range").get_attribute("aria-valuetext")
    assert re.fullmatch(r"\d+:\d\d\.\d\d from the start", spoken)
    canvas.show("ACEStepInpaint")
    assert 'group "Status"' in canvas.panel("ACEStepInpaint").aria_snapshot()
    unnamed = canvas.page.evaluate(
        """() => ["button", "input", "select", "[role=slider]"]
          .flatMap((what) => [...document.querySelectorAll(`.acestep ${what}`)])
          .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length))
          .map((e) => e.outerHTML)"""
    )
    assert unnamed == []


def test_help_pages_and_translations_are_served(canvas, server):
    def get(path):
        with urllib.request.urlopen(server.url + path) as answer:
            return answer.read().decode()

    for node in PANELS:
        for page in (f"{node}.md", f"{node}/zh.md"):
            assert get(f"/extensions/{server.pack_folder_name}/docs/{page}").startswith("# ")
    assert json.loads(get("/i18n"))["zh"]["nodeDefs"]["TimeRange"]["display_name"] == "时间范围"
