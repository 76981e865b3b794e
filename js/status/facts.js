/** What a rendering node's settings mean for the backend they choose. No ComfyUI here: values in, sentences out. */

const TASKS = { ACEStepGenerate: "generate", ACEStepInpaint: "inpaint", ACEStepOutpaint: "outpaint" };
const DEFAULTS = {
  version: "auto",
  variant: "auto",
  language: "auto",
  steps: 0,
  guidance: 0,
  recipe: "upstream",
  planning: "auto",
  reference_use: "timbre",
  reference_strength: 1,
  variation: 0,
  variation_seed: 0,
  surroundings: "hold",
  strength: 1,
  max_cost_usd: 1,
  resume_request_id: "",
};
const SOCKETS = ["model", "clip", "vae"];
// What only local models follow, and of them only 1.5.
const LOCAL = ["variant", "steps", "guidance", "recipe", "variation", "variation_seed"];
const OF_V15 = ["planning", "reference_use", "reference_strength", "surroundings"];
const PRICED = [
  "duration",
  "extend_before_duration",
  "extend_after_duration",
  "context_seconds",
  "batch_size",
  "resume_request_id",
];
const LONGEST_SECONDS = { runcomfy: 240, "ace-step": 240 };

export const taskOf = (nodeClass) => TASKS[nodeClass];

/** "auto" is local and never spends money; "open" is what another node decides in the run. */
export const backendOf = ({ backend }) => (backend === "auto" ? "local" : (backend ?? "open"));

/** Whether the run may spend money. */
export const maySpend = (values) => ["runcomfy", "open"].includes(backendOf(values));

/** The requests that will be fetched instead of bought, "" for none. */
export const resumed = ({ resume_request_id: ids }) => (ids ?? "").trim();

/** Those of the settings that decide where and at what price, which another node gives and only a run can tell. */
export function unsettled(values) {
  const names = maySpend(values) ? ["backend", "version", ...PRICED] : ["version"];
  return names.filter((name) => values[name] === null);
}

/** What the server is asked about the model of a local run: which settings choose it, and what is connected. */
export const localQuestion = ({ version, variant, planning, reference_use }, connected) => ({
  version,
  variant: variant ?? "auto",
  lm: languageModel(planning, reference_use === "cover" && connected.includes("reference")),
  connected: SOCKETS.filter((name) => connected.includes(name)),
});

/** What is to become of the language model of 1.5: edits and covers go without, and so does a song that is not planned. */
function languageModel(planning, covers) {
  if (planning === undefined) return "if there";
  return planning === "off" || covers ? "left out" : "needed";
}

/** The model that the settings ask for by name, or "" when any will do. */
export function wantedModel({ version, variant = "auto" }) {
  if (version === "ace-step") return "ACE-Step v1";
  if (variant !== "auto") return `ACE-Step 1.5 ${variant.replace("xl_", "XL ")}`;
  return version === "auto" ? "" : "ACE-Step 1.5";
}

/** The settings that have no effect with these values: {name: key of the reason}. */
export function ignoredSettings(values) {
  const because = (names, reason) => Object.fromEntries(names.map((name) => [name, reason]));
  switch (backendOf(values)) {
    case "runcomfy":
      return because([...LOCAL, ...OF_V15, "strength", ...SOCKETS], "ignored.runcomfy");
    case "sketch":
      return because(
        ["version", "language", ...LOCAL, ...OF_V15, "max_cost_usd", ...SOCKETS],
        "ignored.sketch",
      );
    case "open":
      return {};
    default:
      return {
        ...because(["max_cost_usd", "resume_request_id"], "ignored.local"),
        ...(values.reference_use === "timbre" ? { reference_strength: "ignored.timbre" } : {}),
        ...(values.version === "ace-step" ? because(["variant", ...OF_V15], "ignored.variant") : {}),
      };
  }
}

/** Those of the ignored settings that were changed or connected, so that their user should know. */
export function ignoredAndSet(values, connected) {
  return Object.keys(ignoredSettings(values)).filter((name) =>
    SOCKETS.includes(name) || connected.includes(name)
      ? connected.includes(name)
      : values[name] !== undefined && values[name] !== DEFAULTS[name],
  );
}

const NO_VOCALS = /\b(?:instrumental|no[\s-]+vocals?|without[\s-]+vocals?)\b/i;

/**
 * What to know before queueing: a list of [severity, key, values]; severity is info, warn or bad.
 * values.tags and values.lyrics are null when another node gives them; connected: the names of linked inputs; version:
 * the one that a local run would take, where that is known.
 */
