/** The status row of a rendering node: what will run and cost, what is happening, and how it turned out. */
import {
  addPanel,
  afterNodeMethod,
  isLinked,
  isOpen,
  leadTo,
  leftOut,
  lender,
  linkedInputs,
  onExecuted,
  onTick,
  recallRun,
  rememberForUndo,
  setWidgetDisabled,
  setWidgetValue,
  toast,
  widgetLabel,
} from "../comfy.js";
import { accountState, onAccountChanged, paidRunOf } from "../server.js";
import { say } from "../strings.js";
import { audibleFile, savedFiles } from "../audio/file.js";
import { onFilesChanged, takesExample, trackProblem, useExampleTrack } from "../audio/track.js";
import { openAccount } from "../account/dialog.js";
import { openModels } from "../models/dialog.js";
import { knownDownload, onDownload, readDownload } from "../models/download.js";
import { localModel, modelsChanged, onModelsChanged } from "../models/local.js";
import { Compare } from "./compare.js";
import { follow, isRunning } from "./events.js";
import { LiveRun } from "./live.js";
import { StatusLayout } from "./layout.js";
import * as facts from "./facts.js";
import { costOf } from "./estimate.js";
import { sentence } from "./remarks.js";
import { besides, spends } from "./spending.js";
import { crossesUnlooped, estimateOf, hasSetting, rangesAsked, reportOf, valuesOf } from "./node.js";

// One line: what a node is made with.
const LEAST_HEIGHT = 34;

export class StatusPanel {
  constructor(node) {
    this.node = node;
    this.task = facts.taskOf(node.comfyClass);
    this.phase = "idle"; // idle, running, done, failed, stopped
    this.live = null;
    this.problem = ""; // what the last run failed with
    this.failure = null; // … the code and values of it, until ComfyUI says that the run has failed
    this.paid = undefined; // what the journal says of the last paid run, where the server has forgotten how it ended
    this.local = null; // what the server says of the model of a local run, or {problem}
    this.trackProblem = null; // a sentence
    this.unlooped = false; // whether a range crosses the track's end and loop is off
    this.estimate = null; // {price, callSeconds, takes, atMost} or {problem}
    this.dimmed = new Set();
    this.compare = new Compare();
    this.layout = new StatusLayout(this);
    this.height = LEAST_HEIGHT;
    addPanel(
      node,
      "status",
      say("status.title"),
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

  /** Whether a run would stop for want of a model. */
  get modelMissing() {
    return this.local?.installed === false;
  }

  get download() {
    return knownDownload();
  }

  get backendDecided() {
    return isLinked(this.node, "backend");
  }

  /** Whether there is no track and the example track can be chosen. */
  get exampleFits() {
    return this.trackProblem !== null && takesExample(this.node);
  }

  labelOf(name) {
    return widgetLabel(this.node, name);
  }

  /** What a run may cost in dollars, null when nothing or when that cannot be told. */
  get usd() {
    const { price, callSeconds, takes } = this.estimate ?? {};
    return price && callSeconds && !facts.resumed(this.values) ? costOf(callSeconds, price, takes) : null;
  }

  /** Whether the node is in the workflow that is open. */
  get isOpen() {
    return isOpen(this.node);
  }

  /** What all other paid nodes on the page may cost in dollars. */
  get usdBesides() {
    return besides(this);
  }

  /** The paid run that is shown because nothing else is known of any run. */
  get paidBefore() {
    return this.live || this.report || !facts.maySpend(this.values) ? undefined : this.paid;
  }

  /** Of the run that is shown, and of no other. */
  get requestIds() {
    return this.live ? this.live.requestIds : (this.report?.request_ids ?? this.paidBefore?.ids ?? []);
  }

  /** Those of them that can be fetched: not what was cancelled or failed, nor a part of a take without its others. */
  get resumableIds() {
    const left = this.live ? this.live.left : this.paidBefore;
    return this.report && !this.live ? this.requestIds : (left?.resumable ?? []);
  }

  // -------------------------------------------------------------- messages of a run

  began() {
    this.live = new LiveRun();
    this.phase = "running";
    this.problem = "";
    this.failure = null;
    this.show();
  }

  heard(message) {
    if (message.failure) {
      this.failure = message.failure;
      return;
    }
    this.live ??= new LiveRun();
    this.live.add(message);
    // What a run has left is told as it ends, of several nodes to those too that ComfyUI does not name.
    if (message.run) this.phase = message.state;
    else if (this.phase !== "stopped" && this.phase !== "failed") this.phase = "running";
    this.show();
  }

  failed(message) {
    this.phase = "failed";
    // ComfyUI's own message follows the pack's, which has a code.
    this.problem = sentence(this.failure, message ?? "");
    this.failure = null;
    modelsChanged(); // if it failed for want of one, that is seen now
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
    const resuming = facts.resumed(this.values) !== "";
    setWidgetValue(this.node, "resume_request_id", resuming ? "" : this.resumableIds.join(", "));
    rememberForUndo();
    this.refresh();
  }

  hearSeam(seam) {
    this.compare.hearSeam(seam.time_seconds, facts.fileOfSeam(this.report, seam));
  }

  openAccount() {
    openAccount();
  }

  /** Brings the limit that would stop the run before its user. */
  openLimit(limit, button) {
    if (limit === "ceiling") openAccount({ ceiling: true });
    else leadTo(this.node, limit, button);
  }

  getModel() {
    openModels(this.local?.offer);
  }

  /** Chooses RunComfy; without a token the account is opened, and the price shows either way. */
  async useRunComfy() {
    this.#use("runcomfy");
    const account = await accountState().catch(() => null);
    if (account && !account.configured) openAccount();
  }

  useSketch() {
    this.#use("sketch");
  }

  async useExample(button) {
    button.disabled = true;
    await useExampleTrack(this.node);
    button.disabled = false;
  }

  #use(backend) {
    setWidgetValue(this.node, "backend", backend);
    rememberForUndo();
    this.#dismissFailure();
    this.refresh();
  }

  /** What went wrong no longer holds for what would run now. */
  #dismissFailure() {
    if (this.phase === "failed") this.phase = "idle";
  }

