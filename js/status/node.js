/** What a rendering node asks for, read from its widgets and from the nodes it is connected to. */
import { findWidget, knownValues, lastOutput, upstream } from "../comfy.js";
import { ask, priceOf } from "../server.js";
import { loadedFile } from "../audio/file.js";
import { secondsOf } from "../audio/waveform.js";
import { resolve } from "../time_range/range.js";
import { lastRun, previousEntries, statedEntry } from "../time_range/node.js";
import { taskOf, unsettled } from "./facts.js";

const VERSIONS = ["ace-step", "ace-step-1.5"];

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

// The most that a RunComfy run can be asked for, where only the run tells what it is.
const MOST = {
  duration: 240,
  batch_size: 16,
  context_seconds: 120,
  extend_before_duration: 240,
  extend_after_duration: 240,
};

/** Values by name. One that another node gives and only a run can tell is null. */
export function valuesOf(node) {
  const values = Object.entries(knownValues(node)).map(([name, value]) => [name, value ?? null]);
  return { ...DEFAULTS, ...Object.fromEntries(values) };
}

/** The report of the node's last run, or undefined. */
export const reportOf = (node) => lastOutput(node)?.acestep?.[0];

export const hasSetting = (node, name) => Boolean(findWidget(node, name));

/**
 * {price, callSeconds, takes, atMost} of a RunComfy run; callSeconds is null when only the run can tell them, atMost
 * says that something else is told by the run alone, so that the real cost may be lower.
 */
export async function estimateOf(node, values) {
  const task = taskOf(node.comfyClass);
  const price = await dearest(task, values.version);
  const seconds = task === "generate" ? null : await sourceSeconds(node);
  const open = Object.keys(MOST).filter((name) => values[name] === null);
  const most = { ...values, ...Object.fromEntries(open.map((name) => [name, MOST[name]])) };
  const callSeconds = await secondsOfCalls(node, task, most, seconds);
  const known = task === "generate" || (seconds !== null && !statedEntries(node).includes(null));
  return { price, takes: most.batch_size, callSeconds, atMost: !known || unsettled(values).length > 0 };
}

async function dearest(task, version) {
  if (version !== null) return priceOf(task, version);
  const prices = await Promise.all((task === "generate" ? VERSIONS : ["auto"]).map((each) => priceOf(task, each)));
  return prices.reduce((one, other) => (other.usd > one.usd ? other : one));
}

async function secondsOfCalls(node, task, values, seconds) {
  if (task === "generate") return [values.duration];
  const question =
    task === "inpaint"
      ? inpaintQuestion(node, seconds, values.loop)
      : { before: values.extend_before_duration, after: values.extend_after_duration };
  const asked = { context_seconds: values.context_seconds, loop: "loop" in values ? values.loop : false, ...question };
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
export const rangesAsked = (node) => statedEntries(node);

/** Whether a range of an inpaint crosses the track's end, which an edit without loop refuses. */
export async function crossesUnlooped(node, values) {
  if (values.loop !== false) return false;
  const entries = statedEntries(node).filter(Boolean);
  const seconds = entries.some(needsLength) ? await sourceSeconds(node) : null;
  const placed = entries.filter((entry) => seconds !== null || !needsLength(entry));
  return placed.some((entry) => resolve(entry, seconds ?? FAR_SECONDS).crosses);
}

/** The ranges of an inpaint; null and undefined stand for what only a run can tell, see `previousEntries`. */
function statedEntries(node) {
  const origin = upstream(node, "time_range");
  if (origin?.node.comfyClass !== "TimeRange") return origin ? [undefined] : [];
  return [statedEntry(origin.node, origin.inside), ...previousEntries(origin.node, origin.inside)];
}

// Whether a range begins and ends where it does only with the track's length.
const needsLength = (entry) => entry.startAnchor !== entry.endAnchor;

function inpaintQuestion(node, seconds, loop) {
  const entries = statedEntries(node);
  // A range that lies nobody knows where is within the track; several, with their context, may cost more than it.
  if (entries.length === 1 && entries[0] === null && seconds !== null && !loop) return { ranges: [[0, seconds]] };
  if (entries.length === 0 || entries.some((entry) => !entry)) return null;
  const placed = entries.map((entry) => resolve(entry, seconds ?? FAR_SECONDS));
  if (placed.some(({ problem }) => problem)) return null;
  // One that crosses the end is as long as the track lets it be, and nothing without loop.
  if (placed.some(({ crosses }) => crosses) && (seconds === null || !loop)) return null;
  if (seconds !== null) return { ranges: placed.map(({ start, end }) => [start, end]) };
  // Without the length, a range counted from both ends has none either.
  if (entries.some(needsLength)) return null;
  // Side by side, where nothing cuts off the context of any of them.
  let next = APART_SECONDS;
  const apart = ({ start, end }) => {
    const from = next;
    next += end - start + APART_SECONDS;
    return [from, from + end - start];
  };
  return { ranges: placed.map(apart) };
}
