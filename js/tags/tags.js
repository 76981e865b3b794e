/** Reading, writing, finding and checking comma-separated tags. The same rules as nodes/words/tags.py. */
import { SYNONYMS } from "./synonyms.js";
import { ENTRIES, GROUPS, LANGUAGE_NAMES, VOCABULARY } from "./vocabulary.js";

/** Text → its tags: split at commas, semicolons and line breaks, trimmed, empty ones dropped. */
export function splitTags(text) {
  return text
    .split(/[,;\n，、；]/)
    .map((piece) => piece.trim().split(/\s+/).join(" "))
    .filter(Boolean);
}

const sameTag = (a, b) => a.toLowerCase() === b.toLowerCase();

/** Tags → tags, each once. */
export const distinct = (tags) => tags.filter((tag, index) => tags.findIndex((other) => sameTag(other, tag)) === index);

export const joinTags = (tags) => distinct(tags).join(", ");

/** What TagBuilder makes of its fields, in the order it makes it. A field another node feeds is null and left out. */
export function composed(fields) {
  const tags = GROUPS.flatMap((group) => splitTags(fields[group] ?? ""));
  if (fields.bpm) tags.push(`${fields.bpm} BPM`);
  for (const name of ["key", "time_signature"]) if (fields[name] && fields[name] !== "none") tags.push(fields[name]);
  if (LANGUAGE_NAMES[fields.language]) tags.push(`${LANGUAGE_NAMES[fields.language]} vocal`);
  if (fields.instrumental) tags.push("instrumental", "no vocals");
  return joinTags(tags);
}

/** How a tag is compared: "Lo-Fi", "lo fi" and "lofi" are one. */
const spelling = (tag) => tag.normalize("NFKC").toLowerCase().replace(/[\s_-]+/g, "");

const BY_SPELLING = new Map(ENTRIES.map((entry) => [spelling(entry.tag), entry]));
const OTHER_NAMES = SYNONYMS.map(([name, tag]) => [name, BY_SPELLING.get(spelling(tag))]);
const BY_NAME = new Map([...OTHER_NAMES.map(([name, entry]) => [spelling(name), entry]), ...BY_SPELLING]);

/** A tag as the vocabulary spells it, whatever it was called; any other as it is. */
export const plain = (tag) => BY_NAME.get(spelling(tag))?.tag ?? tag;

/** The group a tag belongs to by the vocabulary, or by a word that gives it away; else "extra". */
export function groupOf(tag) {
  const known = BY_NAME.get(spelling(tag));
  if (known) return known.group;
  if (/\b(?:vocals?|voice|singer|singing|rapper|rapping|choir)\b/i.test(tag)) return "vocals";
  const kin = BY_NAME.get(spelling(tag.split(" ").at(-1)));
  return kin && kin.group !== "mood" ? kin.group : "extra";
}

/** A pasted list → {group: [tag, …]}. */
export function sorted(text) {
  const groups = {};
  for (const tag of distinct(splitTags(text).map(plain))) (groups[groupOf(tag)] ??= []).push(tag);
  return groups;
}

/**
 * A pasted list → {fields, rest}: tempo, key, metre and that nobody sings, for the fields that hold these, and the text
 * without them. Only a tag that says nothing else is taken, and of several the first.
 */
export function parted(text) {
  const fields = {};
  const rest = splitTags(text).filter((tag) => {
    const found = fieldOf(tag);
    if (!found || (found[0] in fields && fields[found[0]] !== found[1])) return true;
    fields[found[0]] = found[1];
    return false;
  });
  return { fields, rest: rest.join(", ") };
}

function fieldOf(tag) {
  const only = (pattern) => new RegExp(`^(?:in |key:? |key of |tempo:? |time signature:? )*(?:${pattern.source})$`, "i");
  if (only(BPM).test(tag) && bpms(tag).length) return ["bpm", Number.parseInt(bpms(tag)[0], 10)];
  if (only(KEY).test(tag)) return ["key", keys(tag)[0]];
  if (only(METRE).test(tag) && metres(tag).length) return ["time_signature", metres(tag)[0]];
  if (only(NO_VOCALS).test(tag)) return ["instrumental", true];
  return null;
}

/**
 * Entries that match what was typed, best first: those that begin with it, then those with a word that begins
 * with it, then those that contain it; whatever they are called. `group` narrows the search; `present` tags are left out.
 */
