"""What a node shows is what the prompt will say: values from the outside of a subgraph, from other nodes and from nodes
that a run leaves out, and the limits that would stop a paid run, in each front end and renderer."""

import re

import pytest

from browser.canvas import workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

# Puts the first node of a class into a subgraph of its own, with fields on the outside for some of its inputs and
# with these values in them.
_ENCLOSE = """([name, values]) => {
  const inner = app.graph.nodes.find((n) => n.comfyClass === name);
  const { subgraph, node } = app.graph.convertToSubgraph(new Set([inner]));
  const enclosed = subgraph.nodes.find((n) => n.comfyClass === name);
  for (const [field, value] of Object.entries(values)) {
    const input = enclosed.inputs.find((each) => each.name === field);
    subgraph.addInput(field, String(input.type)).connect(input, enclosed);
    const widget = node.widgets.find((each) => each.name === field);
    widget.value = value;
    widget.callback?.(value);
  }
  Object.assign(window, { holder: node, enclosed });
}"""
_OPEN = """() => {
  app.canvas.openSubgraph(holder.subgraph, holder);
  app.canvas.ds.scale = 0.8;
  app.canvas.ds.offset = [60 - enclosed.pos[0], 90 - enclosed.pos[1]];
  enclosed.widgets.find((w) => w.element?.classList.contains("acestep")).element.dataset.testPanel = "";
  app.canvas.setDirty(true, true);
}"""
_TEXT = """([part, pattern]) =>
  new RegExp(pattern).test(document.querySelector(`[data-test-panel] ${part}`)?.innerText)"""


def says(canvas, part, pattern):
    canvas.wait(_TEXT, [f".acestep-{part}", pattern])


def enclosed(canvas, node_class, **values):
    """The panel of a node inside a subgraph that was opened, with these values in the fields of its outside."""
    canvas.page.evaluate(_ENCLOSE, [node_class, values])
    canvas.page.evaluate(_OPEN)
    canvas.settle()
    return canvas.page.locator("[data-test-panel]")


def leave(canvas):
    canvas.page.evaluate("app.canvas.setGraph(app.rootGraph)")


def test_fields_on_the_outside_of_a_subgraph_decide_what_a_node_shows(canvas, stage):
    canvas.place("ACEStepGenerate", "PrimitiveInt", "StringLength")
    panel = enclosed(canvas, "ACEStepGenerate", backend="runcomfy", duration=200, batch_size=3, version="ace-step")
    try:
        says(canvas, "badge", "RunComfy")
        says(canvas, "money", "^≈ \\$0\\.12$")
        says(canvas, "reckoning", "3 × 200 s")
        canvas.picture(stage, "enclosed")
        sent = canvas.inputs("ACEStepGenerate")
        assert (sent["backend"], sent["duration"], sent["batch_size"]) == ("runcomfy", 200, 3)
        canvas.page.evaluate(
            """() => {
              const duration = holder.inputs.findIndex((input) => input.name === "duration");
              const primitive = app.rootGraph.nodes.find((n) => n.comfyClass === "PrimitiveInt");
              primitive.widgets[0].value = 100;
              primitive.connect(0, holder, duration);
            }"""
        )
        says(canvas, "reckoning", "3 × 100 s")
        canvas.page.evaluate("() => { app.rootGraph.nodes.find((n) => n.comfyClass === 'PrimitiveInt').mode = 2; }")
        canvas.wait(
            "async () => (await app.graphToPrompt()).output && document.querySelector("
            "'[data-test-panel] .acestep-reckoning').textContent.includes("
            "`${Object.values((await app.graphToPrompt()).output)[0].inputs.duration} s`)"
        )
        canvas.page.evaluate(
            """() => {
              const duration = holder.inputs.findIndex((input) => input.name === "duration");
              app.rootGraph.nodes.find((n) => n.comfyClass === "StringLength").connect(0, holder, duration);
            }"""
        )
        says(canvas, "money", "^up to \\$0\\.14$")
        assert "Known only in the run: duration" in panel.locator(".acestep-notes").inner_text()
        canvas.page.evaluate("() => { holder.mode = 4; }")
        says(canvas, "notes", "Bypassed: this node does not run")
        assert panel.locator(".acestep-money").inner_text() == ""
    finally:
        leave(canvas)


