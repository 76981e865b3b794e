/** The waveform on a TimeRange node: its range is dragged, heard and nudged here; the number fields stay the truth. */
import {
  addPanel,
  afterNodeMethod,
  canvasScale,
  onExecuted,
  onTick,
  onWidgetChanged,
  rememberForUndo,
  viewUrl,
} from "../comfy.js";
import { onThemeChanged } from "../theme.js";
import { say } from "../strings.js";
import { Player } from "../audio/player.js";
import { nearestZeroCrossing, peaksFromServer } from "../audio/peaks.js";
import { LONGEST_DECODED_SECONDS, waveformOf } from "../audio/waveform.js";
import { sameFile } from "../audio/file.js";
import { buildLayout } from "./layout.js";
import { followPointer } from "./pointer.js";
import { followKeys } from "./keys.js";
import { fitCanvas, paintAxis, paintWaveform } from "./paint.js";
import * as range from "./range.js";
import * as view from "./view.js";
import * as facts from "./node.js";

const MIN_HEIGHT = 150;
const SEAM_SECONDS = 2;
const SNAP_PIXELS = 8;
const ZERO_CROSSING_REACH_SECONDS = 0.02;
const WIDGETS = ["start_time", "start_time_relative_to", "end_time", "end_time_relative_to", "bpm"];

const RETURN_MS = 2000;

// Undo and redo make every node anew. What the user was looking at and had in hand is kept for the node that follows.
const left = new Map();

export class TimeRangePanel {
  constructor(node) {
    this.node = node;
    this.waveform = null; // {peaks, seconds, mono, sampleRate}
    this.state = "none"; // none, loading, ready, missing, failed, unrun
    this.view = view.whole(1);
    this.player = new Player((time) => this.showPlayhead(time));
    this.layout = buildLayout(this);
    addPanel(node, "waveform", this.layout.root, () => MIN_HEIGHT);
    followPointer(this);
    followKeys(this);
    this.#listen();
    this.refresh();
  }

  // -------------------------------------------------------------- what is shown

  get snapping() {
    return this.node.properties?.snap !== false;
  }

  get entry() {
    return facts.entryOf(this.node);
  }

  /** Whether the length of the track is known, so that ranges can be checked against it. */
  get measured() {
    return this.waveform !== null;
  }

  get seconds() {
    return this.waveform?.seconds ?? this.held?.seconds ?? range.assumedSeconds(this.entry);
  }

  get shortestSpan() {
    return view.shortestSpan(this.waveform?.peaks.binSeconds);
  }

  get resolved() {
    return range.resolve(this.entry, this.seconds);
  }

  get secondsPerPixel() {
    return (this.view.to - this.view.from) / Math.max(1, this.layout.stage.clientWidth);
  }

  /** Times are written to 10 ms, or to 1 ms where a pixel is finer than that. */
  get step() {
    return this.secondsPerPixel < 0.01 ? 0.001 : 0.01;
  }

  get audible() {
    return this.track.audible;
  }

  /** Brings everything up to date with the node's values. Cheap: no waveform is drawn. */
  refresh() {
    this.track = facts.trackOf(this.node);
    this.#updateSource();
    if (!this.measured && !this.held) this.view = view.whole(this.seconds);
    this.layout.show(this);
  }

  setView(next) {
    this.view = next;
    this.paint();
    this.layout.show(this);
  }

  /** Draws waveform and axis; after zooming, resizing, another track or other colours. */
  paint() {
    const { stage, dim, lit, axis, root } = this.layout;
    const density = Math.min(4, Math.max(1, window.devicePixelRatio * canvasScale()));
    this.density = density;
    const wide = stage.clientWidth;
    const high = this.layout.field.clientHeight;
    if (!fitCanvas(dim, wide, high, density)) return;
    fitCanvas(lit, wide, high, density);
    fitCanvas(axis, wide, stage.clientHeight, density);
    const style = getComputedStyle(root);
    const colour = (name) => style.getPropertyValue(`--acestep-${name}`).trim();
    const columns = this.waveform?.peaks.columns(this.view.from, this.view.to, dim.width) ?? null;
    paintWaveform(dim, columns, colour("wave"), colour("wave-body"));
    paintWaveform(lit, columns, colour("lit"), colour("lit-body"));
    paintAxis(axis, this.view, {
      density,
      bpm: facts.bpmOf(this.node),
      font: style.fontFamily,
      textColour: colour("faint"),
      lineColour: colour("line"),
      beatColour: colour("beat"),
    });
    this.painted = JSON.stringify([wide, high, this.seconds, facts.bpmOf(this.node)]);
  }

