/** The elements of the waveform panel and what they show. Behaviour is in panel.js, pointer.js and keys.js. */
import { iconButton, make, setIcon } from "../dom.js";
import { say } from "../strings.js";
import { linkedEdges, previousEntries } from "./node.js";
import { spokenTime } from "../spoken.js";
import * as range from "./range.js";
import { isWhole } from "./view.js";

// The time on a handle takes as much.
const TIME_PIXELS = 54;

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
    loop: iconButton("loop", say("range.loop"), () => panel.toggleLoop(), { "aria-pressed": "false" }),
    snap: iconButton("magnet", say("range.snap"), () => panel.toggleSnap(), { "aria-pressed": "true" }),
    snapTo: iconButton("beats", say("range.snapTo.beats"), () => panel.changeSnapTarget()),
    zoomOut: iconButton("zoomOut", say("range.zoomOut"), () => panel.zoom(2)),
    zoomIn: iconButton("zoomIn", say("range.zoomIn"), () => panel.zoom(0.5)),
    fitRange: iconButton("fitRange", say("range.showRange"), () => panel.showRange()),
    fit: iconButton("fit", say("range.showWhole"), () => panel.showWhole()),
    readout: make("output", { class: "acestep-readout", title: say("range.keys") }),
    dim: make("canvas", { class: "acestep-wave" }),
    lit: make("canvas", { class: "acestep-wave acestep-wave-lit" }),
    axis: make("canvas", { class: "acestep-axis", "aria-hidden": "true" }),
    before: make("div", { class: "acestep-previous-ranges", "aria-hidden": "true" }),
    region: make("div", { class: "acestep-region", role: "slider", tabindex: "0", "data-edge": "both" }),
    // The second piece of a range that crosses the end, for the pointer; keys and readers have the first.
    onward: make("div", { class: "acestep-region", "aria-hidden": "true", "data-edge": "both", hidden: true }),
    start: handle("start"),
    end: handle("end"),
    cursor: make("div", { class: "acestep-cursor", "aria-hidden": "true", hidden: true }),
    hover: make("div", { class: "acestep-hover", "aria-hidden": "true", hidden: true }),
    playhead: make("div", { class: "acestep-playhead", hidden: true }),
    message: make("div", { class: "acestep-message", role: "status" }),
    example: make(
      "button",
      {
        type: "button",
        class: "acestep-button acestep-text-button acestep-offer",
        title: say("track.example.about"),
        hidden: true,
        onclick: () => panel.useExample(),
      },
      say("track.example"),
    ),
    thumb: make("div", { class: "acestep-scroll-thumb" }),
  };
  parts.notice = make("div", { class: "acestep-notice" }, parts.message, parts.example);
  parts.field = make("div", { class: "acestep-field" }, parts.dim, parts.lit, parts.before, parts.region, parts.onward);
  parts.stage = make(
    "div",
    // Not a stop of the Tab key, but where the keys go after a click.
    { class: "acestep-stage", role: "group", "aria-label": say("range.stage"), tabindex: "-1" },
    parts.axis,
    parts.field,
    parts.cursor,
    parts.playhead,
    parts.hover,
    parts.start,
    parts.end,
    parts.notice,
  );
  parts.scroll = make("div", { class: "acestep-scroll", "aria-hidden": "true" }, parts.thumb);
  parts.root = make(
    "div",
    { class: "acestep acestep-time-range", "data-capture-wheel": "true" },
    make(
      "div",
      { class: "acestep-bar", role: "toolbar", "aria-label": say("range.tools") },
      make("div", { class: "acestep-group" }, parts.playRange, parts.playStart, parts.playEnd, parts.loop),
      parts.readout,
      make("div", { class: "acestep-group" }, parts.snap, parts.snapTo, parts.zoomOut, parts.zoomIn, parts.fitRange, parts.fit),
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
    const { resolved } = panel;
    const problem = resolved.problem ?? panel.crossing;
    const place = (time) => this.#place(panel, time);
    const places = range.pieces(resolved, panel.seconds).map((piece) => piece.map(place));
    this.#showHandles(panel, { start: place(resolved.start), end: place(resolved.end) });
    spread(this.region, places[0]);
    this.onward.hidden = !resolved.crosses;
    if (resolved.crosses) spread(this.onward, places[1]);
    this.lit.style.clipPath = resolved.crosses ? bothSides(places[1][1], places[0][0]) : between(...places[0]);
    this.root.classList.toggle("acestep-unmeasured", !panel.measured);
    this.root.classList.toggle("acestep-problem", problem !== null && problem !== "crosses" && panel.measured);
    this.#showPrevious(panel, place);
    this.#showCursor(panel);
    this.#showBar(panel, resolved);
    this.#showMessage(panel, problem);
    this.#showScroll(panel);
  }

  showPlayhead(panel, time) {
    this.playhead.hidden = time === null;
    if (time !== null) {
      this.playhead.style.left = `${this.#place(panel, time)}%`;
    }
    const label = say(panel.player.playing ? "range.stop" : "range.play");
    if (this.playRange.title !== label) {
      this.playRange.title = label;
      this.playRange.setAttribute("aria-label", label);
      setIcon(this.playRange, panel.player.playing ? "stop" : "play");
    }
  }

  /** The time under the pointer, or null when it is elsewhere. */
  showHover(panel, time) {
    this.hover.hidden = time === null;
    if (time === null) return;
    const percent = this.#place(panel, time);
    this.hover.style.left = `${percent}%`;
    this.hover.classList.toggle("acestep-flipped", percent > 80);
    this.hover.textContent = range.formatTime(time);
  }

  #place(panel, time) {
    return ((time - panel.view.from) / (panel.view.to - panel.view.from)) * 100;
  }

  #showCursor(panel) {
    const percent = panel.cursor === null ? -1 : this.#place(panel, panel.cursor);
    this.cursor.hidden = percent < 0 || percent > 100;
    if (!this.cursor.hidden) this.cursor.style.left = `${percent}%`;
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
    const { resolved } = panel;
    for (const edge of ["start", "end"]) {
      const handle = this[edge];
      handle.style.left = `${places[edge]}%`;
      handle.classList.toggle("acestep-outside", places[edge] < -0.5 || places[edge] > 100.5);
      handle.classList.toggle("acestep-flipped", edge === "start" ? places[edge] < 14 : places[edge] > 86);
      const anchored = entry[`${edge}Anchor`] === "end";
      handle.firstChild.textContent =
        anchored && entry[edge] === 0 ? say("range.theEnd") : (anchored ? "−" : "") + range.formatTime(entry[edge]);
      describe(handle, say(`range.${edge}`), resolved[edge], seconds, linked.includes(edge));
      handle.setAttribute(
        "aria-valuetext",
        say(anchored ? "range.beforeEnd" : "range.fromStart", { time: spokenTime(entry[edge]) }),
      );
    }
    this.#keepApart(panel, places);
    const furthest = resolved.crosses ? seconds : seconds - resolved.length;
    describe(this.region, say("range.both"), resolved.start, furthest, linked.length > 0);
    this.region.setAttribute("aria-valuetext", this.#spoken(resolved));
  }

  /** Where both times stand on the same side of their handles, the outer one gives way to the other. */
  #keepApart(panel, { start, end }) {
    const apart = (Math.abs(end - start) / 100) * panel.size.wide;
    const lack = Math.max(0, TIME_PIXELS - apart);
    const flipped = (handle) => handle.classList.contains("acestep-flipped");
    const [one, two] = [flipped(this.start), flipped(this.end)];
    this.end.firstChild.style.marginLeft = one && !two && end > start ? `${lack}px` : "";
    this.start.firstChild.style.marginRight = two && !one && end > start ? `${lack}px` : "";
  }

  #spoken({ start, end, length, crosses }) {
    return say(crosses ? "range.spokenAcross" : "range.spoken", {
      start: spokenTime(start),
      end: spokenTime(end),
      length: spokenTime(length),
    });
  }

  #showPrevious(panel, place) {
    const entries = previousEntries(panel.node).filter(Boolean);
    const blocks = entries.flatMap((entry, index) =>
      range.pieces(range.resolve(entry, panel.seconds), panel.seconds).map((piece) => ({ piece, shade: index % 3 })),
    );
    while (this.before.children.length > blocks.length) this.before.lastChild.remove();
    blocks.forEach(({ piece, shade }, index) => {
      const block = this.before.children[index] ?? this.before.appendChild(make("div", { class: "acestep-previous" }));
      spread(block, piece.map(place));
      block.dataset.shade = String(shade);
    });
  }

  #showBar(panel, resolved) {
    const text = `${range.formatTime(resolved.start)} – ${range.formatTime(resolved.end)}`;
    const length = say("range.length", { seconds: resolved.length.toFixed(2) });
    if (this.readout.dataset.text !== text + length) {
      this.readout.dataset.text = text + length;
      this.readout.replaceChildren(make("b", {}, length), make("span", {}, text));
    }
    this.#showButtons(panel);
  }

  /** None of this changes while a handle is dragged, so it is written only when something has. */
  #showButtons(panel) {
    const silent = !panel.audible;
    const { grid, snapsTo } = panel;
    const choices = panel.snapTargets.length;
    const all = isWhole(panel.view, panel.seconds);
    const closest = panel.view.to - panel.view.from <= panel.shortestSpan + 1e-9;
    const shown = [silent, grid?.bpm, grid?.found, snapsTo, choices, panel.snapping, panel.looping, all, closest].join();
    if (shown === this.buttonsShown) return;
    this.buttonsShown = shown;
    this.loop.setAttribute("aria-pressed", String(panel.looping));
    for (const button of [this.playRange, this.playStart, this.playEnd, this.loop]) {
      button.disabled = silent;
      button.title = silent ? say("range.nothingToPlay") : button.getAttribute("aria-label");
    }
    this.snap.disabled = snapsTo === null;
    this.snap.setAttribute("aria-pressed", String(panel.snapping && snapsTo !== null));
    const bpm = grid && Math.round(10 * grid.bpm) / 10;
    this.snap.title =
      snapsTo === null
        ? say("range.snapNothing")
        : snapsTo === "crossings"
          ? say("range.snapZero")
          : say(grid.found ? `range.snapFound.${snapsTo}` : `range.snapEven.${snapsTo}`, { bpm });
    this.snapTo.hidden = choices < 2;
    if (choices > 1) {
      setIcon(this.snapTo, snapsTo);
      this.snapTo.title = say(`range.snapTo.${snapsTo}`);
      this.snapTo.setAttribute("aria-label", this.snapTo.title);
    }
    this.zoomOut.disabled = all;
    this.fit.disabled = all;
    this.zoomIn.disabled = closest;
  }

  #showMessage(panel, problem) {
    const { state } = panel;
    const file = panel.loadingFile?.filename;
    this.example.hidden = !panel.exampleFits;
    if (state === "none") this.say("hint", say("track.connect"));
    else if (state === "empty") this.say("hint", say("track.choose"));
    else if (state === "unrun") this.say("hint", say("range.runOnce"));
    else if (state === "loading") this.say("loading", loadingWords(file, panel.waveform?.share));
    else if (state === "missing") this.say("failed", say("track.missing", { file }));
    else if (state === "failed") this.say("failed", say("range.failed", { file, problem: panel.problem }));
    else if (problem === "crosses") this.say("hint", say("range.crosses"));
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

