/** What a report says besides its numbers, in the language ComfyUI shows: from codes and values, not from sentences. */
import { say } from "../strings.js";

const DIGITS = { time: 2, start: 2, end: 2, seconds: 2, left_ms: 2, right_ms: 2, correlation: 2, percent: 2, ms: 0 };
// Written with a decimal even when they are whole.
const FRACTIONS = /(^|_)(db|times|samples)$/;

/** One sentence a remark, less those with the codes `without`. What has no words here comes as the server wrote it. */
export function sentencesOf(report, without = []) {
  const { warnings = [], codes = [] } = report ?? {};
  return warnings
    .map((warning, index) => (without.includes(codes[index]?.code) ? null : sentence(codes[index], warning)))
    .filter((words) => words !== null);
}

/** The words for {code, values}; `written`, as the server wrote it, where there are none. */
export function sentence(remark, written = remark?.values?.text) {
  const key = `said.${remark?.code}`;
  const values = Object.entries(remark?.values ?? {}).map(([name, value]) => [name, shown(name, value)]);
  const words = say(key, Object.fromEntries(values));
  return words === key ? written : words;
}

// Where a request stands in its run, as the server counts it in English.
const PLACE = /\b(item|take|part) (\d+)/g;

function shown(name, value) {
  if (value?.code) return sentence(value);
  if (name === "requests") return value.replace(PLACE, (_, what, number) => say(`call.${what}`, { number }));
  if (typeof value !== "number") return value;
  return value.toFixed(DIGITS[name] ?? (Number.isInteger(value) && !FRACTIONS.test(name) ? 0 : 1));
}
