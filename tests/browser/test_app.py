"""The examples as apps, and an app built from one, in each front end and renderer. Screenshots are left in
.artefacts/ to be looked at."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from acestep_nodes.nodes.audio import codec
from runner.graph import editor_graphs

from browser.canvas import STAGES, Canvas, editing, workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

# The rows of an app: which widget of which node, and whether it is there to be used.
ROWS = """() => [...document.querySelectorAll("[data-testid=app-mode-widget-item]")].map((row) => {
  const [node, name] = row.dataset.widgetKey.split(":").slice(-2);
  const widget = row.querySelector("[data-testid=node-widgets]");
  const filled = [...widget.querySelectorAll("input, textarea, button, canvas, [role=combobox], .acestep")]
    .some((e) => e.checkVisibility() && e.getBoundingClientRect().height > 10);
  return [node, name, filled];
})"""
# Whether each of these widgets' panels lies in the row of its own.
IN_THE_APP = """names => names.every((name) => document.querySelector(
  `[data-testid=app-mode-widget-item][data-widget-key$=":${name}"] .acestep`)?.checkVisibility())"""


@pytest.fixture
def app(canvas):
    """Opens a graph as an app; ends it, as another test wants the graph."""
    opened = []

    def open_app(graph):
        canvas.open_settled(graph)
        canvas.switch_app()
        opened.append(graph)

    yield open_app
    if opened:
        canvas.switch_app()


@pytest.mark.renderer("litegraph")
def test_every_example_is_an_app_without_a_blank_row(canvas):
    for name in editor_graphs():
        graph = workflow(name)
        canvas.open(graph)
        assert canvas.page.get_by_test_id("app-mode-widget-item").count() == 0, f"{name} opens as an app"
        canvas.switch_app()
        rows = [[node, widget, True] for node, widget in graph["extra"]["linearData"]["inputs"]]
        canvas.wait(f"rows => JSON.stringify(({ROWS})()) === JSON.stringify(rows)", rows)
        canvas.switch_app()
        nodes = {str(node["id"]): node["type"] for node in graph["nodes"]}
        outputs = {nodes[output] for output in graph["extra"]["linearData"]["outputs"]}
        assert outputs and outputs <= {"SaveAudioAdvanced", "PreviewAudio"}, name


def test_a_repair_in_the_app_is_heard(canvas, app, server, stage):
    app(workflow("section_repair"))
    canvas.waveform_is_drawn()
    canvas.set("ACEStepInpaint", backend="sketch", seed=20 + STAGES.index(stage))
    before = canvas.values("TimeRange")
    canvas.drag(canvas.panel("TimeRange").locator(".acestep-handle-start"), -40)
    asked = canvas.inputs("TimeRange")
    assert 0 <= asked["start_time"] < before["start_time"] and asked["end_time"] == before["end_time"]
    canvas.page.get_by_test_id("linear-run-button").get_by_role("button", name="Run", exact=True).click()
    state = canvas.panel("ACEStepInpaint").locator(".acestep-state")
    state.filter(has_text=re.compile("^Done in")).wait_for(timeout=60_000)
    player = canvas.page.locator("audio[src*='type=output']").locator("visible=true")
    player.evaluate("audio => { audio.currentTime = 10; return audio.play(); }")
    canvas.page.wait_for_function("audio => audio.currentTime > 10.3", arg=player.element_handle())
    player.evaluate("audio => audio.pause()")
    file = {key: value[0] for key, value in parse_qs(urlsplit(player.get_attribute("src")).query).items()}
    sound = codec.decode((server.output / file["subfolder"] / file["filename"]).read_bytes())
    assert sound.waveform[..., 12 * 44100 : 20 * 44100].abs().max() > 0.05
    for palette in ("light", "dark"):
        canvas.theme(palette)
        canvas.picture(stage, f"app-{palette}")


def test_undo_in_an_app_leaves_its_panels_alive(canvas, app):
    app(workflow("section_repair"))
    canvas.waveform_is_drawn()
    started = canvas.values("TimeRange")["start_time"]
    for _ in range(2):
        canvas.drag(canvas.panel("TimeRange").locator(".acestep-handle-start"), -30)
        assert canvas.values("TimeRange")["start_time"] < started
        canvas.page.keyboard.press("Control+z")
        canvas.wait(
            "at => app.graph.nodes.find((n) => n.comfyClass === 'TimeRange')"
            ".widgets.find((w) => w.name === 'start_time').value === at",
            started,
        )
        canvas.wait(IN_THE_APP, ["waveform", "status"])
        canvas.waveform_is_drawn()


def test_an_app_that_is_built_of_panels_shows_them(server, browser, stage):
    graph = workflow("section_repair")
    del graph["extra"]["linearData"]
    # In a page of its own, as the builder changes over to Nodes 2.0.
    with editing(server, browser, stage) as editor:
        canvas, page = Canvas(editor), editor.page
        canvas.take_errors()
        canvas.open_settled(graph)
        canvas.switch_app()

        def step(name):
            page.get_by_role("button", name=re.compile(name)).locator("visible=true").first.click()
            canvas.settle()

        page.get_by_test_id("linear-welcome-build-app").click()
        canvas.settle()
        for node_class in ("TimeRange", "ACEStepInpaint"):
            canvas.panel(node_class).dispatch_event("pointerdown")
        step("Outputs")
        output = page.locator(f"[data-node-id='{canvas.id_of('SaveAudioAdvanced')}'] [class*=ring-5]")
        output.dispatch_event("pointerdown")
        # Straight from the inputs into the app: the nodes fetch their panels back at the same time.
        for name in ("Preview", "Inputs", "^View app$"):
            step(name)
        canvas.wait(IN_THE_APP, ["waveform", "status"])
        assert canvas.take_errors() == []
