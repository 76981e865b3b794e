/** What a TimeRange node says: its own range, its neighbours' ranges, and the track they lie in. */
import {
  downstream,
  isLinked,
  knownValue,
  lastOutput,
  leftOut,
  remembered,
  setWidgetValue,
  upstream,
  widgetValue,
} from "../comfy.js";
import { audibleFile, loadedFile, loaderOf } from "../audio/file.js";

const EDGES = ["start", "end"];
// More than anyone chains; it ends a chain that was closed to a ring.
const MOST_RANGES = 200;

/**
 * The node's own range. An edge that another node decides lies where that node is known to put it, else where the last
 * run found it.
 */
export function entryOf(node, inside) {
  const entry = {};
  const ran = lastRun(node)?.ranges?.at(-1);
  EDGES.forEach((edge, index) => {
    const [time, anchor] = statedEdge(node, edge, inside);
    const stated = time !== undefined && anchor !== undefined;
    const found = stated ? undefined : ran?.[index];
    entry[edge] = Number(found ?? time ?? widgetValue(node, `${edge}_time`) ?? 0);
    entry[`${edge}Anchor`] = found !== undefined ? "start" : (anchor ?? "start");
  });
  return entry;
}

/** The node's own range before any run, or null when another node decides it in a way only a run can tell. */
export function statedEntry(node, inside) {
  return EDGES.some((edge) => statedEdge(node, edge, inside).includes(undefined)) ? null : entryOf(node, inside);
}

const statedEdge = (node, edge, inside) => [
  knownValue(node, `${edge}_time`, inside),
  knownValue(node, `${edge}_time_relative_to`, inside),
];

/** Writes the times of an entry into the number fields; anchors and linked fields are never changed here. */
export function writeEntry(node, entry) {
  const linked = linkedEdges(node);
  for (const edge of EDGES) if (!linked.includes(edge)) setWidgetValue(node, `${edge}_time`, entry[edge]);
}

/** The edges whose time or anchor another node decides, so that they cannot be dragged. */
export function linkedEdges(node) {
  return EDGES.filter((edge) => isLinked(node, `${edge}_time`) || isLinked(node, `${edge}_time_relative_to`));
}

export function bpmOf(node) {
  const bpm = Number(knownValue(node, "bpm") ?? 0);
  return bpm < 30 ? 0 : bpm;
}

/**
 * The ranges of the nodes before this one, nearest first. Null stands for a range that only a run can tell, undefined
 * for what another kind of node gives: who knows how many they are.
 */
export function previousEntries(node, inside) {
  return inside ? chainFrom(node, inside) : remembered(node, "previous ranges", () => chainFrom(node));
}

function chainFrom(node, inside, most = MOST_RANGES) {
  const origin = most > 0 ? upstream(node, "previous", inside) : null;
  if (!origin) return [];
  if (origin.node.comfyClass !== "TimeRange") return [undefined];
  const entry = statedEntry(origin.node, origin.inside);
  const further = () => chainFrom(origin.node, origin.inside, most - 1);
  // Inside one graph the chain of each node is a part of the next one's.
  const rest = origin.inside.length ? further() : remembered(origin.node, "previous ranges", further);
  return [entry, ...rest];
}

/**
 * Whether every edit that gets this node's range takes the track for a loop: true or false; null when there is no edit
 * or only a run can tell.
 */
export function isLooped(node) {
  const loops = [];
  const chain = new Set([node]);
  for (const each of chain) {
    for (const next of downstream(each, 0)) {
      if (next.comfyClass === "TimeRange") chain.add(next);
      if (next.comfyClass === "ACEStepInpaint" && !leftOut(next)) loops.push(knownValue(next, "loop") ?? null);
    }
  }
  if (loops.includes(false)) return false;
  return loops.length > 0 && !loops.includes(null) ? true : null;
}

/** What the last run said about the track: {seconds, ranges, peaks}, or undefined. */
export const lastRun = (node) => lastOutput(node)?.acestep?.[0];

/** Where the track comes from: {linked, loaded, file, audible, key}; loaded: by Load Audio. `key` changes when it is another track. */
export function trackOf(node) {
  const origin = upstream(node, "audio");
  return {
    linked: origin !== null,
    loaded: loaderOf(node, "audio") !== null,
    file: loadedFile(node, "audio"),
    audible: audibleFile(node, "audio"),
    key: origin ? `${origin.node.id}:${origin.slot}` : "",
  };
}

/** Changes whenever something changes that the panel draws. */
export function signature(node) {
  const { linked, loaded, file, audible, key } = trackOf(node);
  return JSON.stringify([
    entryOf(node),
    linkedEdges(node),
    bpmOf(node),
    previousEntries(node),
    linked,
    loaded,
    file,
    audible,
    key,
  ]);
}
