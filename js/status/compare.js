/** A small player for before and after, at the same playhead, on the waveform of the result with what is new marked. */
import { canvasScale, viewUrl } from "../comfy.js";
import { iconButton, make, setIcon } from "../dom.js";
import { say } from "../strings.js";
import { formatTime } from "../time_range/range.js";
import { spokenTime } from "../spoken.js";
import { takeTurn } from "../audio/turn.js";
import { sameFile } from "../audio/file.js";
import { waveformOf } from "../audio/waveform.js";
import { onThemeChanged } from "../theme.js";
import { fitCanvas, paintWaveform } from "../time_range/paint.js";
import { aroundEdit, aroundSeam, isPast } from "./facts.js";

const WHOLE = [0, Infinity];

export class Compare {
  constructor() {
    this.sides = { before: new Audio(), after: new Audio() };
    this.files = { before: null, after: null };
    this.offset = 0;
    this.edits = [];
    this.looping = false;
    this.heard = "after";
    this.play = iconButton("play", say("compare.play"), () => this.toggle());
    const side = (name) =>
      make(
        "button",
        { type: "button", class: "acestep-choice", onclick: () => this.hear(name) },
        say(`compare.${name}`),
      );
    this.buttons = { before: side("before"), after: side("after") };
    this.seek = make("input", {
      type: "range",
      class: "acestep-seek",
      min: "0",
      max: "1",
      step: "0.01",
      value: "0",
      "aria-label": say("compare.seek"),
      oninput: () => this.#jump(Number(this.seek.value)),
      onkeydown: (event) => this.#key(event),
    });
    this.wave = make("canvas", { class: "acestep-compare-wave", "aria-hidden": "true" });
    this.marks = make("div", { class: "acestep-compare-marks", "aria-hidden": "true" });
    this.track = make("div", { class: "acestep-compare-track" }, this.wave, this.marks, this.seek);
    this.loop = iconButton("loop", say("compare.loop"), () => this.toggleLoop(), {
      "aria-pressed": "false",
      title: say("compare.keys"),
    });
    this.time = make("output", { class: "acestep-time" }, formatTime(0, 1));
    this.take = make("select", { class: "acestep-take", "aria-label": say("compare.take"), hidden: true });
    this.element = make(
      "div",
      {
        class: "acestep-compare",
        role: "group",
        "aria-label": say("compare.title"),
        hidden: true,
        onkeydown: (event) => this.#shortcut(event),
      },
      this.track,
      this.play,
      make("div", { class: "acestep-choices" }, this.buttons.before, this.buttons.after),
      this.loop,
      this.time,
      this.take,
    );
    this.sizes = new ResizeObserver(() => this.#paint());
    this.sizes.observe(this.track);
    this.endTheme = onThemeChanged(() => this.#paint());
    this.take.addEventListener("change", () => this.#chooseTake());
    for (const audio of Object.values(this.sides)) {
      audio.preload = "metadata";
      audio.addEventListener("ended", () => this.stop());
      audio.addEventListener("loadedmetadata", () => {
        this.#showTime();
        this.#paint();
      });
    }
    this.hear("after");
  }

  /**
   * before: the source's file; after: the result's files, one a take; offset: where the source begins in the
   * result, in seconds; loops: the track's end leads back to its start; edits: what is new, as [from, until] in
   * seconds. Without both files there is nothing to compare and the player is hidden.
   */
  offer(before, after, { offset, loops, edits }) {
    this.takes = after;
    this.offset = offset;
    this.edits = edits;
    for (const audio of Object.values(this.sides)) audio.loop = loops;
    const there = Boolean(before && after.length);
    this.element.hidden = !there;
    if (!there) {
      this.stop();
      return;
    }
    this.#use("before", before);
    this.#showTakes(after.length);
    this.#use("after", after[Math.min(this.take.selectedIndex, after.length - 1)] ?? after[0]);
  }

  get playing() {
    return !this.sides[this.heard].paused;
  }

  /** Seconds in the result. */
  get position() {
    const { currentTime } = this.sides[this.heard];
    return this.heard === "before" ? currentTime + this.offset : currentTime;
  }

  toggle() {
    if (this.playing) this.stop();
    else this.start();
  }

  /** The first edit is played over and over, with a little around it, or no longer. */
  toggleLoop() {
    this.looping = !this.looping;
    this.loop.setAttribute("aria-pressed", String(this.looping));
    if (!this.looping) this.stretch = WHOLE;
    else if (this.edits.length) {
      const stretch = aroundEdit(this.edits[0]);
      this.#jump(stretch[0]);
      this.start(stretch);
    }
  }

  async start(stretch = WHOLE) {
    this.stretch = stretch;
    takeTurn(this);
    try {
      await this.sides[this.heard].play();
      this.#follow();
    } catch {
      this.stop();
    }
  }

  stop() {
    for (const audio of Object.values(this.sides)) audio.pause();
    cancelAnimationFrame(this.frame);
    this.#showTime();
  }

  /** Plays the result around a seam at `time` seconds, of the file at `index`. */
  hearSeam(time, index) {
    this.stop();
    if (index >= 0 && index !== this.take.selectedIndex && index < this.takes.length) {
      this.take.selectedIndex = index;
      this.#use("after", this.takes[index]);
    }
    this.hear("after");
    const { duration, loop } = this.sides.after;
    const stretch = aroundSeam(time, duration, loop);
    this.#jump(stretch[0]);
    return this.start(stretch);
  }

  /** Goes on with the other side where this one is. */
  hear(side) {
    const { position, playing, stretch } = this;
    if (playing) this.sides[this.heard].pause();
    this.heard = side;
    for (const [name, button] of Object.entries(this.buttons))
      button.setAttribute("aria-pressed", String(name === side));
    if (this.files[side]) this.#jump(position);
    if (playing) this.start(stretch);
  }

  close() {
    this.stop();
    this.sizes.disconnect();
    this.endTheme();
    for (const audio of Object.values(this.sides)) audio.removeAttribute("src");
  }

  #use(side, file) {
    if (sameFile(this.files[side], file)) return;
    this.files[side] = file;
    // A preview's name may be used again, so the browser's copy of it is not to be trusted.
    this.sides[side].src = `${viewUrl(file)}&rand=${Math.random()}`;
    if (side !== "after") return;
    this.#drawAnew(file);
    if (this.edits.length) this.#jump(aroundEdit(this.edits[0])[0]);
  }

  /** A result that the browser cannot decode has no waveform; it is played all the same. */
  async #drawAnew(file) {
    this.waveform = null;
    this.#paint();
    const waveform = await waveformOf(file).catch(() => null);
    if (!sameFile(this.files.after, file)) return;
    this.waveform = waveform;
    this.#paint();
  }

  #paint() {
    const { clientWidth: wide, clientHeight: high } = this.track;
    const density = Math.min(3, Math.max(1, window.devicePixelRatio * canvasScale()));
    if (!fitCanvas(this.wave, wide, high, density)) return;
    const style = getComputedStyle(this.element);
    const colour = (name) => style.getPropertyValue(`--acestep-${name}`).trim();
    const { seconds, peaks } = this.waveform ?? {};
    const columns = peaks ? peaks.columns(0, seconds, this.wave.width) : null;
    paintWaveform(this.wave, columns, colour("wave"), colour("wave-body"));
    const length = seconds ?? this.sides.after.duration;
    const place = (time) => Math.min(100, (100 * time) / length);
    const mark = ([from, until]) =>
      make("div", {
        class: "acestep-compare-mark",
        style: `left: ${place(from)}%; width: ${Math.max(0, place(until) - place(from))}%`,
      });
    this.marks.replaceChildren(...(length > 0 ? this.edits.map(mark) : []));
  }

