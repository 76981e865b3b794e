/**
 * The waveform of a file on the server: decoded here when it is short, measured by the server when it is long
 * or in a format the browser does not play.
 */
import { viewUrl } from "../comfy.js";
import { ask } from "../server.js";
import { measure, peaksFromServer } from "./peaks.js";

export const LONGEST_DECODED_SECONDS = 600;
// Every rate in use fits into this one without losing anything, so zero crossings stay where they are.
const DECODING_RATE_HZ = 48_000;
const KEPT = 4;

const kept = new Map();
const lengths = new Map();

/**
 * {peaks, seconds, mono, sampleRate} of a file {filename, subfolder, type}; mono is null for a long one.
 * Rejects with an Error whose message can be shown.
 */
export async function waveformOf(file) {
  const key = `${viewUrl(file)} ${await versionOf(file)}`;
  const waveform = kept.get(key) ?? load(file);
  kept.delete(key);
  kept.set(key, waveform);
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  waveform.catch(() => kept.delete(key));
  return waveform;
}

/** Length of a file in seconds, from its header alone; null when the browser cannot tell. */
export async function secondsOf(file) {
  const url = viewUrl(file);
  if (!lengths.has(url)) lengths.set(url, lengthOf(url));
  return lengths.get(url);
}

/** What changes when a file is uploaded anew under its old name. */
async function versionOf(file) {
  const answer = await fetch(viewUrl(file), { method: "HEAD", cache: "no-store" });
  if (answer.status === 404) throw new Error("missing");
  return `${answer.headers.get("last-modified")} ${answer.headers.get("content-length")}`;
}

async function load(file) {
  const seconds = await lengthOf(viewUrl(file));
  if (seconds !== null && seconds <= LONGEST_DECODED_SECONDS) {
    try {
      return await decoded(file);
    } catch (error) {
      if (file.type !== "input") throw error;
    }
  }
  return measuredByServer(file);
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

async function decoded(file) {
  const answer = await fetch(viewUrl(file));
  if (!answer.ok) throw new Error("missing");
  const context = new OfflineAudioContext(1, 1, DECODING_RATE_HZ);
  const buffer = await context.decodeAudioData(await answer.arrayBuffer());
  const channels = Array.from({ length: buffer.numberOfChannels }, (_, index) => buffer.getChannelData(index));
  const { peaks, mono } = await unhurried(measure(channels, buffer.sampleRate));
  return { peaks, mono, seconds: buffer.duration, sampleRate: buffer.sampleRate };
}

async function measuredByServer({ filename, subfolder, type }) {
  const body = await ask("peaks", { filename, subfolder, type });
  return { peaks: peaksFromServer(body), mono: null, seconds: body.seconds, sampleRate: body.sample_rate };
}

/** Runs a generator to its end without holding up the page. */
async function unhurried(steps) {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    await new Promise((resume) => setTimeout(resume));
  }
}
