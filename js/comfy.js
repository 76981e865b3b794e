/**
 * Everything this pack asks of ComfyUI's front end, and nothing else touches it.
 *
 * Verified in LiteGraph and in Nodes 2.0. What the two renderers do differently is settled here.
 */
import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { onTick } from "./comfy/ticks.js";
import { linkedInputs, rootGraph, runIdOf, sourceOf } from "./comfy/wiring.js";

export { onTick } from "./comfy/ticks.js";
export { downstream, isOpen, leftOut, linkedInputs, remembered, remembering } from "./comfy/wiring.js";

export function registerExtension(extension) {
  app.registerExtension(extension);
}

/** The two-letter code of the language ComfyUI shows. */
export function locale() {
  return String(app.extensionManager?.setting?.get("Comfy.Locale") ?? "en").slice(0, 2);
}

/** A moment in Unix seconds, as the user's language writes it. */
export const localTime = (seconds) =>
  new Date(seconds * 1000).toLocaleString(locale(), { dateStyle: "short", timeStyle: "short" });

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

/**
 * Sets a value, told to all who follow the field and shown by both renderers: in the field that decides it, which may be
 * on the outside of a subgraph. It is kept as it is: ComfyUI's own callback rounds to the digits that the field shows.
 */
export function setWidgetValue(node, name, value) {
  const outside = sourceOf(node, name);
  const widget = outside?.widget ?? findWidget(node, name);
  const holder = outside?.widget ? outside.node : node;
  const before = widget?.value;
  if (!widget || before === value) return;
  widget.value = value;
  widget.callback?.(value);
  if (widget.value !== value) widget.value = value;
  holder.onWidgetChanged?.(widget.name, value, before, widget); // among others what ComfyUI said against the old value ends
  holder.graph?.setDirtyCanvas(true, false);
}

/** Chooses a value that a list may not offer yet, such as a file that has just been put into a folder. */
export function chooseNew(node, name, value) {
  const choices = findWidget(node, name)?.options?.values;
  if (Array.isArray(choices) && !choices.includes(value)) choices.push(value);
  setWidgetValue(node, name, value);
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
  const index = node.inputs?.findIndex((item) => item.name === name || item.widget?.name === name) ?? -1;
  return index >= 0 && node.isInputConnected(index) && !sourceOf(node, name)?.widget;
}

/** Whether an output leads to any other node. */
export const isUsed = (node, slot) => node.isOutputConnected(slot);

/**
 * The value that the prompt will give an input: that of its own widget, of the field that stands for it on the outside
 * of a subgraph, of a primitive, or of one of TagBuilder's own fields. Undefined where only the run can tell.
 */
export function knownValue(node, name, inside) {
  const source = sourceOf(node, name, inside);
  if (!source) return widgetValue(node, name);
  if (source.widget) return source.widget.value;
  const { node: origin, slot } = source;
  if (origin.comfyClass?.startsWith("Primitive")) return knownValue(origin, "value", source.inside);
  if (origin.comfyClass === "TagBuilder" && origin.outputs[slot].name === name) {
    return knownValue(origin, name, source.inside);
  }
  return undefined;
}

/** The values that the prompt will give a node's own widgets, by name; see `knownValue`. */
export function knownValues(node) {
  const linked = new Set(linkedInputs(node));
  const told = (node.widgets ?? []).filter(({ value }) => value !== undefined);
  return Object.fromEntries(
    told.map(({ name, value }) => [name, linked.has(name) ? knownValue(node, name) : value]),
  );
}

/** Greys a widget out, or makes it usable again. `reason` replaces its tooltip while it is greyed. */
export function setWidgetDisabled(node, name, reason) {
  const widget = findWidget(node, name);
  if (!widget) return;
  if (Boolean(widget.disabled) !== Boolean(reason)) widget.disabled = Boolean(reason);
  widget.tooltip = reason || undefined;
}

/**
 * Takes the fields of these settings off their node or puts them back, and makes the node as much lower or higher. Their
 * values stay. `hidden`: {name: boolean}.
 */
export function hideWidgets(node, hidden) {
  // `widget.hidden` is also true of a field whose value comes from a link.
  const changed = Object.keys(hidden).filter((name) => Boolean(findWidget(node, name).options.hidden) !== hidden[name]);
  if (changed.length === 0) return;
  const before = node.computeSize()[1];
  for (const name of changed) {
    const widget = findWidget(node, name);
    widget.hidden = hidden[name];
    widget.options.hidden = hidden[name]; // what Nodes 2.0 goes by
  }
  node.widgets.push(node.widgets.pop()); // Nodes 2.0 before 1.47 looks anew when the list changes
  resize(node, node.size[0], node.size[1] + node.computeSize()[1] - before);
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
  let graph = rootGraph();
  let node = null;
  for (const part of String(id).split(":")) {
    node = graph?.getNodeById(part) ?? graph?.getNodeById(Number(part));
    graph = node?.subgraph;
  }
  return node ?? null;
}