  #showTakes(count) {
    this.take.hidden = count < 2;
    if (this.take.options.length === count) return;
    const options = Array.from({ length: count }, (_, index) =>
      make("option", {}, say("compare.takeName", { number: index + 1 })),
    );
    this.take.replaceChildren(...options);
  }

  #chooseTake() {
    const { position, playing } = this;
    this.stop();
    this.#use("after", this.takes[this.take.selectedIndex]);
    this.#jump(position);
    if (playing) this.start();
  }

  #jump(position) {
    const audio = this.sides[this.heard];
    const time = Math.max(0, this.heard === "before" ? position - this.offset : position);
    audio.currentTime = Number.isFinite(audio.duration) ? Math.min(time, audio.duration) : time;
    this.#showTime();
  }

  /** A and B hear one side or the other, L loops the edit. */
  #shortcut(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const does = { a: () => this.hear("before"), b: () => this.hear("after"), l: () => this.toggleLoop() };
    const action = does[event.key.toLowerCase()];
    if (!action) return;
    action();
    event.preventDefault();
    event.stopPropagation();
  }

  /** Arrows go by a second, with shift by five; the slider's own step is for the mouse. */
  #key(event) {
    const direction = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 }[event.key];
    if (!direction || event.ctrlKey || event.metaKey) return;
    this.#jump(this.position + direction * (event.shiftKey ? 5 : 1));
    event.preventDefault();
    event.stopPropagation();
  }

  #follow() {
    cancelAnimationFrame(this.frame);
    const step = () => {
      if (!this.playing) return;
      if (isPast(this.position, this.stretch)) {
        if (!this.looping) return this.stop();
        this.#jump(this.stretch[0]);
      }
      this.#showTime();
      this.frame = requestAnimationFrame(step);
    };
    step();
  }

  #showTime() {
    const { duration } = this.sides.after;
    if (Number.isFinite(duration)) this.seek.max = duration.toFixed(2);
    this.seek.value = String(this.position);
    this.time.textContent = formatTime(this.position, 1);
    this.seek.setAttribute("aria-valuetext", spokenTime(this.position));
    const label = say(this.playing ? "range.stop" : "compare.play");
    this.play.title = label;
    this.play.setAttribute("aria-label", label);
    setIcon(this.play, this.playing ? "stop" : "play");
  }
}
