/** The elements of the status row, and the words on them. */
import { icon, iconButton, make } from "../dom.js";
import { say } from "../strings.js";
import { formatTime } from "../time_range/range.js";
import { costOf, reckoning } from "./estimate.js";
import { backendOf, dollars, notes } from "./facts.js";

const MOST_SEAMS = 8;

export class StatusLayout {
  constructor(panel) {
    this.badge = make("span", { class: "acestep-badge" });
    this.what = make("span", { class: "acestep-what" });
    this.state = make("span", { class: "acestep-state", role: "status", "aria-live": "polite" });
    this.money = make("span", { class: "acestep-money" });
    this.reckoning = make("div", { class: "acestep-reckoning", hidden: true });
    this.notes = make("ul", { class: "acestep-notes", hidden: true });
    this.seams = make("div", { class: "acestep-seams", role: "group", "aria-label": say("seam.title"), hidden: true });
    this.copy = textButton("copy", "status.copy", () => panel.copyIds());
    this.resume = textButton("resume", "status.resume", () => panel.toggleResume());
    this.account = textButton("account", "status.account", () => panel.openAccount());
    this.actions = make("div", { class: "acestep-actions", hidden: true }, this.copy, this.resume, this.account);
    this.content = make(
      "div",
      { class: "acestep-status-content" },
      make("div", { class: "acestep-status-head" }, this.badge, this.what, this.state, this.money),
      this.reckoning,
      this.notes,
      this.seams,
      panel.compare.element,
      this.actions,
    );
    this.root = make(
      "div",
      { class: "acestep acestep-status", role: "group", "aria-label": say("status.title") },
      this.content,
    );
    this.shown = {};
    this.sizes = new ResizeObserver(() => panel.contentIs(Math.ceil(this.content.offsetHeight)));
    this.sizes.observe(this.content);
  }

  close() {
    this.sizes.disconnect();
  }

  show(panel) {
    if (!panel.values) return;
    this.#showHead(panel);
    this.#showMoney(panel);
    this.#showNotes(panel);
    this.#showSeams(panel);
    this.#showActions(panel);
  }

  #showHead(panel) {
    const { values, phase, report } = panel;
    const ran = phase === "done" && report;
    const backend = ran ? report.backend : backendOf(values);
    this.badge.dataset.backend = backend;
    this.badge.textContent = say(`backend.${backend}`);
    this.badge.title = ran ? "" : say(`backend.${values.backend}.about`);
    this.what.textContent = ran ? ranWith(report) : willRunWith(values);
    this.what.title = ran && report.model ? report.model : "";
    this.state.dataset.phase = phase;
    this.state.textContent = stateWords(panel);
  }

  #showMoney(panel) {
    const { phase, report, estimate } = panel;
    let money = "",
      words = "";
    if (phase === "done" && report?.cost_usd != null) {
      money = say("money.cost", { usd: dollars(report.cost_usd) });
    } else if (backendOf(panel.values) === "runcomfy" && estimate) {
      [money, words] = estimateWords(estimate, panel.values);
    }
    this.money.textContent = money;
    setText(this.reckoning, words);
  }

  #showNotes(panel) {
    const found = notes(panel.task, panel.values).map(([severity, key, values]) => [severity, say(key, values)]);
    if (backendOf(panel.values) === "runcomfy") {
      const { account, estimate } = panel;
      if (account && !account.configured) found.push(["warn", account.problem ?? say("note.noToken")]);
      if (account?.test_server) found.push(["warn", say("note.testServer", { address: account.test_server })]);
      // The server refuses the price of what the node itself has refused already.
      // Of settings refused above the server has no price either.
      const refused = found.some(([severity]) => severity === "bad");
      if (estimate?.problem && !refused) found.push(["bad", estimate.problem]);
      if (estimate?.price?.message) found.push(["warn", estimate.price.message]);
    }
    for (const ignored of panel.ignored) found.push(["dim", say("note.ignored", ignored)]);
    const message = panel.live?.summary().message;
    if (message && panel.phase !== "done") found.push(["info", message]);
    if (panel.phase === "failed" && panel.problem) found.push(["bad", shortened(panel.problem)]);
    if (panel.phase === "done") for (const warning of warningsOf(panel.report)) found.push(["warn", warning]);
    this.#once("notes", found, () => {
      this.notes.hidden = found.length === 0;
      this.notes.replaceChildren(...distinct(found).map(([severity, words]) => noteItem(severity, words)));
    });
  }

  #showSeams(panel) {
    const seams = panel.phase === "done" ? (panel.report?.seams ?? []) : [];
    const audible = !panel.compare.element.hidden;
    this.#once("seams", [seams, audible], () => {
      this.seams.hidden = seams.length === 0;
      const chips = seams
        .slice(0, MOST_SEAMS)
        .map((seam) => seamChip(seam, audible && (() => panel.compare.hearSeam(seam.time_seconds))));
      const rest = seams.length - chips.length;
      this.seams.replaceChildren(
        make("span", { class: "acestep-label" }, say("seam.title")),
        ...chips,
        rest > 0 ? `+${rest}` : "",
      );
    });
  }

  #showActions(panel) {
    const paid = backendOf(panel.values) === "runcomfy";
    const ids = panel.requestIds;
    const resuming = panel.values.resume_request_id.trim() !== "";
    this.copy.hidden = ids.length === 0;
    this.copy.title = ids.join("\n");
    this.resume.hidden = !resuming && (ids.length === 0 || !paid || panel.phase === "running");
    this.resume.lastChild.textContent = say(resuming ? "status.resumeNot" : "status.resume");
    this.resume.title = say(resuming ? "status.resumeNot.about" : "status.resume.about");
    this.account.hidden = !paid;
    this.actions.hidden = [this.copy, this.resume, this.account].every((button) => button.hidden);
  }

  /** Rebuilds a part only when what it shows has changed, so that focus stays where it is. */
  #once(part, what, build) {
    const text = JSON.stringify(what);
    if (this.shown[part] === text) return;
    this.shown[part] = text;
    build();
  }
}

