"""Dragging a range on an hour of sound in the real front end: how long each pointer move holds up the page.

    python tests/bench/browser_drag.py               ComfyUI 0.30.0 with its own front end, both renderers
    python tests/bench/browser_drag.py --minutes 5   a shorter source, decoded in the browser
    python tests/bench/browser_drag.py --crowd 1.58.1   30 nodes instead, on that front end

For each renderer: time from the server's answer (or the decoded sound) to pixels on the canvas, and the time of
300 pointer moves while a handle of the range is dragged, zoomed out and zoomed in: the handlers themselves, then
handlers plus the style and layout they cause. The goals are 300 ms to pixels, and 8 ms for the 95th percentile.

With --crowd: 20 TimeRange in a chain and 10 Generate with a price, and how much of the page's main thread they take at
rest and while the first range of the chain is dragged, a move each frame: what has this pack's code on its stack (a
profile with a sample each 0.2 ms), and everything the page does, the front end's own drawing included. The goals are
3 % at rest and 25 % in a drag.
"""

import argparse
import contextlib
import math
import struct
import sys
import wave
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "workflows")]

import chromium  # noqa: E402
import pinned  # noqa: E402
from browser.canvas import Canvas, Stage, editing, workflow  # noqa: E402
from comfyui_server import PACK_FOLDER_NAME, Servers  # noqa: E402
from editor import browsing  # noqa: E402

RATE = 8_000
VERSION = "0.30.0"
# Pointer events as the browser would send them, so that only our own handlers are in the measured time.
DRAG = """moves => {
  const node = app.graph.nodes.find((n) => n.comfyClass === "TimeRange");
  const panel = node.widgets.find((w) => w.element).element;
  const stage = panel.querySelector(".acestep-stage");
  const handle = panel.querySelector(".acestep-handle-start");
  const box = stage.getBoundingClientRect(), grip = handle.getBoundingClientRect();
  stage.setPointerCapture = () => {};
  const event = (type, clientX) =>
    new PointerEvent(type, { pointerId: 1, button: 0, buttons: 1, clientX, clientY: grip.y + 20, bubbles: true });
  const from = grip.x + grip.width / 2;
  handle.dispatchEvent(event("pointerdown", from));
  const handlers = [], all = [];
  for (let i = 0; i < moves; i += 1) {
    const x = from + Math.sin(i / 15) * box.width * 0.2;
    const started = performance.now();
    stage.dispatchEvent(event("pointermove", x));
    handlers.push(performance.now() - started);
    stage.getBoundingClientRect();
    all.push(performance.now() - started);
  }
  stage.dispatchEvent(event("lostpointercapture", from));
  return [handlers, all];
}"""

CROWD = """([ranges, others]) => {
  const add = (name, x, y) => {
    const node = LiteGraph.createNode(name);
    node.pos = [x, y];
    app.graph.add(node);
    return node;
  };
  const input = (node, name) => node.inputs.findIndex((each) => each.name === name);
  const set = (node, name, value) => {
    const widget = node.widgets.find((each) => each.name === name);
    widget.value = value;
    widget.callback?.(value);
  };
  const loader = add("LoadAudio", -500, 0);
  set(loader, "audio", "song.wav");
  let previous = null;
  for (let i = 0; i < ranges; i += 1) {
    const node = add("TimeRange", (i % 7) * 460, Math.floor(i / 7) * 480);
    loader.connect(0, node, input(node, "audio"));
    previous?.connect(0, node, input(node, "previous"));
    set(node, "start_time", i + 1);
    set(node, "end_time", i + 1.5);
    previous = node;
  }
  for (let i = 0; i < others; i += 1) {
    const node = add("ACEStepGenerate", (i % 7) * 460, 1500 + Math.floor(i / 7) * 900);
    set(node, "backend", "runcomfy");
    set(node, "tags", "pop");
  }
  app.canvas.ds.scale = 0.3;
  app.canvas.ds.offset = [600, 150];
  app.canvas.setDirty(true, true);
}"""
# A move of the pointer each frame, as a display with 60 Hz would give them: between two frames, where the browser sends
# them, and not among what draws one, with the page half laid out.
SWING = """milliseconds => new Promise((done) => {
  const node = app.graph.nodes.find((n) => n.comfyClass === "TimeRange");
  const panel = node.widgets.find((w) => w.element).element;
  const stage = panel.querySelector(".acestep-stage");
  const handle = panel.querySelector(".acestep-handle-start");
  const box = stage.getBoundingClientRect(), grip = handle.getBoundingClientRect();
  stage.setPointerCapture = () => {};
  const event = (type, clientX) =>
    new PointerEvent(type, { pointerId: 1, button: 0, buttons: 1, clientX, clientY: grip.y + 5, bubbles: true });
  const from = grip.x + grip.width / 2, began = performance.now();
  handle.dispatchEvent(event("pointerdown", from));
  let moves = 0;
  const step = () => {
    const at = performance.now() - began;
    if (at > milliseconds) {
      stage.dispatchEvent(event("lostpointercapture", from));
      done(moves / at * 1000);
    } else {
      moves += 1;
      stage.dispatchEvent(event("pointermove", from - box.width * 0.015 * (1 + Math.sin(at / 250))));
      requestAnimationFrame(() => setTimeout(step, 0));
    }
  };
  step();
})"""
REST = "milliseconds => new Promise((done) => setTimeout(done, milliseconds, 0))"
LOOK_MS = 6000


