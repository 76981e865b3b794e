/** The elements of the waveform panel and what they show. Behaviour is in panel.js, pointer.js and keys.js. */
import { iconButton, make } from "../dom.js";
import { say } from "../strings.js";
import { bpmOf, linkedEdges, previousEntries } from "./node.js";
import * as range from "./range.js";
import { isWhole } from "./view.js";

export function buildLayout(panel) {
  const handle = (edge) =>
    make(
      "div",
      { class: `acestep-handle acestep-handle-${edge}`, role: "slider", tabindex: "0", "data-edge": edge },
      make("span", { class: "acestep-handle-time" }),
    );
  const parts = {
    playRange: iconButton("play", say("range.play"), () => panel.playRange()),
    playStart: iconButton("seamStart", say("range.playStart"), () => panel.playSeam("start")),
    playEnd: iconButton("seamEnd", say("range.playEnd"), () => panel.playSeam("end")),
    snap: iconButton("magnet", say("range.snap"), () => panel.toggleSnap(), { "aria-pressed": "true" }),
    zoomOut: iconButton("zoomOut", say("range.zoomOut"), () => panel.zoom(2)),
    zoomIn: iconButton("zoomIn", say("range.zoomIn"), () => panel.zoom(0.5)),
    fitRange: iconButton("fitRange", say("range.showRange"), () => panel.showRange()),
    fit: iconButton("fit", say("range.showWhole"), () => panel.showWhole()),
    readout: make("output", { class: "acestep-readout" }),
    dim: make("canvas", { class: "acestep-wave" }),
    lit: make("canvas", { class: "acestep-wave acestep-wave-lit" }),
    axis: make("canvas", { class: "acestep-axis", "aria-hidden": "true" }),
    before: make("div", { class: "acestep-previous-ranges", "aria-hidden": "true" }),
    region: make("div", { class: "acestep-region", role: "slider", tabindex: "0", "data-edge": "both" }),
    start: handle("start"),
    end: handle("end"),
    playhead: make("div", { class: "acestep-playhead", hidden: true }),
    message: make("div", { class: "acestep-message", role: "status" }),
    thumb: make("div", { class: "acestep-scroll-thumb" }),
  };
  parts.field = make("div", { class: "acestep-field" }, parts.dim, parts.lit, parts.before, parts.region);
  parts.stage = make(
    "div",
    { class: "acestep-stage", role: "group", "aria-label": say("range.stage") },
    parts.axis,
    parts.field,
    parts.playhead,
    parts.start,
    parts.end,
    parts.message,
  );
  parts.scroll = make("div", { class: "acestep-scroll", "aria-hidden": "true" }, parts.thumb);
  parts.root = make(
    "div",
    { class: "acestep acestep-time-range", "data-capture-wheel": "true" },
    make(
      "div",
      { class: "acestep-bar", role: "toolbar", "aria-label": say("range.tools") },
      make("div", { class: "acestep-group" }, parts.playRange, parts.playStart, parts.playEnd),
      parts.readout,
      make("div", { class: "acestep-group" }, parts.snap, parts.zoomOut, parts.zoomIn, parts.fitRange, parts.fit),
    ),
    parts.stage,
    parts.scroll,
  );
  return new Layout(parts);
}

class Layout {
  constructor(parts) {
    Object.assign(this, parts);
  }

  show(panel) {
    const { start, end, problem } = panel.resolved;
    const place = (time) => ((time - panel.view.from) / (panel.view.to - panel.view.from)) * 100;
    const left = place(start),
      right = place(end);
    this.#showHandles(panel, { start: left, end: right });
    this.region.style.left = `${left}%`;
    this.region.style.width = `${right - left}%`;
    const cut = (percent) => `${Math.min(100, Math.max(0, percent))}%`;
    this.lit.style.clipPath = `inset(0 ${cut(100 - right)} 0 ${cut(left)})`;
    this.root.classList.toggle("acestep-unmeasured", !panel.measured);
    this.root.classList.toggle("acestep-problem", problem !== null && panel.measured);
    this.#showPrevious(panel, place);
    this.#showBar(panel, start, end);
    this.#showMessage(panel, problem);
    this.#showScroll(panel);
  }

  showPlayhead(panel, time) {
    this.playhead.hidden = time === null;
    if (time !== null) {
      this.playhead.style.left = `${((time - panel.view.from) / (panel.view.to - panel.view.from)) * 100}%`;
    }
    const label = say(panel.player.playing ? "range.stop" : "range.play");
    if (this.playRange.title !== label) {
      this.playRange.title = label;
      this.playRange.setAttribute("aria-label", label);
      this.playRange.classList.toggle("acestep-playing", panel.player.playing);
    }
  }

  say(kind, text) {
    if (this.message.dataset.kind === kind && this.message.textContent === text) return;
    this.message.dataset.kind = kind;
    this.message.textContent = text;
    this.message.hidden = !text;
  }