# The graph with a second node of the subgraph beside the first, as a workflow holds them.
_WITH_A_COPY = """() => {
  const graph = JSON.parse(JSON.stringify(app.rootGraph.serialize()));
  const copied = graph.nodes.find((n) => n.id == holder.id);
  const copy = JSON.parse(JSON.stringify(copied));
  copy.id = ++graph.last_node_id;
  copy.pos = [copied.pos[0], copied.pos[1] + copied.size[1] + 120];
  return { ...graph, nodes: [...graph.nodes, copy] };
}"""
# Front ends before 1.47 keep one value for the fields of both, so that only a link tells them apart.
_TELL_APART = """() => {
  const copies = app.rootGraph.nodes.filter((n) => n.subgraph);
  const primitives = app.rootGraph.nodes.filter((n) => n.comfyClass === "PrimitiveInt");
  const [enclosed] = copies[0].subgraph.nodes;
  copies.forEach((node, at) => {
    const takes = node.widgets.find((each) => each.name === "batch_size");
    takes.value = 3 - at;
    takes.callback?.(takes.value);
    primitives[at].widgets[0].value = 200 - 150 * at;
    primitives[at].connect(0, node, node.inputs.findIndex((input) => input.name === "duration"));
  });
  Object.assign(window, { copies, enclosed });
}"""


def test_of_two_copies_of_a_subgraph_the_opened_ones_values_are_shown(canvas, stage):
    canvas.place("ACEStepGenerate", "PrimitiveInt", "PrimitiveInt")
    enclosed(canvas, "ACEStepGenerate", backend="runcomfy", duration=200, batch_size=3, version="ace-step")
    try:
        leave(canvas)
        canvas.open(canvas.page.evaluate(_WITH_A_COPY))
        canvas.page.evaluate(_TELL_APART)
        sent = canvas.editor.prompt()
        for at in (1, 0, 1):
            canvas.page.evaluate("at => { window.holder = copies[at]; }", at)
            canvas.page.evaluate(_OPEN)
            canvas.settle()
            inner = canvas.page.evaluate("`${holder.id}:${enclosed.id}`")
            takes = sent[inner]["inputs"]["batch_size"]
            says(canvas, "reckoning", f"^{takes} × {(200, 50)[at]} s")
            if stage.frontend:
                assert takes == 3 - at
            canvas.picture(stage, f"copy-{at + 1}")
            leave(canvas)
    finally:
        leave(canvas)


def test_a_range_in_a_subgraph_is_drawn_and_dragged_where_the_prompt_has_it(canvas, stage):
    canvas.open(workflow("section_repair"))
    panel = enclosed(canvas, "TimeRange", start_time=12.0, end_time=20.0)
    try:
        canvas.wait("() => document.querySelector('[data-test-panel] .acestep-message').hidden")
        says(canvas, "readout", "0:12.00 – 0:20.00")
        canvas.settle()
        canvas.drag(panel.locator(".acestep-handle-start"), -25)
        sent = canvas.inputs("TimeRange")
        assert 8 < sent["start_time"] < 12 and sent["end_time"] == 20
        shown = panel.get_by_role("slider", name="Start of the range").get_attribute("aria-valuenow")
        assert float(shown) == pytest.approx(sent["start_time"], abs=0.006)
        canvas.picture(stage, "enclosed-range")
    finally:
        leave(canvas)


def test_the_track_is_the_one_that_a_subgraph_is_told_to_load(canvas, server):
    other = server.input / "other.mp3"
    other.write_bytes((server.input / "song.mp3").read_bytes())
    canvas.open(workflow("section_repair"))

    def asks(kind: str):
        return canvas.page.expect_request(
            lambda request: (
                "filename=other.mp3" in request.url and (request.method, request.resource_type) == ("GET", kind)
            )
        )

    with asks("fetch"):  # until the panel has seen it, what it plays is the track before
        canvas.page.evaluate(_ENCLOSE, ["LoadAudio", {"audio": "other.mp3"}])
    canvas.show("TimeRange")
    canvas.waveform_is_drawn()
    assert canvas.inputs("LoadAudio")["audio"] == "other.mp3"
    with asks("media"):
        canvas.panel("TimeRange").get_by_role("button", name="Play the range").click()
    canvas.panel("TimeRange").get_by_role("button", name="Stop").click()