function textButton(iconName, key, onclick) {
  return make(
    "button",
    { type: "button", class: "acestep-button acestep-text-button", onclick },
    icon(iconName),
    make("span", {}, say(key)),
  );
}

function setText(element, text) {
  element.textContent = text;
  element.hidden = !text;
}

const willRunWith = (values) => {
  if (values.backend === "sketch") return "";
  if (backendOf(values) === "runcomfy") return values.version === "auto" ? "ace-step" : values.version;
  return values.version === "auto" ? say("version.best") : values.version;
};

const ranWith = (report) => {
  if (report.backend === "local") return [report.version, report.model].filter(Boolean).join(" · ");
  return report.backend === "runcomfy" ? report.version : "";
};

function stateWords(panel) {
  const { phase, live, report } = panel;
  if (phase === "failed") return say("state.failed");
  if (phase === "stopped") return say("state.stopped");
  if (phase === "done" && report) return say("state.done", { seconds: seconds(report.timings?.total ?? 0) });
  if (phase !== "running") return "";
  const { states, queue_position: position, elapsed } = live.summary();
  const words = states.map(
    ([state, count]) => (states.length > 1 || count > 1 ? `${count} × ` : "") + stateName(state),
  );
  if (words.length === 0) words.push(say("state.running"));
  if (position === 0) words.push(say("state.next"));
  else if (position !== null) words.push(say("state.position", { position }));
  if (elapsed >= 1) words.push(`${Math.round(elapsed)} s`);
  return words.join(" · ");
}

function stateName(state) {
  const key = `state.${state}`;
  const words = say(key);
  return words === key ? state : words;
}

const seconds = (value) => (value < 10 ? value.toFixed(1) : String(Math.round(value)));

function estimateWords(estimate, values) {
  if (estimate.problem || !estimate.price) return ["", ""];
  const { price, callSeconds, takes, atMost } = estimate;
  const source = say(price.live ? "money.live" : "money.list");
  if (values.resume_request_id.trim()) return [say("money.fetched"), ""];
  if (!callSeconds) return ["", say("money.unit", { words: `$${price.usd}`, source })];
  const usd = dollars(costOf(callSeconds, price, takes));
  return [`${atMost ? "≤" : "≈"} ${usd}`, `${reckoning(callSeconds, price, takes)}, ${source}`];
}

// What the node says anyway, whether it has run or not.
const SAID = [
  /^This is sketch, not ACE-Step\.$/,
  /^Sketch ignores /,
  / has no effect on RunComfy/,
  /^Lyrics are blank: RunComfy/,
  /^There are no lyrics to sing/,
];
const warningsOf = (report) =>
  (report?.warnings ?? []).filter((warning) => !SAID.some((pattern) => pattern.test(warning)));

const LONGEST_MESSAGE = 240;

// ComfyUI shows the whole of it in a dialog of its own.
const shortened = (message) =>
  message.length > LONGEST_MESSAGE ? `${message.slice(0, LONGEST_MESSAGE).trimEnd()} …` : message.trim();

function distinct(found) {
  const seen = new Set();
  return found.filter(([, words]) => !seen.has(words) && seen.add(words));
}

const noteItem = (severity, words) =>
  make(
    "li",
    { "data-severity": severity },
    severity === "warn" || severity === "bad" ? icon("warn") : null,
    make("span", {}, words),
  );

function seamChip(seam, onclick) {
  const numbers = [
    seam.level_step_db == null ? null : say("seam.level", { db: signed(seam.level_step_db) }),
    seam.jump == null ? null : say("seam.jump", { jump: seam.jump.toFixed(2) }),
    seam.spectral_distance_db == null ? null : say("seam.colour", { db: seam.spectral_distance_db.toFixed(1) }),
  ]
    .filter(Boolean)
    .join(", ");
  const words = `${formatTime(seam.time_seconds)} ${say(`verdict.${seam.verdict}`)}`;
  const attributes = { class: "acestep-seam", "data-verdict": seam.verdict, title: numbers };
  return onclick
    ? make(
        "button",
        { type: "button", ...attributes, "aria-label": `${words}. ${numbers}. ${say("seam.play")}`, onclick },
        words,
      )
    : make("span", { ...attributes, "aria-label": `${words}. ${numbers}` }, words);
}

const signed = (value) => `${value > 0 ? "+" : ""}${value.toFixed(1)}`;
