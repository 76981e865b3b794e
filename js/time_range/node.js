/** What a TimeRange node says: its own range, its neighbours' ranges, and the track they lie in. */
import { isLinked, lastOutput, setWidgetValue, upstream, widgetValue } from "../comfy.js";
import { audibleFile, loadedFile } from "../audio/file.js";

const EDGES = ["start", "end"];

/** The node's own range, as its number fields say. */
export function entryOf(node) {
  return {
    start: Number(widgetValue(node, "start_time") ?? 0),
    startAnchor: widgetValue(node, "start_time_relative_to") ?? "start",
    end: Number(widgetValue(node, "end_time") ?? 0),
    endAnchor: widgetValue(node, "end_time_relative_to") ?? "start",
  };
}

/** The same, but an edge that another node decides lies where the last run found it, when there was one. */
export function knownEntry(node) {
  const entry = entryOf(node);
  const range = lastRun(node)?.ranges?.at(-1);
  for (const edge of range ? linkedEdges(node) : []) {
    entry[edge] = range[edge === "start" ? 0 : 1];
    entry[`${edge}Anchor`] = "start";
  }
  return entry;
}

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
  const bpm = Number(widgetValue(node, "bpm") ?? 0);
  return isLinked(node, "bpm") || bpm < 30 ? 0 : bpm;
}

/** The ranges of the TimeRange nodes before this one, nearest first; those that links decide are left out. */
export function previousEntries(node) {
  const entries = [];
  const seen = new Set([node]);
  for (let origin = upstream(node, "previous"); origin; origin = upstream(origin.node, "previous")) {
    if (origin.node.comfyClass !== "TimeRange" || seen.has(origin.node)) break;
    seen.add(origin.node);
    if (linkedEdges(origin.node).length === 0) entries.push(entryOf(origin.node));
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
