/** Chips on a TagBuilder node. The text fields stay the truth: chips are read from them and written into them. */
import {
  addPanel,
  afterNodeMethod,
  growNode,
  hideWidgets,
  isLinked,
  knownValue,
  onTick,
  onWidgetChanged,
  rememberForUndo,
  setWidgetValue,
} from "../comfy.js";
import { say } from "../strings.js";
import { GROUPS } from "./vocabulary.js";
import { TagLayout } from "./layout.js";
import { SearchBox } from "./search.js";
import { followChips } from "./chips.js";
import * as tags from "./tags.js";

const FIELDS = [...GROUPS, "bpm", "key", "time_signature", "language", "instrumental"];

export class TagPanel {
  constructor(node) {
    this.node = node;
    this.search = new SearchBox(this);
    this.layout = new TagLayout(this);
    this.height = 190;
    addPanel(node, "chips", say("tags.title"), this.layout.root, () => this.height);
    followChips(this);
    for (const name of FIELDS) onWidgetChanged(node, name, () => this.refresh());
    afterNodeMethod(node, "onConfigure", ({ size }) => {
      this.refresh();
      if (size) node.setSize([...size]); // it was saved with just these fields
    });
    afterNodeMethod(node, "onConnectionsChange", () => this.refresh());
    const endTicks = onTick(() => this.#watch());
    afterNodeMethod(node, "onRemoved", () => {
      endTicks();
      this.layout.close();
    });
    this.refresh();
  }

  /** Values by name; null for one that another node gives. */
  get fields() {
    const { node } = this;
    return Object.fromEntries(FIELDS.map((name) => [name, isLinked(node, name) ? null : knownValue(node, name)]));
  }

  tagsOf(group) {
    return tags.splitTags(this.fields[group] ?? "");
  }

  get present() {
    return GROUPS.flatMap((group) => this.tagsOf(group));
  }

  /** Whether the groups are shown as text fields too, and not as chips alone. */
  get asText() {
    return this.node.properties?.tags_as_text === true;
  }

  toggleText() {
    this.node.properties ??= {};
    this.node.properties.tags_as_text = !this.asText;
    rememberForUndo();
    this.refresh();
  }

  refresh() {
    const hidden = (group) => !this.asText && !isLinked(this.node, group);
    hideWidgets(this.node, Object.fromEntries(GROUPS.map((group) => [group, hidden(group)])));
    this.layout.show(this);
  }

  contentIs(height) {
    if (height === this.height) return;
    this.height = height;
    growNode(this.node);
  }

  // -------------------------------------------------------------- changes, each one step of undo

  add(group, given) {
    const added = given.map(tags.plain);
    const present = this.present.map((tag) => tag.toLowerCase());
    this.#write({ [group]: [...this.tagsOf(group), ...added.filter((tag) => !present.includes(tag.toLowerCase()))] });
  }

  /**
   * A comma list: each tag goes to the group it belongs to, or all to `group` when one is chosen. What says only a
   * tempo, a key, a metre or that nobody sings goes to its own field, unless another node gives that.
   */
  addList(text, group) {
    const found = tags.parted(text);
    const fields = Object.entries(found.fields).filter(([name]) => !isLinked(this.node, name));
    const rest = fields.length === Object.keys(found.fields).length ? found.rest : text;
    const lists = group ? { [group]: tags.splitTags(text).map(tags.plain) } : tags.sorted(rest);
    const present = this.present.map((tag) => tag.toLowerCase());
    const changed = {};
    if (!group) for (const [name, value] of fields) setWidgetValue(this.node, name, value);
    for (const [name, added] of Object.entries(lists)) {
      changed[name] = [...this.tagsOf(name), ...added.filter((tag) => !present.includes(tag.toLowerCase()))];
    }
    this.#write(changed);
  }

  remove(group, index) {
    this.#write({ [group]: this.tagsOf(group).filter((_, place) => place !== index) });
  }

  /** Moves a tag to `place` of a group, its own or another. */
  move(group, index, target, place) {
    const from = this.tagsOf(group);
    const [tag] = from.splice(index, 1);
    const to = group === target ? from : this.tagsOf(target);
    to.splice(group === target && place > index ? place - 1 : place, 0, tag);
    this.#write({ [group]: from, [target]: to });
  }

  randomise(group) {
    this.#write({ [group]: tags.randomTags(group) });
  }

  #write(changed) {
    for (const [group, list] of Object.entries(changed)) {
      if (!isLinked(this.node, group)) setWidgetValue(this.node, group, tags.joinTags(list));
    }
    rememberForUndo();
    this.refresh();
  }

  #watch() {
    const now = JSON.stringify(this.fields);
    if (now === this.seen || !this.layout.root.isConnected) return;
    this.seen = now;
    this.refresh();
  }
}
