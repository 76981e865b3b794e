/** The beats of a file on the server, as the server finds them. */
import { viewUrl } from "../comfy.js";
import { ask } from "../server.js";

const KEPT = 16;
const kept = new Map();

/**
 * {times, bars, bpm, confidence} of a file {filename, subfolder, type}, of about `bpm` when it is not 0; null when it has
 * none that can be told. `waveform` is what was read of that file: another one means that the file was written anew.
 */
export function beatsOf(file, bpm, waveform) {
  const key = `${viewUrl(file)} ${bpm}`;
  const known = kept.get(key);
  if (known?.waveform === waveform) return known.beats;
  const { filename, subfolder, type } = file;
  const beats = ask("beats", { filename, subfolder, type, bpm }).then((answer) => answer.beats);
  kept.delete(key);
  kept.set(key, { waveform, beats });
  if (kept.size > KEPT) kept.delete(kept.keys().next().value);
  beats.catch(() => kept.delete(key));
  return beats;
}