  showPlayhead(time) {
    this.layout.showPlayhead(this, time);
  }

  // -------------------------------------------------------------- what the user does

  /** Writes a changed range into the node. Undo is told when the gesture ends, by `commit`. */
  write(entry) {
    this.writing = true; // the fields answer each change by asking for a refresh
    facts.writeEntry(this.node, entry);
    this.writing = false;
    this.layout.show(this);
  }

  commit() {
    rememberForUndo();
  }

  /** `time` moved to the nearest beat or zero crossing when snapping is on and one is near. */
  snapped(time, loose = false) {
    if (!this.snapping || loose) return time;
    const bpm = facts.bpmOf(this.node);
    if (bpm) {
      const beat = range.nearestBeat(time, bpm);
      return Math.abs(beat - time) <= SNAP_PIXELS * this.secondsPerPixel ? beat : time;
    }
    return this.zeroCrossing(time);
  }

  zeroCrossing(time) {
    if (!this.waveform?.mono) return time;
    return nearestZeroCrossing(this.waveform.mono, this.waveform.sampleRate, time, ZERO_CROSSING_REACH_SECONDS);
  }

  /** The step to write with: snapped times keep every digit the node keeps. */
  stepFor(time, wanted) {
    return time === wanted ? this.step : 1e-6;
  }

  toggleSnap() {
    this.node.properties ??= {};
    this.node.properties.snap = !this.snapping;
    this.layout.show(this);
    this.commit();
  }

  zoom(factor, centre = (this.view.from + this.view.to) / 2) {
    this.setView(view.zoomed(this.view, factor, centre, this.seconds, this.shortestSpan));
  }

  pan(delta) {
    this.setView(view.panned(this.view, delta, this.seconds));
  }

  showWhole() {
    this.setView(view.whole(this.seconds));
  }

  showRange() {
    const { start, end } = this.resolved;
    this.setView(view.around(start, end, this.seconds, this.shortestSpan));
  }

  async play(start, end) {
    if (this.player.playing) {
      this.player.stop();
      return;
    }
    try {
      await this.player.play(viewUrl(this.audible), start, end);
    } catch {
      this.layout.say("failed", say("range.unplayable"));
    }
    this.layout.show(this);
  }

  playRange() {
    const { start, end } = this.resolved;
    return this.play(start, end);
  }

  playSeam(edge) {
    const time = this.resolved[edge];
    return this.play(time - SEAM_SECONDS / 2, Math.min(this.seconds, time + SEAM_SECONDS / 2));
  }

  // -------------------------------------------------------------- where the waveform comes from

