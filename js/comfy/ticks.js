/** A look at all nodes now and then: a change in another node has no event that works in both renderers. */
import { api } from "../../../scripts/api.js";
import { remembering } from "./wiring.js";

const TICK_MS = 250;
// While nobody touches the page and nothing runs there is next to nothing to see, so one look a second will do.
const RESTS_AFTER_MS = 2000;
const TICKS_AT_REST = 4;
const TOUCHES = ["pointerdown", "pointermove", "wheel", "keydown", "drop"];
const RUNNING = ["status", "executing"];

const tickers = new Set();
let begun = false;
let touched = performance.now();
let ticks = 0;

const onTouch = () => {
  touched = performance.now();
};

function tick() {
  ticks += 1;
  const atRest = performance.now() - touched > RESTS_AFTER_MS;
  if (document.hidden || (atRest && ticks % TICKS_AT_REST)) return;
  remembering(() => tickers.forEach((each) => each()));
}

function begin() {
  begun = true;
  for (const touch of TOUCHES) window.addEventListener(touch, onTouch, { capture: true, passive: true });
  for (const said of RUNNING) api.addEventListener(said, onTouch);
  setInterval(tick, TICK_MS);
}

/** Calls `listener` while the page is seen: four times a second, once when it is at rest. Returns what ends it. */
export function onTick(listener) {
  if (!begun) begin();
  tickers.add(listener);
  return () => tickers.delete(listener);
}