def test_ranges_that_a_run_leaves_out_are_not_drawn(canvas):
    canvas.open(workflow("multi_repair"))
    canvas.waveform_is_drawn()
    drawn = """() => Math.max(...app.graph.nodes.filter((n) => n.comfyClass === "TimeRange")
      .map((n) => n.widgets.find((w) => w.element).element.querySelectorAll(".acestep-previous").length))"""
    before = canvas.page.evaluate(drawn)
    first = """mode => {
      const isRange = (id) => app.graph.getNodeById(id)?.comfyClass === "TimeRange";
      const chain = [...app.graph.links.values()].filter((link) => isRange(link.origin_id) && isRange(link.target_id));
      const last = new Set(chain.map((link) => link.target_id));
      app.graph.getNodeById(chain.find((link) => !last.has(link.origin_id)).origin_id).mode = mode;
    }"""
    assert before >= 1
    for mode in (4, 2):
        canvas.page.evaluate(first, mode)
        canvas.wait(f"before => ({drawn})() === before - 1", before)
        canvas.page.evaluate(first, 0)
        canvas.wait(f"before => ({drawn})() === before", before)


def test_what_another_workflow_would_cost_is_not_added_to_this_ones(canvas):
    dear = {"backend": "runcomfy", "duration": 240, "batch_size": 16}
    canvas.place("ACEStepGenerate", "ACEStepGenerate")
    for _ in range(2):
        enclosed(canvas, "ACEStepGenerate", **dear)
        try:
            says(canvas, "money", "^≈ \\$0\\.77$")
        finally:
            leave(canvas)
    canvas.place("ACEStepGenerate")
    canvas.set("ACEStepGenerate", **dear)
    panel = canvas.panel("ACEStepGenerate")
    says(canvas, "money", "^≈ \\$0\\.77$")
    assert "ceiling" not in panel.locator(".acestep-notes").inner_text()  # $2.00 for a prompt


def test_a_limit_that_would_stop_the_run_is_said_and_led_to(canvas, stage):
    canvas.place("ACEStepGenerate")
    canvas.set("ACEStepGenerate", backend="runcomfy", duration=200, batch_size=16, max_cost_usd=0.25)
    canvas.show("ACEStepGenerate", 0.8)
    panel = canvas.panel("ACEStepGenerate")
    says(canvas, "notes", "stops before anything is sent: \\$0\\.64 is above max_cost_usd, \\$0\\.25")
    canvas.picture(stage, "limit")
    panel.get_by_role("button", name="Change max_cost_usd").press("Enter")
    box = canvas.page.locator(".graphdialog input")
    box.fill("0.75")
    canvas.picture(stage, "limit-typed")
    box.press("Enter")
    assert canvas.values("ACEStepGenerate")["max_cost_usd"] == 0.75
    canvas.wait("() => !document.querySelector('[data-test-panel] .acestep-notes').innerText.includes('max_cost_usd')")

    panel.get_by_role("button", name="Account").click()
    dialog = canvas.page.get_by_role("dialog", name="RunComfy account")
    ceiling = dialog.get_by_label(re.compile("Most one prompt may cost"))
    ceiling.fill("0.33")
    assert ceiling.evaluate("box => box.checkValidity()")
    dialog.get_by_role("button", name="Set", exact=True).click()
    dialog.get_by_text("Ceiling set.").wait_for()
    canvas.page.keyboard.press("Escape")
    says(canvas, "notes", "\\$0\\.64 is above the account's ceiling of \\$0\\.33")
    panel.get_by_role("button", name="Change the ceiling").click()
    canvas.wait("() => document.activeElement?.id === 'acestep-ceiling'")
    ceiling.fill("2")
    ceiling.press("Enter")
    dialog.get_by_text("Ceiling set.").wait_for()
    canvas.page.keyboard.press("Escape")
    canvas.wait("() => !document.querySelector('[data-test-panel] .acestep-notes').innerText.includes('ceiling')")
