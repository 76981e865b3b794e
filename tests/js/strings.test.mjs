import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";
import en from "../../js/strings/en.js";
import zh from "../../js/strings/zh.js";
import { say, useLanguage } from "../../js/strings.js";
import { spokenTime } from "../../js/spoken.js";
import { VOCABULARY } from "../../js/tags/vocabulary.js";

const JS = fileURLToPath(new URL("../../js/", import.meta.url));

function* sources(folder) {
  for (const item of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, item.name);
    if (item.isDirectory()) yield* sources(path);
    else if (item.name.endsWith(".js")) yield readFileSync(path, "utf8");
  }
}

test("both languages say the same things with the same values", () => {
  assert.deepEqual(Object.keys(zh).sort(), Object.keys(en).sort());
  const names = (text) => [...text.matchAll(/\{(\w+)\}/g)].map((match) => match[1]).sort();
  for (const key of Object.keys(en)) assert.deepEqual(names(zh[key]), names(en[key]), key);
});

test("every key in use has words, and every word is in use", () => {
  const code = [...sources(JS)].filter((text) => !text.startsWith("export default {")).join("\n");
  const plain = [...code.matchAll(/["'`]([a-z]+\.[A-Za-z0-9.]+)["'`]/g)].map((match) => match[1]);
  const families = [...code.matchAll(/`([a-z]+\.)\$\{/g)].map((match) => match[1]);
  const asked = plain.filter((key) => Object.keys(en).some((known) => known.split(".")[0] === key.split(".")[0]));
  const foreign = ["acestep.nodes", "acestep.account", "acestep.status"];
  for (const key of asked) if (!foreign.includes(key)) assert.ok(key in en, `no words for ${key}`);
  for (const key of Object.keys(en)) {
    assert.ok(asked.includes(key) || families.some((family) => key.startsWith(family)), `${key} is never said`);
  }
});

test("every kind of tag has a heading", () => {
  for (const kinds of Object.values(VOCABULARY))
    for (const kind of Object.keys(kinds)) assert.ok(`kind.${kind}` in en, kind);
});

test("values are filled in, and an unknown language falls back to English", () => {
  useLanguage("zh");
  assert.equal(say("state.position", { position: 3 }), "排第 3 位");
  useLanguage("xx");
  assert.equal(say("state.position", { position: 3 }), "position 3");
});

test("a screen reader says a time in words", () => {
  useLanguage("en");
  assert.equal(spokenTime(12), "12 seconds");
  assert.equal(spokenTime(62.5), "1 minute 2.5 seconds");
  assert.equal(spokenTime(3725.999), "62 minutes 6 seconds");
});
