"""Dragging a range on an hour of sound in the real front end: how long each pointer move holds up the page.

    python tests/bench/browser_drag.py               ComfyUI 0.30.0 with its own front end, both renderers
    python tests/bench/browser_drag.py --minutes 5   a shorter source, decoded in the browser

For each renderer: time from the server's answer (or the decoded sound) to pixels on the canvas, and the time of
300 pointer moves while a handle of the range is dragged, zoomed out and zoomed in: the handlers themselves, then
handlers plus the style and layout they cause. The goals are 300 ms to pixels, and 8 ms for the 95th percentile.
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
from browser.canvas import Canvas, Stage, editing, workflow  # noqa: E402
from comfyui_server import Servers  # noqa: E402
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
    new PointerEvent(type, { pointerId: 1, button: 0, clientX, clientY: grip.y + 20, bubbles: true });
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
    minutes = parser.parse_args().minutes
    with contextlib.ExitStack() as cleanup:
        server = Servers(cleanup).get(VERSION)
        write_source(server.input / "hour.wav", minutes)
        for nodes_2 in (False, True):
            measure(server, nodes_2)


if __name__ == "__main__":
    main()
