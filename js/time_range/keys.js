/** The range by keyboard: arrows nudge, shift is coarse, alt is fine, Home and End go as far as they can. */
import { bpmOf, linkedEdges } from "./node.js";
import { adjacentBeat, movedTo, withEdge } from "./range.js";

const NUDGE_SECONDS = 0.1;
const COARSE_SECONDS = 1;
const FINE_SECONDS = 0.01;
const PAGE_SECONDS = 5;

const DIRECTIONS = { ArrowLeft: -1, ArrowDown: -1, PageDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 1 };

export function followKeys(panel) {
  const { stage } = panel.layout;
  let changed = false;
  stage.addEventListener("keydown", (event) => {
    const edge = event.target.dataset?.edge;
    if (!edge || event.ctrlKey || event.metaKey) return;
    if (event.key === " " || event.key === "Enter") {
      if (panel.audible) panel.playRange();
    } else if (event.key === "+" || event.key === "=") {
      panel.zoom(0.5, panel.resolved[edge === "end" ? "end" : "start"]);
    } else if (event.key === "-") {
      panel.zoom(2, panel.resolved[edge === "end" ? "end" : "start"]);
    } else if (event.key === "Home" || event.key === "End" || event.key in DIRECTIONS) {
      if (linkedEdges(panel.node).some((name) => edge === name || edge === "both")) return;
      panel.write(nudged(panel, edge, event));
      keepInView(panel, edge);
      changed = true;
    } else {
      return;
    }
    // ComfyUI has its own shortcuts for some of these keys.
    event.preventDefault();
    event.stopPropagation();
  });
  const commit = () => {
    if (changed) panel.commit();
    changed = false;
  };
  stage.addEventListener("keyup", commit);
  stage.addEventListener("focusout", commit);
}

function nudged(panel, edge, event) {
  const { entry, seconds } = panel;
  const at = panel.resolved[edge === "end" ? "end" : "start"];
  const time = event.key === "Home" ? 0 : event.key === "End" ? seconds : next(panel, at, event);
  const step = 1e-6;
  return edge === "both" ? movedTo(entry, time, seconds, step) : withEdge(entry, edge, time, seconds, step);
}

function next(panel, at, event) {
  const direction = DIRECTIONS[event.key];
  const bpm = bpmOf(panel.node);
  if (event.key.startsWith("Page")) return at + direction * PAGE_SECONDS;
  if (event.altKey) return at + direction * FINE_SECONDS;
  if (bpm && panel.snapping) {
    let time = at;
    for (let beats = event.shiftKey ? 4 : 1; beats > 0; beats -= 1) time = adjacentBeat(time, bpm, direction);
    return time;
  }
  return at + direction * (event.shiftKey ? COARSE_SECONDS : NUDGE_SECONDS);
}

function keepInView(panel, edge) {
  const time = panel.resolved[edge === "end" ? "end" : "start"];
  if (time < panel.view.from) panel.pan(time - panel.view.from);
  else if (time > panel.view.to) panel.pan(time - panel.view.to);
}
