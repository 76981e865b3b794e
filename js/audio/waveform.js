/**
 * The waveform of a file on the server: decoded here when it is short, measured by the server when it is long
 * or in a format the browser does not play.
 */
import { viewUrl } from "../comfy.js";
import { ask } from "../server.js";
import { FoundCrossings, SampledCrossings } from "./crossings.js";
import { headOf } from "./file.js";
import { measure, peaksFromServer } from "./peaks.js";
import { onFilesChanged } from "./track.js";

export const LONGEST_DECODED_SECONDS = 600;
// Every rate in use fits into this one without losing anything, so zero crossings stay where they are.
const DECODING_RATE_HZ = 48_000;
const KEPT = 4;

const kept = new Map();
const lengths = new Map();

onFilesChanged(() => lengths.clear());

/**
 * {peaks, seconds, crossings, url} of a file {filename, subfolder, type}. `onPart` is given the same of what was read so
 * far, with `share` of the whole and without crossings, several times for a file that takes long.
 * Rejects with an Error whose message can be shown.
 */
export async function waveformOf(file, onPart = () => {}) {
  const url = await addressOf(file);
  const known = kept.get(url) ?? begin(file, url);
  kept.delete(url);
  kept.set(url, known);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  known.waveform.catch(() => kept.delete(url));
  known.listeners.add(onPart);
  if (known.part) onPart(known.part);
  try {
    return await known.waveform;
  } finally {
    known.listeners.delete(onPart); // what is kept for the next who asks must not keep who asked before
  }
}

function begin(file, url) {
  const known = { listeners: new Set(), part: null };
  const tell = (part) => {
    known.part = part;
    for (const listener of known.listeners) listener(part);
  };
  known.waveform = load(file, url, tell)
    .then((waveform) => ({ ...waveform, url }))
    .finally(() => {
      known.part = null;
    });
  return known;
}

/** Length of a file in seconds, from its header alone; null when the browser cannot tell. */
export async function secondsOf(file) {
  const name = viewUrl(file);
  if (!lengths.has(name)) lengths.set(name, addressOf(file).then(lengthOf, () => null));
  return lengths.get(name);
}

/**
 * An address of its own for each version of a file. ComfyUI does not say how long one holds, so a browser would go on
 * with what it has read under the plain address when the file has been written anew.
 */
async function addressOf(file) {
  const answer = await headOf(file);
  if (answer.status === 404) throw new Error("missing");
  const version = ["etag", "last-modified", "content-length"].map((name) => answer.headers.get(name)).join(" ");
  return `${viewUrl(file)}&version=${encodeURIComponent(version)}`;
}

async function load(file, url, tell) {
  const seconds = await lengthOf(url);
  if (seconds !== null && seconds <= LONGEST_DECODED_SECONDS) {
    try {
      return await decoded(url);
    } catch (error) {
      if (file.type !== "input") throw error;
    }
  }
  return measuredByServer(file, tell);
}

/** The length a media element reports, or null when the browser cannot play the file. */
function lengthOf(url) {
  return new Promise((settle) => {
    const audio = new Audio();
    const answer = (value) => {
      audio.removeAttribute("src");
      settle(value);
    };
    audio.preload = "metadata";
    audio.onloadedmetadata = () => answer(Number.isFinite(audio.duration) ? audio.duration : null);
    audio.onerror = () => answer(null);
    audio.src = url;
  });
}

async function decoded(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error("missing");
  const context = new OfflineAudioContext(1, 1, DECODING_RATE_HZ);
  const buffer = await context.decodeAudioData(await answer.arrayBuffer());
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, index) => buffer.getChannelData(index));
  const { peaks, mono } = await unhurried(measure(channels, buffer.sampleRate));
  return { peaks, seconds: buffer.duration, crossings: new SampledCrossings(mono, buffer.sampleRate) };
}

async function measuredByServer({ filename, subfolder, type }, tell) {
  for (;;) {
    const body = await ask("peaks", { filename, subfolder, type, growing: true });
    if (body.bins !== undefined) {
      return { peaks: peaksFromServer(body), seconds: body.seconds, crossings: new FoundCrossings(body.crossings) };
    }
    const { peaks, seconds } = body;
    if (!peaks) continue;
    tell({ peaks: peaksFromServer(peaks, seconds), seconds, crossings: null, share: peaks.seconds / seconds });
  }
}

/** Runs a generator to its end without holding up the page. */
async function unhurried(steps) {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await new Promise((resume) => setTimeout(resume));
  }
}
