/** The waveform on a TimeRange node: its range is dragged, heard and nudged here; the number fields stay the truth. */
import {
  addPanel,
  afterNodeMethod,
  canvasScale,
  onExecuted,
  onTick,
  onWidgetChanged,
  rememberForUndo,
  remembering,
  viewUrl,
} from "../comfy.js";
import { onThemeChanged } from "../theme.js";
import { say } from "../strings.js";
import { Player } from "../audio/player.js";
import { peaksFromServer } from "../audio/peaks.js";
import { beatsOf } from "../audio/beats.js";
import { FoundCrossings } from "../audio/crossings.js";
import { LONGEST_DECODED_SECONDS, waveformOf } from "../audio/waveform.js";
import { sameFile } from "../audio/file.js";
import { onFilesChanged, takesExample, useExampleTrack } from "../audio/track.js";
import { buildLayout } from "./layout.js";
import { EvenGrid, FoundGrid } from "./grid.js";
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

// What the head of a file says of its length may be off by a frame of its codec.
const SAME_LENGTH_SECONDS = 0.2;
const RETURN_MS = 2000;
const NO_TRACK = ["none", "empty", "missing"];

// Undo and redo make every node anew. What the user was looking at and had in hand is kept for the node that follows.
const left = new Map();

const wantedDensity = () => Math.min(4, Math.max(1, window.devicePixelRatio * canvasScale()));

export class TimeRangePanel {
  constructor(node) {
    this.node = node;
    this.waveform = null; // see waveformOf; of a run without url, while a file is read with the share that was
    this.grid = null; // what the edges snap to besides zero crossings, see grid.js
    this.state = "none"; // none, empty, loading, ready, missing, failed, unrun
    this.view = view.whole(1);
    this.cursor = null; // where Space plays from, in seconds
    this.looping = false; // whether the range is played over and over
    this.size = { wide: 0, tall: 0, high: 0 }; // of the stage and of the field in it, in pixels
    this.player = new Player((time) => this.showPlayhead(time));
    this.layout = buildLayout(this);
    addPanel(node, "waveform", say("range.title"), this.layout.root, () => MIN_HEIGHT);
    this.endPointer = followPointer(this);
    followKeys(this);
    this.#listen();
    this.refresh();
  }

  // -------------------------------------------------------------- what is shown

  get snapping() {
    return this.node.properties?.snap !== false;
  }

  /** What is snapped to out of what there is: "beats", "bars" or "crossings", as the user chose; null for nothing. */
  get snapsTo() {
    const chosen = this.node.properties?.snap_to;
    return this.snapTargets.includes(chosen) ? chosen : (this.snapTargets[0] ?? null);
  }