  #showHandles(panel, places) {
    const { entry, seconds } = panel;
    const linked = linkedEdges(panel.node);
    const { start, end } = panel.resolved;
    for (const edge of ["start", "end"]) {
      const handle = this[edge];
      handle.style.left = `${places[edge]}%`;
      handle.classList.toggle("acestep-outside", places[edge] < -0.5 || places[edge] > 100.5);
      handle.classList.toggle("acestep-flipped", edge === "start" ? places[edge] < 14 : places[edge] > 86);
      const anchored = entry[`${edge}Anchor`] === "end";
      handle.firstChild.textContent =
        anchored && entry[edge] === 0 ? say("range.theEnd") : (anchored ? "−" : "") + range.formatTime(entry[edge]);
      describe(handle, say(`range.${edge}`), edge === "start" ? start : end, seconds, linked.includes(edge));
      handle.setAttribute(
        "aria-valuetext",
        say(anchored ? "range.beforeEnd" : "range.fromStart", { time: range.formatTime(entry[edge]) }),
      );
    }
    describe(this.region, say("range.both"), start, seconds - (end - start), linked.length > 0);
    this.region.setAttribute("aria-valuetext", this.#spoken(start, end));
  }

  #spoken(start, end) {
    return say("range.spoken", {
      start: range.formatTime(start),
      end: range.formatTime(end),
      length: (end - start).toFixed(2),
    });
  }

  #showPrevious(panel, place) {
    const entries = previousEntries(panel.node).filter(Boolean);
    while (this.before.children.length > entries.length) this.before.lastChild.remove();
    entries.forEach((entry, index) => {
      const { start, end } = range.resolve(entry, panel.seconds);
      const block = this.before.children[index] ?? this.before.appendChild(make("div", { class: "acestep-previous" }));
      block.style.left = `${place(start)}%`;
      block.style.width = `${place(end) - place(start)}%`;
      block.dataset.shade = String(index % 3);
    });
  }

  #showBar(panel, start, end) {
    const text = `${range.formatTime(start)} – ${range.formatTime(end)}`;
    const length = say("range.length", { seconds: (end - start).toFixed(2) });
    if (this.readout.dataset.text !== text + length) {
      this.readout.dataset.text = text + length;
      this.readout.replaceChildren(make("b", {}, length), make("span", {}, text));
    }
    this.#showButtons(panel);
  }

  /** None of this changes while a handle is dragged, so it is written only when something has. */
  #showButtons(panel) {
    const silent = !panel.audible;
    const bpm = bpmOf(panel.node);
    const canSnap = Boolean(bpm || panel.waveform?.mono);
    const all = isWhole(panel.view, panel.seconds);
    const closest = panel.view.to - panel.view.from <= panel.shortestSpan + 1e-9;
    const shown = [silent, bpm, canSnap, panel.snapping, all, closest].join();
    if (shown === this.buttonsShown) return;
    this.buttonsShown = shown;
    for (const button of [this.playRange, this.playStart, this.playEnd]) {
      button.disabled = silent;
      button.title = silent ? say("range.nothingToPlay") : button.getAttribute("aria-label");
    }
    this.snap.disabled = !canSnap;
    this.snap.setAttribute("aria-pressed", String(panel.snapping && canSnap));
    this.snap.title = say(bpm ? "range.snapBeats" : canSnap ? "range.snapZero" : "range.snapNothing", { bpm });
    this.zoomOut.disabled = all;
    this.fit.disabled = all;
    this.zoomIn.disabled = closest;
  }

  #showMessage(panel, problem) {
    const { state } = panel;
    const file = panel.loadingFile?.filename;
    if (state === "none") this.say("hint", say("range.connect"));
    else if (state === "unrun") this.say("hint", say("range.runOnce"));
    else if (state === "loading") this.say("loading", say("range.loading", { file }));
    else if (state === "missing") this.say("failed", say("range.missing", { file }));
    else if (state === "failed") this.say("failed", say("range.failed", { file, problem: panel.problem }));
    else if (problem) this.say("failed", say(`range.${problem}`, { length: range.formatTime(panel.seconds) }));
    else this.say("none", "");
  }

  #showScroll(panel) {
    const { from, to } = panel.view;
    this.thumb.style.left = `${(from / panel.seconds) * 100}%`;
    this.thumb.style.width = `${((to - from) / panel.seconds) * 100}%`;
    this.scroll.classList.toggle("acestep-scroll-idle", isWhole(panel.view, panel.seconds));
  }
}

function describe(slider, label, value, limit, disabled) {
  const attributes = {
    "aria-label": label,
    "aria-valuemin": "0",
    "aria-valuemax": limit.toFixed(2),
    "aria-valuenow": value.toFixed(2),
    "aria-disabled": disabled ? "true" : null,
    title: disabled ? say("range.linked") : null,
  };
  for (const [name, text] of Object.entries(attributes)) {
    if (text === null) slider.removeAttribute(name);
    else if (slider.getAttribute(name) !== text) slider.setAttribute(name, text);
  }
}
