/** The beats of a file on the server, as the server finds them. */
import { ask } from "../server.js";

// As long as a waveform is kept; what is kept here would keep its samples.
const kept = new WeakMap();

/**
 * {times, bars, bpm, confidence} of a file {filename, subfolder, type}, of about `bpm` when it is not 0; null when it has
 * none that can be told. `waveform` is what was read of that file: another one means that the file was written anew.
 */
export function beatsOf({ filename, subfolder, type }, bpm, waveform) {
  if (!kept.has(waveform)) kept.set(waveform, new Map());
  const known = kept.get(waveform);
  if (!known.has(bpm)) {
    const beats = ask("beats", { filename, subfolder, type, bpm }).then((answer) => answer.beats);
    known.set(bpm, beats);
    beats.catch(() => known.delete(bpm));
  }
  return known.get(bpm);
}
