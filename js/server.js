/** The pack's own routes on the ComfyUI server. */
import { fetchFromServer, idsOfRun } from "./comfy.js";
import { say } from "./strings.js";
import { sentence } from "./status/remarks.js";

/** Asks a route; rejects with the server's own sentence when it refuses. */
export async function ask(route, question = {}) {
  const answer = await fetchFromServer(`/acestep/${route}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(question),
  });
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(sentence(body.said, body.message) ?? refusal(answer));
  return body;
}

/** For an answer that is not one of the pack's: the page may be newer than the server that still runs. */
const refusal = ({ status, statusText }) =>
  [404, 405].includes(status) ? say("server.restart") : `${status} ${statusText}`;

const PRICE_KEPT_MS = 60_000;
const prices = new Map();

/** {usd, unit, live, words, message, said} of a task; asked for at most once a minute. */
export function priceOf(task, version) {
  const key = `${task} ${version}`;
  const known = prices.get(key);
  if (known && Date.now() - known.asked < PRICE_KEPT_MS) return known.price;
  const price = ask("price", { task, version });
  prices.set(key, { asked: Date.now(), price });
  price.catch(() => prices.delete(key));
  return price;
}

const asking = new Map();

/** What the journal says of the node's last paid run, see afterwards.py; undefined when it has none. */
export async function paidRunOf(node) {
  const ids = idsOfRun(node);
  if (!ids) return undefined;
  const { workflow } = ids;
  // The nodes of a workflow ask together, as it is opened.
  if (!asking.has(workflow)) {
    const asked = ask("journal/runs", { workflow });
    asking.set(workflow, asked);
    asked.catch(() => {}).finally(() => asking.get(workflow) === asked && asking.delete(workflow));
  }
  const run = (await asking.get(workflow)).runs[ids.node];
  return run?.node === node.comfyClass ? run : undefined;
}

let account = null;
const listeners = new Set();

/** State of the RunComfy account, asked for once and after each change; see the server's routes for its fields. */
export function accountState() {
  account ??= ask("account").catch((error) => {
    account = null;
    throw error;
  });
  return account;
}

/** Takes the state a route answered with, or asks anew, and tells everyone who shows it. */
export function accountChanged(state) {
  account = state ? Promise.resolve(state) : null;
  prices.clear();
  asking.clear(); // what is on its way may be about the token of before
  for (const listener of listeners) listener();
}

/** Calls `listener` after the account changed. Returns a function that ends it. */
export function onAccountChanged(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
