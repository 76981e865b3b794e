/** The elements of the chips panel: a row for each group, hints, and what the fields of the node add. */
import { icon, iconButton, make } from "../dom.js";
import { say } from "../strings.js";
import { composed, contradictions } from "./tags.js";
import { GROUPS } from "./vocabulary.js";

export class TagLayout {
  constructor(panel) {
    this.rows = Object.fromEntries(GROUPS.map((group) => [group, new GroupRow(panel, group)]));
    this.hints = make("ul", { class: "acestep-notes", role: "status", "aria-live": "polite", hidden: true });
    this.also = make("output", { class: "acestep-also" });
    this.text = iconButton("text", say("tags.asText"), () => panel.toggleText());
    this.content = make(
      "div",
      { class: "acestep-tags-content" },
      make("div", { class: "acestep-tags-head" }, panel.search.element, this.text),
      make(
        "div",
        { class: "acestep-tag-rows" },
        Object.values(this.rows).map((row) => row.element),
      ),
      this.hints,
      this.also,
    );
    this.root = make(
      "div",
      { class: "acestep acestep-tags", role: "group", "aria-label": say("tags.title"), "data-capture-wheel": "true" },
      this.content,
    );
    this.sizes = new ResizeObserver(() => panel.contentIs(Math.ceil(this.content.offsetHeight)));
    this.sizes.observe(this.content);
  }

  close() {
    this.sizes.disconnect();
  }

  show(panel) {
    const { fields } = panel;
    const text = composed(fields);
    const found = contradictions(text);
    const doubted = found.flatMap(([, , tags]) => tags.map((tag) => tag.toLowerCase()));
    for (const group of GROUPS) this.rows[group].show(fields[group] === null ? null : panel.tagsOf(group), doubted);
    this.hints.hidden = found.length === 0;
    this.hints.replaceChildren(
      ...found.map(([key, values]) =>
        make("li", { "data-severity": "warn" }, icon("warn"), make("span", {}, say(key, values))),
      ),
    );
    const also = composed({ ...fields, ...Object.fromEntries(GROUPS.map((group) => [group, ""])) });
    this.also.hidden = !also;
    this.also.textContent = also && say("tags.also", { tags: also });
    this.text.setAttribute("aria-pressed", String(panel.asText));
  }
}

class GroupRow {
  constructor(panel, group) {
    this.group = group;
    this.name = make(
      "button",
      {
        type: "button",
        class: "acestep-group-name",
        title: say("tags.browse", { group: say(`tags.${group}`) }),
        onclick: () => panel.search.browse(group),
      },
      say(`tags.${group}`),
    );
    this.chips = make("div", {
      class: "acestep-chips",
      role: "listbox",
      "aria-label": say(`tags.${group}`),
      "aria-orientation": "horizontal",
      "data-group": group,
      onfocusin: (event) => this.#enterAt(Number(event.target.dataset.index)),
    });
    this.dice = iconButton("dice", say("tags.random", { group: say(`tags.${group}`) }), () => panel.randomise(group));
    this.element = make("div", { class: "acestep-tag-row", "data-group": group }, this.name, this.chips, this.dice);
  }

  /** `tags` is null when another node gives this group. */
  show(tags, doubted) {
    const key = JSON.stringify([tags, doubted]);
    if (key === this.shown) return;
    this.shown = key;
    const focused = [...this.chips.children].indexOf(document.activeElement);
    this.dice.disabled = tags === null;
    this.name.disabled = tags === null;
    if (tags === null) this.chips.replaceChildren(make("span", { class: "acestep-label" }, say("tags.linked")));
    else
      this.chips.replaceChildren(
        ...tags.map((tag, index) => chip(tag, index, tags.length, doubted.includes(tag.toLowerCase()))),
      );
    this.#enterAt(Math.max(0, focused));
    if (focused >= 0) this.focus(focused);
  }

  /** Tab comes to one chip of a row; arrows lead to the others. */
  #enterAt(index) {
    const chips = [...this.chips.querySelectorAll(".acestep-chip")];
    const entry = Math.min(index, chips.length - 1);
    chips.forEach((each, place) => (each.tabIndex = place === entry ? 0 : -1));
  }

  /** Focus a chip, or the next best there is. */
  focus(index) {
    const chips = [...this.chips.querySelectorAll(".acestep-chip")];
    (chips[Math.min(index, chips.length - 1)] ?? this.name).focus({ preventScroll: true });
  }
}

function chip(tag, index, count, doubted) {
  return make(
    "div",
    {
      class: "acestep-chip",
      role: "option",
      tabindex: "-1",
      "aria-selected": "true",
      "aria-posinset": String(index + 1),
      "aria-setsize": String(count),
      "aria-label": say("tags.chip", { tag }),
      "data-index": String(index),
      "data-doubted": doubted || null,
    },
    make("span", {}, tag),
    make(
      "span",
      { class: "acestep-chip-remove", title: say("tags.remove", { tag }), "aria-hidden": "true" },
      icon("close"),
    ),
  );
}
