/** What the edges of a range snap to. */
import assert from "node:assert/strict";
import test from "node:test";
import { EvenGrid, FoundGrid } from "../../js/time_range/grid.js";

test("even beats are counted from the start of the track", () => {
  const grid = new EvenGrid(120);
  assert.equal(grid.nearest(1.2, false), 1);
  assert.equal(grid.nearest(-1, false), 0);
  assert.equal(grid.adjacent(1, 1, false), 1.5);
  assert.equal(grid.adjacent(1.2, -1, false), 1);
  assert.equal(grid.adjacent(0, -1, false), 0);
  assert.equal(grid.nearest(1.2, true), 2);
  assert.equal(grid.adjacent(1, 1, true), 2);
  assert.deepEqual(grid.within(0.9, 2, false), [1, 1.5, 2]);
  assert.deepEqual(grid.within(-1, 3, true), [0, 2]);
});

test("found beats are where they are, and only there", () => {
  const grid = new FoundGrid({ times: [0.5, 1.1, 1.6, 2.2, 9], bars: [0.5, 2.2], bpm: 110 });
  assert.equal(grid.nearest(1.3, false), 1.1);
  assert.equal(grid.nearest(1.4, false), 1.6);
  assert.equal(grid.nearest(0, false), 0.5);
  assert.equal(grid.nearest(100, false), 9);
  assert.equal(grid.nearest(1.6, true), 2.2);
  assert.equal(grid.adjacent(1.1, 1, false), 1.6);
  assert.equal(grid.adjacent(1.1, -1, false), 0.5);
  assert.equal(grid.adjacent(0.5, -1, false), 0.5);
  assert.equal(grid.adjacent(9, 1, false), 9);
  assert.equal(grid.adjacent(0.6, 1, true), 2.2);
  assert.deepEqual(grid.within(1.1, 2.2, false), [1.1, 1.6, 2.2]);
  assert.deepEqual(grid.within(3, 8, false), []);
});

test("bars that are not known are beats", () => {
  const grid = new FoundGrid({ times: [1, 2, 3], bars: [], bpm: 60 });
  assert.equal(grid.hasBars, false);
  assert.equal(grid.nearest(2.2, true), 2);
  assert.equal(grid.adjacent(1, 1, true), 2);
});
