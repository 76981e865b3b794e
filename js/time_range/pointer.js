/** Dragging on the waveform: handles, the range as a whole, a new range, the scroll bar; and the wheel. */
import { linkedEdges } from "./node.js";
import { roundTo, withEdge, movedTo } from "./range.js";

// A press that goes less far is a click.
const LEAST_PIXELS = 4;

/** Returns what ends it, for a panel that is removed under the pointer. */
export function followPointer(panel) {
  const { stage, scroll, root } = panel.layout;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target.closest("button")) return;
    const grip = event.target.closest("[data-edge]");
    const edge = grip?.dataset.edge ?? "new";
    (grip?.matches("[tabindex]") ? grip : stage).focus({ preventScroll: true });
    panel.layout.showHover(panel, null);
    const linked = linkedEdges(panel.node);
    if (event.shiftKey && edge !== "start" && edge !== "end") extend(panel, event, linked);
    else if (linked.some((name) => [name, "both", "new"].includes(edge))) click(panel, event, edge);
    else dragRange(panel, event, edge);
  });
  stage.addEventListener("pointermove", (event) => {
    const over = event.buttons === 0 && !event.target.closest("button, .acestep-handle");
    panel.layout.showHover(panel, over && panel.measured ? timeAt(panel, event) : null);
  });
  stage.addEventListener("pointerleave", () => panel.layout.showHover(panel, null));
  stage.addEventListener("dblclick", () => {
    if (panel.layout.fit.disabled) panel.showRange();
    else panel.showWhole();
  });
  scroll.addEventListener("pointerdown", (event) => {
    if (event.button === 0) dragScroll(panel, event);
  });
  return followWheel(panel, root, stage);
}

/** Seconds under a pointer. The stage's rectangle is taken once for each event: the canvas may have moved. */
function timeAt(panel, event, box = panel.layout.stage.getBoundingClientRect()) {
  return panel.view.from + ((event.clientX - box.left) / box.width) * (panel.view.to - panel.view.from);
}

/** A press that moves nothing puts the cursor there. */
function click(panel, down, edge) {
  down.preventDefault();
  if (edge === "both" || edge === "new") panel.setCursor(Math.min(Math.max(timeAt(panel, down), 0), panel.seconds));
}

/** Brings the nearer edge to where was pressed, and drags it on from there. */
function extend(panel, down, linked) {
  const { start, end } = panel.resolved;
  const time = timeAt(panel, down);
  const edge = Math.abs(time - start) < Math.abs(time - end) ? "start" : "end";
  if (!linked.includes(edge)) dragRange(panel, down, edge, time);
}

/** `from` is where the edge is to be at once, instead of where it lies. */
function dragRange(panel, down, edge, from) {
  const first = panel.entry;
  const pressed = timeAt(panel, down);
  const { start, end } = panel.resolved;
  // The length on screen must not change under the pointer while the track's own is unknown.
  panel.held = { seconds: panel.seconds };
  const bySide = edge === "start" || edge === "end";
  let moved = from !== undefined;
  if (moved) panel.write(edgeAt(panel, first, edge, from, 0, down.altKey));
  drag(panel.layout.stage, down, {
    move(event) {
      if (!moved && !bySide && Math.abs(event.clientX - down.clientX) < LEAST_PIXELS) return;
      moved = true;
      const box = panel.layout.stage.getBoundingClientRect();
      followOutside(panel, event, box);
      const time = Math.min(Math.max(timeAt(panel, event, box), 0), panel.seconds);
      if (edge === "both") panel.write(shifted(panel, first, start, time - pressed, event.altKey));
      else if (edge === "new") panel.write(drawn(panel, first, pressed, time, event.altKey));
      else panel.write(edgeAt(panel, first, edge, from ?? (edge === "start" ? start : end), time - pressed, event.altKey));
    },
    end(cancelled) {
      if (cancelled && moved) panel.write(first);
      panel.held = null;
      if (moved && !cancelled) panel.commit();
      else if (!cancelled) click(panel, down, edge);
      panel.refresh();
    },
  });
}