const loadingWords = (file, share) =>
  share === undefined
    ? say("range.loading", { file })
    : say("range.loadingShare", { file, percent: Math.min(99, Math.round(share * 100)) });

function spread(block, [left, right]) {
  block.style.left = `${left}%`;
  block.style.width = `${right - left}%`;
}

const onStage = (percent) => `${Math.min(100, Math.max(0, percent))}%`;

const between = (left, right) => `inset(0 ${onStage(100 - right)} 0 ${onStage(left)})`;

/** What lies before `right` and what lies after `left`, as one outline with nothing between the two. */
function bothSides(right, left) {
  const [end, start] = [onStage(right), onStage(left)];
  return `polygon(0 0, ${end} 0, ${end} 100%, 0 100%, 0 0, ${start} 0, 100% 0, 100% 100%, ${start} 100%, ${start} 0)`;
}

function describe(slider, label, value, limit, disabled) {
  const attributes = {
    "aria-label": label,
    "aria-valuemin": "0",
    "aria-valuemax": limit.toFixed(2),
    "aria-valuenow": value.toFixed(2),
    "aria-disabled": disabled ? "true" : null,
    title: disabled ? say("range.linked") : say("range.keys"),
  };
  for (const [name, text] of Object.entries(attributes)) {
    if (text === null) slider.removeAttribute(name);
    else if (slider.getAttribute(name) !== text) slider.setAttribute(name, text);
  }
}
