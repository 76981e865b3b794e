/** Where a track crosses zero, so that an edge can be put there. */

/** Of decoded samples, mono Int16Array: between the two samples around a crossing its place is interpolated. */
export class SampledCrossings {
  constructor(mono, sampleRate) {
    this.mono = mono;
    this.sampleRate = sampleRate;
  }

  /** The crossing nearest to `time` within `reach` seconds; `time` itself when there is none. */
  nearest(time, reach) {
    const { mono, sampleRate } = this;
    const centre = Math.round(time * sampleRate);
    const limit = Math.ceil(reach * sampleRate);
    for (let distance = 0; distance <= limit; distance += 1) {
      for (const index of distance ? [centre + distance, centre - distance] : [centre]) {
        if (index < 0 || index >= mono.length) continue;
        if (mono[index] === 0) return index / sampleRate;
        const before = mono[index - 1];
        if (index > 0 && before < 0 !== mono[index] < 0) {
          return (index - 1 + before / (before - mono[index])) / sampleRate;
        }
      }
    }
    return time;
  }
}

const NONE = 255;
const STEPS = 255;

/** As the server finds them in a long file, at most one each `bin_seconds`; `data` is base64. */
export class FoundCrossings {
  constructor({ bin_seconds: binSeconds, data }) {
    this.binSeconds = binSeconds;
    this.places = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  }

  nearest(time, reach) {
    const last = Math.min(this.places.length - 1, Math.floor((time + reach) / this.binSeconds));
    let best = time;
    let distance = reach;
    for (let bin = Math.max(0, Math.floor((time - reach) / this.binSeconds)); bin <= last; bin += 1) {
      if (this.places[bin] === NONE) continue;
      const crossing = (bin + (this.places[bin] + 0.5) / STEPS) * this.binSeconds;
      if (Math.abs(crossing - time) > distance) continue;
      best = crossing;
      distance = Math.abs(crossing - time);
    }
    return best;
  }
}
