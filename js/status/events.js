/** Brings the server's messages about a run to the panel of the node they are about. */
import { nodeOfRun, onServerMessage } from "../comfy.js";

const panels = new WeakMap();
let runningId = null;

/** From now on `panel` hears of its node's runs: began(), heard(message), failed(message), stopped(). */
export function follow(node, panel) {
  panels.set(node, panel);
}

/** Whether the node runs now; after a reload the server says so before the workflow is open again. */
export const isRunning = (node) => runningId != null && nodeOfRun(runningId) === node;

const panelOf = (id) => {
  const node = id == null ? null : nodeOfRun(id);
  return node ? panels.get(node) : undefined;
};

/** Called once, as early as can be: a message nobody listens for is reported as unknown. */
export function listen() {
  onServerMessage("acestep.status", (message) => panelOf(message.node)?.heard(message));
  onServerMessage("executing", (detail) => {
    const id = (typeof detail === "object" ? detail?.node : detail) ?? null;
    if (id !== null && id !== runningId) panelOf(id)?.began();
    runningId = id;
  });
  onServerMessage("execution_error", (detail) => panelOf(detail.node_id)?.failed(detail.exception_message));
  onServerMessage("execution_interrupted", (detail) => (panelOf(detail.node_id) ?? panelOf(runningId))?.stopped());
}
