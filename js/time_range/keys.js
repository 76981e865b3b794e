/** The panel by keyboard: Space, Enter and L play, arrows nudge, shift is coarse, alt is fine, comma and full stop go from beat to beat, Home and End as far as they can. */
import { linkedEdges } from "./node.js";
import { movedTo, withEdge } from "./range.js";

const NUDGE_SECONDS = 0.1;
const COARSE_SECONDS = 1;
const FINE_SECONDS = 0.01;
const PAGE_SECONDS = 5;

// To the beat before or after; with Shift, when these keys give other characters, to the bar.
const TO_BEAT = { ",": -1, ".": 1, Comma: -1, Period: 1 };
const DIRECTIONS = { ArrowLeft: -1, ArrowDown: -1, PageDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 1 };

export function followKeys(panel) {
  const { stage } = panel.layout;
  let changed = false;
  stage.addEventListener("keydown", (event) => {
    const edge = event.target.dataset?.edge;
    const after = event.target === stage; // after a click beside the range
    if (!(edge || after) || event.ctrlKey || event.metaKey) return;
    if (event.key === " ") {
      if (panel.audible) panel.toggle();
    } else if (event.key === "Enter") {
      if (panel.audible) panel.playRange();
    } else if (event.key.toLowerCase() === "l" && !event.altKey) {
      if (panel.audible) panel.toggleLoop();
    } else if (event.key === "Escape" && panel.cursor !== null) {
      panel.setCursor(null);
    } else if (!edge) {
      return;
    } else if (event.key === "+" || event.key === "=") {
      panel.zoom(0.5, panel.resolved[edge === "end" ? "end" : "start"]);
    } else if (event.key === "-") {
      panel.zoom(2, panel.resolved[edge === "end" ? "end" : "start"]);
    } else if (event.key === "Home" || event.key === "End" || event.key in DIRECTIONS || (panel.grid && toBeat(event))) {
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
  if (toBeat(event)) return panel.grid.adjacent(at, toBeat(event), event.shiftKey);
  const direction = DIRECTIONS[event.key];
  if (event.key.startsWith("Page")) return at + direction * PAGE_SECONDS;
  return at + direction * (event.altKey ? FINE_SECONDS : event.shiftKey ? COARSE_SECONDS : NUDGE_SECONDS);
}

const toBeat = ({ key, code }) => TO_BEAT[key] ?? TO_BEAT[code];

function keepInView(panel, edge) {
  const time = panel.resolved[edge === "end" ? "end" : "start"];
  if (time < panel.view.from) panel.pan(time - panel.view.from);
  else if (time > panel.view.to) panel.pan(time - panel.view.to);
}
