/** What a rendering node asks for, read from its widgets and from the nodes it is connected to. */
import { findWidget, knownValue, lastOutput, upstream } from "../comfy.js";
import { ask, priceOf } from "../server.js";
import { loadedFile } from "../audio/file.js";
import { secondsOf } from "../audio/waveform.js";
import { resolve } from "../time_range/range.js";
import { lastRun, previousEntries, statedEntry } from "../time_range/node.js";
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

// What a row is about is always told, by the widget's own value where a link decides it in the run.
const DECIDING = ["backend", "version", "resume_request_id"];

/** Values by name. One that another node gives and only a run can tell is null. */
export function valuesOf(node) {
  const values = { ...DEFAULTS };
  for (const { name, value } of node.widgets ?? []) {
    if (value === undefined) continue;
    values[name] = knownValue(node, name) ?? (DECIDING.includes(name) ? value : null);
  }
  return values;
}

export const connectedInputs = (node) =>
  (node.inputs ?? []).filter((input) => input.link != null).map((input) => input.name);

/** The report of the node's last run, or undefined. */
export const reportOf = (node) => lastOutput(node)?.acestep?.[0];

export const hasSetting = (node, name) => Boolean(findWidget(node, name));

/**
 * {price, callSeconds, takes, atMost} of a RunComfy run; callSeconds is null when only the run can tell them, atMost
 * says that the track's length is not known, so that the real cost may be lower.
 */
export async function estimateOf(node, values) {
  const task = taskOf(node.comfyClass);
  const price = await priceOf(task, values.version);
  const takes = values.batch_size;
  const seconds = task === "generate" ? null : await sourceSeconds(node);
  const callSeconds = takes === null ? null : await secondsOfCalls(node, task, values, seconds);
  return { price, takes, callSeconds, atMost: task !== "generate" && seconds === null };
}

async function secondsOfCalls(node, task, values, seconds) {
  if (task === "generate") return values.duration === null ? null : [values.duration];
  const question =
    task === "inpaint"
      ? inpaintQuestion(node, seconds)
      : { before: values.extend_before_duration, after: values.extend_after_duration };
  const asked = { context_seconds: values.context_seconds, ...question };
  if (!question || Object.values(asked).includes(null)) return null;
  return (await ask("plan", { task, seconds: seconds ?? FAR_SECONDS, ...asked })).call_seconds;
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
  return range && [statedEntry(range), previousEntries(range)];
}

function inpaintQuestion(node, seconds) {
  const range = rangeNode(node);
  const entries = range ? [statedEntry(range), ...previousEntries(range)] : [null];
  if (entries.includes(null)) return null;
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
