import assert from "node:assert/strict";
import { register } from "node:module";
import test from "node:test";

// ComfyUI's own scripts, of which a page has one each.
const FRONT_END = "data:text/javascript,export const { api, app } = globalThis.comfy";
const RESOLVE = `export const resolve = (name, context, next) =>
  next(/scripts.(api|app)\\.js$/.test(name) ? "${FRONT_END}" : name, context)`;
register(`data:text/javascript,${encodeURIComponent(RESOLVE)}`);

// Stands for what of the page is not looked at here.
const anything = new Proxy(function () {}, {
  get: (_, name) => {
    if (name === Symbol.toPrimitive) return () => "";
    return name === Symbol.iterator ? function* () {} : anything;
  },
  apply: () => anything,
  construct: () => anything,
  set: () => true,
});
globalThis.HTMLElement = class {};
for (const name of ["Audio", "ResizeObserver", "customElements", "document", "window"]) globalThis[name] = anything;
for (const name of ["setInterval", "requestAnimationFrame", "cancelAnimationFrame"]) globalThis[name] = () => 0;

const SETTINGS = { backend: "runcomfy", version: "auto", seed: 7, resume_request_id: "", tags: "", lyrics: "la" };
const graph = { id: "w", links: new Map(), getNodeById: () => node, setDirtyCanvas() {} };
const node = {
  id: 4,
  graph,
  comfyClass: "ACEStepGenerate",
  size: [300, 200],
  inputs: [],
  widgets: Object.entries(SETTINGS).map(([name, value]) => ({ name, value, options: {} })),
  addDOMWidget: () => anything,
  computeSize: () => [300, 200],
  setSize() {},
};

// What was asked of the journal and is not answered yet; everything else is answered at once.
const asked = [];
const fetchApi = (path) => {
  const answered = (body) => ({ ok: true, status: 200, json: async () => body });
  if (!path.endsWith("journal/runs")) return Promise.resolve(answered({}));
  return new Promise((answer) => asked.push((body) => answer(answered(body))));
};
globalThis.comfy = {
  api: { fetchApi, addEventListener() {} },
  app: { isGraphReady: true, graph, rootGraph: graph, canvas: anything },
};

const { accountChanged, paidRunOf } = await import("../../js/server.js");
const { StatusPanel } = await import("../../js/status/panel.js");

const run = (code, created = 1) => {
  const said = [{ code, values: {} }];
  return { node: node.comfyClass, created, ids: [], resumable: [], said };
};
const codes = (paid) => paid?.said.map((each) => each.code);
/** Answers all that was asked by now; how often that was. */
async function answer(paid) {
  await new Promise(setImmediate);
  const answers = asked.splice(0);
  for (const each of answers) each({ runs: { 4: paid } });
  await new Promise(setImmediate);
  return answers.length;
}

test("what was asked with the token of before is not the answer for the one of now", async () => {
  const before = paidRunOf(node);
  const [old] = asked.splice(0);
  accountChanged({ configured: true });
  const now = [paidRunOf(node), paidRunOf(node)]; // two nodes of a workflow ask together
  old({ runs: { 4: run("run_rest") } });
  assert.deepEqual(codes(await before), ["run_rest"]);
  now.push(paidRunOf(node)); // the question of now is still on its way
  assert.equal(await answer(run("run_other_token")), 1);
  for (const each of now) assert.deepEqual(codes(await each), ["run_other_token"]);
});

test("the advice about a paid run is that for the token in use", async () => {
  const panel = new StatusPanel(node);
  let shown;
  panel.layout.show = ({ paidBefore, live }) => (shown = codes(paidBefore ?? live?.left));
  node.onConfigure();
  assert.equal(await answer(run("run_rest")), 1);
  assert.deepEqual(shown, ["run_rest"]);
  accountChanged({ configured: true });
  assert.equal(await answer(run("run_other_token")), 1);
  assert.deepEqual(shown, ["run_other_token"]);

  // Of a run that ended on this page too, if it is that one that the journal tells of.
  panel.heard({ state: "stopped", run: run("run_rest", 2) });
  assert.deepEqual(shown, ["run_rest"]);
  accountChanged({ configured: true });
  await answer(run("run_other_token", 1));
  assert.deepEqual(shown, ["run_rest"]);
  accountChanged({ configured: true });
  await answer(run("run_other_token", 2));
  assert.deepEqual(shown, ["run_other_token"]);
});
