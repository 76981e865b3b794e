/**
 * The models that can be got: what each brings, where it goes, and the download, which nothing but a click starts. It
 * goes on without the dialog and without the page.
 */
import { makeDialog, showDialog, wordButton } from "../dialog.js";
import { icon, make } from "../dom.js";
import { sentence } from "../status/remarks.js";
import { say } from "../strings.js";
import { askAboutDownload, isMoving, isUnfinished, knownDownload, onDownload, percentOf } from "./download.js";
import { onModelsChanged } from "./local.js";
import { durationOf, sizeOf } from "./words.js";

/** Opens the dialog on the model with that id, or on the one whose download is not finished. */
export function openModels(id) {
  new ModelsDialog(id).open();
}

class ModelsDialog {
  constructor(id) {
    this.offered = id;
    this.models = [];
    this.list = make("fieldset", { class: "acestep-models-list" }, make("legend", {}, say("models.choose")));
    this.facts = make("div", { class: "acestep-models-facts" });
    this.state = make("p", { class: "acestep-result", role: "status", hidden: true });
    this.bar = make("progress", { class: "acestep-progress", max: "100", "aria-label": say("models.progress") });
    this.amount = make("span", { class: "acestep-models-amount" });
    this.speed = make("span", { class: "acestep-models-speed" });
    this.progress = make(
      "div",
      { class: "acestep-models-progress", hidden: true },
      this.bar,
      make("div", {}, this.amount, this.speed),
    );
    this.get = wordButton("models.get", () => this.#do("models/get", { id: this.chosen.id }), "acestep-primary");
    this.pause = wordButton("models.pause", () => this.#do("models/pause"));
    this.cancel = wordButton("models.cancel", () => this.#do("models/cancel"));
    this.actions = make("div", { class: "acestep-field-row" }, this.get, this.pause, this.cancel);
    this.element = makeDialog(
      "models",
      say("models.title"),
      make("p", { class: "acestep-about" }, say("models.about")),
      this.list,
      this.facts,
      this.progress,
      this.state,
      this.actions,
    );
  }

  async open() {
    showDialog(this.element);
    const ends = [onDownload(() => this.#show()), onModelsChanged(() => this.#read())];
    this.element.addEventListener("close", () => ends.forEach((end) => end()));
    this.#show();
    await this.#read();
    this.list.querySelector("input:checked")?.focus();
  }

  get chosen() {
    return this.models.find(({ id }) => id === this.id);
  }

  /** Reads what there is; which one is chosen stays. */
  async #read() {
    this.element.setAttribute("aria-busy", "true");
    try {
      const { models } = await askAboutDownload("models", {}, ({ download }) => download);
      this.models = models;
      this.id ??= this.#first(knownDownload());
      this.#list();
      this.problem = null;
    } catch (error) {
      this.problem = error.message;
    } finally {
      this.element.removeAttribute("aria-busy");
    }
    this.#show();
  }

  #first(download) {
    if (isUnfinished(download)) return download.id;
    return this.offered ?? (this.models.find((model) => model.missing_bytes > 0) ?? this.models[0]).id;
  }

  async #do(route, question) {
    this.problem = null;
    try {
      await askAboutDownload(route, question);
    } catch (error) {
      this.problem = error.message;
    }
    this.#show();
  }

  // -------------------------------------------------------------- what is shown

  #list() {
    const recommended = this.offered ?? this.models[0]?.id;
    const rows = this.models.map((model) =>
      make(
        "label",
        { class: "acestep-model" },
        make("input", {
          type: "radio",
          name: "acestep-model",
          value: model.id,
          checked: model.id === this.id,
          onchange: () => this.#choose(model.id),
        }),
        make(
          "span",
          { class: "acestep-model-what" },
          make("span", { class: "acestep-model-title" }, model.title),
          make("span", { class: "acestep-about" }, say(`models.${model.id}`)),
        ),
        badge(model, recommended),
        make("span", { class: "acestep-model-size" }, sizeOf(model.bytes)),
      ),
    );
    const focused = this.list.contains(document.activeElement);
    this.list.replaceChildren(this.list.firstChild, ...rows);
    if (focused) this.list.querySelector("input:checked")?.focus();
  }

  #choose(id) {
    this.id = id;
    this.problem = null;
    this.#show();
  }