  get snapTargets() {
    const { grid, waveform } = this;
    return [grid && "beats", grid?.hasBars && "bars", waveform?.crossings && "crossings"].filter(Boolean);
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

  /**
   * What to say of a range that crosses the track's end: nothing when the edit takes the track for a loop; "unlooped"
   * when it doesn't and will refuse; "crosses" when that is not known.
   */
  get crossing() {
    const looped = this.resolved.crosses ? facts.isLooped(this.node) : true;
    return looped ? null : looped === false ? "unlooped" : "crosses";
  }

  get secondsPerPixel() {
    return (this.view.to - this.view.from) / Math.max(1, this.size.wide);
  }

  /** Times are written to 10 ms, or to 1 ms where a pixel is finer than that. */
  get step() {
    return this.secondsPerPixel < 0.01 ? 0.001 : 0.01;
  }

  get audible() {
    return this.state === "missing" ? null : this.track.audible;
  }

  /** Whether there is no track and the example track can be chosen. */
  get exampleFits() {
    return NO_TRACK.includes(this.state) && takesExample(this.node);
  }

  /** Brings everything up to date with the node's values. Cheap: no waveform is drawn. */
  refresh() {
    remembering(() => {
      this.track = facts.trackOf(this.node);
      this.#updateSource();
      this.#updateGrid();
      if (!this.measured && !this.held) this.view = view.whole(this.seconds);
      this.layout.show(this);
    });
  }

  setView(next) {
    this.view = next;
    this.paint();
    this.layout.show(this);
  }

  /** Draws waveform and axis; after zooming, resizing, another track or other colours. */
  paint() {
    const { dim, lit, axis, root } = this.layout;
    const { wide, high, tall } = this.size;
    const density = wantedDensity();
    this.density = density;
    if (!fitCanvas(dim, wide, high, density)) return;
    fitCanvas(lit, wide, high, density);
    fitCanvas(axis, wide, tall, density);
    const style = getComputedStyle(root);
    const colour = (name) => style.getPropertyValue(`--acestep-${name}`).trim();
    const columns = this.waveform?.peaks.columns(this.view.from, this.view.to, dim.width) ?? null;
    paintWaveform(dim, columns, colour("wave"), colour("wave-body"));
    paintWaveform(lit, columns, colour("lit"), colour("lit-body"));
    paintAxis(axis, this.view, {
      density,
      grid: this.grid,
      font: style.fontFamily,
      textColour: colour("faint"),
      lineColour: colour("line"),
      beatColour: colour("beat"),
      barColour: colour("bar"),
    });
    this.painted = this.#outlines();
  }

  showPlayhead(time) {
    this.layout.showPlayhead(this, time);
  }

  // -------------------------------------------------------------- what the user does

  /** Writes a changed range into the node. Undo is told when the gesture ends, by `commit`. */
  write(entry) {
    remembering(() => {
      this.writing = true; // the fields answer each change by asking for a refresh
      facts.writeEntry(this.node, entry);
      this.writing = false;
      this.layout.show(this);
    });
  }

  commit() {
    rememberForUndo();
  }

  /** `time` moved to the nearest beat, bar or zero crossing when snapping is on and one is near. */
  snapped(time, loose = false) {
    if (!this.snapping || loose || this.snapsTo === null) return time;
    if (this.snapsTo === "crossings") return this.zeroCrossing(time);
    const beat = this.grid.nearest(time, this.snapsTo === "bars");
    return Math.abs(beat - time) <= SNAP_PIXELS * this.secondsPerPixel ? beat : this.zeroCrossing(time);
  }

  zeroCrossing(time) {
    return this.waveform?.crossings?.nearest(time, ZERO_CROSSING_REACH_SECONDS) ?? time;
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

  /** Snaps to the next of what there is to snap to. */
  changeSnapTarget() {
    const targets = this.snapTargets;
    this.node.properties ??= {};
    this.node.properties.snap_to = targets[(targets.indexOf(this.snapsTo) + 1) % targets.length];
    this.node.properties.snap = true;
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
    const { start, end, crosses } = this.resolved;
    if (crosses) this.showWhole();
    else this.setView(view.around(start, end, this.seconds, this.shortestSpan));
  }

  /** Puts the cursor to `time` seconds, or takes it away. Sound that plays goes on from there. */
  setCursor(time) {
    this.cursor = time;
    if (time !== null && this.player.playing) {
      this.player.stop();
      this.toggle();
    }
    this.layout.show(this);
  }

  /** Plays from the cursor to the end of the track, the range when there is none, or stops. */
  toggle() {
    return this.cursor === null ? this.playRange() : this.play(this.cursor, this.seconds);
  }

  toggleLoop() {
    this.looping = !this.looping;
    if (this.looping && !this.player.playing) this.playRange();
    this.layout.show(this);
  }

  async play(start, end, again) {
    if (this.player.playing) {
      this.player.stop();
      return;
    }
    try {
      await this.player.play(this.waveform?.url ?? viewUrl(this.audible), start, end, again);
    } catch {
      this.layout.say("failed", say("range.unplayable"));
    }
    this.layout.show(this);
  }

  async useExample() {
    this.layout.example.disabled = true;
    await useExampleTrack(this.node);
    this.layout.example.disabled = false;
  }

  playRange() {
    const stretch = () => [this.resolved.start, this.resolved.end];
    return this.play(...stretch(), () => (this.looping ? stretch() : null));
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
    const { linked, loaded, file, audible, key } = this.track;
    const known = linked ? facts.lastRun(this.node) : undefined;
    const run = known?.peaks && (this.runKey === undefined || this.runKey === key) ? known : undefined;
    const wanted = file ?? (run?.seconds > LONGEST_DECODED_SECONDS ? null : audible);
    if (wanted) {
      if (!sameFile(wanted, this.loadingFile)) this.#load(wanted);
      return;
    }
    this.loadingFile = null;
    if (run) this.#takeRun(run);
    else this.#take(null, loaded ? "empty" : linked ? "unrun" : "none");
  }

  async #load(file) {
    this.loadingFile = file;
    this.#take(null, "loading");
    try {
      const waveform = await waveformOf(file, (part) => this.#takePart(file, part));
      if (this.loadingFile === file) this.#take(waveform, "ready");
      this.#updateGrid();
    } catch (error) {
      if (this.loadingFile !== file) return;
      this.problem = error.message;
      this.#take(null, error.message === "missing" ? "missing" : "failed");
    }
    this.layout.show(this);
  }

  #takePart(file, part) {
    if (this.loadingFile !== file || this.state !== "loading") return;
    this.#take(part, "loading");
    this.layout.show(this);
  }

  /** A file may have been written anew under its name; what is shown stays until the new sound is there. */
  async #loadAnew() {
    const file = this.loadingFile;
    if (file && this.state === "missing") return this.#load(file);
    if (!file || this.state !== "ready") return;
    const waveform = await waveformOf(file).catch(() => null);
    if (!waveform || this.loadingFile !== file || waveform === this.waveform) return;
    this.#take(waveform, "ready");
    this.#updateGrid();
    this.layout.show(this);
  }

