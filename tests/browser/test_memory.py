"""What a page still holds of nodes that are gone."""

import pytest

from browser.canvas import WAIT_MS, workflow

pytestmark = [pytest.mark.browser, pytest.mark.server, pytest.mark.slow, pytest.mark.renderer("litegraph")]
TIMES = 6
# Fewer than a panel consists of.
SPARE = 30


class Held:
    """The DOM nodes of a page, on it and off it, after all garbage is collected."""

    def __init__(self, page):
        self._page, self._protocol = page, page.context.new_cdp_session(page)
        self._protocol.send("Performance.enable")

    def nodes(self) -> int:
        for _ in range(3):
            self._protocol.send("HeapProfiler.collectGarbage")
        metrics = self._protocol.send("Performance.getMetrics")["metrics"]
        return next(int(each["value"]) for each in metrics if each["name"] == "Nodes")

    def falls_to(self, most: int) -> bool:
        """Whether it comes to that within a while; a panel is kept for some seconds, for the node that follows."""
        for _ in range(WAIT_MS // 250):
            if self.nodes() <= most:
                return True
            self._page.wait_for_timeout(250)
        return False


def test_a_graph_that_is_opened_again_and_again_leaves_nothing(canvas):
    held, graph = Held(canvas.page), workflow("section_repair")

    def open_it() -> None:
        canvas.open(graph)
        canvas.show("TimeRange")
        canvas.panel("TimeRange").hover()  # a panel may be removed under the pointer
        canvas.waveform_is_drawn()

    for _ in range(3):
        open_it()
    before = held.nodes()
    for _ in range(TIMES):
        open_it()
    assert held.falls_to(before + SPARE)


@pytest.mark.renderer("litegraph", newest=True)  # the older ones keep the panels of removed nodes, of any pack
@pytest.mark.parametrize("name", ["TimeRange", "ACEStepInpaint", "TagBuilder"])
def test_a_node_that_is_removed_leaves_nothing(canvas, name):
    held = Held(canvas.page)
    canvas.place(name)
    canvas.place()
    before = held.nodes()
    canvas.page.evaluate(
        """async ([name, times]) => {
          const frame = () => new Promise(requestAnimationFrame);
          for (let time = 0; time < times; time += 1) {
            const node = LiteGraph.createNode(name);
            app.graph.add(node);
            await frame().then(frame);
            app.graph.remove(node);
            await frame().then(frame);
          }
        }""",
        [name, TIMES],
    )
    assert held.falls_to(before + SPARE)
