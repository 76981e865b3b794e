/** The elements of the status row, and the words on them. */
import { icon, iconButton, make } from "../dom.js";
import { localTime } from "../comfy.js";
import { say } from "../strings.js";
import { formatTime } from "../time_range/range.js";
import { reckoning } from "./estimate.js";
import { sentence, sentencesOf } from "./remarks.js";
import { backendOf, dollars, maySpend, notes, resumed, unsettled, wantedModel } from "./facts.js";
import { isMoving, isUnfinished, percentOf } from "../models/download.js";
import { Offers } from "./offers.js";

const MOST_SEAMS = 8;

export class StatusLayout {
  constructor(panel) {
    this.badge = make("span", { class: "acestep-badge" });
    this.what = make("span", { class: "acestep-what" });
    this.state = make("span", { class: "acestep-state", role: "status", "aria-live": "polite" });
    this.money = make("span", { class: "acestep-money" });
    this.reckoning = make("div", { class: "acestep-reckoning", hidden: true });
    this.offers = new Offers(panel);
    this.notes = make("ul", { class: "acestep-notes", hidden: true });
    // However long it is, it can be read, scrolled and copied here.
    this.failure = make("div", {
      class: "acestep-failure",
      role: "alert",
      tabindex: "0",
      "data-capture-wheel": "true",
      hidden: true,
    });
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
      this.failure,
      this.offers.model,
      this.offers.track,
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
    this.offers.show(panel);
    this.#showNotes(panel);
    this.#showSeams(panel);
    this.#showActions(panel);
  }

  #showHead(panel) {
    const { values, phase, report } = panel;
    const ran = phase === "done" && report;
    const backend = ran ? report.backend : backendOf(values);
    this.badge.dataset.backend = backend;
    // Green says that it would run.
    this.badge.dataset.ready = String(Boolean(ran || panel.local?.installed));
    this.badge.textContent = say(`backend.${backend}`);
    this.badge.title = ran ? "" : say(`backend.${values.backend ?? "open"}.about`);
    this.what.textContent = ran ? ranWith(report) : willRunWith(panel);
    const { name, said, message } = panel.local ?? {};
    this.what.title = (ran ? report.model : (name ?? sentence(said, message))) ?? "";
    this.what.dataset.missing = String(!ran && panel.modelMissing);
    this.what.dataset.coming = String(!ran && panel.modelMissing && isMoving(panel.download));
    this.state.dataset.phase = phase;
    this.state.textContent = stateWords(panel);
  }

  #showMoney(panel) {
    const { phase, report, estimate } = panel;
    let money = "",
      words = "";
    if (phase === "done" && report?.cost_usd != null) {
      money = say("money.cost", { usd: dollars(report.cost_usd) });
    } else if (estimate && !panel.unlooped) {
      [money, words] = estimateWords(panel);
    }
    this.money.textContent = money;
    setText(this.reckoning, words);
  }

  #showNotes(panel) {
    const { task, values, connected, local } = panel;
    const version = local?.version ?? values.version;
    const found = panel.leftOut
      ? [["info", say(`note.${panel.leftOut}`)]]
      : notes(task, values, connected, version).map(([severity, key, more]) => [severity, say(key, more)]);
    const open = unsettled(values).map((name) => panel.labelOf(name));
    if (open.length && !panel.leftOut) found.push(["info", say("note.unsettled", { names: open.join(", ") })]);
    if (panel.unlooped) found.push(["bad", say("range.unlooped")]);
    if (maySpend(panel.values) && !panel.leftOut) {
      const { account, estimate } = panel;
      found.push(...limitsPassed(panel));
      if (account && !account.configured) {
        found.push(["warn", sentence(account.said, account.problem) ?? say("note.noToken")]);
      }
      if (account?.test_server) found.push(["warn", say("note.testServer", { address: account.test_server })]);
      // The server refuses the price of what the node itself has refused already.
      // Of settings refused above the server has no price either.
      const refused = found.some(([severity]) => severity === "bad");
      if (estimate?.problem && !refused) found.push(["bad", estimate.problem]);
      const { said, message } = estimate?.price ?? {};
      if (message) found.push(["warn", sentence(said, message)]);
    }
    if (panel.local?.problem) found.push(["bad", panel.local.problem]);
    for (const ignored of panel.ignored) found.push(["dim", say("note.ignored", ignored)]);
    found.push(...liveNotes(panel));
    setText(this.failure, panel.phase === "failed" ? panel.problem.trim() : "");
    if (panel.phase === "done") for (const warning of warningsOf(panel.report)) found.push(["warn", warning]);
    this.#once("notes", found, () => {
      this.notes.hidden = found.length === 0;
      this.notes.replaceChildren(
        ...distinct(found).map(([severity, words, limit]) =>
          noteItem(severity, words, limit && limitButton(panel, limit)),
        ),
      );
    });
  }

  #showSeams(panel) {
    const seams = panel.phase === "done" ? (panel.report?.seams ?? []) : [];
    const audible = !panel.compare.element.hidden;
    const several = new Set(seams.map(({ item, take }) => `${item} ${take}`)).size > 1;
    this.#once("seams", [seams, audible], () => {
      this.seams.hidden = seams.length === 0;
      const chips = seams
        .slice(0, MOST_SEAMS)
        .map((seam) => seamChip(seam, several, audible && (() => panel.hearSeam(seam))));
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
    const resuming = resumed(panel.values) !== "";
    this.copy.hidden = ids.length === 0;
    this.copy.title = ids.join("\n");
    this.resume.hidden = !resuming && (panel.resumableIds.length === 0 || !paid || panel.phase === "running");
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
  // Not written anew, for whoever has selected some of it.
  if (element.textContent !== text) element.textContent = text;
  element.hidden = !text;
}

