/** Plays stretches of a file, from the server's own address so that any content policy allows it. */
import { takeTurn } from "./turn.js";

export class Player {
  /** `onTime(seconds | null)` is called on each frame while sound plays, and once with null when it ends. */
  constructor(onTime) {
    this.onTime = onTime;
    this.audio = new Audio();
    this.audio.preload = "auto";
    this.stopAt = Infinity;
    this.across = false; // whether the file's end is still to come before what is played ends
    this.audio.addEventListener("ended", () => this.#end());
  }

  get playing() {
    return !this.audio.paused;
  }

  /**
   * Plays [start, end) seconds of `url`, across its end when `end` is the smaller. Rejects when it cannot. What
   * `again()` says at the end, [start, end], is played next; null for nothing more.
   */
  async play(url, start, end = Infinity, again = () => null) {
    takeTurn(this);
    this.again = again;
    if (this.url !== url) {
      this.url = url;
      this.audio.src = url;
    }
    this.#aim(start, end);
    await this.audio.play();
    this.#follow();
  }

  stop() {
    this.audio.pause();
    cancelAnimationFrame(this.frame);
    this.onTime(null);
  }

  close() {
    this.audio.pause();
    cancelAnimationFrame(this.frame);
    this.audio.removeAttribute("src");
    this.audio.load();
  }

  #aim(start, end) {
    this.stopAt = end;
    this.across = end < start;
    this.audio.currentTime = Math.max(0, start);
  }

  /** The file's end is reached. */
  async #end() {
    const next = this.across ? null : this.again();
    if (!this.across && !next) {
      this.stop();
      return;
    }
    if (next) this.#aim(...next);
    else this.#aim(0, this.stopAt);
    await this.audio.play();
    this.#follow();
  }

  #follow() {
    cancelAnimationFrame(this.frame);
    const step = () => {
      if (this.audio.paused) return;
      if (!this.across && this.audio.currentTime >= this.stopAt) {
        const next = this.again();
        if (!next) {
          this.stop();
          return;
        }
        this.#aim(...next);
      }
      this.onTime(this.audio.currentTime);
      this.frame = requestAnimationFrame(step);
    };
    step();
  }
}
