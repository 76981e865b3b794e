import assert from "node:assert/strict";
import test from "node:test";
import { FoundCrossings, SampledCrossings } from "../../js/audio/crossings.js";
import { measure, Peaks, peaksFromServer } from "../../js/audio/peaks.js";

function finished(generator) {
  for (;;) {
    const step = generator.next();
    if (step.done) return step.value;
  }
}

const tone = (samples, frequency, rate, gain = 1) =>
  Float32Array.from({ length: samples }, (_, i) => gain * Math.sin((2 * Math.PI * frequency * i) / rate));

test("the loudest sample of any channel is full scale, and power is that of a sine", () => {
  const left = tone(48000, 440, 48000, 0.25);
  const right = new Float32Array(48000);
  const { peaks } = finished(measure([left, left], 48000));
  const all = peaks.columns(0, 1, 10);
  assert.ok(Math.max(...all.max) > 0.98 && Math.min(...all.min) < -0.98);
  assert.ok(all.rms.every((value) => Math.abs(value - Math.SQRT1_2) < 0.02));
  assert.equal(Math.max(...finished(measure([left, right], 48000)).peaks.columns(0, 1, 10).max), 1);
});

test("a click is seen at its place at every zoom", () => {
  const rate = 48000;
  const samples = new Float32Array(rate * 60);
  samples[rate * 42] = 1;
  const { peaks } = finished(measure([samples], rate));
  for (const [from, to] of [
    [0, 60],
    [40, 44],
    [41.9, 42.1],
    [41.999, 42.001],
  ]) {
    const columns = 600;
    const { max } = peaks.columns(from, to, columns);
    const loud = [...max.keys()].filter((x) => max[x] > 0);
    const wanted = ((42 - from) / (to - from)) * columns;
    const bin = (peaks.binSeconds / (to - from)) * columns;
    assert.ok(loud.length > 0, `${from}–${to}: nothing drawn`);
    for (const x of loud) assert.ok(Math.abs(x - wanted) <= 2 + bin, `${from}–${to}: column ${x}, not ${wanted}`);
  }
});

test("drawing looks at a bounded number of bins, however long the track", () => {
  const hour = new Peaks(
    { min: new Int8Array(131072), max: new Int8Array(131072), rms: new Uint8Array(131072) },
    3600,
    3600 / 131072,
  );
  const level = hour.levelFor(3600 / 800);
  assert.ok(hour.levels[level].min.length >= 800 && hour.levels[level].min.length < 1700);
});

test("what lies outside the track is silent", () => {
  const { peaks } = finished(measure([new Float32Array(4800).fill(0.5)], 48000));
  assert.deepEqual([...peaks.columns(-0.1, 0, 4).max, ...peaks.columns(0.2, 0.3, 4).max], Array(8).fill(0));
});

test("silence does not divide by zero", () => {
  const { peaks, mono } = finished(measure([new Float32Array(1000)], 48000));
  assert.deepEqual([...peaks.columns(0, 0.02, 3).rms], [0, 0, 0]);
  assert.equal(mono.length, 1000);
});

test("the server's bytes are read as they were written, and a wrong number of them is refused", () => {
  const bytes = Uint8Array.from([-127 & 255, 0, 1, 127, 5, 60]);
  const data = Buffer.from(bytes).toString("base64");
  const peaks = peaksFromServer({ seconds: 2, bin_seconds: 1, bins: 2, data });
  const { min, max, rms } = peaks.columns(0, 2, 2);
  assert.deepEqual(
    [...min, ...max, ...rms].map((value) => Math.round(value * 127)),
    [-127, 0, 1, 127, 5, 60],
  );
  assert.throws(() => peaksFromServer({ seconds: 2, bin_seconds: 1, bins: 3, data }));
});

test("a zero crossing is found on either side, between samples, and only within reach", () => {
  const rate = 1000;
  const mono = Int16Array.from({ length: 1000 }, (_, i) => (i < 500 ? 300 : -100));
  const crossing = 0.499 + 0.75 / rate;
  const crossings = new SampledCrossings(mono, rate);
  assert.ok(Math.abs(crossings.nearest(0.49, 0.02) - crossing) < 1e-9);
  assert.ok(Math.abs(crossings.nearest(0.51, 0.02) - crossing) < 1e-9);
  assert.equal(crossings.nearest(0.4, 0.02), 0.4);
});

test("of the server's crossings the nearest within reach is taken, in whichever bin it lies", () => {
  const places = new Uint8Array(100).fill(255);
  places[10] = 51; // 0.051 s
  places[13] = 0; // 0.065 s
  const data = Buffer.from(places).toString("base64");
  const crossings = new FoundCrossings({ bin_seconds: 0.005, data });
  for (const [time, wanted] of [
    [0.05, 0.051],
    [0.057, 0.051],
    [0.06, 0.065],
    [0.08, 0.065],
    [0.09, 0.09], // too far
    [-1, -1],
    [9, 9],
  ]) {
    assert.ok(Math.abs(crossings.nearest(time, 0.02) - wanted) < 1e-5, `${time}`); // half a step of a place
  }
});

test("the beginning of a track is drawn at its place in the whole", () => {
  const data = Buffer.from(Uint8Array.from([0, 0, 127, 127, 60, 60])).toString("base64");
  const peaks = peaksFromServer({ seconds: 2, bin_seconds: 1, bins: 2, data }, 4);
  assert.equal(peaks.seconds, 4);
  assert.deepEqual([...peaks.columns(0, 4, 4).max], [1, 1, 0, 0]);
});
