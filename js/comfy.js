/**
 * Everything this pack asks of ComfyUI's front end, and nothing else touches it.
 *
 * Verified in LiteGraph and in Nodes 2.0. What the two renderers do differently is settled here.
 */
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";

export function registerExtension(extension) {
  app.registerExtension(extension);
}

/** The two-letter code of the language ComfyUI shows. */
export function locale() {
  return String(app.extensionManager?.setting?.get("Comfy.Locale") ?? "en").slice(0, 2);
}

export const fetchFromServer = (path, options) => api.fetchApi(path, options);

/** The address under which the server gives out a file of its input, output or temp folder. */
export function viewUrl({ filename, subfolder = "", type = "input" }) {
  return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}

/** Calls `listener(detail)` for each message `name` of the server. */
export function onServerMessage(name, listener) {
  api.addEventListener(name, (event) => listener(event.detail));
}

// ---------------------------------------------------------------- nodes and their widgets

export const findWidget = (node, name) => node.widgets?.find((widget) => widget.name === name);

export const widgetValue = (node, name) => findWidget(node, name)?.value;

/** Sets a value as if the user had typed it, so that ComfyUI rounds it and both renderers show it. */
export function setWidgetValue(node, name, value) {
  const widget = findWidget(node, name);
  if (!widget || widget.value === value) return;
  widget.value = value;
  widget.callback?.(value);
  node.graph?.setDirtyCanvas(true, false);
}

/** Calls `listener(value)` after the user or another extension changed the widget through its callback. */
export function onWidgetChanged(node, name, listener) {
  const widget = findWidget(node, name);
  if (!widget) return;
  const callback = widget.callback;
  widget.callback = function (...values) {
    const answer = callback?.apply(this, values);
    listener(values[0]);
    return answer;
  };
}

/** Whether another node gives the value, by a link into the widget or into the plain input. */
export function isLinked(node, name) {
  const input = node.inputs?.find((item) => item.name === name || item.widget?.name === name);
  return input?.link != null;
}

/** Greys a widget out, or makes it usable again. `reason` replaces its tooltip while it is greyed. */
export function setWidgetDisabled(node, name, reason) {
  const widget = findWidget(node, name);
  if (!widget) return;
  if (Boolean(widget.disabled) !== Boolean(reason)) widget.disabled = Boolean(reason);
  widget.tooltip = reason || undefined;
}

/** Does what `after` says each time the node's method `name` has run. */
export function afterNodeMethod(node, name, after) {
  const original = node[name];
  node[name] = function (...values) {
    const answer = original?.apply(this, values);
    after.apply(this, values);
    return answer;
  };
}

/** The node an id of the running prompt means: "7", or "3:7" for node 7 inside subgraph node 3. */
export function nodeOfRun(id) {
  let graph = app.rootGraph ?? app.graph;
  let node = null;
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(part) ?? graph?.getNodeById(Number(part));
    graph = node?.subgraph;
  }
  return node ?? null;
}

const TICK_MS = 250;
const tickers = new Set();
let timer;

/**
 * Calls `listener` four times a second while the page is seen; a change in another node has no event that works in
 * both renderers. Returns a function that ends it.
 */
export function onTick(listener) {
  timer ??= setInterval(() => document.hidden || tickers.forEach((each) => each()), TICK_MS);
  tickers.add(listener);
  return () => tickers.delete(listener);
}

// ---------------------------------------------------------------- links

const linkOf = (graph, id) => graph?.getLink?.(id) ?? graph?.links?.get?.(id) ?? graph?.links?.[id];

/** The node and output slot that feed an input, looked for through reroutes; null when nothing does. */
export function upstream(node, inputName) {
  let current = node;
  let input = node.inputs?.find((item) => item.name === inputName);
  for (let hops = 0; input?.link != null && hops < 64; hops += 1) {
    const link = linkOf(current.graph, input.link);
    const origin = link && current.graph.getNodeById(link.origin_id);
    if (!origin) return null;
    if (origin.type !== "Reroute") return { node: origin, slot: link.origin_slot };
    current = origin;
    input = origin.inputs?.[0];
  }
  return null;
}

/** The nodes that an output feeds, directly or through reroutes. */
export function downstream(node, slot) {
  const links = node.outputs?.[slot]?.links ?? [];
  return links.flatMap((id) => {
    const link = linkOf(node.graph, id);
    const target = link && node.graph.getNodeById(link.target_id);
    if (!target) return [];
    return target.type === "Reroute" ? downstream(target, 0) : [target];
  });
}

// ---------------------------------------------------------------- what nodes gave back

const outputs = new WeakMap();

/** Keeps what the node's runs give to the front end, and calls `listener(output)` for each. */
export function onExecuted(node, listener) {
  afterNodeMethod(node, "onExecuted", (output) => {
    outputs.set(node, output);
    listener(output);
  });
}

