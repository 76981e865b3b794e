import assert from "node:assert/strict";
import test from "node:test";
import { costOf, reckoning } from "../../js/status/estimate.js";
import * as facts from "../../js/status/facts.js";
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
});