export function notes(task, values, connected = [], version = values.version) {
  const backend = backendOf(values);
  const found = [];
  if (connected.includes("reference") && (!["local", "open"].includes(backend) || version === "ace-step")) {
    found.push(["bad", "note.referenceIsLocal"]);
  }
  if (backend === "sketch") found.push(["warn", "note.sketch"]);
  if (backend === "runcomfy" && task !== "generate" && values.version === "ace-step-1.5") {
    found.push(["bad", "note.editsAreV1"]);
  }
  const longest = LONGEST_SECONDS[backend] ?? (backend === "local" ? LONGEST_SECONDS[version] : undefined);
  if (task === "generate" && values.duration > longest) found.push(["bad", "note.tooLong", { longest }]);
  if (resumed(values) && backend === "sketch") found.push(["bad", "note.sketchResumes"]);
  if (backend === "runcomfy") {
    if (resumed(values)) found.push(["info", "note.resuming", { ids: resumed(values) }]);
    else if (values.seed === -1) found.push(["warn", "note.seedCharged"]);
  }
  if (values.lyrics !== null && !values.lyrics.trim() && values.tags !== null && !NO_VOCALS.test(values.tags)) {
    if (backend === "local") found.push(["info", "note.instrumental"]);
    if (backend === "runcomfy" && !resumed(values)) found.push(["info", "note.ownLyrics"]);
  }
  return found;
}

/** Where the source begins in the result of an edit, in seconds: after the new music in front of it. */
export function sourceOffset(task, report) {
  if (task !== "outpaint") return 0;
  const spans = (report?.windows ?? []).flatMap((window) => window.ranges).sort((a, b) => a[0] - b[0]);
  let edge = 0;
  for (const [start, end] of spans) {
    if (start > edge + 0.001) break;
    edge = Math.max(edge, end);
  }
  return edge;
}

/** What of the result of an edit is new, as [from, until] in seconds; until is Infinity where it goes on to the end. */
export function editsOf(report) {
  const ranges = (report?.windows ?? []).flatMap((window) => window.ranges);
  const opened = ([start, end]) => [
    [start, Infinity],
    [0, end],
  ];
  const spans = ranges.flatMap((range) => (range[1] < range[0] ? opened(range) : [[...range]]));
  const merged = [];
  for (const [start, end] of spans.sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last && start <= last[1] + 0.001) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** Which of the files of a result a seam is in: the report says which takes were handed on. */
export function fileOfSeam(report, { item, take }) {
  const same = (one) => one.item === item && one.take === take;
  const all = report.kept?.length ? report.kept : distinctTakes(report.seams);
  return all.findIndex(same);
}

const distinctTakes = (seams) =>
  seams
    .filter((seam, at) => seams.findIndex(({ item, take }) => item === seam.item && take === seam.take) === at)
    .sort((a, b) => a.item - b.item || a.take - b.take);

const SEAM_SECONDS = 1.5;

/** What to play of an edit: a little of what was there before it, and after. */
export const aroundEdit = ([from, until]) => [Math.max(0, from - SEAM_SECONDS), until + SEAM_SECONDS];

/** What to play around a seam: [from, until] in seconds. Of a result that loops it may go on across the end. */
export function aroundSeam(time, seconds, loops) {
  const [from, until] = [time - SEAM_SECONDS, time + SEAM_SECONDS];
  if (!loops || !(seconds > 2 * SEAM_SECONDS)) return [Math.max(0, from), until];
  return [from, until].map((at) => (at + seconds) % seconds);
}

/** Whether playing [from, until] has come to its end at `position`; an until before from lies after the end. */
export const isPast = (position, [from, until]) =>
  position >= until && (until >= from || position < from - SEAM_SECONDS / 2);

const MAY_BE_CHARGED = ["sending", "unknown", "accepted", "delivered"];

/** What a request of the journal costs, with "≈" while only its estimate is known; "" for one that was not charged. */
export function priceOfRequest({ state, cost_usd: cost, estimate_usd: estimate }) {
  if (cost != null) return dollars(cost);
  return estimate > 0 && MAY_BE_CHARGED.includes(state) ? `≈ ${dollars(estimate)}` : "";
}

/** "$0.0120": four digits below ten cents, else two. */
export const dollars = (usd) => `$${usd.toFixed(usd > 0 && usd < 0.1 ? 4 : 2)}`;