/** What the node's last run gave to the front end (its `ui`), or undefined. */
export function lastOutput(node) {
  const inSubgraph = node.graph && node.graph !== (app.rootGraph ?? app.graph);
  const key = inSubgraph ? `${node.graph.id}:${node.id}` : String(node.id);
  return outputs.get(node) ?? app.nodeOutputs?.[key];
}

// ---------------------------------------------------------------- the canvas around the nodes

/** How many screen pixels a pixel of a node takes. */
export const canvasScale = () => app.canvas?.ds?.scale ?? 1;

/** Takes what was changed so far as one step of undo. */
export function rememberForUndo() {
  app.canvas?.emitBeforeChange?.();
  app.canvas?.emitAfterChange?.();
}

// Wide enough for a panel's toolbar. Saved workflows keep the width their user gave the node.
const PANEL_WIDTH = 380;
const PANEL_MARGIN = 8;

/**
 * Adds an element to the end of a node. It fills the node's width and at least `minHeight()` pixels; without
 * `maxHeight` it takes what the node has left.
 */
export function addPanel(node, name, element, minHeight, maxHeight) {
  const widget = node.addDOMWidget(name, `acestep_${name}`, element, {
    serialize: false,
    hideOnZoom: false,
    margin: PANEL_MARGIN,
    selectOn: ["click"],
    // LiteGraph takes the margin off the height on both sides.
    getMinHeight: () => minHeight() + 2 * PANEL_MARGIN,
    ...(maxHeight && { getMaxHeight: () => maxHeight() + 2 * PANEL_MARGIN }),
  });
  widget.serialize = false; // not in the saved workflow; options.serialize keeps it out of the prompt
  if (maxHeight) keepLow(widget);
  lendToCanvas(element);
  takePlace(node, name, element);
  growNode(node, PANEL_WIDTH);
  return widget;
}

/** Nodes 2.0 knows no greatest height: whatever can be laid out is stretched over the room a node has left. */
function keepLow(widget) {
  const { computeLayoutSize } = widget;
  Object.defineProperty(widget, "computeLayoutSize", {
    get: () => (window.LiteGraph?.vueNodesMode ? undefined : computeLayoutSize),
  });
}

const gone = new Map();

/**
 * Nodes 2.0 leaves a panel on the page when its node is replaced by one of the same id and class, as undo and
 * reloading do: the new node's panel would never be seen. So it takes the place of the old one itself.
 */
function takePlace(node, name, element) {
  const key = () => `${node.id} ${node.comfyClass} ${name}`;
  const look = () => {
    if (element.isConnected) return;
    const old = gone.get(key());
    if (old?.isConnected) old.replaceWith(element);
    gone.delete(key());
  };
  afterNodeMethod(node, "onConfigure", () => requestAnimationFrame(() => requestAnimationFrame(look)));
  const endTicks = onTick(look);
  afterNodeMethod(node, "onRemoved", () => {
    endTicks();
    for (const [other, old] of gone) if (!old.isConnected) gone.delete(other);
    gone.set(key(), element);
  });
}

/** Makes the node large enough for its widgets and at least `minWidth` wide; it is never made smaller. */
export function growNode(node, minWidth = 0) {
  const [width, height] = node.computeSize();
  const size = [Math.max(node.size[0], width, minWidth), Math.max(node.size[1], height)];
  if (size[0] !== node.size[0] || size[1] !== node.size[1]) node.setSize(size);
  node.graph?.setDirtyCanvas(true, true);
}

/** The canvas still zooms by wheel and pans by middle button where an element covers it. */
function lendToCanvas(element) {
  element.addEventListener("pointerdown", (event) => {
    if (event.button === 1) app.canvas.processMouseDown(event);
    else event.stopPropagation(); // pressing on the panel must not drag the node
  });
  element.addEventListener("pointermove", (event) => {
    if ((event.buttons & 4) === 4) app.canvas.processMouseMove(event);
  });
  element.addEventListener("pointerup", (event) => {
    if (event.button === 1) app.canvas.processMouseUp(event);
  });
  // Nodes 2.0 forwards the wheel before it gets here.
  element.addEventListener("wheel", (event) => {
    if (event.defaultPrevented || scrolls(event.target, element)) return;
    event.preventDefault();
    app.canvas.canvas.dispatchEvent(new WheelEvent("wheel", event));
  });
}

function scrolls(target, limit) {
  for (let item = target; item && item !== limit.parentElement; item = item.parentElement) {
    if (item.scrollHeight > item.clientHeight + 1 && getComputedStyle(item).overflowY === "auto") return true;
  }
  return false;
}

/** Opens a message in ComfyUI's corner. severity: success, info, warn or error. */
export function toast(severity, summary, detail) {
  app.extensionManager?.toast?.add({ severity, summary, detail, life: severity === "error" ? 8000 : 4000 });
}
