/** Which model a run on this machine would use: what the server finds in ComfyUI's model folders. */
import { ask } from "../server.js";

const answers = new Map();
const listeners = new Set();

/**
 * {installed, title, name, message, said, offer} for {version, variant, connected}, asked once and anew after
 * `modelsChanged`: title is null when a connected model decides, message says what is missing, in the page's language
 * by its code in said, offer is what could be got.
 */
export function localModel(question) {
  const key = JSON.stringify(question);
  if (!answers.has(key)) {
    const answer = ask("local", question);
    answers.set(key, answer);
    answer.catch(() => answers.delete(key));
  }
  return answers.get(key);
}

/** Models may have come or gone: everyone who shows one asks again. */
export function modelsChanged() {
  answers.clear();
  for (const listener of listeners) listener();
}

/** Calls `listener` when models may have come or gone. Returns a function that ends it. */
export function onModelsChanged(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
