/** What a rendering node asks for, read from its widgets and from the nodes it is connected to. */
import { findWidget, isLinked, lastOutput, upstream } from "../comfy.js";
import { ask, priceOf } from "../server.js";
import { loadedFile } from "../audio/file.js";
import { secondsOf } from "../audio/waveform.js";
import { resolve } from "../time_range/range.js";
import { entryOf, lastRun, linkedEdges, previousEntries } from "../time_range/node.js";
import { taskOf } from "./facts.js";

const DEFAULTS = {
  lyrics: "",
  tags: "",
  resume_request_id: "",
  batch_size: 1,
  seed: 0,
  version: "auto",
  backend: "auto",
};
// So long that no end of the track cuts off any context: the estimate is then an upper bound.
const FAR_SECONDS = 86_400;
const APART_SECONDS = 600;

/** Values by name. A tags or lyrics input that another node feeds is null. */
export function valuesOf(node) {
  const values = { ...DEFAULTS };
  for (const { name, value } of node.widgets ?? []) if (value !== undefined) values[name] = value;
  for (const name of ["tags", "lyrics"]) if (isLinked(node, name)) values[name] = null;
  return values;
}

export const connectedInputs = (node) =>
  (node.inputs ?? []).filter((input) => input.link != null).map((input) => input.name);

/** The report of the node's last run, or undefined. */
export const reportOf = (node) => lastOutput(node)?.acestep?.[0];

export const hasSetting = (node, name) => Boolean(findWidget(node, name));

/**
 * {price, callSeconds, takes, atMost} of a RunComfy run; callSeconds is null when the ranges are not known,
 * atMost says that the track's length is not known, so that the real cost may be lower.
 */
export async function estimateOf(node, values) {
  const task = taskOf(node.comfyClass);
  const price = await priceOf(task, values.version);
  const takes = values.batch_size;
  if (task === "generate") return { price, takes, callSeconds: [values.duration], atMost: false };
  const seconds = await sourceSeconds(node);
  const question =
    task === "inpaint"
      ? inpaintQuestion(node, values, seconds)
      : { before: values.extend_before_duration, after: values.extend_after_duration };
  if (!question) return { price, takes, callSeconds: null, atMost: false };
  const plan = await ask("plan", {
    task,
    seconds: seconds ?? FAR_SECONDS,
    context_seconds: values.context_seconds,
    ...question,
  });
  return { price, takes, callSeconds: plan.call_seconds, atMost: seconds === null };
}

/** Length of the track an edit works on; null before it is known. */
async function sourceSeconds(node) {
  const file = loadedFile(node, "audio");
  if (file) return secondsOf(file);
  const range = rangeNode(node);
  const ran = range && lastRun(range);
  const same = ran && sameOrigin(upstream(node, "audio"), upstream(range, "audio"));
  return same ? ran.seconds : null;
}

const sameOrigin = (a, b) => a && b && a.node === b.node && a.slot === b.slot;

function rangeNode(node) {
  const origin = upstream(node, "time_range");
  return origin?.node.comfyClass === "TimeRange" ? origin.node : null;
}

/** Whatever decides the ranges of an inpaint, to notice a change. */
export function rangesAsked(node) {
  const range = rangeNode(node);
  return range && [entryOf(range), previousEntries(range), linkedEdges(range)];
}

function inpaintQuestion(node, values, seconds) {
  const range = rangeNode(node);
  if (!range || linkedEdges(range).length) return null;
  const entries = [entryOf(range), ...previousEntries(range)];
  const placed = entries.map((entry) => resolve(entry, seconds ?? FAR_SECONDS));
  if (placed.some(({ problem }) => problem)) return null;
  if (seconds !== null) return { ranges: placed.map(({ start, end }) => [start, end]) };
  // Without the length, a range counted from both ends has none either.
  if (entries.some((entry) => entry.startAnchor !== entry.endAnchor)) return null;
  // Side by side, where nothing cuts off the context of any of them.
  let next = APART_SECONDS;
  const apart = ({ start, end }) => {
    const from = next;
    next += end - start + APART_SECONDS;
    return [from, from + end - start];
  };
  return { ranges: placed.map(apart) };
}