// ---------------------------------------------------------------- links

/** {node, slot, inside} whose output feeds an input, see wiring.js; null when no node does. */
export function upstream(node, inputName, inside) {
  const source = sourceOf(node, inputName, inside);
  return source && !source.widget ? source : null;
}

/**
 * Brings the number that decides a setting before its user, to be typed anew beside `element`: unfolded, selected and
 * asked for where it is, which may be on the outside of a subgraph.
 */
export function leadTo(node, name, element) {
  const { left: clientX, top: clientY } = element.getBoundingClientRect();
  const outside = sourceOf(node, name);
  const [holder, widget] = outside?.widget ? [outside.node, outside.widget] : [node, findWidget(node, name)];
  const { canvas } = app;
  if (holder.graph !== canvas.graph) canvas.setGraph(holder.graph);
  holder.showAdvanced = true;
  growNode(holder);
  canvas.selectItems([holder]);
  const take = (typed) => {
    const value = Number(typed);
    if (!Number.isFinite(value)) return;
    const { min = -Infinity, max = Infinity } = widget.options;
    setWidgetValue(node, name, Math.min(Math.max(value, min), max));
    rememberForUndo();
  };
  canvas.constructor.active_canvas ??= canvas; // front ends before 1.47 know it only once the mouse was over it
  canvas.prompt(widget.label || widget.name, widget.value, take, { clientX, clientY });
}

/** The nodes beside one in its graph. */
export const nodesAround = (node) => node.graph?.nodes ?? [];

/** Joins an output with an input by its name, inside one graph. */
export function connect(from, slot, to, inputName) {
  from.connect(
    slot,
    to,
    to.inputs.findIndex((input) => input.name === inputName),
  );
}

const GAP = 40;

/** A new node of a class, to the left of `node` and below whatever lies there already. */
export function addNodeBefore(node, nodeClass) {
  const added = window.LiteGraph.createNode(nodeClass);
  const taken = nodesAround(node).map((other) => [...other.getBounding()]);
  node.graph.add(added);
  const [width, height] = added.size;
  const left = node.pos[0] - GAP - width;
  const meets = ([x, y, wide, high], top) =>
    x < left + width && left < x + wide && y < top + height + GAP && top - GAP < y + high;
  let top = node.pos[1];
  for (let lowest; (lowest = taken.find((box) => meets(box, top))); ) top = lowest[1] + lowest[3] + 2 * GAP;
  added.pos = [left, top];
  return added;
}

const STILL_FRAMES = 8;

