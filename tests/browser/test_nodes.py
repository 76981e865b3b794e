"""The pack's nodes in the real front end: every example graph, tags, runs, prices and the account, for everyone, in
each front end and renderer. Screenshots are left in .artefacts/ to be looked at."""

import itertools
import json
import re
import urllib.request

import pytest
from runner.graph import available

from browser.canvas import STAGES, WAIT_MS, WORKFLOWS, Canvas, editing, workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

DONE = "() => document.querySelector('[data-test-panel] .acestep-state').textContent.startsWith('Done in')"
PANELS = {
    "ACEStepGenerate": "acestep-status",
    "ACEStepInpaint": "acestep-status",
    "ACEStepOutpaint": "acestep-status",
    "TimeRange": "acestep-time-range",
    "TagBuilder": "acestep-tags",
}


def test_every_example_graph_opens_with_its_panels_and_no_node_over_another(canvas):
    for name in available():
        canvas.open(workflow(name))
        state = canvas.page.evaluate(
            """panels => ({
              missing: app.graph.nodes.map((n) => n.type).filter((type) => !(type in LiteGraph.registered_node_types)),
              bare: app.graph.nodes.filter((n) => panels[n.comfyClass]
                && !n.widgets.some((w) => w.element?.classList.contains(panels[n.comfyClass]))).map((n) => n.type),
              rowless: app.graph.extra.linearData.inputs.filter(([id, name]) => {
                const node = app.graph.getNodeById(id);
                const fed = node?.inputs.some((input) => input.widget?.name === name && input.link != null);
                return fed || !node?.widgets.some((widget) => widget.name === name && !widget.options?.advanced);
              }),
              extra: app.graph.serialize().nodes.filter((n) => panels[n.type]
                && n.widgets_values?.some((v) => v !== null && typeof v === "object")).map((n) => n.type),
            })""",
            PANELS,
        )
        assert state == {"missing": [], "bare": [], "rowless": [], "extra": []}, name
        # Panels are of the page alone: the prompt is that of the checked-in API twin.
        twin = json.loads((WORKFLOWS / "api" / f"{name}.json").read_text(encoding="utf-8"))
        for key, node in canvas.editor.prompt().items():
            assert node["inputs"].keys() >= twin[key]["inputs"].keys(), name
            assert not {"status", "waveform", "chips"} & node["inputs"].keys(), name
        canvas.settle()
        boxes = canvas.boxes()
        assert [pair for pair in itertools.combinations(boxes, 2) if overlap(*map(boxes.get, pair))] == [], name


