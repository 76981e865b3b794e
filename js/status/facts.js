/** What a rendering node's settings mean for the backend they choose. No ComfyUI here: values in, sentences out. */

const TASKS = { ACEStepGenerate: "generate", ACEStepInpaint: "inpaint", ACEStepOutpaint: "outpaint" };
const DEFAULTS = {
  version: "auto",
  variant: "auto",
  language: "auto",
  steps: 0,
  guidance: 0,
  strength: 1,
  max_cost_usd: 1,
  resume_request_id: "",
};
const SOCKETS = ["model", "clip", "vae"];
const LONGEST_SECONDS = { runcomfy: 240, "ace-step": 240 };

export const taskOf = (nodeClass) => TASKS[nodeClass];

/** "auto" is local and never spends money. */
export const backendOf = (values) => (values.backend === "auto" ? "local" : values.backend);

/** The settings that have no effect with these values: {name: key of the reason}. */
export function ignoredSettings(values) {
  const because = (names, reason) => Object.fromEntries(names.map((name) => [name, reason]));
  switch (backendOf(values)) {
    case "runcomfy":
      return because(["variant", "steps", "guidance", "strength", ...SOCKETS], "ignored.runcomfy");
    case "sketch":
      return because(
        ["version", "variant", "language", "steps", "guidance", "max_cost_usd", ...SOCKETS],
        "ignored.sketch",
      );
    default:
      return {
        ...because(["max_cost_usd", "resume_request_id"], "ignored.local"),
        ...(values.version === "ace-step" ? { variant: "ignored.variant" } : {}),
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
 * values.tags and values.lyrics are null when another node gives them.
 */
export function notes(task, values) {
  const backend = backendOf(values);
  const found = [];
  if (backend === "sketch") found.push(["warn", "note.sketch"]);
  if (backend === "runcomfy" && task !== "generate" && values.version === "ace-step-1.5") {
    found.push(["bad", "note.editsAreV1"]);
  }
  const longest = LONGEST_SECONDS[backend] ?? (backend === "local" ? LONGEST_SECONDS[values.version] : undefined);
  if (task === "generate" && values.duration > longest) found.push(["bad", "note.tooLong", { longest }]);
  if (values.resume_request_id.trim() && backend === "sketch") found.push(["bad", "note.sketchResumes"]);
  if (backend === "runcomfy") {
    if (values.resume_request_id.trim())
      found.push(["info", "note.resuming", { ids: values.resume_request_id.trim() }]);
    else if (values.seed === -1) found.push(["warn", "note.seedCharged"]);
  }
  if (values.lyrics !== null && !values.lyrics.trim() && values.tags !== null && !NO_VOCALS.test(values.tags)) {
    if (backend === "local") found.push(["info", "note.instrumental"]);
    if (backend === "runcomfy" && !values.resume_request_id.trim()) found.push(["info", "note.ownLyrics"]);
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

/** "$0.0120": four digits below ten cents, else two. */
export const dollars = (usd) => `$${usd.toFixed(usd > 0 && usd < 0.1 ? 4 : 2)}`;