  // -------------------------------------------------------------- what is shown

  /** Brings the row up to date with the node's values; asks for a price where money would be spent. */
  refresh() {
    this.values = valuesOf(this.node);
    this.connected = linkedInputs(this.node);
    this.#dim();
    this.compare.offer(
      this.task === "generate" ? null : audibleFile(this.node, "audio"),
      savedFiles(this.node, 0),
      {
        offset: facts.sourceOffset(this.task, this.report),
        loops: this.values.loop === true,
        edits: facts.editsOf(this.report),
      },
    );
    this.leftOut = leftOut(this.node);
    if (facts.maySpend(this.values) && !this.leftOut) this.#askForPrice();
    else this.#forgetPrice();
    if (this.#asksForModel) this.#askForModel();
    else this.local = null;
    if (this.task !== "generate") this.#askForTrack();
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
      .ignoredAndSet(this.values, this.connected)
      .map((name) => ({ name: widgetLabel(this.node, name), reason: say(ignored[name]) }));
  }

  get #asksForModel() {
    return facts.backendOf(this.values) === "local" && this.values.version !== null && !this.leftOut;
  }

  #forgetPrice() {
    this.asked = null;
    this.estimate = null;
    spends(this, null);
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
    spends(this, this.usd);
    this.show();
  }

  async #askForModel() {
    const question = facts.localQuestion(this.values, this.connected);
    const asked = (this.askedModel = {});
    if (this.question !== JSON.stringify(question)) this.local = null;
    this.question = JSON.stringify(question);
    let local;
    try {
      local = await localModel(question);
      if (!local.installed) await readDownload();
    } catch (error) {
      local = { problem: error.message };
    }
    if (this.askedModel !== asked || !this.#asksForModel) return;
    if (this.modelMissing && local.installed) this.#dismissFailure();
    this.local = local;
    this.show();
  }

  async #askForTrack() {
    const asked = (this.askedTrack = {});
    const [problem, unlooped] = await Promise.all([
      trackProblem(this.node).catch(() => null),
      this.task === "inpaint" && crossesUnlooped(this.node, this.values).catch(() => false),
    ]);
    if (this.askedTrack !== asked) return;
    this.trackProblem = problem;
    this.unlooped = unlooped;
    this.show();
  }

  // -------------------------------------------------------------- life

  #listen() {
    const { node } = this;
    onExecuted(node, () => {
      this.phase = "done";
      this.live = null; // the report says it all, also of a run that only handed on an earlier one's result
      this.refresh();
    });
    afterNodeMethod(node, "onConfigure", () => {
      this.refresh();
      this.#recall();
    });
    const endTicks = onTick(() => this.#watch());
    const ends = [
      onAccountChanged(() => {
        this.refresh();
        this.#askForPaidRun(); // what to do about it depends on whose token is in use
      }),
      onModelsChanged(() => this.refresh()),
      onFilesChanged(() => this.refresh()),
      onDownload(() => this.modelMissing && this.show()),
    ];
    afterNodeMethod(node, "onRemoved", () => {
      endTicks();
      for (const end of ends) end();
      this.#forgetPrice();
      this.layout.close();
      this.compare.close();
    });
  }

  /**
   * After a reload of the page: how the last run of the same settings turned out. Where the server has forgotten that,
   * what the journal says of the last paid run.
   */
  async #recall() {
    if (this.report || this.phase !== "idle") return;
    if (await recallRun(this.node)) {
      if (this.phase !== "idle") return;
      this.phase = "done";
      this.refresh();
    } else if (!this.report && facts.maySpend(this.values)) {
      await this.#askForPaidRun();
    }
  }

  async #askForPaidRun() {
    const asked = (this.askedPaid = {});
    const paid = await paidRunOf(this.node).catch(() => undefined); // the account's own words say what is wrong
    if (this.askedPaid !== asked) return;
    this.paid = paid;
    this.live?.retell(paid);
    this.show();
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
      leftOut(this.node),
      linkedInputs(this.node),
      edit && audibleFile(this.node, "audio"),
      this.exampleFits,
      edit && savedFiles(this.node, 0),
      this.task === "inpaint" && rangesAsked(this.node),
    ]);
  }
}
