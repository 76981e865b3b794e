/** Brings the server's messages about a run to the panel of the node they are about. */
import { nodeOfRun, onServerMessage } from "../comfy.js";

const panels = new WeakMap();
let running = null;

/** From now on `panel` hears of its node's runs: began(), heard(message), failed(message), stopped(). */
export function follow(node, panel) {
  panels.set(node, panel);
}

const panelOf = (id) => {
  const node = id == null ? null : nodeOfRun(id);
  return node ? panels.get(node) : undefined;
};

/** Called once, when the front end starts: a message nobody listens for is reported as unknown. */
export function listen() {
  onServerMessage("acestep.status", (message) => panelOf(message.node)?.heard(message));
  onServerMessage("executing", (detail) => {
    const panel = panelOf(typeof detail === "object" ? detail?.node : detail);
    if (panel && panel !== running) panel.began();
    running = panel ?? null;
  });
  onServerMessage("execution_error", (detail) => panelOf(detail.node_id)?.failed(detail.exception_message));
  onServerMessage("execution_interrupted", (detail) => (panelOf(detail.node_id) ?? running)?.stopped());
}
