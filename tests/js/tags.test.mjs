import assert from "node:assert/strict";
import test from "node:test";
import * as tags from "../../js/tags/tags.js";
import { SYNONYMS } from "../../js/tags/synonyms.js";
import { ENTRIES, GROUPS, VOCABULARY } from "../../js/tags/vocabulary.js";

test("the vocabulary is large, written once, and names no one", () => {
  assert.ok(ENTRIES.length > 500);
  assert.deepEqual(GROUPS, ["genre", "mood", "instruments", "vocals", "extra"]);
  const seen = new Set();
  for (const { tag } of ENTRIES) {
    assert.match(tag, /^[a-z0-9][a-z0-9 '&-]*$/, tag);
    assert.ok(!seen.has(tag), `${tag} is there twice`);
    seen.add(tag);
  }
});

test("what a tag is also called leads to a tag of the vocabulary, and to one only", () => {
  const known = new Set(ENTRIES.map(({ tag }) => tag));
  const names = new Map();
  for (const [name, tag] of SYNONYMS) {
    assert.ok(known.has(tag), `${tag} is not in the vocabulary`);
    assert.equal(tags.plain(name), tag, `${name} is the name of ${tags.plain(name)} too`);
    assert.ok(!names.has(name), `${name} is there twice`);
    names.set(name, tag);
  }
});

test("a tag is found under its short forms, machines, spellings, and in Chinese and Japanese", () => {
  for (const [typed, tag] of [
    ["lofi", "lo-fi"],
    ["Lo Fi", "lo-fi"],
    ["dnb", "drum and bass"],
    ["d&b", "drum and bass"],
    ["TR-808", "808 drums"],
    ["808s", "808 drums"],
    ["hip hop", "hip-hop"],
    ["hiphop", "hip-hop"],
    ["synthpop", "synth-pop"],
    ["rnb", "r&b"],
    ["钢琴", "piano"],
    ["ジャズ", "jazz"],
    ["ｌｏｆｉ", "lo-fi"],
  ]) {
    assert.equal(tags.search(typed)[0]?.tag, tag, typed);
    assert.equal(tags.plain(typed), tag, typed);
    assert.ok(!tags.search(typed, { present: [tag] }).some((entry) => entry.tag === tag), typed);
  }
  assert.equal(tags.search("drum n")[0].tag, "drum and bass");
  assert.equal(tags.plain("my own thing"), "my own thing");
});

test("tempo, key, metre and that nobody sings leave a pasted list for their fields, once each", () => {
  assert.deepEqual(tags.parted("lofi, 85 BPM, in A minor, 4/4, no vocals, instrumental, slow 90 bpm groove, 120bpm"), {
    fields: { bpm: 85, key: "A minor", time_signature: "4/4", instrumental: true },
    rest: "lofi, slow 90 bpm groove, 120bpm",
  });
  assert.deepEqual(tags.parted("5/4, 20 BPM, a major label sound"), {
    fields: {},
    rest: "5/4, 20 BPM, a major label sound",
  });
});

test("no tag of the vocabulary contradicts itself", () => {
  for (const { tag } of ENTRIES) assert.deepEqual(tags.contradictions(tag), [], tag);
});

test("a pasted list goes to the groups it belongs to, each tag once", () => {
  assert.deepEqual(
    tags.sorted("Trap, dark; 808 bass\nmale rapper，trap, 140 BPM, husky female singer, detuned guitar"),
    {
      genre: ["trap"],
      mood: ["dark"],
      instruments: ["808 bass"],
      vocals: ["male rapper", "husky female singer"],
      extra: ["140 BPM", "detuned guitar"],
    },
  );
});

test("what begins with the letters comes first, what is there already not at all", () => {
  const found = tags.search("pia", { present: ["grand piano"] }).map(({ tag }) => tag);
  assert.equal(found[0], "piano");
  assert.ok(found.includes("rhodes piano") && !found.includes("grand piano"));
  assert.deepEqual(tags.search("", {}), []);
  assert.ok(tags.search("", { group: "mood" }).every(({ group }) => group === "mood"));
});

test("tags are composed as the node composes them", () => {
  const fields = {
    genre: "jazz, Jazz",
    mood: null,
    instruments: "piano",
    vocals: "",
    extra: "",
    bpm: 90,
    key: "A minor",
    time_signature: "none",
    language: "ja",
    instrumental: true,
  };
  assert.equal(tags.composed(fields), "jazz, piano, 90 BPM, A minor, japanese vocal, instrumental, no vocals");
});

test("contradictions are found and the tags concerned are named", () => {
  const found = tags.contradictions("female vocal, instrumental, 90 BPM, 120bpm, A minor, C# maj, 3/4, 4/4");
  assert.deepEqual(
    found.map(([key]) => key),
    ["hint.vocals", "hint.bpms", "hint.keys", "hint.metres"],
  );
  assert.deepEqual(found[0][2], ["female vocal"]);
});

test("chance draws from the group, each tag of another kind", () => {
  let state = 0;
  const random = () => (state = (state + 0.37) % 1);
  for (const group of GROUPS) {
    for (let round = 0; round < 50; round += 1) {
      const drawn = tags.randomTags(group, random);
      const kinds = drawn.map((tag) =>
        Object.keys(VOCABULARY[group]).find((kind) => VOCABULARY[group][kind].includes(tag)),
      );
      assert.ok(drawn.length >= 1 && kinds.every(Boolean));
      assert.equal(new Set(kinds).size, drawn.length);
    }
  }
});
