"""Makes the examples' pictures, for the tiles of ComfyUI's template browser.

    python3 tests/run.py tests/workflow_pictures.py                  all of them
    python3 tests/run.py tests/workflow_pictures.py text_to_music    this one

Each example is run in the newest front end, with the simulator in RunComfy's place. Its own panels are photographed,
and the sound that the run made is drawn: orange is new, blue is the track as it was. Look at the pictures afterwards,
at the size of a tile.
"""

import contextlib
import io
import math
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import conftest  # noqa: F401  (makes the pack and the runner importable)
import numpy
from PIL import Image, ImageDraw, ImageFont

# isort: split
import chromium
from acestep_nodes.nodes.routes import example_track
from browser.canvas import NEWEST_FRONTEND, Canvas, Stage, editing, workflow
from comfyui_server import ComfyUI, Servers
from editor import browsing
from runcomfy_simulator import Simulator
from runner import sound
from runner.delivery import marks_of
from runner.graph import EXAMPLE_TRACK, RENDERING_NODES, editor_graphs

STAGE = Stage("0.30.0", NEWEST_FRONTEND, nodes_2=False)
SHARPNESS = 2  # pixels of a picture for each of the page
SIDE = 270  # a tile is about 250 wide
PADDING, GAP = 7, 7
PANEL = SIDE - 2 * PADDING
NODE_MARGIN = 8
QUALITY = 88
RUN_LIMIT_SECONDS = 120

GROUND = (203, 213, 225)
CARD = (255, 255, 255)
WORDS = (71, 85, 105)
KEPT = (37, 99, 235)
NEW = (249, 115, 22)
BAR, BAR_GAP = 3, 2
LETTERS = 12
LANE_GAP = 5
RING_BARS = 120

# A picture, or how to make one of a given height, in pixels.
Part = Image.Image | Callable[[int], Image.Image]


@dataclass(frozen=True)
class Lane:
    """One sound. new: what of it is, in seconds."""

    outline: sound.Outline
    new: tuple[tuple[float, float], ...]
    label: str = ""


@dataclass
class Photographer:
    """An example that has run, in an open page."""

    server: ComfyUI
    canvas: Canvas
    name: str
    rendering: list[dict] = field(default_factory=list)

    def run(self) -> None:
        """Open the example with narrow nodes, and run it."""
        graph = workflow(self.name, EXAMPLE_TRACK)
        self.rendering = [node for node in graph["nodes"] if node["type"] in RENDERING_NODES]
        self.canvas.open(graph)
        self.canvas.page.evaluate(
            """([width, rendering]) => {
              for (const node of app.graph.nodes) {
                node.setSize([width, 50]);
                if (!rendering.includes(node.comfyClass)) continue;
                const backend = node.widgets.find((widget) => widget.name === "backend");
                backend.value = "runcomfy";
                backend.callback?.("runcomfy");
              }
            }""",
            [PANEL + 2 * NODE_MARGIN, RENDERING_NODES],
        )
        self.canvas.page.evaluate("app.queuePrompt(0, 1)")
        heard = [node for node in graph["nodes"] if node["type"] in ("SaveAudioAdvanced", "PreviewAudio")]
        self.canvas.page.wait_for_function(
            "count => Object.values(app.nodeOutputs).filter((shown) => shown.audio).length === count",
            arg=len(heard),
            timeout=RUN_LIMIT_SECONDS * 1000,
        )

    def panel(self, node_class: str) -> Image.Image:
        """The panel of the first node of a class."""
        panel = self.canvas.panel(node_class)
        self.canvas.show(node_class)
        self.canvas.page.evaluate(
            """name => {
              const node = app.graph.nodes.find((item) => item.comfyClass === name);
              app.canvas.ds.offset = [300 - node.pos[0], 900 - node.pos[1] - node.size[1]];
              app.canvas.setDirty(true, true);
            }""",
            node_class,
        )
        self.canvas.settle()
        return Image.open(io.BytesIO(panel.screenshot())).convert("RGB")

    def status(self) -> Image.Image:
        """What the last rendering node says of its run, without the buttons and without notes: that a test server
        stands in for RunComfy is true of the picture only."""
        self.canvas.page.add_style_tag(content=".acestep-notes, .acestep-actions { display: none !important; }")
        return self.panel(self.rendering[-1]["type"])

    def lyrics(self) -> list[str]:
        return self.canvas.inputs("ACEStepGenerate")["lyrics"].splitlines()

    def lanes(self, *labels: str) -> list[Lane]:
        """What the run saved or previewed, one a file, in the order of the nodes."""
        outputs = self.canvas.page.evaluate("JSON.parse(JSON.stringify(app.nodeOutputs))")
        report = outputs[str(self.rendering[-1]["id"])]["acestep"][0]
        files = [
            file
            for _, shown in sorted(outputs.items(), key=lambda item: int(item[0]))
            for file in shown.get("audio", [])
        ]
        labels = labels or ("",) * len(files)
        return [self._lane(file, report, at, label) for at, (file, label) in enumerate(zip(files, labels, strict=True))]

    def _lane(self, file: dict, report: dict, index: int, label: str) -> Lane:
        outline = sound.outline(self.server.workspace.folder / file["type"] / file["subfolder"] / file["filename"])
        new = marks_of(report, index, outline.seconds).new or ((0.0, outline.seconds),)
        return Lane(outline, new, label)