function edgeAt(panel, entry, edge, from, delta, loose) {
  const wanted = from + delta;
  const time = panel.snapped(wanted, loose);
  return withEdge(entry, edge, time, panel.seconds, panel.stepFor(time, wanted));
}

function shifted(panel, entry, from, delta, loose) {
  const wanted = from + delta;
  const time = panel.snapped(wanted, loose);
  return movedTo(entry, time, panel.seconds, panel.stepFor(time, wanted));
}

function drawn(panel, entry, pressed, time, loose) {
  const { seconds } = panel;
  const [from, to] = [pressed, time]
    .sort((a, b) => a - b)
    .map((wanted) => {
      const at = panel.snapped(wanted, loose);
      return roundTo(at, panel.stepFor(at, wanted));
    });
  // Opened to the whole track first, so that neither edge holds up the other.
  const open = {
    ...entry,
    start: entry.startAnchor === "end" ? seconds : 0,
    end: entry.endAnchor === "end" ? 0 : seconds,
  };
  return withEdge(withEdge(open, "start", from, seconds, 1e-6), "end", to, seconds, 1e-6);
}

/** Scrolls when the pointer is dragged past the side of a zoomed waveform. */
function followOutside(panel, event, box) {
  const past = event.clientX < box.left ? event.clientX - box.left : Math.max(0, event.clientX - box.right);
  if (past) panel.pan((past / box.width) * (panel.view.to - panel.view.from) * 0.2);
}

function dragScroll(panel, down) {
  const box = panel.layout.scroll.getBoundingClientRect();
  const from = panel.view.from;
  const pressed = ((down.clientX - box.left) / box.width) * panel.seconds;
  const inThumb = pressed >= panel.view.from && pressed <= panel.view.to;
  if (!inThumb) panel.pan(pressed - (panel.view.from + panel.view.to) / 2);
  const base = inThumb ? from : panel.view.from;
  drag(panel.layout.scroll, down, {
    move(event) {
      const delta = ((event.clientX - down.clientX) / box.width) * panel.seconds;
      panel.pan(base + delta - panel.view.from);
    },
    end() {},
  });
}

/** One press of the pointer until it is let go, wherever it goes, or until Escape: `end(true)`. */
function drag(element, down, { move, end }) {
  down.preventDefault();
  element.setPointerCapture(down.pointerId);
  const onMove = (event) => event.pointerId === down.pointerId && move(event);
  const finish = (cancelled) => {
    element.removeEventListener("pointermove", onMove);
    element.removeEventListener("lostpointercapture", onEnd);
    window.removeEventListener("keydown", onKey, true);
    end(cancelled);
  };
  const onEnd = (event) => event.pointerId === down.pointerId && finish(false);
  const onKey = (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopImmediatePropagation();
    finish(true);
  };
  window.addEventListener("keydown", onKey, true);
  element.addEventListener("pointermove", onMove);
  element.addEventListener("lostpointercapture", onEnd);
}

/**
 * Ctrl + wheel zooms where the pointer is; shift + wheel or a sideways wheel scrolls. Anything else is the
 * canvas's. Nodes 2.0 takes the wheel on its way down, so it is met at the window while the pointer is here.
 */
function followWheel(panel, root, stage) {
  const onWheel = (event) => {
    if (!stage.contains(event.target) && !panel.layout.scroll.contains(event.target)) return;
    const unit = event.deltaMode === 1 ? 16 : 1;
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey) {
      panel.zoom(Math.exp(event.deltaY * unit * 0.002), timeAt(panel, event));
    } else if (sideways && (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY))) {
      panel.pan(sideways * unit * panel.secondsPerPixel);
    } else {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  const options = { capture: true, passive: false };
  const end = () => window.removeEventListener("wheel", onWheel, options);
  root.addEventListener("pointerenter", () => window.addEventListener("wheel", onWheel, options));
  root.addEventListener("pointerleave", end);
  return end;
}
