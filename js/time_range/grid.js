/** The beats that the edges of a range snap to: found in the sound, or even ones of a tempo set by hand. */

const BEATS_A_BAR = 4;
const EPSILON = 1e-6;

/** Beats as the server finds them: {times, bars, bpm}, seconds in ascending order. */
export class FoundGrid {
  found = true;

  constructor({ times, bars, bpm }) {
    this.bpm = bpm;
    this.beats = times;
    this.bars = bars;
  }

  /** Beats, or bars when they are known, in [from, to]. */
  within(from, to, bars) {
    const times = this.#times(bars);
    return times.slice(firstNotBefore(times, from), firstNotBefore(times, to + EPSILON));
  }

  nearest(time, bars) {
    const times = this.#times(bars);
    const next = firstNotBefore(times, time);
    return closest(time, times.slice(Math.max(0, next - 1), next + 1));
  }

  /** The next after (direction 1) or before (-1) `time`; `time` itself where there is none. */
  adjacent(time, direction, bars) {
    const times = this.#times(bars);
    const index =
      direction > 0 ? firstNotBefore(times, time + EPSILON) : firstNotBefore(times, time - EPSILON) - 1;
    return times[index] ?? time;
  }

  get hasBars() {
    return this.bars.length > 0;
  }

  #times(bars) {
    return bars && this.hasBars ? this.bars : this.beats;
  }
}

/** Even beats from the start of the track. */
export class EvenGrid {
  found = false;
  hasBars = true;

  constructor(bpm) {
    this.bpm = bpm;
  }

  within(from, to, bars) {
    const step = this.#step(bars);
    const times = [];
    for (let index = Math.max(0, Math.ceil(from / step - EPSILON)); index * step <= to; index += 1) {
      times.push(index * step);
    }
    return times;
  }

  nearest(time, bars) {
    const step = this.#step(bars);
    return Math.max(0, Math.round(time / step)) * step;
  }

  adjacent(time, direction, bars) {
    const step = this.#step(bars);
    const place = time / step;
    const index = direction > 0 ? Math.floor(place + EPSILON) + 1 : Math.ceil(place - EPSILON) - 1;
    return Math.max(0, index) * step;
  }

  #step(bars) {
    return ((bars ? BEATS_A_BAR : 1) * 60) / this.bpm;
  }
}

/** Where the first of ascending `times` stands that is not before `time`. */
function firstNotBefore(times, time) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] < time) low = middle + 1;
    else high = middle;
  }
  return low;
}

const closest = (time, times) =>
  times.reduce((best, each) => (Math.abs(each - time) < Math.abs(best - time) ? each : best), times[0]);
