/** Dragging on the waveform: handles, the range as a whole, a new range, the scroll bar; and the wheel. */
import { linkedEdges } from "./node.js";
import { roundTo, withEdge, movedTo } from "./range.js";

const NEW_RANGE_PIXELS = 4;

export function followPointer(panel) {
  const { stage, scroll, root } = panel.layout;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    const grip = event.target.closest("[data-edge]");
    const edge = grip?.dataset.edge ?? "new";
    if (linkedEdges(panel.node).some((name) => edge === name || edge === "both" || edge === "new")) return;
    (grip ?? stage).focus?.({ preventScroll: true });
    dragRange(panel, event, edge);
  });
  stage.addEventListener("dblclick", () => {
    if (panel.layout.fit.disabled) panel.showRange();
    else panel.showWhole();
  });
  scroll.addEventListener("pointerdown", (event) => {
    if (event.button === 0) dragScroll(panel, event);
  });
  followWheel(panel, root, stage);
}

/** Seconds under a pointer. The rectangle is taken at each event: the canvas may have moved. */
function timeAt(panel, event) {
  const box = panel.layout.stage.getBoundingClientRect();
  return panel.view.from + ((event.clientX - box.left) / box.width) * (panel.view.to - panel.view.from);
}

function dragRange(panel, down, edge) {
  const first = panel.entry;
  const pressed = timeAt(panel, down);
  const { start, end } = panel.resolved;
  // The length on screen must not change under the pointer while the track's own is unknown.
  panel.held = { seconds: panel.seconds };
  let moved = false;
  drag(panel.layout.stage, down, {
    move(event) {
      if (!moved && edge === "new" && Math.abs(event.clientX - down.clientX) < NEW_RANGE_PIXELS) return;
      moved = true;
      followOutside(panel, event);
      const time = Math.min(Math.max(timeAt(panel, event), 0), panel.seconds);
      if (edge === "both") panel.write(shifted(panel, first, start, time - pressed, event.altKey));
      else if (edge === "new") panel.write(drawn(panel, first, pressed, time, event.altKey));
      else panel.write(edgeAt(panel, first, edge, edge === "start" ? start : end, time - pressed, event.altKey));
    },
    end() {
      panel.held = null;
      if (moved) panel.commit();
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
function followOutside(panel, event) {
  const box = panel.layout.stage.getBoundingClientRect();
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

/** One press of the pointer until it is let go, wherever it goes. */
function drag(element, down, { move, end }) {
  down.preventDefault();
  element.setPointerCapture(down.pointerId);
  const onMove = (event) => event.pointerId === down.pointerId && move(event);
  const onEnd = (event) => {
    if (event.pointerId !== down.pointerId) return;
    element.removeEventListener("pointermove", onMove);
    element.removeEventListener("lostpointercapture", onEnd);
    end();
  };
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
  root.addEventListener("pointerenter", () => window.addEventListener("wheel", onWheel, options));
  root.addEventListener("pointerleave", () => window.removeEventListener("wheel", onWheel, options));
}
