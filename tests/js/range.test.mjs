import assert from "node:assert/strict";
import test from "node:test";
import * as range from "../../js/time_range/range.js";
import * as view from "../../js/time_range/view.js";

// A seeded generator, so that a failure can be met again.
function dice(seed) {
  let state = seed;
  return () => {
    state = (state * 1664525 + 1013904223) % 2 ** 32;
    return state / 2 ** 32;
  };
}

function* entries(count) {
  const random = dice(7);
  for (let index = 0; index < count; index += 1) {
    const seconds = 1 + random() * 300;
    const start = random() * (seconds - 0.1);
    const end = start + 0.05 + random() * (seconds - start - 0.05);
    const [startAnchor, endAnchor] = [random() < 0.5 ? "start" : "end", random() < 0.5 ? "start" : "end"];
    yield {
      seconds,
      random,
      entry: {
        start: range.mirrored(start, startAnchor, seconds),
        startAnchor,
        end: range.mirrored(end, endAnchor, seconds),
        endAnchor,
      },
    };
  }
}

test("whatever is dragged, the range stays inside the track, long enough, and its anchors are kept", () => {
  for (const { entry, seconds, random } of entries(2000)) {
    const time = (random() * 1.4 - 0.2) * seconds;
    for (const moved of [
      range.withEdge(entry, "start", time, seconds, 0.01),
      range.withEdge(entry, "end", time, seconds, 0.001),
      range.movedTo(entry, time, seconds, 0.01),
    ]) {
      const { start, end, problem } = range.resolve(moved, seconds);
      assert.equal(problem === "short" || problem === null, true, JSON.stringify({ entry, moved, seconds, time }));
      assert.ok(end - start >= range.SHORTEST_SECONDS - 0.0101);
      assert.deepEqual([moved.startAnchor, moved.endAnchor], [entry.startAnchor, entry.endAnchor]);
      assert.ok(moved.start >= 0 && moved.end >= 0);
    }
  }
});

test("moving the range as a whole keeps its length", () => {
  for (const { entry, seconds, random } of entries(500)) {
    const before = range.resolve(entry, seconds);
    const after = range.resolve(range.movedTo(entry, random() * seconds, seconds, 0.01), seconds);
    assert.ok(Math.abs(after.end - after.start - (before.end - before.start)) < 3e-6);
  }
});

test("a range that ends before it starts goes on across the track's end", () => {
  const entry = { start: 4, startAnchor: "end", end: 6, endAnchor: "start" };
  const resolved = range.resolve(entry, 60);
  assert.deepEqual(resolved, { start: 56, end: 6, length: 10, crosses: true, problem: null });
  assert.deepEqual(range.pieces(resolved, 60), [
    [56, 60],
    [0, 6],
  ]);
  assert.deepEqual(range.pieces(range.resolve({ ...entry, start: 59 }, 60), 60), [[1, 6]]);
});

test("whatever is dragged of a range that crosses the end, it crosses it, long enough, with its anchors", () => {
  const random = dice(11);
  for (let index = 0; index < 2000; index += 1) {
    const seconds = 1 + random() * 300;
    const anchor = () => (random() < 0.5 ? "start" : "end");
    const [startAnchor, endAnchor] = [anchor(), anchor()];
    const start = seconds * (0.5 + 0.5 * random());
    const end = Math.max(seconds * 0.4 * random(), range.SHORTEST_SECONDS - (seconds - start));
    const entry = {
      start: range.mirrored(start, startAnchor, seconds),
      startAnchor,
      end: range.mirrored(end, endAnchor, seconds),
      endAnchor,
    };
    const { length } = range.resolve(entry, seconds);
    const time = (random() * 1.4 - 0.2) * seconds;
    const whole = range.movedTo(entry, time, seconds, 0.01);
    assert.ok(Math.abs(range.resolve(whole, seconds).length - length) < 3e-6);
    for (const edge of ["start", "end"]) {
      const moved = range.withEdge(entry, edge, time, seconds, 0.01);
      const found = range.resolve(moved, seconds);
      assert.ok(found.crosses && found.length >= range.SHORTEST_SECONDS - 0.0101, JSON.stringify({ entry, moved }));
      assert.deepEqual([moved.startAnchor, moved.endAnchor], [startAnchor, endAnchor]);
    }
  }
});

test("a dragged edge lands where the pointer is, to its step", () => {
  const entry = { start: 10, startAnchor: "end", end: 0, endAnchor: "end" };
  assert.equal(range.withEdge(entry, "start", 75.004, 90, 0.01).start, 15);
  assert.equal(range.withEdge(entry, "end", 89.999, 90, 0.01).end, 0);
  assert.equal(
    range.withEdge({ ...entry, endAnchor: "start", end: 50, start: 60 }, "end", 95, 90.123456, 0.01).end,
    90.123456,
  );
});

test("problems are named as the node names them", () => {
  const at = (start, end) => range.resolve({ start, startAnchor: "start", end, endAnchor: "start" }, 60).problem;
  assert.equal(at(0, 60.005), null);
  assert.equal(at(0, 60.02), "pastEnd");
  assert.equal(at(20, 20), "empty");
  assert.equal(at(20, 10), null);
  assert.equal(at(59.98, 0.02), "short");
  assert.equal(at(20, 20.04), "short");
  assert.equal(at(0.1, 0.15), null);
});

test("times are written for people", () => {
  assert.equal(range.formatTime(62.5), "1:02.50");
  assert.equal(range.formatTime(59.999), "1:00.00");
  assert.equal(range.formatTime(3661, 0), "1:01:01");
  assert.equal(range.formatTime(5, 0), "0:05");
});

test("zooming keeps what is under the pointer and never leaves the track", () => {
  const random = dice(3);
  let shown = view.whole(240);
  for (let index = 0; index < 1000; index += 1) {
    const centre = shown.from + random() * (shown.to - shown.from);
    const before = (centre - shown.from) / (shown.to - shown.from);
    const next = view.zoomed(shown, 0.5 + random(), centre, 240, 0.5);
    assert.ok(next.from >= 0 && next.to <= 240 + 1e-9 && next.to - next.from >= 0.5 - 1e-9);
    const inside = next.from > 0 && next.to < 240;
    if (inside) assert.ok(Math.abs((centre - next.from) / (next.to - next.from) - before) < 1e-6);
    shown = view.panned(next, (random() - 0.5) * 20, 240);
  }
});

test("axis labels are round and never closer than asked", () => {
  for (const span of [0.5, 3, 40, 240, 3600]) {
    const { times } = view.ticks({ from: 0.3 * span, to: 1.3 * span }, 400, 64);
    assert.ok(times.length >= 2, `${span} s: ${times}`);
    for (let i = 1; i < times.length; i += 1) assert.ok(((times[i] - times[i - 1]) / span) * 400 >= 64 - 1e-6);
  }
});
