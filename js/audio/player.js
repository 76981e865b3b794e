/** Plays stretches of a file, from the server's own address so that any content policy allows it. */

export class Player {
  /** `onTime(seconds | null)` is called on each frame while sound plays, and once with null when it ends. */
  constructor(onTime) {
    this.onTime = onTime;
    this.audio = new Audio();
    this.audio.preload = "auto";
    this.stopAt = Infinity;
    this.audio.addEventListener("ended", () => this.stop());
  }

  get playing() {
    return !this.audio.paused;
  }

  /** Plays [start, end) seconds of `url`. Rejects when the browser cannot. */
  async play(url, start, end = Infinity) {
    if (this.url !== url) {
      this.url = url;
      this.audio.src = url;
    }
    this.stopAt = end;
    this.audio.currentTime = Math.max(0, start);
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

  #follow() {
    cancelAnimationFrame(this.frame);
    const step = () => {
      if (this.audio.paused) return;
      if (this.audio.currentTime >= this.stopAt) {
        this.stop();
        return;
      }
      this.onTime(this.audio.currentTime);
      this.frame = requestAnimationFrame(step);
    };
    step();
  }
}
