/** What a TimeRange node says: its own range, its neighbours' ranges, and the track they lie in. */
import { isLinked, knownValue, lastOutput, setWidgetValue, upstream, widgetValue } from "../comfy.js";
import { audibleFile, loadedFile } from "../audio/file.js";

const EDGES = ["start", "end"];

/**
 * The node's own range. An edge that another node decides lies where that node is known to put it, else where the last
 * run found it.
 */
export function entryOf(node) {
  const entry = {};
  const ran = lastRun(node)?.ranges?.at(-1);
  EDGES.forEach((edge, index) => {
    const [time, anchor] = statedEdge(node, edge);
    const stated = time !== undefined && anchor !== undefined;
    const found = stated ? undefined : ran?.[index];
    entry[edge] = Number(found ?? time ?? widgetValue(node, `${edge}_time`) ?? 0);
    entry[`${edge}Anchor`] = found !== undefined ? "start" : (anchor ?? "start");
  });
  return entry;
}

/** The node's own range before any run, or null when another node decides it in a way only a run can tell. */
export function statedEntry(node) {
  return EDGES.some((edge) => statedEdge(node, edge).includes(undefined)) ? null : entryOf(node);
}

const statedEdge = (node, edge) => [
  knownValue(node, `${edge}_time`),
  knownValue(node, `${edge}_time_relative_to`),
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

/** The ranges of the nodes before this one, nearest first; null stands for what only a run can tell. */
export function previousEntries(node) {
  const entries = [];
  const seen = new Set([node]);
  for (let origin = upstream(node, "previous"); origin; origin = upstream(origin.node, "previous")) {
    if (seen.has(origin.node)) break;
    seen.add(origin.node);
    entries.push(origin.node.comfyClass === "TimeRange" ? statedEntry(origin.node) : null);
  }
  return entries;
}

/** What the last run said about the track: {seconds, ranges, peaks}, or undefined. */
export const lastRun = (node) => lastOutput(node)?.acestep?.[0];

/** Where the track comes from: {linked, file, audible, key}. `key` changes when it is another track. */
export function trackOf(node) {
  const origin = upstream(node, "audio");
  return {
    linked: origin !== null,
    file: loadedFile(node, "audio"),
    audible: audibleFile(node, "audio"),
    key: origin ? `${origin.node.id}:${origin.slot}` : "",
  };
}

/** Changes whenever something changes that the panel draws. */
export function signature(node) {
  const { linked, file, audible, key } = trackOf(node);
  return JSON.stringify([
    entryOf(node),
    linkedEdges(node),
    bpmOf(node),
    previousEntries(node),
    linked,
    file,
    audible,
    key,
  ]);
}