  /**
   * A file before the last run: its samples are known, so that edges find zero crossings. A long one can only be
   * measured by the server, and the server measures what was loaded, not what was made.
   */
  #updateSource() {
    const { linked, file, audible, key } = this.track;
    const known = linked ? facts.lastRun(this.node) : undefined;
    const run = known?.peaks && (this.runKey === undefined || this.runKey === key) ? known : undefined;
    const wanted = file ?? (run?.seconds > LONGEST_DECODED_SECONDS ? null : audible);
    if (wanted) {
      if (!sameFile(wanted, this.loadingFile)) this.#load(wanted);
      return;
    }
    this.loadingFile = null;
    if (run) this.#takeRun(run);
    else this.#take(null, linked ? "unrun" : "none");
  }

  async #load(file) {
    this.loadingFile = file;
    this.#take(null, "loading");
    try {
      const waveform = await waveformOf(file);
      if (this.loadingFile === file) this.#take(waveform, "ready");
    } catch (error) {
      if (this.loadingFile !== file) return;
      this.problem = error.message;
      this.#take(null, error.message === "missing" ? "missing" : "failed");
    }
    this.layout.show(this);
  }

  /** A file may have been written anew under its name; what is shown stays until the new sound is there. */
  async #loadAnew() {
    const file = this.loadingFile;
    if (!file || this.state !== "ready") return;
    const waveform = await waveformOf(file).catch(() => null);
    if (!waveform || this.loadingFile !== file || waveform === this.waveform) return;
    this.#take(waveform, "ready");
    this.layout.show(this);
  }

  #takeRun(run) {
    if (this.run === run) return;
    this.run = run;
    const peaks = peaksFromServer(run.peaks);
    this.#take({ peaks, seconds: peaks.seconds, mono: null, sampleRate: null }, "ready");
  }

  #take(waveform, state) {
    if (state === this.state && waveform === this.waveform) return;
    if (state !== "ready" || waveform !== this.waveform) this.player.stop();
    if (state !== "ready") this.run = null;
    const seconds = this.waveform?.seconds;
    this.waveform = waveform;
    this.state = state;
    if (waveform?.seconds !== seconds) this.view = view.whole(this.seconds);
    if (waveform && this.returning?.seconds === waveform.seconds) this.view = this.returning.view;
    this.paint();
  }

  // -------------------------------------------------------------- life

  #listen() {
    const { node } = this;
    for (const name of WIDGETS) onWidgetChanged(node, name, () => this.writing || this.refresh());
    afterNodeMethod(node, "onConnectionsChange", () => this.refresh());
    afterNodeMethod(node, "onConfigure", () => {
      this.#comeBack();
      this.refresh();
    });
    onExecuted(node, () => {
      this.runKey = facts.trackOf(node).key;
      this.refresh();
      this.#loadAnew();
    });
    const returned = () => this.#loadAnew();
    window.addEventListener("focus", returned);
    const resizes = new ResizeObserver(() => this.paint());
    resizes.observe(this.layout.stage);
    // The page has lost its focus by the time the node is told of its end.
    this.layout.stage.addEventListener("focusin", (event) => (this.inHand = event.target.dataset.edge));
    const letGo = (event) => this.layout.root.contains(event.target) || (this.inHand = undefined);
    for (const name of ["pointerdown", "focusin"]) window.addEventListener(name, letGo, true);
    const endTheme = onThemeChanged(() => this.paint());
    const endTicks = onTick(() => this.#watch());
    afterNodeMethod(node, "onRemoved", () => {
      resizes.disconnect();
      endTheme();
      endTicks();
      window.removeEventListener("focus", returned);
      for (const name of ["pointerdown", "focusin"]) window.removeEventListener(name, letGo, true);
      this.player.close();
      this.#leave();
    });
  }

  #leave() {
    const focused = document.activeElement === document.body ? this.inHand : document.activeElement?.dataset.edge;
    left.set(this.node.id, { at: performance.now(), view: this.view, seconds: this.waveform?.seconds, focused });
  }

  #comeBack() {
    const before = left.get(this.node.id);
    left.delete(this.node.id);
    if (before && performance.now() - before.at < RETURN_MS) this.returning = before;
  }

  #takeFocusBack() {
    const grip = { both: "region", start: "start", end: "end" }[this.returning?.focused];
    if (grip && document.activeElement === document.body) this.layout[grip].focus({ preventScroll: true });
    if (this.returning) this.returning.focused = undefined;
  }

  #watch() {
    if (!this.layout.root.isConnected || this.held) return;
    this.#takeFocusBack();
    const now = facts.signature(this.node);
    if (now !== this.seen) {
      this.seen = now;
      this.refresh();
    }
    const wanted = Math.min(4, Math.max(1, window.devicePixelRatio * canvasScale()));
    const size = [this.layout.stage.clientWidth, this.layout.field.clientHeight, this.seconds, facts.bpmOf(this.node)];
    if (Math.abs(wanted / this.density - 1) > 0.15 || this.painted !== JSON.stringify(size)) this.paint();
  }
}
