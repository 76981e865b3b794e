import assert from "node:assert/strict";
import test from "node:test";
import { durationOf, sizeOf } from "../../js/models/words.js";
import { localQuestion, wantedModel } from "../../js/status/facts.js";

test("sizes have three digits and the unit that fits", () => {
  const written = { 0: "0 B", 999: "999 B", 1000: "1.00 kB", 337_400_000: "337 MB", 999_600_000: "1.00 GB" };
  for (const [bytes, words] of Object.entries(written)) assert.equal(sizeOf(Number(bytes)), words);
  assert.equal(sizeOf(9_994_000_000), "9.99 GB");
  assert.equal(sizeOf(9_996_000_000), "10.0 GB");
  assert.equal(sizeOf(99_960_000_000), "100 GB");
  assert.equal(sizeOf(5e15), "5000 TB");
});

test("times are written like a clock's", () => {
  const written = [
    [0, "0:00"],
    [59.6, "1:00"],
    [725, "12:05"],
    [3725, "1:02:05"],
    [-1, "0:00"],
  ];
  for (const [seconds, words] of written) assert.equal(durationOf(seconds), words);
});

test("the server is asked with what decides about the model, and nothing else", () => {
  const values = { version: "auto", variant: "xl_sft", tags: "pop", seed: 3 };
  assert.deepEqual(localQuestion(values, ["audio", "vae", "model"]), {
    version: "auto",
    variant: "xl_sft",
    lm: "if there",
    connected: ["model", "vae"],
  });
  const lm = (changed, connected = []) => localQuestion({ version: "auto", ...changed }, connected).lm;
  assert.equal(lm({ planning: "auto", reference_use: "cover" }), "needed");
  assert.equal(lm({ planning: "auto", reference_use: "timbre" }, ["reference"]), "needed");
  assert.equal(lm({ planning: "auto", reference_use: "cover" }, ["reference"]), "left out");
  assert.equal(lm({ planning: "off" }), "left out");
  assert.equal(lm({ planning: null }), "needed");
  assert.equal(localQuestion({ version: "auto" }, []).variant, "auto");
});

test("a model that was asked for is named, any other is not", () => {
  assert.equal(wantedModel({ version: "auto", variant: "auto" }), "");
  assert.equal(wantedModel({ version: "auto", variant: "xl_sft" }), "ACE-Step 1.5 XL sft");
  assert.equal(wantedModel({ version: "ace-step-1.5", variant: "auto" }), "ACE-Step 1.5");
  assert.equal(wantedModel({ version: "ace-step", variant: "base" }), "ACE-Step v1");
});
