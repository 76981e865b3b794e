"""The panel beside the graph, with a node's properties and its help page, in each front end and renderer."""

from pathlib import Path

import pytest

from browser.canvas import Canvas, editing
from browser.test_nodes import PANELS

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow]

DOCS = Path(__file__).resolve().parents[2] / "js" / "docs"

# The rows on screen: what each is called, and whether there is something to set a value with.
ROWS = """() => [...document.querySelectorAll(".widget-item")].filter((row) => row.checkVisibility()).map((row) => ({
  name: row.querySelector("span").textContent.trim(),
  filled: [...row.lastElementChild.previousElementSibling.querySelectorAll("*")].some(
    (e) => e.matches("input, textarea, button, [role=combobox], [role=switch]") && e.checkVisibility()),
}))"""


@pytest.fixture
def properties(canvas):
    """The panel beside the graph, open."""
    toggle = canvas.page.get_by_role("button", name="Toggle properties panel").locator("visible=true").first
    toggle.click()
    yield
    toggle.click()


def test_no_property_of_a_node_is_a_blank_row_and_its_own_panel_stays(canvas, properties):
    canvas.place(*PANELS)
    for node_class in PANELS:
        canvas.show(node_class, 0.7)
        panel = canvas.panel(node_class)
        before = panel.bounding_box()
        canvas.select(node_class)
        shown = [name for name in canvas.values(node_class) if name in ("tags", "start_time", "key")]
        canvas.wait(f"name => ({ROWS})().some((row) => row.name === name)", shown[0])
        rows = canvas.page.evaluate(ROWS)
        assert len(rows) > 3 and [row["name"] for row in rows if not row["filled"]] == []
        assert {row["name"] for row in rows} <= canvas.values(node_class).keys()
        canvas.settle()
        assert panel.bounding_box()["width"] == before["width"]


@pytest.mark.renderer("litegraph")
def test_a_help_page_is_found_at_the_first_try(canvas, server, browser, stage):
    read_help(canvas, "en")
    with editing(server, browser, stage, **{"Comfy.Locale": "zh"}) as editor:
        chinese = Canvas(editor)
        chinese.take_errors()
        read_help(chinese, "zh")
        assert chinese.take_errors() == []


def read_help(canvas, language):
    canvas.place(*PANELS)
    for node_class in PANELS:
        canvas.show(node_class, 0.7)
        canvas.select(node_class)
        canvas.page.get_by_test_id("info-button").dispatch_event("click")
        page = (DOCS / node_class / f"{language}.md").read_text(encoding="utf-8")
        canvas.page.get_by_role("heading", level=1, name=page.splitlines()[0][2:]).wait_for()
