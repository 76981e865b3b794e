/** The status row of a rendering node: what will run and cost, what is happening, and how it turned out. */
import {
  addPanel,
  afterNodeMethod,
  lender,
  onExecuted,
  onTick,
  rememberForUndo,
  setWidgetDisabled,
  setWidgetValue,
  toast,
  widgetLabel,
} from "../comfy.js";
import { accountState, onAccountChanged } from "../server.js";
import { say } from "../strings.js";
import { audibleFile, savedFiles } from "../audio/file.js";
import { openAccount } from "../account/dialog.js";
import { Compare } from "./compare.js";
import { follow, isRunning } from "./events.js";
import { LiveRun } from "./live.js";
import { StatusLayout } from "./layout.js";
import * as facts from "./facts.js";
import { connectedInputs, estimateOf, hasSetting, rangesAsked, reportOf, valuesOf } from "./node.js";

// One line: what a node is made with.
const LEAST_HEIGHT = 34;

export class StatusPanel {
  constructor(node) {
    this.node = node;
    this.task = facts.taskOf(node.comfyClass);
    this.phase = "idle"; // idle, running, done, failed, stopped
    this.live = null;
    this.estimate = null; // {price, callSeconds, takes, atMost} or {problem}
    this.dimmed = new Set();
    this.compare = new Compare();
    this.layout = new StatusLayout(this);
    this.height = LEAST_HEIGHT;
    addPanel(
      node,
      "status",
      this.layout.root,
      () => this.height,
      () => this.height,
    );
    this.lend = lender(node);
    follow(node, this);
    this.#listen();
  }

  get report() {
    return reportOf(this.node);
  }

  get requestIds() {
    return [...new Set([...(this.report?.request_ids ?? []), ...(this.live?.requestIds ?? [])])];
  }

  // -------------------------------------------------------------- messages of a run

  began() {
    this.live = new LiveRun();
    this.phase = "running";
    this.show();
  }

  heard(message) {
    this.live ??= new LiveRun();
    this.live.add(message);
    // What Stop came to is told after the run has ended.
    if (this.phase !== "stopped" && this.phase !== "failed") this.phase = "running";
    this.show();
  }

  failed(message) {
    this.phase = "failed";
    this.problem = message;
    this.show();
  }

  stopped() {
    this.phase = "stopped";
    this.show();
  }

  // -------------------------------------------------------------- buttons

  async copyIds() {
    const text = this.requestIds.join(", ");
    try {
      await navigator.clipboard.writeText(text);
      toast("success", say("status.copied"), text);
    } catch {
      toast("info", say("status.copyByHand"), text); // pages without TLS have no clipboard
    }
  }

  /** Fills in the ids of the last run, so that the next queue fetches it; or clears them again. */
  toggleResume() {
    const resuming = this.values.resume_request_id.trim() !== "";
    setWidgetValue(this.node, "resume_request_id", resuming ? "" : this.requestIds.join(", "));
    rememberForUndo();
    this.refresh();
  }

  openAccount() {
    openAccount();
  }

  // -------------------------------------------------------------- what is shown

  /** Brings the row up to date with the node's values; asks for a price where money would be spent. */
  refresh() {
    this.values = valuesOf(this.node);
    this.#dim();
    this.compare.offer(
      this.task === "generate" ? null : audibleFile(this.node, "audio"),
      savedFiles(this.node, 0),
      facts.sourceOffset(this.task, this.report),
    );
    if (facts.backendOf(this.values) === "runcomfy") this.#askForPrice();
    else this.estimate = null;
    this.show();
  }

  show() {
    this.layout.show(this);
  }

  /** Called by the layout when what it holds has become higher or lower. */
  contentIs(height) {
    if (height === this.height) return;
    this.height = height;
    this.lend(Math.max(0, height - LEAST_HEIGHT));
  }

  #dim() {
    const ignored = facts.ignoredSettings(this.values);
    const names = Object.keys(ignored).filter((name) => hasSetting(this.node, name));
    for (const name of this.dimmed) if (!(name in ignored)) setWidgetDisabled(this.node, name, null);
    for (const name of names) setWidgetDisabled(this.node, name, say(ignored[name]));
    this.dimmed = new Set(names);
    this.ignored = facts
      .ignoredAndSet(this.values, connectedInputs(this.node))
      .map((name) => ({ name: widgetLabel(this.node, name), reason: say(ignored[name]) }));
  }

  async #askForPrice() {
    const asked = (this.asked = {});
    let estimate, account;
    try {
      [estimate, account] = await Promise.all([estimateOf(this.node, this.values), accountState()]);
    } catch (error) {
      estimate = { problem: error.message };
    }
    if (this.asked !== asked) return;
    this.estimate = estimate;
    this.account = account;
    this.show();
  }

  // -------------------------------------------------------------- life

  #listen() {
    const { node } = this;
    onExecuted(node, () => {
      this.phase = "done";
      this.refresh();
    });
    afterNodeMethod(node, "onConfigure", () => this.refresh());
    const endTicks = onTick(() => this.#watch());
    const endAccount = onAccountChanged(() => this.refresh());
    afterNodeMethod(node, "onRemoved", () => {
      endTicks();
      endAccount();
      this.layout.close();
      this.compare.close();
    });
  }

  #watch() {
    if (!this.layout.root.isConnected) return;
    if (this.phase === "idle" && isRunning(this.node)) this.began();
    const now = this.#signature();
    if (now === this.seen) return;
    this.seen = now;
    this.refresh();
  }

  #signature() {
    const edit = this.task !== "generate";
    return JSON.stringify([
      valuesOf(this.node),
      connectedInputs(this.node),
      edit && audibleFile(this.node, "audio"),
      edit && savedFiles(this.node, 0),
      this.task === "inpaint" && rangesAsked(this.node),
    ]);
  }
}