  #show() {
    const download = knownDownload();
    const own = download?.id === this.id ? download : null;
    this.#showFacts();
    this.#showProgress(own);
    this.#showState(own, download);
    this.#showButtons(own, download);
  }

  #showFacts() {
    const { chosen } = this;
    if (!chosen || this.factsOf === chosen) return;
    this.factsOf = chosen;
    this.facts.replaceChildren(
      filesTable(chosen.files),
      make(
        "dl",
        {},
        fact("models.licence", chosen.licence),
        fact("models.from", make("a", { href: chosen.site, target: "_blank", rel: "noopener noreferrer" }, chosen.site)),
        roomFact(chosen),
      ),
    );
  }

  #showProgress(own) {
    this.progress.hidden = !own || !isUnfinished(own);
    if (this.progress.hidden) return;
    const percent = percentOf(own);
    if (own.phase === "checking") this.bar.removeAttribute("value");
    else this.bar.value = percent;
    this.amount.textContent = say("models.amount", {
      done: sizeOf(own.done_bytes),
      total: sizeOf(own.total_bytes),
      percent,
    });
    const rate = own.phase === "running" && own.bytes_per_second;
    this.speed.textContent = rate
      ? say("models.speed", {
          rate: sizeOf(rate),
          left: durationOf((own.total_bytes - own.done_bytes) / rate),
        })
      : "";
  }

  #showState(own, download) {
    let kind = "none";
    let words = "";
    if (this.problem) [kind, words] = ["bad", this.problem];
    else if (own?.phase === "failed") [kind, words] = ["bad", sentence(own.said, own.message)];
    else if (own?.phase === "done") [kind, words] = ["good", sentence(own.said, own.message)];
    else if (own?.phase === "running") words = say("models.running", { file: own.file ?? "" });
    else if (own?.phase === "checking") words = say("models.checking", { file: own.file ?? "" });
    else if (own?.phase === "paused") words = say("models.paused");
    else if (isMoving(download)) words = say("models.other", { title: download.title });
    else if (this.chosen?.missing_bytes === 0) [kind, words] = ["good", say("models.there")];
    this.state.dataset.kind = kind;
    // A screen reader speaks what changes here, so it is written only when it has changed.
    if (this.state.textContent !== words) this.state.textContent = words;
    this.state.hidden = !words;
  }

  #showButtons(own, download) {
    const { chosen } = this;
    const moving = isMoving(own);
    const begun = own?.phase === "paused" || own?.phase === "failed";
    const buttons = [this.get, this.pause, this.cancel];
    const held = buttons.find((button) => button === document.activeElement);
    this.get.hidden = moving || !chosen || chosen.missing_bytes === 0 || own?.phase === "done";
    this.get.disabled = isMoving(download);
    if (chosen) {
      this.get.textContent = say(begun ? "models.continue" : "models.get", { size: sizeOf(chosen.missing_bytes) });
    }
    this.pause.hidden = !moving;
    this.cancel.hidden = !own || !isUnfinished(own);
    this.actions.hidden = buttons.every((button) => button.hidden);
    // Whoever pressed a button that is gone goes on with the next one; outside the dialog Escape would not close it.
    if (held && (held.hidden || held.disabled)) {
      (buttons.find((button) => !button.hidden && !button.disabled) ?? this.list.querySelector(":checked")).focus();
    }
  }
}

function badge({ id, missing_bytes: missing }, recommended) {
  if (missing === 0) return make("span", { class: "acestep-badge", "data-kind": "good" }, say("models.installed"));
  return id === recommended && make("span", { class: "acestep-badge" }, say("models.recommended"));
}

function filesTable(files) {
  const heading = (key) => make("th", { scope: "col" }, say(key));
  const row = ({ name, bytes, folder, there }) =>
    make(
      "tr",
      {},
      make("td", {}, name, there && make("span", { class: "acestep-there" }, icon("check"), say("models.fileThere"))),
      make("td", { class: "acestep-number" }, sizeOf(bytes)),
      make("td", {}, folder),
    );
  return make(
    "table",
    { class: "acestep-files" },
    make("thead", {}, make("tr", {}, heading("models.file"), heading("models.size"), heading("models.folder"))),
    make("tbody", {}, files.map(row)),
  );
}

function roomFact({ free_bytes: free, missing_bytes: missing }) {
  if (free === null) return fact("models.room", say("models.roomUnknown"));
  if (free >= missing) return fact("models.room", sizeOf(free));
  return fact("models.room", say("models.roomShort", { room: sizeOf(free) }), "bad");
}

const fact = (key, value, kind) =>
  make("div", { "data-kind": kind }, make("dt", {}, say(key)), make("dd", {}, value));