function willRunWith({ values, local, download, connected }) {
  const backend = backendOf(values);
  if (backend === "sketch" || backend === "open") return "";
  if (backend === "runcomfy") return values.version === "auto" ? "ace-step" : (values.version ?? "");
  if (!local || local.problem) return "";
  if (local.installed) {
    return joined(local.title ?? say("model.connected"), values.recipe === "comfyui" && say("recipe.comfyui"));
  }
  if (isUnfinished(download)) {
    return say(`model.${download.phase}`, { title: download.title, percent: percentOf(download) });
  }
  const name = wantedModel(values);
  if (connected.includes("model")) return say("model.parts");
  return name ? say("model.notThis", { name }) : say("model.none");
}

const joined = (...words) => words.filter(Boolean).join(" · ");

const ranWith = (report) => {
  if (report.backend === "local") {
    return joined(report.version, report.recipe && say(`recipe.${report.recipe}`), report.model);
  }
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

function estimateWords({ estimate, values, usd }) {
  if (estimate.problem || !estimate.price) return ["", ""];
  const { price, callSeconds, takes, atMost } = estimate;
  const source = say(price.live ? "money.live" : "money.list");
  if (resumed(values)) return [say("money.fetched"), ""];
  if (!callSeconds) return ["", say("money.unit", { words: `$${price.usd}`, source })];
  const about = { usd: dollars(usd) };
  const amount = atMost ? say("money.atMost", about) : say("money.about", about);
  const where = backendOf(values) === "open" ? say("money.perhaps", { amount }) : amount;
  return [where, `${reckoning(callSeconds, price, takes)}, ${source}`];
}

const ROUNDING_USD = 1e-9;

/** The limits at which the run would stop before anything is sent, as notes. */
function limitsPassed({ usd, usdBesides, values, account, estimate }) {
  if (usd === null) return [];
  const [severity, stops] = estimate.atMost ? ["warn", say("limit.mayStop")] : ["bad", say("limit.stops")];
  const { max_cost_usd: most } = values;
  const ceiling = account?.ceiling_usd ?? null;
  const all = usd + usdBesides;
  const found = [];
  if (most === 0) found.push(["bad", say("limit.none"), "max_cost_usd"]);
  else if (most !== null && usd > most + ROUNDING_USD) {
    found.push([severity, say("limit.node", { stops, most: dollars(most), usd: dollars(usd) }), "max_cost_usd"]);
  }
  if (ceiling !== null && usd > ceiling + ROUNDING_USD) {
    found.push([severity, say("limit.ceiling", { stops, ceiling: dollars(ceiling), usd: dollars(usd) }), "ceiling"]);
  } else if (ceiling !== null && all > ceiling + ROUNDING_USD) {
    found.push(["warn", say("limit.together", { ceiling: dollars(ceiling), all: dollars(all) }), "ceiling"]);
  }
  return found;
}

const limitButton = (panel, limit) =>
  make(
    "button",
    {
      type: "button",
      class: "acestep-button acestep-text-button",
      onclick: (event) => panel.openLimit(limit, event.currentTarget),
    },
    say(limit === "ceiling" ? "limit.openCeiling" : "limit.openNode"),
  );

const DOUBTFUL = [
  ...["run_cost_open", "run_cost_perhaps", "run_running", "run_unknown", "run_unanswered", "run_failed", "run_gone"],
  ...["run_cancelled_priced", "run_other_token"],
];

/**
 * What is said while a run goes on, and what it has left when it was stopped, or was paid for before the page was
 * loaded; a failure has words of its own.
 */
function liveNotes({ phase, live, paidBefore }) {
  if (paidBefore) {
    const { created, seed } = paidBefore;
    return [["info", say("note.paidBefore", { when: localTime(created), seed })], ...leftNotes(paidBefore)];
  }
  if (!live) return [];
  if (live.left && (phase === "stopped" || isOfAnotherToken(live.left))) return leftNotes(live.left);
  const { message, said } = live.summary();
  return message && !live.left ? [["info", sentence(said, message)]] : [];
}

// Then not even the words of a failure hold any more.
const isOfAnotherToken = ({ said }) => said.some(({ code }) => code === "run_other_token");

const leftNotes = ({ said }) =>
  said.map((each) => [DOUBTFUL.includes(each.code) ? "warn" : "info", sentence(each)]);

// What the node says anyway, whether it has run or not.
const SAID = ["sketch", "sketch_ignores", "setting_without_effect", "part_without_effect", "own_lyrics", "no_lyrics"];
const warningsOf = (report) => sentencesOf(report, SAID);

function distinct(found) {
  const seen = new Set();
  return found.filter(([, words]) => !seen.has(words) && seen.add(words));
}

const noteItem = (severity, words, button) =>
  make(
    "li",
    { "data-severity": severity },
    severity === "warn" || severity === "bad" ? icon("warn") : null,
    make("span", {}, words),
    button,
  );

function seamChip(seam, several, onclick) {
  const numbers = [
    seam.level_step_db == null ? null : say("seam.level", { db: signed(seam.level_step_db) }),
    seam.jump == null ? null : say("seam.jump", { jump: seam.jump.toFixed(2) }),
    seam.spectral_distance_db == null ? null : say("seam.colour", { db: seam.spectral_distance_db.toFixed(1) }),
  ]
    .filter(Boolean)
    .join(", ");
  const place = `${formatTime(seam.time_seconds)} ${say(`verdict.${seam.verdict}`)}`;
  const words = several ? `${say("compare.takeName", { number: seam.take + 1 })} · ${place}` : place;
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