export function search(query, { group = null, present = [], limit = 40 } = {}) {
  const wanted = query.trim().normalize("NFKC").toLowerCase();
  const ranks = new Map();
  if (wanted || group) {
    const taken = new Set(present.map((tag) => spelling(plain(tag))));
    const names = [...ENTRIES.map((entry) => [entry.tag, entry]), ...(wanted ? OTHER_NAMES : [])];
    for (const [name, entry] of names) {
      if ((group && entry.group !== group) || taken.has(spelling(entry.tag))) continue;
      const rank = rankOf(name, wanted);
      if (rank !== null && rank < (ranks.get(entry) ?? Infinity)) ranks.set(entry, rank);
    }
  }
  const found = [...ranks];
  // The shorter of two equally good ones is the plainer; a whole group is shown in its own order.
  if (wanted) found.sort(([one, a], [other, b]) => a - b || one.tag.length - other.tag.length);
  return found.slice(0, limit).map(([entry]) => entry);
}

function rankOf(name, wanted) {
  if (!wanted || spelling(name) === spelling(wanted)) return 0;
  if (name.startsWith(wanted) || spelling(name).startsWith(spelling(wanted))) return 1;
  if (name.split(/[\s-]/).some((word) => word.startsWith(wanted))) return 2;
  return name.includes(wanted) ? 3 : null;
}

const RANDOM_COUNTS = { genre: 1, mood: 2, instruments: 3, vocals: 2, extra: 2 };

/** Some tags of a group by chance, each of another kind. `random` gives numbers of [0, 1). */
export function randomTags(group, random = Math.random) {
  const kinds = Object.values(VOCABULARY[group]);
  const picked = [];
  while (picked.length < RANDOM_COUNTS[group] && kinds.length) {
    const [tags] = kinds.splice(Math.floor(random() * kinds.length), 1);
    picked.push(tags[Math.floor(random() * tags.length)]);
  }
  return picked;
}

// ---------------------------------------------------------------- contradictions

const BPM = /\b(\d{2,3}(?:\.\d+)?)\s*bpm\b|\bbpm\s*[:=]?\s*(\d{2,3}(?:\.\d+)?)\b/gi;
const KEY = /(?<![A-Za-z#♯♭])([A-G])\s*(#|♯|♭|b(?![a-z])|[\s-]?sharp\b|[\s-]?flat\b)?[\s-]*(major|minor|maj|min)\b/gi;
const METRE = /(?<![\d/])([2346])\/([48])(?![\d/])/g;
const METRES = ["2/4", "3/4", "4/4", "6/8"];
const COMMON_ROOT = { "E#": "F", "B#": "C", Fb: "E", Cb: "B" };
const NO_VOCALS = /\b(?:instrumental|no[\s-]+vocals?|without[\s-]+vocals?)\b/i;
const VOCALS =
  /\b(?:vocals?|vocalists?|voice|voices|sing|singer|singing|sung|rap|rapper|rapping|choir|a[\s-]?cappella)\b/i;
const VOCALS_DENIED = /\b(?:no|without)[\s-]+(?:vocals?|voices?|singing|singer|rap|choir)\b/i;

const unique = (values) => [...new Set(values)];

function bpms(text) {
  const found = [...text.matchAll(BPM)].map((match) => Math.round(Number(match[1] ?? match[2])));
  return unique(found.filter((bpm) => bpm >= 30 && bpm <= 300).map((bpm) => `${bpm} BPM`));
}

function keys(text) {
  return unique(
    [...text.matchAll(KEY)].map(([, letter, sign, mode]) => {
      const word = (sign ?? "").replace(/[\s-]/g, "").toLowerCase();
      const accidental = ["#", "♯", "sharp"].includes(word) ? "#" : ["b", "♭", "flat"].includes(word) ? "b" : "";
      const root = letter.toUpperCase() + accidental;
      return `${COMMON_ROOT[root] ?? root} ${/^maj/i.test(mode) ? "major" : "minor"}`;
    }),
  );
}

const metres = (text) =>
  unique([...text.matchAll(METRE)].map(([whole]) => whole).filter((metre) => METRES.includes(metre)));

/** What in `text` contradicts something else in it: a list of [key of the sentence, values, tags concerned]. */
export function contradictions(text) {
  const tags = splitTags(text);
  const found = [];
  const voice = tags.find((tag) => VOCALS.test(tag) && !VOCALS_DENIED.test(tag));
  if (NO_VOCALS.test(text) && voice) found.push(["hint.vocals", { tag: voice }, [voice]]);
  for (const [key, values] of [
    ["hint.bpms", bpms(text)],
    ["hint.keys", keys(text)],
    ["hint.metres", metres(text)],
  ]) {
    if (values.length > 1)
      found.push([
        key,
        { values: values.join(", ") },
        tags.filter((tag) => values.some((value) => sameTag(tag, value))),
      ]);
  }
  return found;
}
