/**
 * What feeds an input and where an output leads, followed as the front end follows links when it writes a prompt:
 * through subgraphs, reroutes and other nodes that are only wires, past bypassed nodes, and not to muted ones.
 * No prompt is written for it: that runs the hooks of every pack, some of which upload files or draw numbers.
 */
import { app } from "../../../scripts/app.js";

// What links inside a subgraph name as their ends when they lead out of it.
const SUBGRAPH_INPUTS = -10;
const SUBGRAPH_OUTPUTS = -20;
const MOST_HOPS = 64;
const MODES = { 2: "muted", 4: "bypassed" };

/** Null before there is one: ComfyUI complains on the console about whoever asks too early. */
export const rootGraph = () => (app.isGraphReady ? app.rootGraph : null);

let memory = null;

/** Does some work in which no wire is changed, so that what is asked of a node several times is looked up once. */
export function remembering(work) {
  if (memory) return work();
  memory = new Map();
  try {
    return work();
  } finally {
    memory = null;
  }
}

/** What `look()` gives for a node, looked up once while `remembering`. */
export function remembered(node, what, look) {
  if (!memory) return look();
  let known = memory.get(node);
  if (!known) memory.set(node, (known = new Map()));
  if (!known.has(what)) known.set(what, look());
  return known.get(what);
}

const indexOf = (node, name) =>
  node.inputs?.findIndex((input) => input.name === name || input.widget?.name === name) ?? -1;

/** "muted" or "bypassed" when a run leaves the node out, by itself or with a subgraph around it; else null. */
export function leftOut(node) {
  const [left] = [node, ...around(node)].map(({ mode }) => MODES[mode]).filter(Boolean);
  return left ?? null;
}

/** The names of the inputs into which a link leads. */
export const linkedInputs = (node) =>
  remembered(node, "linked", () =>
    (node.inputs ?? []).filter((_, index) => node.isInputConnected(index)).map((input) => input.name),
  );

/**
 * What feeds an input: {node, slot, inside} is another node's output; {widget, node} is the field on the outside of a
 * subgraph that stands for the input's own; null is nothing, so that the input's own widget decides.
 * inside: the subgraphs around the node, innermost first, to be handed on when its own inputs are looked up.
 */
export function sourceOf(node, name, inside) {
  if (inside) return intoInput(node, indexOf(node, name), inside, MOST_HOPS);
  return remembered(node, `source ${name}`, () => intoInput(node, indexOf(node, name), around(node), MOST_HOPS));
}

const NOTHING = [];

/** The subgraphs around a node, innermost first. Of several copies of a subgraph, the one that was opened last. */
function around(node) {
  if (node.graph === rootGraph()) return NOTHING;
  const holders = [];
  for (let holder = holderOf(node.graph); holder && holders.length < MOST_HOPS; holder = holderOf(holder.graph)) {
    holders.push(holder);
  }
  return holders;
}

/**
 * Whether a node is in the open workflow. Front ends do not say so to the nodes inside a subgraph when another is opened.
 */
export function isOpen(node) {
  const path = [node, ...around(node)];
  return path.at(-1).graph === rootGraph() && path.every((each) => each.graph?.getNodeById(each.id) === each);
}

/** The id that a run gives a node: "7", or "3:7" for node 7 inside subgraph node 3. */
export const runIdOf = (node) =>
  [node, ...around(node)]
    .map(({ id }) => id)
    .reverse()
    .join(":");

const opened = new WeakMap();
let listening = false;

function holderOf(graph) {
  const root = rootGraph();
  if (!root || !graph || graph === root) return null;
  followOpening();
  const last = opened.get(graph);
  if (last?.graph && last.subgraph === graph) return last;
  const graphs = [root, ...(root.subgraphs?.values() ?? [])];
  return graphs.flatMap((each) => each.nodes).find((each) => each.subgraph === graph) ?? null;
}

function followOpening() {
  if (listening || !app.canvas?.canvas) return;
  listening = true;
  app.canvas.canvas.addEventListener("subgraph-opened", ({ detail }) => {
    if (detail?.fromNode) opened.set(detail.subgraph, detail.fromNode);
  });
}