def overlap(one, other):
    """Whether two boxes {x, y, width, height} have a point in common."""
    assert one["width"] > 100 and one["height"] > 50
    return all(
        one[at] < other[at] + other[size] and other[at] < one[at] + one[size]
        for at, size in (("x", "width"), ("y", "height"))
    )


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
      data.setData("text", "trap, dark, male rapper, 140 BPM, F minor, 3/4");
      box.dispatchEvent(new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true }));
    }""")
    box.press_sequentially("soft drums,")
    canvas.page.keyboard.press("Escape")
    inputs = canvas.inputs("TagBuilder")
    assert [inputs[name] for name in ("genre", "mood", "instruments", "vocals", "extra")] == [
        "trap", "dark", "rhodes piano, soft drums", "male rapper", "",
    ]  # fmt: skip
    assert [inputs[name] for name in ("bpm", "key", "time_signature")] == [140, "F minor", "3/4"]
    canvas.set("TagBuilder", instrumental=True, bpm=90, extra="140 BPM")
    hints = panel.locator(".acestep-notes")
    canvas.wait("() => document.querySelectorAll('[data-test-panel] .acestep-notes li').length === 2")
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


# The text fields that a node shows, as its user sees them in either renderer.
_FIELDS = """() => {
  const groups = ["genre", "mood", "instruments", "vocals", "extra"];
  const shown = [...document.querySelectorAll("[data-node-id] input, [data-node-id] textarea")].map((e) => e.value);
  const node = app.graph.nodes.find((n) => n.comfyClass === "TagBuilder");
  return node.widgets.filter((w) => groups.includes(w.name))
    .filter((w) => (LiteGraph.vueNodesMode ? shown.includes(w.value) : node.isWidgetVisible(w))).map((w) => w.name);
}"""
_TAG_BUILDER_SIZE = "[...app.graph.nodes.find((n) => n.comfyClass === 'TagBuilder').size]"


def test_each_tag_stands_once_on_the_node_until_its_text_is_asked_for(canvas, stage):
    canvas.place("TagBuilder", "StringConcatenate")
    canvas.show("TagBuilder", 0.8)
    canvas.set("TagBuilder", genre="jazz", mood="warm", instruments="piano", vocals="choir", extra="vinyl", bpm=90)
    panel = canvas.panel("TagBuilder")
    assert panel.locator(".acestep-also").inner_text() == "Also: 90 BPM"
    canvas.settle()
    assert canvas.page.evaluate(_FIELDS) == []
    canvas.picture(stage, "tags-once")
    low = canvas.page.evaluate(_TAG_BUILDER_SIZE)
    panel.get_by_role("button", name="Show the text fields").click()
    canvas.settle()
    assert canvas.page.evaluate(_FIELDS) == ["genre", "mood", "instruments", "vocals", "extra"]
    canvas.picture(stage, "tags-text")
    high = canvas.page.evaluate(_TAG_BUILDER_SIZE)
    assert high[1] > low[1] + 90
    canvas.open(canvas.page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))"))
    canvas.settle()
    assert canvas.page.evaluate(_TAG_BUILDER_SIZE) == pytest.approx(high, abs=2)
    panel = canvas.panel("TagBuilder")
    panel.get_by_role("button", name="Show the text fields").click()
    canvas.connect([["StringConcatenate", 0, "TagBuilder", "mood"]])
    canvas.wait("() => document.querySelector('[data-test-panel]').innerText.includes('from a connected node')")
    hidden = """() => app.graph.nodes.find((n) => n.comfyClass === "TagBuilder").widgets
      .filter((w) => w.options.hidden).map((w) => w.name)"""
    assert canvas.page.evaluate(hidden) == ["genre", "instruments", "vocals", "extra"]


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


def test_a_sketch_run_shows_how_it_went(canvas, stage):
    canvas.open(workflow("section_repair"))
    canvas.set("ACEStepInpaint", backend="sketch", steps=12, seed=STAGES.index(stage))
    canvas.show("ACEStepInpaint", 0.75)
    panel = canvas.panel("ACEStepInpaint")
    canvas.wait("() => document.querySelector('[data-test-panel] .acestep-notes')?.innerText.includes('not ACE-Step')")
    assert "steps has no effect" in panel.locator(".acestep-notes").inner_text()
    canvas.page.evaluate("app.queuePrompt(0, 1)")
    canvas.wait("() => document.querySelector('[data-test-panel] .acestep-state').textContent.startsWith('Done in')")
    assert panel.locator(".acestep-seam").count() == 2
    assert "SAVED" not in panel.inner_text()
    # The result was saved, so before and after can be heard at the same place.
    canvas.wait("() => !document.querySelector('[data-test-panel] .acestep-compare').hidden")
    panel.get_by_role("button", name="Play", exact=True).click()
    # From a little before the edit.
    canvas.wait("() => parseFloat(document.querySelector('[data-test-panel] .acestep-seek').value) > 10.6")
    position = float(panel.locator(".acestep-seek").input_value())
    panel.get_by_role("button", name="Before").click()
    canvas.wait("at => parseFloat(document.querySelector('[data-test-panel] .acestep-seek').value) > at", position)
    assert float(panel.locator(".acestep-seek").input_value()) < position + 5
    panel.get_by_role("button", name="Stop").click()
    for palette in ("light", "dark"):
        canvas.theme(palette)
        canvas.page.wait_for_timeout(300)
        canvas.picture(stage, f"inpaint-{palette}")


def test_a_status_row_takes_no_room_from_the_fields_and_leaves_none_in_the_file(canvas):
    canvas.open(workflow("section_repair"))
    canvas.show("ACEStepInpaint", 0.75)
    sizes = """() => {
      const node = app.graph.nodes.find((n) => n.comfyClass === "ACEStepInpaint");
      return { shown: node.size[1], saved: node.serialize().size[1] };
    }"""
    canvas.set("ACEStepInpaint", backend="sketch")
    canvas.panel("ACEStepInpaint").get_by_text("not ACE-Step").wait_for()
    canvas.settle()
    plain = canvas.page.evaluate(sizes)
    canvas.set("ACEStepInpaint", steps=12, guidance=3)
    canvas.wait(f"plain => ({sizes})().shown >= plain + 20", plain["shown"])
    assert canvas.page.evaluate(sizes)["saved"] == plain["saved"]
    canvas.set("ACEStepInpaint", steps=0, guidance=0)
    canvas.wait(f"plain => ({sizes})().shown === plain", plain["shown"])


def test_a_run_that_goes_on_is_shown_after_a_reload(canvas):
    graph = workflow("text_to_music")
    running = next(node["id"] for node in graph["nodes"] if node["type"] == "ACEStepGenerate")
    # The server tells a new page at once what runs, before the workflow is open again.
    canvas.place("TagBuilder")
    tell = "id => app.api.dispatchEvent(new CustomEvent('executing', { detail: id }))"
    canvas.page.evaluate(tell, str(running))
    canvas.open(graph)
    canvas.show("ACEStepGenerate", 0.75)
    canvas.panel("ACEStepGenerate")
    canvas.wait("() => document.querySelector('[data-test-panel] .acestep-state').textContent === 'Running'")
    canvas.page.evaluate(tell, None)


def ledger(simulator):
    with urllib.request.urlopen(f"{simulator.url}/control/ledger") as answer:
        return json.load(answer)


def test_a_paid_run_from_its_price_to_its_resumption(canvas, stage, simulator):
    canvas.open(workflow("text_to_music"))
    seed = 1000 + 10 * STAGES.index(stage)  # other takes on each stage: the same request is never bought twice
    canvas.set("ACEStepGenerate", backend="runcomfy", duration=20, seed=seed, version="ace-step-1.5", batch_size=2)
    canvas.show("ACEStepGenerate", 0.75)
    panel = canvas.panel("ACEStepGenerate")

    def text(part):
        return panel.locator(f".acestep-{part}").inner_text()

    def wait_for_text(part, pattern):
        canvas.wait(
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
    wait_for_text("notes", "nothing is bought")
    canvas.page.evaluate("app.queuePrompt(0, 1)")
    wait_for_text("state", "^Done in")
    assert len(ledger(simulator)["submissions"]) == bought + 2
    panel.get_by_role("button", name="Clear resume").click()
    assert canvas.values("ACEStepGenerate")["resume_request_id"] == ""
    assert simulator.token not in json.dumps(canvas.page.evaluate("app.graph.serialize()"))


def test_a_token_that_is_refused_is_not_shown_as_set(canvas):
    canvas.page.evaluate("app.extensionManager.command.execute('acestep.account')")
    dialog = canvas.page.get_by_role("dialog", name="RunComfy account")
    dialog.get_by_label("API token").fill("rc-nobody-has-this-token")
    dialog.get_by_role("button", name="Save", exact=True).click()
    dialog.locator(".acestep-account-state[data-kind=bad]", has_text="cannot be used").wait_for()
    dialog.get_by_role("button", name="Forget the saved token").click()
    dialog.get_by_text("No token is set.").wait_for()
    canvas.page.keyboard.press("Escape")
    dialog.wait_for(state="detached")


def test_settings_a_backend_ignores_are_dimmed(canvas):
    canvas.place("ACEStepGenerate")
    disabled = """() => app.graph.nodes[0].widgets.filter((w) => w.disabled).map((w) => w.name).sort()"""
    local_only = ["guidance", "planning", "recipe", "reference_strength", "reference_use", "steps", "variant"]
    local_only += ["variation", "variation_seed"]
    for backend, names in (
        ("runcomfy", local_only),
        ("local", ["max_cost_usd", "reference_strength", "resume_request_id"]),
        ("sketch", sorted([*local_only, "language", "max_cost_usd", "version"])),
    ):
        canvas.set("ACEStepGenerate", backend=backend)
        canvas.wait(f"names => JSON.stringify(({disabled})()) === JSON.stringify(names)", names)
    assert canvas.page.evaluate("app.graph.nodes[0].widgets.find((w) => w.name === 'steps').tooltip")


def test_panels_can_be_read_by_a_screen_reader(canvas):
    canvas.open(workflow("section_repair"))
    canvas.waveform_is_drawn()
    canvas.show("TimeRange")
    tree = canvas.panel("TimeRange").aria_snapshot()
    for part in (
        'toolbar "Listen, snap and zoom"', 'button "Play the range"', 'group "Time range on the waveform"',
        'slider "Whole range"', 'slider "Start of the range"', 'slider "End of the range"',
    ):  # fmt: skip
        assert part in tree, f"{part} is not in\n{tree}"
    spoken = canvas.panel("TimeRange").get_by_role("slider", name="Start of the range").get_attribute("aria-valuetext")
    assert re.fullmatch(r"[\d.]+ seconds from the start", spoken)
    canvas.show("ACEStepInpaint")
    assert 'group "Status"' in canvas.panel("ACEStepInpaint").aria_snapshot()
    unnamed = canvas.page.evaluate(
        """() => ["button", "input", "select", "[role=slider]"]
          .flatMap((what) => [...document.querySelectorAll(`.acestep ${what}`)])
          .filter((e) => !(e.getAttribute("aria-label") || e.textContent.trim() || e.labels?.length))
          .map((e) => e.outerHTML)"""
    )
    assert unnamed == []


def test_translations_are_served(server):
    with urllib.request.urlopen(server.url + "/i18n") as answer:
        assert json.load(answer)["zh"]["nodeDefs"]["TimeRange"]["display_name"] == "时间范围"


@pytest.mark.renderer("litegraph")
def test_after_a_reload_runs_are_there_again_whose_seeds_go_on_by_themselves(stage, server, browser):
    classes = ("ACEStepGenerate", "ACEStepInpaint")
    with editing(server, browser, stage) as editor:
        canvas = Canvas(editor)
        canvas.open(workflow("game_loop_bed"))
        for number, name in enumerate(classes):
            seed = 9100 + 10 * STAGES.index(stage) + number
            canvas.set(name, backend="sketch", seed=seed)
            canvas.move_seed(name, ("increment", "randomize")[number])
        canvas.page.evaluate("app.queuePrompt(0, 1)")
        canvas.show("ACEStepInpaint", 0.75)
        canvas.panel("ACEStepInpaint")
        canvas.page.wait_for_function(DONE, timeout=4 * WAIT_MS)
        assert canvas.values("ACEStepGenerate")["seed"] == 9101 + 10 * STAGES.index(stage)
        saved = canvas.page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))")
    with editing(server, browser, stage) as editor:
        canvas = Canvas(editor)
        canvas.open(saved)
        for name in classes:
            canvas.show(name, 0.75)
            canvas.panel(name)
            canvas.wait(DONE)


@pytest.mark.renderer("nodes2")
def test_after_a_reload_the_last_run_is_there_again(stage, server, browser):
    with editing(server, browser, stage) as editor:
        canvas = Canvas(editor)
        canvas.open(workflow("section_repair"))
        canvas.set("ACEStepInpaint", backend="sketch", seed=9000 + STAGES.index(stage), batch_size=2)
        canvas.page.evaluate("app.queuePrompt(0, 1)")
        canvas.show("ACEStepInpaint", 0.75)
        canvas.panel("ACEStepInpaint")
        canvas.page.wait_for_function(DONE, timeout=4 * WAIT_MS)
        saved = canvas.page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))")
    with editing(server, browser, stage) as editor:
        canvas = Canvas(editor)
        canvas.open(saved)
        canvas.show("ACEStepInpaint", 0.75)
        panel = canvas.panel("ACEStepInpaint")
        canvas.wait(DONE)
        # The edit is marked on the result, which is heard from a little before it.
        canvas.wait("() => document.querySelectorAll('[data-test-panel] .acestep-compare-mark').length === 1")
        assert panel.locator(".acestep-seek").input_value() == "10.5"
        panel.get_by_role("button", name=re.compile("^Take 2 · ")).first.click()
        canvas.wait("() => document.querySelector('[data-test-panel] .acestep-take').selectedIndex === 1")
        canvas.wait("() => parseFloat(document.querySelector('[data-test-panel] .acestep-seek').value) > 10.6")
        panel.get_by_role("button", name="Stop").press("a")
        assert panel.get_by_role("button", name="Before").get_attribute("aria-pressed") == "true"
        panel.get_by_role("button", name="Stop").press("Enter")
        canvas.picture(stage, "reloaded")
        canvas.theme("light")
        canvas.page.wait_for_timeout(300)
        canvas.picture(stage, "reloaded-light")
        canvas.theme("dark")
        # With other settings it would be another run.
        canvas.set("ACEStepInpaint", seed=1)
        canvas.open(canvas.page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))"))
        canvas.panel("ACEStepInpaint").get_by_text("not ACE-Step").wait_for()
        canvas.settle()
        assert canvas.panel("ACEStepInpaint").locator(".acestep-state").inner_text() == ""