def share_of_main_thread(editor, action: str) -> tuple[float, float, float]:
    """Percent of the time with the pack on the stack, percent of anything, and what the action says of itself."""
    protocol = editor.page.context.new_cdp_session(editor.page)
    for domain in ("Performance", "Profiler"):
        protocol.send(f"{domain}.enable")
    protocol.send("Profiler.setSamplingInterval", {"interval": 200})

    def spent():
        values = {each["name"]: each["value"] for each in protocol.send("Performance.getMetrics")["metrics"]}
        return values["TaskDuration"], values["Timestamp"]

    protocol.send("Profiler.start")
    tasks, clock = spent()
    said = editor.page.evaluate(action, LOOK_MS)
    tasks, clock = (after - before for after, before in zip(spent(), (tasks, clock), strict=True))
    profile = protocol.send("Profiler.stop")["profile"]
    protocol.detach()
    parents = {child: node["id"] for node in profile["nodes"] for child in node.get("children", [])}
    ours = {node["id"] for node in profile["nodes"] if PACK_FOLDER_NAME in node["callFrame"]["url"]}
    for node in profile["nodes"]:  # parents come before their children
        if parents.get(node["id"]) in ours:
            ours.add(node["id"])
    pack = sum(
        gap for sample, gap in zip(profile["samples"], profile["timeDeltas"], strict=True) if sample in ours
    )  # fmt: skip
    return 100 * pack / (profile["endTime"] - profile["startTime"]), 100 * tasks / clock, said


def measure_crowd(server, frontend: str | None, nodes_2: bool) -> None:
    stage = Stage(VERSION, frontend, nodes_2)
    with browsing(chromium.ensure()) as browser, editing(server, browser, stage) as editor:
        canvas = Canvas(editor)
        canvas.place()
        editor.page.evaluate(CROWD, [20, 10])
        canvas.waveform_is_drawn()
        canvas.settle()
        for what, action in (("at rest", REST), ("in a drag", SWING)):
            pack, everything, rate = share_of_main_thread(editor, action)
            moves = f", {rate:.0f} moves a second" if rate else ""
            print(f"{stage!s:22} {what:10} {pack:8.1f} % {everything:10.1f} %{moves}", flush=True)


def write_source(path: Path, minutes: float) -> None:
    """A tone that swells and fades, 16-bit mono."""
    swell = [0.3 + 0.7 * abs(math.sin(i / RATE / 3)) for i in range(RATE * 20)]
    block = b"".join(struct.pack("<h", int(12_000 * math.sin(i / 3) * gain)) for i, gain in enumerate(swell))
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        for _ in range(round(minutes * 3)):
            file.writeframes(block)


def percentile(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, math.ceil(share * len(values)) - 1)]


def measure(server, nodes_2: bool) -> None:
    stage = Stage(VERSION, None, nodes_2)
    with browsing(chromium.ensure()) as browser, editing(server, browser, stage) as editor:
        canvas = Canvas(editor)
        # The moment the answer is there and the moment it is drawn, seen from the page.
        editor.page.evaluate("""() => {
          const json = Response.prototype.json;
          Response.prototype.json = async function () {
            const body = await json.call(this);
            if (this.url.includes("/acestep/peaks")) window.answered = performance.now();
            return body;
          };
          const decode = OfflineAudioContext.prototype.decodeAudioData;
          OfflineAudioContext.prototype.decodeAudioData = async function (data) {
            const buffer = await decode.call(this, data);
            window.answered = performance.now();
            return buffer;
          };
        }""")
        # The node is there first, without its file: its own making is not part of the time.
        canvas.editor.load(workflow("section_repair"))
        canvas.show("TimeRange")
        canvas.page.locator(".acestep-message", has_text="is not on the server").wait_for()
        canvas.set("LoadAudio", audio="hour.wav")
        shown = editor.page.evaluate("""() => new Promise((done) => {
          const look = () => {
            const message = document.querySelector(".acestep-time-range .acestep-message");
            const wave = document.querySelector(".acestep-time-range canvas.acestep-wave");
            if (message?.hidden && wave.width > 100) done(performance.now() - window.answered);
            else requestAnimationFrame(look);
          };
          look();
        })""")
        print(f"{'Nodes 2.0' if nodes_2 else 'LiteGraph'}: waveform on screen {shown:.0f} ms after the sound is known")
        for zoom in ("whole track", "zoomed to the range"):
            handlers, everything = editor.page.evaluate(DRAG, 300)
            for what, values in (("handlers", handlers), ("with style and layout", everything)):
                print(
                    f"  {zoom}, {what}: median {percentile(values, 0.5):.2f}, p95 {percentile(values, 0.95):.2f}, "
                    f"longest {max(values):.2f} ms"
                )
            canvas.panel("TimeRange").get_by_role("button", name="Zoom to the range").click()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--crowd", metavar="FRONTEND", help="30 nodes, on that front end")
    arguments = parser.parse_args()
    with contextlib.ExitStack() as cleanup:
        if arguments.crowd:
            flags = ("--front-end-root", str(pinned.frontend(arguments.crowd)))
            server = Servers(cleanup).get(VERSION, *flags)
            write_source(server.input / "song.wav", 1)
            print(f"{'front end':22} {'':10} {'this pack':>10} {'the page':>12}")
            for nodes_2 in (False, True):
                measure_crowd(server, arguments.crowd, nodes_2)
            return
        server = Servers(cleanup).get(VERSION)
        write_source(server.input / "hour.wav", arguments.minutes)
        for nodes_2 in (False, True):
            measure(server, nodes_2)


if __name__ == "__main__":
    main()
