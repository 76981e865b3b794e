"""What the browser tests share: the front ends they run on, and the panels of this pack's nodes in an open editor."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

import pinned
from comfyui_server import PACK_FOLDER_NAME
from editor import Editor, opened
from runner.graph import editor_graphs

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / "workflows"
ARTEFACTS = ROOT / ".artefacts"
MUSIC = "song.mp3"
WAIT_MS = 20_000
# The newest front end on the package index when these tests were last looked through.
NEWEST_FRONTEND = "1.58.1"

# What would lie over the graph, or stay open from another page.
PLAIN = {
    "Comfy.Minimap.Visible": False,
    "Comfy.RightSidePanel.IsOpen": False,
    "Comfy.OnboardingCoachmarks.Seen": ["appMode"],
    "Comfy.Locale": "en",
}

# Done when no panel has moved for eight frames.
_SETTLED = """async () => {
  const frame = () => new Promise(requestAnimationFrame);
  const places = () => JSON.stringify(
    [...document.querySelectorAll(".acestep")].map((e) => Object.values(e.getBoundingClientRect().toJSON())));
  for (let still = 0, before = places(); still < 8; ) {
    await frame();
    const now = places();
    still = now === before ? still + 1 : 0;
    before = now;
  }
}"""


@dataclass(frozen=True)
class Stage:
    """One front end: the ComfyUI it runs on, and which one when it is not that ComfyUI's own; its renderer."""

    comfyui: str
    frontend: str | None
    nodes_2: bool

    def __str__(self) -> str:
        return f"{self.frontend or 'of-' + self.comfyui}-{self.renderer}"

    @property
    def renderer(self) -> str:
        return "nodes2" if self.nodes_2 else "litegraph"

    @property
    def flags(self) -> tuple[str, ...]:
        return ("--front-end-root", str(pinned.frontend(self.frontend))) if self.frontend else ()


STAGES = [
    Stage(comfyui, frontend, nodes_2)
    for comfyui, frontend in (("0.26.0", None), ("0.30.0", None), ("0.30.0", NEWEST_FRONTEND))
    for nodes_2 in (False, True)
]


@contextlib.contextmanager
def editing(comfyui, browser, stage: Stage, **settings):
    """An open editor with its first workflow loaded; ComfyUI loads that one on its own, some time after the rest."""
    settings = {**PLAIN, **settings}
    with opened(browser, comfyui.url, stage.nodes_2, (1500, 1000), **settings) as editor:
        editor.page.wait_for_function(
            "window.app.extensionManager?.workflow?.activeWorkflow && window.app.graph.nodes.length > 0"
        )
        yield editor


def workflow(name: str, music: str = MUSIC) -> dict:
    """An example graph that loads that file where it loads any."""
    graph = json.loads(editor_graphs()[name].read_text(encoding="utf-8"))
    for node in graph["nodes"]:
        if node["type"] == "LoadAudio":
            node["widgets_values"][0] = music
    return graph