  #takeRun(run) {
    if (this.run === run) return;
    this.run = run;
    const peaks = peaksFromServer(run.peaks);
    const crossings = run.crossings ? new FoundCrossings(run.crossings) : null;
    this.#take({ peaks, seconds: peaks.seconds, crossings }, "ready");
  }

  #take(waveform, state) {
    if (state === this.state && waveform === this.waveform) return;
    if (!waveform || this.state === "ready") this.player.stop(); // another sound; what is read on is the same
    if (state !== "ready") this.run = null;
    const known = this.waveform && Math.abs(this.waveform.seconds - waveform?.seconds) < SAME_LENGTH_SECONDS;
    this.waveform = waveform;
    this.state = state;
    if (!known) {
      this.cursor = null;
      const { returning } = this;
      this.view = waveform && returning?.seconds === waveform.seconds ? returning.view : this.#firstView();
    }
    this.paint();
  }

  /** All of a track, but of a long one its range: a few seconds of an hour could not be seen. */
  #firstView() {
    const { start, end, crosses } = this.resolved;
    if (this.seconds <= LONGEST_DECODED_SECONDS || crosses) return view.whole(this.seconds);
    return view.around(start, end, this.seconds, this.shortestSpan);
  }

  /** The beats of what is drawn: the server finds them in the file, the run has told those of its sound. */
  #updateGrid() {
    const bpm = facts.bpmOf(this.node);
    const file = this.state === "ready" ? this.loadingFile : null;
    if (this.gridOf?.waveform === this.waveform && this.gridOf.bpm === bpm && this.gridOf.file === file) return;
    const wanted = { waveform: this.waveform, bpm, file };
    this.gridOf = wanted;
    this.#takeGrid(this.run?.bpm === bpm ? this.run.beats : null, bpm);
    if (!file) return;
    beatsOf(file, bpm, this.waveform)
      .then((beats) => this.gridOf === wanted && this.#takeGrid(beats, bpm))
      .catch(() => {}); // the waveform is there all the same
  }

  #takeGrid(beats, bpm) {
    const before = this.grid;
    this.grid = beats ? new FoundGrid(beats) : bpm ? new EvenGrid(bpm) : null;
    if (!before && !this.grid) return;
    this.paint();
    this.layout.show(this);
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
    const endFiles = onFilesChanged(() => this.#loadAnew());
    const resizes = new ResizeObserver(() => this.#measure());
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
      endFiles();
      this.endPointer();
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
    const now = `${facts.signature(this.node)} ${this.exampleFits} ${this.crossing}`;
    if (now !== this.seen) {
      this.seen = now;
      this.refresh();
    }
    if (Math.abs(wantedDensity() / this.density - 1) > 0.15 || this.painted !== this.#outlines()) this.paint();
  }

  /** Whatever decides what `paint` draws, besides the view and the colours. */
  #outlines() {
    return `${this.size.wide} ${this.size.high} ${this.seconds}`;
  }

  /** Where the stage and its parts lie, taken when it is resized and not each time it is asked for. */
  #measure() {
    const { stage, field } = this.layout;
    this.size = { wide: stage.clientWidth, tall: stage.clientHeight, high: field.clientHeight };
    this.paint();
  }
}