/** Resolves when a node that was just added has the size that ComfyUI gives it: Nodes 2.0 measures it when it is drawn. */
export async function settled(node) {
  for (let still = 0, before = ""; still < STILL_FRAMES; ) {
    await new Promise(requestAnimationFrame);
    const now = String(node.size);
    still = now === before ? still + 1 : 0;
    before = now;
  }
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

const REMEMBERED_RUNS = 30;
let runsBefore = null;

/** The runs that the server remembers from before this page was loaded, newest first. */
function runsBeforeThisPage() {
  runsBefore ??= api
    .fetchApi(`/history?max_items=${REMEMBERED_RUNS}`)
    .then((answer) => answer.json())
    .then((runs) => Object.values(runs).sort((one, other) => other.prompt[0] - one.prompt[0]))
    .catch(() => []);
  return runsBefore;
}

/** Called once, before this page runs anything. */
export const rememberRuns = () => void runsBeforeThisPage();

/** The ids by which a run knows the open workflow and one of its nodes; undefined for a node that is in none. */
export function idsOfRun(node) {
  return node.graph && rootGraph() ? { workflow: rootGraph().id, node: runIdOf(node) } : undefined;
}

const MOVES = ["increment", "increment-wrap", "decrement", "randomize"];

/**
 * Whether ComfyUI gives the setting another value for each run, so that it differs from the last run's. What controls
 * that is not told by its name: front ends before 1.58 call it as what it is set to at first.
 */
const changesByItself = (node, name) =>
  findWidget(node, name)?.linkedWidgets?.some((control) => MOVES.includes(control.value)) ?? false;

/**
 * Gives the nodes of this workflow back what they put out before the page was loaded, if `node` says now what it said
 * in that run. Resolves to whether it did.
 */
export async function recallRun(node) {
  const runs = await runsBeforeThisPage();
  if (!node.graph || !rootGraph()) return false;
  const id = runIdOf(node);
  const values = knownValues(node);
  const isSame = ({ prompt: [, , prompt, extra], outputs: put }) =>
    extra?.extra_pnginfo?.workflow?.id === rootGraph().id &&
    put?.[id] !== undefined &&
    prompt[id]?.class_type === node.comfyClass &&
    Object.entries(prompt[id].inputs).every(
      ([name, value]) => Array.isArray(value) || values[name] === value || changesByItself(node, name),
    );
  const run = runs.find(isSame);
  for (const [each, output] of Object.entries(run?.outputs ?? {})) {
    const other = nodeOfRun(each);
    if (other && !lastOutput(other)) outputs.set(other, output);
  }
  return run !== undefined;
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
 * Adds an element to the end of a node, called `label` where it is shown without it, as in an app. It fills the node's
 * width and at least `minHeight()` pixels; without `maxHeight` it takes what the node has left.
 */
export function addPanel(node, name, label, element, minHeight, maxHeight) {
  const widget = node.addDOMWidget(name, `acestep_${name}`, element, {
    serialize: false,
    hideOnZoom: false,
    hideInPanel: true, // among a node's properties the front end shows no element of an extension, but a blank row
    margin: PANEL_MARGIN,
    selectOn: ["click"],
    // LiteGraph takes the margin off the height on both sides.
    getMinHeight: () => minHeight() + 2 * PANEL_MARGIN,
    ...(maxHeight && { getMaxHeight: () => maxHeight() + 2 * PANEL_MARGIN }),
  });
  widget.serialize = false; // not in the saved workflow; options.serialize keeps it out of the prompt
  widget.label = label;
  leaveProperties(widget);
  if (maxHeight) keepLow(widget);
  lendToCanvas(element);
  stayInSight(element);
  takePlace(node, name, element);
  growNode(node, PANEL_WIDTH);
  return widget;
}

/** Front ends before 1.47 know no `hideInPanel`: they draw the widget into the blank row, at the row's width. */
function leaveProperties(widget) {
  const { draw } = widget;
  widget.draw = function (context, ...values) {
    const row = context.canvas.closest(".widget-item");
    if (!row) return draw.call(this, context, ...values);
    row.style.display = "none";
    this.width = undefined;
  };
}

/** Nodes 2.0 knows no greatest height: whatever can be laid out is stretched over the room a node has left. */
function keepLow(widget) {
  const { computeLayoutSize } = widget;
  Object.defineProperty(widget, "computeLayoutSize", {
    get: () => (window.LiteGraph?.vueNodesMode ? undefined : computeLayoutSize),
  });
}

const leftBehind = new Map();
// The front end may take an element off the page while it draws anew.
const REDRAWN_MS = 2000;

/** What is no longer on the page leaves no place to be taken, and is not kept. */
function sweep() {
  for (const [key, { element, since }] of leftBehind) {
    if (!element.isConnected && performance.now() - since > REDRAWN_MS) leftBehind.delete(key);
  }
}

const isSeen = (element) => element.getClientRects().length > 0;

/**
 * Nodes 2.0 and apps leave a panel on the page when its node is replaced by one of the same id and class, as undo,
 * reloading and conversion to a subgraph do: the new node's panel would never be seen. So it takes the place of the old
 * one itself.
 */
function takePlace(node, name, element) {
  const key = () => `${node.id} ${node.comfyClass} ${name}`;
  const look = () => {
    const old = leftBehind.size > 0 && leftBehind.get(key());
    if (!old || node.graph?.id !== app.canvas?.graph?.id || isSeen(element)) return;
    if (old.element.isConnected) old.element.replaceWith(element);
    leftBehind.delete(key());
  };
  afterNodeMethod(node, "onConfigure", () => requestAnimationFrame(() => requestAnimationFrame(look)));
  const endTicks = onTick(look);
  afterNodeMethod(node, "onRemoved", () => {
    endTicks();
    leftBehind.set(key(), { element, since: performance.now() });
    onTick(sweep); // the same one each time
  });
}

/** Tells, wherever the element that it lies in is put. */
class Whereabouts extends HTMLElement {
  connectedCallback() {
    this.listener(this.parentElement.parentElement);
  }
}
customElements.define("acestepnodes-whereabouts", Whereabouts);

/**
 * There is one panel for a node, an app and the preview of an app, and each of them fetches it when it comes up. A node
 * behind an app does so too, when the app is opened from its builder: then the panel goes back to where it is seen.
 */
function stayInSight(element) {
  const homes = new Set();
  const look = () => {
    if (element.isConnected && !isSeen(element)) [...homes].find(isSeen)?.append(element);
  };
  const whereabouts = new Whereabouts();
  whereabouts.hidden = true;
  whereabouts.listener = (home) => {
    for (const each of homes) if (!each.isConnected) homes.delete(each);
    homes.add(home);
    requestAnimationFrame(() => requestAnimationFrame(look));
  };
  element.append(whereabouts);
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
  // Copying selected words must not copy the selected nodes.
  element.addEventListener("copy", (event) => getSelection().isCollapsed || event.stopPropagation());
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
