import assert from "node:assert/strict";
import test from "node:test";
import { costOf, reckoning } from "../../js/status/estimate.js";
import * as facts from "../../js/status/facts.js";
import { besides, spends } from "../../js/status/spending.js";
import { LiveRun } from "../../js/status/live.js";

const values = (changed = {}) => ({
  backend: "auto",
  version: "auto",
  tags: "pop",
  lyrics: "la",
  seed: 0,
  duration: 60,
  resume_request_id: "",
  ...changed,
});
const keys = (task, changed) => facts.notes(task, values(changed)).map(([, key]) => key);

test("begun seconds are charged whole, for every call and take", () => {
  const price = { usd: 0.0002, unit: "second" };
  assert.ok(Math.abs(costOf([60], price, 1) - 0.012) < 1e-12);
  assert.ok(Math.abs(costOf([71.5, 70.0000001], price, 2) - 2 * 142 * 0.0002) < 1e-12);
  assert.equal(costOf([60, 60], { usd: 0.05, unit: "output" }, 3), 0.05 * 6);
  assert.equal(reckoning([60], price, 1), "60 s × $0.0002");
  assert.equal(reckoning([60], price, 4), "4 × 60 s × $0.0002");
});

test("what would cost money unasked or go wrong is said before the run", () => {
  assert.deepEqual(keys("generate", { backend: "runcomfy", seed: -1 }), ["note.seedCharged"]);
  assert.deepEqual(keys("generate", { seed: -1 }), []);
  assert.deepEqual(keys("inpaint", { backend: "runcomfy", version: "ace-step-1.5" }), ["note.editsAreV1"]);
  assert.deepEqual(keys("generate", { backend: "runcomfy", version: "ace-step-1.5" }), []);
  assert.deepEqual(keys("generate", { backend: "runcomfy", duration: 300 }), ["note.tooLong"]);
  assert.deepEqual(keys("generate", { version: "ace-step", duration: 300 }), ["note.tooLong"]);
  assert.deepEqual(keys("generate", { duration: 600 }), []);
  assert.deepEqual(keys("generate", { backend: "sketch" }), ["note.sketch"]);
  assert.deepEqual(keys("generate", { backend: "runcomfy", resume_request_id: "req_1", seed: -1 }), ["note.resuming"]);
});

test("a reference that would be refused is said to be before the run", () => {
  const said = (changed, connected = ["reference"]) =>
    facts.notes("generate", values(changed), connected).map(([severity, key]) => `${severity} ${key}`);
  assert.deepEqual(said({ backend: "runcomfy" }), ["bad note.referenceIsLocal"]);
  assert.deepEqual(said({ backend: "sketch" })[0], "bad note.referenceIsLocal");
  assert.deepEqual(said({ version: "ace-step" }), ["bad note.referenceIsLocal"]);
  assert.deepEqual(said({ backend: "local" }), []);
  assert.deepEqual(said({ backend: "runcomfy" }, []), []);
});

test("of a local run without a version the one that is installed counts", () => {
  const said = (version) => facts.notes("generate", values({ duration: 300 }), ["reference"], version).map((n) => n[1]);
  assert.deepEqual(said("ace-step"), ["note.referenceIsLocal", "note.tooLong"]);
  assert.deepEqual(said("ace-step-1.5"), []);
});

test("what only the run can tell is named where it decides about money", () => {
  assert.equal(facts.backendOf(values({ backend: null })), "open");
  assert.ok(facts.maySpend(values({ backend: null })));
  assert.deepEqual(facts.unsettled(values({ backend: null, duration: null })), ["backend", "duration"]);
  assert.deepEqual(facts.unsettled(values({ backend: "sketch", duration: null, version: null })), ["version"]);
  assert.deepEqual(facts.ignoredSettings(values({ backend: null })), {});
  assert.deepEqual(keys("generate", { backend: "runcomfy", resume_request_id: null }), []);
});

test("blank lyrics are explained for each backend, unless the tags or a link decide", () => {
  assert.deepEqual(keys("generate", { lyrics: " " }), ["note.instrumental"]);
  assert.deepEqual(keys("generate", { lyrics: "", backend: "runcomfy" }), ["note.ownLyrics"]);
  assert.deepEqual(keys("generate", { lyrics: "", tags: "pop, no vocals" }), []);
  assert.deepEqual(keys("generate", { lyrics: null }), []);
  assert.deepEqual(keys("generate", { lyrics: "", tags: null }), []);
});

test("only settings that were touched are named as without effect", () => {
  assert.deepEqual(facts.ignoredAndSet(values({ backend: "runcomfy", steps: 30, guidance: 0 }), ["model"]), [
    "steps",
    "model",
  ]);
  assert.deepEqual(facts.ignoredAndSet(values({ backend: "sketch", version: "ace-step" }), []), ["version"]);
  assert.deepEqual(facts.ignoredAndSet(values({ max_cost_usd: 5 }), []), ["max_cost_usd"]);
  const set = { planning: "off", variation: 0.2, surroundings: "free", reference_strength: 0.5, reference_use: "cover" };
  const all = ["planning", "reference_strength", "reference_use", "surroundings", "variation"];
  const named = (changed) => facts.ignoredAndSet(values({ ...set, ...changed }), []).sort();
  assert.deepEqual(named({ backend: "runcomfy" }), all);
  assert.deepEqual(named({ backend: "sketch" }), all);
  assert.deepEqual(named({ version: "ace-step" }), all.slice(0, 4));
  assert.deepEqual(named({}), []);
  assert.deepEqual(named({ reference_use: "timbre" }), ["reference_strength"]);
  assert.equal(facts.ignoredSettings(values()).steps, undefined);
});