class Canvas:
    """The graph in an editor, by the class of its nodes."""

    def __init__(self, editor: Editor):
        self.editor, self.page = editor, editor.page

    def open(self, graph: dict) -> None:
        self.editor.load(graph)

    def open_settled(self, graph: dict) -> None:
        """Open what the front end makes of a graph, so that opening it again, as undo does, changes nothing."""
        self.open(graph)
        self.open(self.page.evaluate("() => JSON.parse(JSON.stringify(app.graph.serialize()))"))

    def place(self, *classes: str) -> None:
        """An empty graph with one node of each class in a row."""
        self.open({"version": 0.4, "last_node_id": 0, "last_link_id": 0, "nodes": [], "links": []})
        self.page.evaluate(
            """(classes) => {
              let x = 100;
              for (const name of classes) {
                const node = LiteGraph.createNode(name);
                node.pos = [x, 120];
                app.graph.add(node);
                x += node.size[0] + 60;
              }
            }""",
            list(classes),
        )

    def show(self, node_class: str, scale: float = 1.0) -> None:
        """Bring a node fully onto the screen."""
        self.page.evaluate(
            """([name, scale]) => {
              const node = app.graph.nodes.find((item) => item.comfyClass === name);
              app.canvas.ds.scale = scale;
              app.canvas.ds.offset = [120 / scale - node.pos[0], 110 / scale - node.pos[1]];
              app.canvas.setDirty(true, true);
            }""",
            [node_class, scale],
        )
        self.settle()

    def settle(self) -> None:
        """Wait until the panels stay where they are: the DOM follows the canvas some frames later."""
        self.page.evaluate(_SETTLED)

    def wait(self, expression: str, arg=None) -> None:
        self.page.wait_for_function(expression, arg=arg, timeout=WAIT_MS)

    def waveform_is_drawn(self) -> None:
        """Wait until each TimeRange on the page shows its track."""
        self.wait("""() => {
          const panels = [...document.querySelectorAll(".acestep-time-range")];
          return panels.length > 0 && panels.every((panel) => {
            const wave = panel.querySelector("canvas.acestep-wave");
            return panel.querySelector(".acestep-message").hidden && wave.width > 100
              && wave.getContext("2d").getImageData(0, 0, wave.width, wave.height).data.some((value) => value > 0);
          });
        }""")

    def connect(self, links: list[list]) -> None:
        """Join nodes of the graph: [class, output's place, class, input's name] each."""
        self.page.evaluate(
            """links => {
              const node = (name) => app.graph.nodes.find((n) => n.comfyClass === name);
              for (const [from, slot, to, input] of links) {
                node(from).connect(slot, node(to), node(to).inputs.findIndex((i) => i.name === input));
              }
            }""",
            links,
        )

    def place_edit_of_a_made_track(self, tags: str, seconds: int) -> None:
        """A song by sketch, of which an edit makes the range from 1 to 3 s anew; no node saves it in between."""
        self.place("ACEStepGenerate", "TimeRange", "ACEStepInpaint", "PreviewAudio")
        for node in ("ACEStepGenerate", "ACEStepInpaint"):
            self.set(node, backend="sketch", tags=tags, lyrics="[inst]")
        self.set("ACEStepGenerate", duration=seconds)
        self.set("TimeRange", start_time=1.0, end_time=3.0)
        self.connect([
            ["ACEStepGenerate", 0, "TimeRange", "audio"], ["ACEStepGenerate", 0, "ACEStepInpaint", "audio"],
            ["TimeRange", 0, "ACEStepInpaint", "time_range"], ["ACEStepInpaint", 0, "PreviewAudio", "audio"],
        ])  # fmt: skip

    def id_of(self, node_class: str) -> str:
        return str(self.page.evaluate("name => app.graph.nodes.find((n) => n.comfyClass === name).id", node_class))

    def values(self, node_class: str) -> dict:
        """Widget values by name, DOM panels left out."""
        return self.page.evaluate(
            """name => Object.fromEntries(app.graph.nodes.find((n) => n.comfyClass === name).widgets
                 .filter((w) => w.options?.serialize !== false).map((w) => [w.name, w.value]))""",
            node_class,
        )

    def set(self, node_class: str, **values) -> None:
        self.page.evaluate(
            """([name, values]) => {
              const node = app.graph.nodes.find((n) => n.comfyClass === name);
              for (const [key, value] of Object.entries(values)) {
                const widget = node.widgets.find((w) => w.name === key);
                widget.value = value;
                widget.callback?.(value);
              }
            }""",
            [node_class, values],
        )

    def move_seed(self, node_class: str, how: str) -> None:
        """What becomes of the seed after each run: fixed, increment, decrement or randomize."""
        self.page.evaluate(
            """([name, how]) => {
              const node = app.graph.nodes.find((n) => n.comfyClass === name);
              node.widgets.find((w) => w.name === "seed").linkedWidgets[0].value = how;
            }""",
            [node_class, how],
        )

    def switch_app(self) -> None:
        """From the graph to its app, or back."""
        self.page.evaluate("app.extensionManager.command.execute('Comfy.ToggleLinear')")
        self.settle()

    def select(self, node_class: str) -> None:
        """Select the one node of a class, and nothing else."""
        self.page.evaluate(
            "name => app.canvas.selectItems([app.graph.nodes.find((n) => n.comfyClass === name)])", node_class
        )

    def position(self, node_class: str) -> list[float]:
        return self.page.evaluate("name => [...app.graph.nodes.find((n) => n.comfyClass === name).pos]", node_class)

    def boxes(self) -> dict[str, dict]:
        """Where each node is, on the screen and with its title, by title and id."""
        return self.page.evaluate(
            """() => Object.fromEntries(app.graph.nodes.map((node) => {
              const name = `${node.title} ${node.id}`;
              const drawn = document.querySelector(`[data-node-id="${node.id}"]`);
              if (drawn) return [name, drawn.getBoundingClientRect().toJSON()];
              const { scale, offset } = app.canvas.ds;
              const [x, y, width, height] = [...node.getBounding()].map((length) => length * scale);
              return [name, { x: x + offset[0] * scale, y: y + offset[1] * scale, width, height }];
            }))"""
        )

    def inputs(self, node_class: str) -> dict:
        """What the prompt gives a node."""
        return next(node["inputs"] for node in self.editor.prompt().values() if node["class_type"] == node_class)

    def panel(self, node_class: str):
        """Locator of the panel of this pack on the one node of a class, or on the first of several."""
        self.page.evaluate(
            """name => {
              for (const old of document.querySelectorAll("[data-test-panel]")) old.removeAttribute("data-test-panel");
              const node = app.graph.nodes.find((n) => n.comfyClass === name);
              node.widgets.find((w) => w.element?.classList.contains("acestep")).element.dataset.testPanel = "";
            }""",
            node_class,
        )
        return self.page.locator("[data-test-panel]")

    def drag(self, locator, by_x: float, at: tuple[float, float] = (0.5, 0.5)) -> None:
        self.settle()
        box = locator.bounding_box()
        x, y = box["x"] + box["width"] * at[0], box["y"] + box["height"] * at[1]
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + by_x / 2, y, steps=4)
        self.page.mouse.move(x + by_x, y, steps=4)
        self.page.mouse.up()
        self.settle()

    def picture(self, stage: Stage, name: str) -> None:
        """A screenshot among the artefacts of this run, which git ignores."""
        ARTEFACTS.mkdir(exist_ok=True)
        (ARTEFACTS / ".gitignore").write_text("*\n")
        self.page.screenshot(path=str(ARTEFACTS / f"{stage}-{name}.png"))

    def theme(self, palette: str) -> None:
        self.page.evaluate("palette => app.extensionManager.setting.set('Comfy.ColorPalette', palette)", palette)
        self.page.wait_for_function("palette => document.documentElement.dataset.acestepTheme === palette", arg=palette)

    def take_errors(self) -> list[str]:
        """Console errors and warnings since the last call that are this pack's doing."""
        errors = self.editor.errors(PACK_FOLDER_NAME)
        self.editor.console.clear()
        self.editor.warnings.clear()
        return errors