function intoInput(node, index, inside, hops, type) {
  const link = hops > 0 ? linkInto(node, index) : null;
  if (!link) return null;
  if (Number(link.origin_id) === SUBGRAPH_INPUTS) return fromOutside(inside, link.origin_slot, hops - 1);
  const origin = node.graph.getNodeById(link.origin_id);
  return origin ? outOf(origin, link.origin_slot, type ?? node.inputs[index].type, inside, hops - 1) : null;
}

function fromOutside([holder, ...further], slot, hops) {
  const input = holder?.inputs[slot];
  if (!input) return null;
  if (linkInto(holder, slot)) return intoInput(holder, slot, further, hops);
  const widget = holder.getWidgetFromSlot(input);
  return widget ? { widget, node: holder } : null;
}

function outOf(node, slot, type, inside, hops) {
  const mode = MODES[node.mode];
  if (mode === "muted") return null;
  if (mode === "bypassed") return intoInput(node, passedOn(node, slot, type), inside, hops);
  if (node.subgraph) {
    const link = node.subgraph.outputs[slot]?.getLinks()[0];
    if (!link) return null;
    if (Number(link.origin_id) === SUBGRAPH_INPUTS) return intoInput(node, link.origin_slot, inside, hops);
    const inner = node.subgraph.getNodeById(link.origin_id);
    return inner ? outOf(inner, link.origin_slot, type, [node, ...inside], hops) : null;
  }
  return node.isVirtualNode ? throughWire(node, slot, type, inside, hops) : { node, slot, inside };
}

/** A node that is in no prompt: it says itself where it leads. */
function throughWire(node, slot, type, inside, hops) {
  const other = node.resolveVirtualOutput?.(slot);
  if (other) return outOf(other.node, other.slot, type, around(other.node), hops - 1);
  const link = node.type === "PrimitiveNode" ? null : node.getInputLink(slot);
  const target = link && node.graph.getNodeById(link.target_id);
  return target ? intoInput(target, link.target_slot, inside, hops, type) : null;
}

/** The input that a bypassed node hands on as its output `slot`, as the front end picks it. */
function passedOn(node, slot, type) {
  const inputs = node.inputs ?? [];
  if (type === "*" || type === "") return inputs.length > slot ? slot : 0;
  const { LiteGraph } = window;
  const fits = (input) =>
    LiteGraph.isValidConnection(input.type, node.outputs[slot].type) && LiteGraph.isValidConnection(input.type, type);
  if (inputs[slot] && fits(inputs[slot])) return slot;
  const same = inputs.findIndex((input) => input.type === type);
  return same >= 0 ? same : inputs.findIndex(fits);
}

/** The links that begin (`end` is origin) or end (target) at a place of a node. */
function linksAt(node, end, slot) {
  if (!node?.graph) return [];
  const key = (link) => `${link[`${end}_id`]} ${link[`${end}_slot`]}`;
  const found = remembered(node.graph, end, () => {
    const links = new Map();
    for (const link of node.graph.links.values()) {
      if (links.has(key(link))) links.get(key(link)).push(link);
      else links.set(key(link), [link]);
    }
    return links;
  });
  return found.get(`${node.id} ${slot}`) ?? [];
}

function linkInto(node, slot) {
  if (!node?.graph || slot < 0) return null;
  if (!node.subgraph) return node.getInputLink(slot);
  // The method of a subgraph's node answers for its outputs.
  return linksAt(node, "target", slot)[0];
}

const linksOutOf = (node, slot) => linksAt(node, "origin", slot);

/** The nodes that an output feeds, looked for through reroutes and subgraphs. */
export const downstream = (node, slot) =>
  remembered(node, `downstream ${slot}`, () => targetsOf(node.graph, linksOutOf(node, slot), MOST_HOPS));

function targetsOf(graph, links, hops) {
  if (hops === 0) return [];
  return links.flatMap((link) => {
    if (Number(link.target_id) === SUBGRAPH_OUTPUTS) {
      const holder = holderOf(graph);
      return targetsOf(holder?.graph, linksOutOf(holder, link.target_slot), hops - 1);
    }
    const node = graph.getNodeById(link.target_id);
    if (!node) return [];
    if (node.type === "Reroute") return targetsOf(graph, linksOutOf(node, 0), hops - 1);
    if (node.subgraph) {
      return targetsOf(node.subgraph, node.subgraph.inputs[link.target_slot]?.getLinks() ?? [], hops - 1);
    }
    return [node];
  });
}