test("the source of an outpaint begins after what was put in front of it, in however many passes", () => {
  const report = {
    windows: [
      { ranges: [[100, 131]] },
      {
        ranges: [
          [130, 240],
          [300, 330],
        ],
      },
      { ranges: [[0, 101]] },
    ],
  };
  assert.equal(facts.sourceOffset("outpaint", report), 240);
  assert.equal(facts.sourceOffset("outpaint", { windows: [{ ranges: [[60, 90]] }] }), 0);
  assert.equal(facts.sourceOffset("inpaint", report), 0);
});

test("several takes are summed up, the best queue position is shown, every id is kept", () => {
  const live = new LiveRun();
  live.add({ take: 1, state: "in_queue", queue_position: 4, elapsed: 1 });
  live.add({ take: 2, state: "in_queue", queue_position: 2, request_id: "b", elapsed: 2 });
  live.add({ take: 1, state: "in_progress", queue_position: null, request_id: "a", elapsed: 3 });
  assert.deepEqual(live.summary().states, [
    ["in_progress", 1],
    ["in_queue", 1],
  ]);
  assert.equal(live.summary().queue_position, 2);
  assert.equal(live.summary().elapsed, 3);
  assert.deepEqual(live.requestIds, ["b", "a"]);
  live.add({ state: "stopped", run: { ids: ["a", "b", "c"], resumable: ["a"], said: [] } });
  assert.deepEqual(live.requestIds, ["a", "b", "c"]);
  assert.equal(live.summary().states.length, 2);
});

test("a request of the journal has a price only when it was or may be charged", () => {
  const price = (state, cost_usd = null) => facts.priceOfRequest({ state, cost_usd, estimate_usd: 0.012 });
  for (const state of ["cancelled", "refused", "failed", "gone"]) assert.equal(price(state), "", state);
  for (const state of ["accepted", "unknown", "sending", "delivered"]) assert.equal(price(state), "≈ $0.0120", state);
  assert.equal(price("delivered", 0.015), "$0.0150");
  assert.equal(price("failed", 0.015), "$0.0150");
  assert.equal(facts.priceOfRequest({ state: "accepted", cost_usd: null, estimate_usd: 0 }), "");
});

test("what is new in a result is marked, and a seam belongs to the file of its take", () => {
  const report = {
    windows: [{ ranges: [[3, 5]] }, { ranges: [[4, 8]] }, { ranges: [[28, 2]] }],
    seams: [
      { item: 0, take: 1 },
      { item: 0, take: 0 },
      { item: 0, take: 0 },
    ],
  };
  assert.deepEqual(facts.editsOf(report), [
    [0, 2],
    [3, 8],
    [28, Infinity],
  ]);
  assert.deepEqual(facts.editsOf(undefined), []);
  assert.equal(facts.fileOfSeam(report, { item: 0, take: 1 }), 1);
  assert.equal(facts.fileOfSeam({ ...report, kept: [{ item: 0, take: 1 }] }, { item: 0, take: 1 }), 0);
  assert.equal(facts.fileOfSeam({ ...report, kept: [{ item: 0, take: 1 }] }, { item: 0, take: 0 }), -1);
  assert.deepEqual(facts.aroundEdit([1, 4]), [0, 5.5]);
});

test("a seam is heard with what is around it, of a loop across the end", () => {
  assert.deepEqual(facts.aroundSeam(10, 30, false), [8.5, 11.5]);
  assert.deepEqual(facts.aroundSeam(0.5, 30, false), [0, 2]);
  assert.deepEqual(facts.aroundSeam(10, 30, true), [8.5, 11.5]);
  assert.deepEqual(facts.aroundSeam(30, 30, true), [28.5, 1.5]);
  assert.deepEqual(facts.aroundSeam(0, 30, true), [28.5, 1.5]);
  assert.deepEqual(facts.aroundSeam(1, NaN, true), [0, 2.5]);
  const heard = (stretch, positions) => positions.filter((at) => !facts.isPast(at, stretch));
  assert.deepEqual(heard([8.5, 11.5], [8.5, 11.4, 11.5, 12]), [8.5, 11.4]);
  assert.deepEqual(heard([28.5, 1.5], [28.5, 29.9, 0, 1.4, 1.5, 1.6]), [28.5, 29.9, 0, 1.4]);
  assert.deepEqual(heard([0, Infinity], [0, 1e6]), [0, 1e6]);
});

test("what paid nodes may cost together is known to each, and shown anew when another's changes", () => {
  const shown = [];
  const [one, two] = ["one", "two"].map((name) => ({ isOpen: true, show: () => shown.push(name) }));
  spends(one, 1.5);
  spends(two, 0.75);
  assert.equal(besides(one), 0.75);
  assert.deepEqual(shown, ["one"]);
  spends(two, 0.75);
  two.isOpen = false; // of a workflow that was left
  assert.equal(besides(one), 0);
  spends(two, null);
  assert.deepEqual(shown, ["one", "one"]);
  spends(one, null);
});
