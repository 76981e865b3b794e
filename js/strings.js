/** The words on the pack's own panels, in the language ComfyUI shows. */
import en from "./strings/en.js";
import zh from "./strings/zh.js";

const TABLES = { en, zh };
let table = en;

/** Chooses the language; one that is not translated is shown in English. */
export function useLanguage(code) {
  table = TABLES[code] ?? en;
}

/** The words for `key` with {names} filled in. A key without words is a defect and shows as itself. */
export function say(key, values = {}) {
  return (table[key] ?? en[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}