def heights(outline: sound.Outline, bars: int) -> numpy.ndarray:
    """Loudness of equal parts of a sound, 0 to 1 of the loudest one."""
    power = outline.mean_square.mean(axis=0)
    loudness = numpy.sqrt([part.mean() for part in numpy.array_split(power, bars)])
    return loudness / max(loudness.max(), 1e-9)


def colours(lane: Lane, bars: int) -> list[tuple[int, int, int]]:
    middles = (numpy.arange(bars) + 0.5) / bars * lane.outline.seconds
    return [NEW if any(start <= at < end for start, end in lane.new) else KEPT for at in middles]


def card(height: int) -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new("RGB", (PANEL * SHARPNESS, height), GROUND)
    pen = ImageDraw.Draw(image)
    pen.rounded_rectangle((0, 0, image.width - 1, height - 1), 8 * SHARPNESS, CARD)
    return image, pen


def waves(lanes: list[Lane]) -> Callable[[int], Image.Image]:
    """The sounds as bars, one below the other, each as long as it is beside the longest."""

    def draw(height: int) -> Image.Image:
        image, pen = card(height)
        font = ImageFont.load_default(LETTERS * SHARPNESS)
        margin = GAP * SHARPNESS
        each = (height - 2 * margin + LANE_GAP * SHARPNESS) / len(lanes)
        longest = max(lane.outline.seconds for lane in lanes)
        step, thick = (BAR + BAR_GAP) * SHARPNESS, BAR * SHARPNESS
        for number, lane in enumerate(lanes):
            top, bottom = margin + number * each, margin + (number + 1) * each - LANE_GAP * SHARPNESS
            if lane.label:
                # On the right: the template browser lays a badge over the left corner.
                pen.text((image.width - margin, top), lane.label, WORDS, font, "rt")
                top += (LETTERS + 2) * SHARPNESS
            bars = int((image.width - 2 * margin) / step * lane.outline.seconds / longest)
            for at, (loud, colour) in enumerate(zip(heights(lane.outline, bars), colours(lane, bars), strict=True)):
                half = max(loud * (bottom - top), thick) / 2
                x, middle = margin + at * step, (top + bottom) / 2
                pen.rounded_rectangle((x, middle - half, x + thick - 1, middle + half), thick // 2, colour)
        return image

    return draw


def ring(lane: Lane) -> Callable[[int], Image.Image]:
    """A sound as bars around a circle, its end beside its start."""

    def draw(height: int) -> Image.Image:
        image, pen = card(height)
        centre, outer = numpy.array([image.width / 2, height / 2]), height / 2 - GAP * SHARPNESS
        inner = outer * 0.45
        bars = zip(heights(lane.outline, RING_BARS), colours(lane, RING_BARS), strict=True)
        for at, (loud, colour) in enumerate(bars):
            turn = 2 * math.pi * at / RING_BARS - math.pi / 2
            way = numpy.array([math.cos(turn), math.sin(turn)])
            ends = [tuple(centre + way * reach) for reach in (inner, inner + max(loud, 0.05) * (outer - inner))]
            pen.line(ends, colour, BAR * SHARPNESS)
        return image

    return draw


def words(lines: list[str]) -> Image.Image:
    """Lines of a song; the names of its sections in colour."""
    leading = LETTERS * 1.5 * SHARPNESS
    image, pen = card(round(leading * len(lines)) + 2 * GAP * SHARPNESS)
    font = ImageFont.load_default(LETTERS * SHARPNESS)
    for number, line in enumerate(lines):
        place = (GAP * SHARPNESS, GAP * SHARPNESS + (number + 0.5) * leading)
        pen.text(place, line, NEW if line.startswith("[") else WORDS, font, "lm")
    return image


def tile(parts: list[Part]) -> Image.Image:
    """The parts below each other; those that can be of any height share what is left."""
    side, padding, gap = (length * SHARPNESS for length in (SIDE, PADDING, GAP))
    fixed = [part for part in parts if isinstance(part, Image.Image)]
    left = side - 2 * padding - gap * (len(parts) - 1) - sum(part.height for part in fixed)
    drawn = [part if isinstance(part, Image.Image) else part(left // (len(parts) - len(fixed))) for part in parts]
    image = Image.new("RGB", (side, side), GROUND)
    y = (side - sum(part.height for part in drawn) - gap * (len(drawn) - 1)) // 2
    for part in drawn:
        image.paste(part, (padding, y))
        y += part.height + gap
    return image


def repair(seen: Photographer) -> list[Part]:
    return [seen.panel("TimeRange"), seen.status()]


def made(seen: Photographer) -> list[Part]:
    return [waves(seen.lanes()), seen.status()]


PICTURES: dict[str, Callable[[Photographer], list[Part]]] = {
    "text_to_music": made,
    "vocal_song_1_5": lambda seen: [waves(seen.lanes()), words(seen.lyrics()[:6])],
    "section_repair": repair,
    "rewrite_ending": repair,
    "multi_repair": made,
    "long_mix_repair": repair,
    "hook_to_full_track": made,
    "fade_out": made,
    "game_loop_bed": lambda seen: [ring(*seen.lanes()), seen.status()],
    "background_library": lambda seen: [waves(seen.lanes("seed 100", "seed 101", "seed 102", "seed 103"))],
    "multilingual_launch": lambda seen: [waves(seen.lanes("en", "es", "ja"))],
    "draft_then_polish": lambda seen: [waves(seen.lanes("draft", "polish"))],
}


@contextlib.contextmanager
def page() -> Iterator[tuple[ComfyUI, Canvas]]:
    """A page on a server whose RunComfy is the simulator and whose input folder has the example track."""
    with contextlib.ExitStack() as cleanup:
        simulator = cleanup.enter_context(Simulator(run_seconds=1.0))
        environment = {"ACESTEP_RUNCOMFY_BASE_URL": simulator.url, "RUNCOMFY_API_TOKEN": simulator.token}
        server = Servers(cleanup).get(STAGE.comfyui, *STAGE.flags, environment=environment)
        (server.input / EXAMPLE_TRACK).write_bytes(example_track.example_song())
        browser = cleanup.enter_context(browsing(chromium.ensure()))
        palette = {"Comfy.ColorPalette": "light"}
        editor = cleanup.enter_context(editing(server, browser, STAGE, sharpness=SHARPNESS, **palette))
        yield server, Canvas(editor)


def main(names: list[str]) -> None:
    with page() as (server, canvas):
        for name in names or list(PICTURES):
            seen = Photographer(server, canvas, name)
            seen.run()
            path = editor_graphs()[name].with_suffix(".jpg")
            tile(PICTURES[name](seen)).save(path, quality=QUALITY, optimize=True)
            print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
