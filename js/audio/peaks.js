/**
 * The outline of a track: for each stretch of time the lowest and highest sample and the mean power, at several
 * resolutions, so that drawing costs the same for a second and for an hour.
 *
 * Values are whole numbers: min and max -127…127, rms 0…127, relative to the loudest sample of the track.
 */

/** A stretch of the finest level, in samples. At 48 kHz that is 1.3 ms. */
export const FINEST_SAMPLES = 64;
const COARSEST_BINS = 256;

export class Peaks {
  /** `base`: {min: Int8Array, max: Int8Array, rms: Uint8Array}; the last bin may reach past the track's end. */
  constructor(base, seconds, binSeconds) {
    this.seconds = seconds;
    this.binSeconds = binSeconds;
    this.levels = [base];
    while (this.levels.at(-1).min.length > COARSEST_BINS) this.levels.push(halved(this.levels.at(-1)));
  }

  get bins() {
    return this.levels[0].min.length;
  }

  /**
   * Outline of [from, to) seconds in `columns` columns: {min, max, rms} arrays of -1…1.
   * A column outside the track is silent.
   */
  columns(from, to, columns) {
    const step = (to - from) / columns;
    const index = this.levelFor(step);
    const level = this.levels[index];
    const perSecond = 1 / (this.binSeconds * 2 ** index);
    const out = { min: new Float32Array(columns), max: new Float32Array(columns), rms: new Float32Array(columns) };
    for (let x = 0; x < columns; x += 1) {
      const first = Math.floor((from + x * step) * perSecond);
      const last = Math.max(first + 1, Math.floor((from + (x + 1) * step) * perSecond));
      let low = 0,
        high = 0,
        power = 0,
        count = 0;
      for (let bin = Math.max(0, first); bin < Math.min(last, level.min.length); bin += 1) {
        if (count === 0 || level.min[bin] < low) low = level.min[bin];
        if (count === 0 || level.max[bin] > high) high = level.max[bin];
        power += level.rms[bin] * level.rms[bin];
        count += 1;
      }
      out.min[x] = low / 127;
      out.max[x] = high / 127;
      out.rms[x] = count ? Math.sqrt(power / count) / 127 : 0;
    }
    return out;
  }

  /** The coarsest level that still has at least one bin a column of `step` seconds. */
  levelFor(step) {
    let level = 0;
    while (level + 1 < this.levels.length && this.binSeconds * 2 ** (level + 1) <= step) level += 1;
    return level;
  }
}

function halved({ min, max, rms }) {
  const bins = Math.ceil(min.length / 2);
  const out = { min: new Int8Array(bins), max: new Int8Array(bins), rms: new Uint8Array(bins) };
  for (let bin = 0; bin < bins; bin += 1) {
    const a = 2 * bin;
    const b = Math.min(a + 1, min.length - 1);
    out.min[bin] = Math.min(min[a], min[b]);
    out.max[bin] = Math.max(max[a], max[b]);
    out.rms[bin] = Math.round(Math.sqrt((rms[a] * rms[a] + rms[b] * rms[b]) / 2));
  }
  return out;
}

/**
 * Peaks as the server sends them: base64 of `bins` bytes each of min, max and rms. `whole`: seconds of the track, of
 * which these may be the beginning.
 */
export function peaksFromServer({ seconds, bin_seconds: binSeconds, bins, data }, whole = seconds) {
  const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
  if (bytes.length !== 3 * bins) throw new Error(`peaks hold ${bytes.length} bytes, not ${3 * bins}`);
  const signed = new Int8Array(bytes.buffer);
  return new Peaks(
    { min: signed.subarray(0, bins), max: signed.subarray(bins, 2 * bins), rms: bytes.subarray(2 * bins) },
    whole,
    binSeconds,
  );
}

/**
 * Peaks and mono samples of decoded channels (Float32Array each), computed in slices: every `yield` is a
 * chance to let the page breathe. The generator's return value is {peaks, mono: Int16Array}.
 */
export function* measure(channels, sampleRate, sliceSamples = 1 << 19) {
  const samples = channels[0].length;
  const bins = Math.max(1, Math.ceil(samples / FINEST_SAMPLES));
  const low = new Float32Array(bins),
    high = new Float32Array(bins),
    power = new Float32Array(bins);
  const mono = new Int16Array(samples);
  const share = 32767 / channels.length;
  let loudest = 0;
  for (let bin = 0, next = 0; bin < bins; bin += 1) {
    const start = bin * FINEST_SAMPLES;
    const stop = Math.min(start + FINEST_SAMPLES, samples);
    let min = Infinity,
      max = -Infinity,
      sum = 0;
    for (let i = start; i < stop; i += 1) {
      let mixed = 0;
      for (const channel of channels) {
        const value = channel[i];
        if (value < min) min = value;
        if (value > max) max = value;
        sum += value * value;
        mixed += value;
      }
      mono[i] = Math.max(-32768, Math.min(32767, Math.round(mixed * share)));
    }
    low[bin] = stop > start ? min : 0;
    high[bin] = stop > start ? max : 0;
    power[bin] = stop > start ? sum / ((stop - start) * channels.length) : 0;
    loudest = Math.max(loudest, Math.abs(low[bin]), Math.abs(high[bin]));
    if (start >= next) {
      next = start + sliceSamples;
      yield;
    }
  }
  const scale = loudest > 0 ? 127 / loudest : 0;
  const base = {
    min: Int8Array.from(low, (value) => Math.round(value * scale)),
    max: Int8Array.from(high, (value) => Math.round(value * scale)),
    rms: Uint8Array.from(power, (value) => Math.round(Math.sqrt(value) * scale)),
  };
  return { peaks: new Peaks(base, samples / sampleRate, FINEST_SAMPLES / sampleRate), mono };
}
