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

/** A setting's name as the user sees it, in the language ComfyUI shows. */
export function widgetLabel(node, name) {
  const input = node.inputs?.find((item) => item.name === name || item.widget?.name === name);
  return findWidget(node, name)?.label || input?.label || input?.localized_name || name;
}

/** The name of a class of nodes as the user sees it. */
export const nodeTitle = (nodeClass) => window.LiteGraph?.registered_node_types?.[nodeClass]?.title ?? nodeClass;

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

/**
 * What another node gives a value, where that can be known before a run: the number of a primitive, or one of
 * TagBuilder's own fields. Undefined where it cannot; the widget's own value where no other node gives it.
 */
export function knownValue(node, name) {
  if (!isLinked(node, name)) return widgetValue(node, name);
  const origin = upstream(node, name);
  const output = origin?.node.outputs?.[origin.slot]?.name;
  if (origin?.node.type === "PrimitiveNode") return widgetValue(node, name); // it writes into the widget itself
  if (origin?.node.comfyClass?.startsWith("Primitive")) return knownValue(origin.node, "value");
  if (origin?.node.comfyClass === "TagBuilder" && output === name) return knownValue(origin.node, name);
  return undefined;
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

/** Null before there is one: ComfyUI complains on the console about whoever asks too early. */
const rootGraph = () => (app.isGraphReady === false ? null : (app.rootGraph ?? app.graph));

/** The node an id of the running prompt means: "7", or "3:7" for node 7 inside subgraph node 3. */
export function nodeOfRun(id) {
  let graph = rootGraph();
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

// What links inside a subgraph name as their ends when they lead out of it.
const SUBGRAPH_INPUTS = -10;
const SUBGRAPH_OUTPUTS = -20;
const MOST_HOPS = 64;

/** The node whose inside a graph is, null for the workflow itself. Of several copies of a subgraph, the first. */
function holderOf(graph) {
  const root = rootGraph();
  if (!root || !graph || graph === root) return null;
  const graphs = [root, ...(root.subgraphs?.values() ?? [])];
  return graphs.flatMap((each) => each.nodes).find((node) => node.subgraph === graph) ?? null;
}

/** {node, slot} that feed an input, looked for through reroutes and subgraphs; null when nothing does. */
export function upstream(node, inputName) {
  const input = node.inputs?.find((item) => item.name === inputName);
  return originOf(node.graph, input?.link, MOST_HOPS);
}

function originOf(graph, linkId, hops) {
  const link = linkId == null || hops === 0 ? null : linkOf(graph, linkId);
  if (!link) return null;
  if (Number(link.origin_id) === SUBGRAPH_INPUTS) {
    const holder = holderOf(graph);
    return originOf(holder?.graph, holder?.inputs?.[link.origin_slot]?.link, hops - 1);
  }
  const node = graph.getNodeById(link.origin_id);
  if (node?.type === "Reroute") return originOf(graph, node.inputs?.[0]?.link, hops - 1);
  if (node?.subgraph) {
    return originOf(node.subgraph, node.subgraph.outputs?.[link.origin_slot]?.linkIds?.[0], hops - 1);
  }
  return node ? { node, slot: link.origin_slot } : null;
}

/** The nodes that an output feeds, looked for through reroutes and subgraphs. */
export const downstream = (node, slot) => targetsOf(node.graph, node.outputs?.[slot]?.links, MOST_HOPS);

function targetsOf(graph, linkIds, hops) {
  if (hops === 0) return [];
  return [...(linkIds ?? [])].flatMap((id) => {
    const link = linkOf(graph, id);
    if (Number(link?.target_id) === SUBGRAPH_OUTPUTS) {
      const holder = holderOf(graph);
      return targetsOf(holder?.graph, holder?.outputs?.[link.target_slot]?.links, hops - 1);
    }
    const node = link && graph.getNodeById(link.target_id);
    if (!node) return [];
    if (node.type === "Reroute") return targetsOf(graph, node.outputs?.[0]?.links, hops - 1);
    if (node.subgraph) {
      return targetsOf(node.subgraph, node.subgraph.inputs?.[link.target_slot]?.linkIds, hops - 1);
    }
    return [node];
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
  const inSubgraph = node.graph && node.graph !== rootGraph();
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

/**
 * Nodes 2.0 leaves a panel on the page when its node is replaced by one of the same id and class, as undo, reloading and
 * conversion to a subgraph do: the new node's panel would never be seen. So it takes the place of the old one itself.
 */
function takePlace(node, name, element) {
  const key = () => `${node.id} ${node.comfyClass} ${name}`;
  const look = () => {
    if (element.isConnected || node.graph?.id !== app.canvas?.graph?.id) return;
    document.querySelector(`.acestep[data-left="${CSS.escape(key())}"]`)?.replaceWith(element);
  };
  afterNodeMethod(node, "onConfigure", () => requestAnimationFrame(() => requestAnimationFrame(look)));
  const endTicks = onTick(look);
  afterNodeMethod(node, "onRemoved", () => {
    endTicks();
    element.dataset.left = key();
  });
}

/** Makes the node large enough for its widgets and at least `minWidth` wide; it is never made smaller. */
export function growNode(node, minWidth = 0) {
  const [width, height] = node.computeSize();
  resize(node, Math.max(node.size[0], width, minWidth), Math.max(node.size[1], height));
}

/**
 * Lends a panel room beyond what its node was made or saved with: `lend(pixels)` makes the node as much higher, so that
 * nothing else on it is squeezed, and gives it back when there are fewer. The node is saved without what is lent.
 */
export function lender(node) {
  let wanted = 0;
  let lent = 0;
  const apply = () => {
    const own = node.size[1] - lent;
    lent = wanted;
    resize(node, node.size[0], Math.max(own + lent, node.computeSize()[1]));
  };
  afterNodeMethod(node, "onConfigure", () => {
    lent = 0;
    apply();
  });
  afterNodeMethod(node, "onSerialize", (saved) => {
    saved.size = [saved.size[0], saved.size[1] - lent];
  });
  return (pixels) => {
    wanted = pixels;
    apply();
  };
}

function resize(node, width, height) {
  if (width !== node.size[0] || height !== node.size[1]) node.setSize([width, height]);
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
