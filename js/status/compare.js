/** A small player for before and after, at the same playhead. */
import { viewUrl } from "../comfy.js";
import { iconButton, make } from "../dom.js";
import { say } from "../strings.js";
import { formatTime } from "../time_range/range.js";
import { sameFile } from "../audio/file.js";

const SEAM_SECONDS = 1.5;

export class Compare {
  constructor() {
    this.sides = { before: new Audio(), after: new Audio() };
    this.files = { before: null, after: null };
    this.offset = 0;
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
    this.time = make("output", { class: "acestep-time" }, formatTime(0, 1));
    this.take = make("select", { class: "acestep-take", "aria-label": say("compare.take"), hidden: true });
    this.element = make(
      "div",
      { class: "acestep-compare", role: "group", "aria-label": say("compare.title"), hidden: true },
      this.play,
      make("div", { class: "acestep-choices" }, this.buttons.before, this.buttons.after),
      this.seek,
      this.time,
      this.take,
    );
    this.take.addEventListener("change", () => this.#chooseTake());
    for (const audio of Object.values(this.sides)) {
      audio.preload = "metadata";
      audio.addEventListener("ended", () => this.stop());
      audio.addEventListener("loadedmetadata", () => this.#showTime());
    }
    this.hear("after");
  }

  /**
   * before: the source's file; after: the result's files, one a take; offset: where the source begins in the
   * result, in seconds. Without both there is nothing to compare and the player is hidden.
   */
  offer(before, after, offset) {
    this.takes = after;
    this.offset = offset;
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

  async start(stopAt = Infinity) {
    this.stopAt = stopAt;
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

  /** Plays the result around a seam at `time` seconds. */
  hearSeam(time) {
    this.stop();
    this.hear("after");
    this.#jump(time - SEAM_SECONDS);
    return this.start(time + SEAM_SECONDS);
  }

  /** Goes on with the other side where this one is. */
  hear(side) {
    const { position, playing, stopAt } = this;
    if (playing) this.sides[this.heard].pause();
    this.heard = side;
    for (const [name, button] of Object.entries(this.buttons))
      button.setAttribute("aria-pressed", String(name === side));
    if (this.files[side]) this.#jump(position);
    if (playing) this.start(stopAt);
  }

  close() {
    this.stop();
    for (const audio of Object.values(this.sides)) audio.removeAttribute("src");
  }

  #use(side, file) {
    if (sameFile(this.files[side], file)) return;
    this.files[side] = file;
    // A preview's name may be used again, so the browser's copy of it is not to be trusted.
    this.sides[side].src = `${viewUrl(file)}&rand=${Math.random()}`;
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
      if (this.position >= this.stopAt) this.stop();
      else {
        this.#showTime();
        this.frame = requestAnimationFrame(step);
      }
    };
    step();
  }

  #showTime() {
    const { duration } = this.sides.after;
    if (Number.isFinite(duration)) this.seek.max = duration.toFixed(2);
    this.seek.value = String(this.position);
    this.time.textContent = formatTime(this.position, 1);
    this.seek.setAttribute("aria-valuetext", formatTime(this.position, 1));
    const label = say(this.playing ? "range.stop" : "compare.play");
    this.play.title = label;
    this.play.setAttribute("aria-label", label);
    this.play.classList.toggle("acestep-playing", this.playing);
  }
}
