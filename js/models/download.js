/** The one download of a model that the server may have under way, as every page sees it. */
import { onServerMessage } from "../comfy.js";
import { ask } from "../server.js";
import { modelsChanged } from "./local.js";

const listeners = new Set();
let asked = null;
let latest = null;
let messages = 0;

/** Follows the server's messages from now on. A server that comes back is asked anew. */
export function followDownload() {
  onServerMessage("acestep.download", (state) => {
    messages += 1;
    take(state);
    if (!isUnfinished(state)) modelsChanged();
  });
  onServerMessage("reconnected", () => {
    asked = null;
    for (const listener of listeners) listener();
    modelsChanged();
  });
}

/** The state as last heard, see the server's route; null before anything was heard. */
export const knownDownload = () => latest;

/** Asks the server for the state, once; later ones come as messages. */
export function readDownload() {
  asked ??= askAboutDownload("models/state").catch(() => (asked = null));
  return asked;
}

/** Asks a route whose answer is the state, or holds it as `stateOf` says; a message that came meanwhile is newer. */
export async function askAboutDownload(route, question, stateOf = (answer) => answer) {
  const before = messages;
  const answer = await ask(route, question);
  if (messages === before) take(stateOf(answer));
  return answer;
}

function take(state) {
  latest = state;
  for (const listener of listeners) listener();
}

/** Calls `listener` on each change of the state. Returns a function that ends it. */
export function onDownload(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export const isMoving = (state) => state?.phase === "running" || state?.phase === "checking";

/** Whether there is an unfinished download, moving or not. */
export const isUnfinished = (state) => ["running", "checking", "paused", "failed"].includes(state?.phase);

/** Whole percent of what the download brings. */
export const percentOf = ({ done_bytes: done, total_bytes: total }) => (total ? Math.floor((100 * done) / total) : 0);
