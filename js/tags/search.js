/** The box in which tags are typed, looked up and pasted. A combobox with a list below it. */
import { make } from "../dom.js";
import { say } from "../strings.js";
import { groupOf, plain, search, splitTags } from "./tags.js";
import { GROUPS } from "./vocabulary.js";

let boxes = 0;

export class SearchBox {
  constructor(panel) {
    this.panel = panel;
    this.group = null; // only this group is searched; null is all
    this.options = [];
    this.active = 0;
    const id = `acestep-tags-${(boxes += 1)}`;
    this.id = id;
    this.input = make("input", {
      type: "text",
      class: "acestep-tag-input",
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      placeholder: say("tags.placeholder"),
      "aria-label": say("tags.placeholder"),
      "aria-controls": id,
      "aria-expanded": "false",
      "aria-autocomplete": "list",
      oninput: () => this.#typed(),
      onkeydown: (event) => this.#key(event),
      onpaste: (event) => this.#paste(event),
      onblur: () => this.close(),
    });
    this.scope = make("button", {
      type: "button",
      class: "acestep-scope",
      hidden: true,
      onclick: () => this.browse(null),
    });
    this.list = make("div", {
      class: "acestep-options",
      role: "listbox",
      id,
      "aria-label": say("tags.found"),
      hidden: true,
    });
    // Choosing must not take the focus out of the box.
    this.list.addEventListener("pointerdown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("[role=option]");
      if (option) this.#choose(Number(option.dataset.index));
    });
    this.element = make("div", { class: "acestep-search" }, this.scope, this.input, this.list);
  }

  /** Opens the list on everything a group has; null goes back to all groups. */
  browse(group) {
    this.group = group;
    this.scope.hidden = group === null;
    if (group) {
      this.scope.textContent = `${say(`tags.${group}`)} ×`;
      this.scope.setAttribute("aria-label", say("tags.leaveGroup", { group: say(`tags.${group}`) }));
    }
    this.input.focus({ preventScroll: true });
    this.#look();
  }

  close() {
    this.list.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.input.removeAttribute("aria-activedescendant");
  }

  #typed() {
    // A comma ends a tag, as it does in the text fields.
    if (/[,;，、；]/.test(this.input.value)) this.#take(this.input.value);
    else this.#look();
  }

  #paste(event) {
    const text = event.clipboardData?.getData("text") ?? "";
    event.stopPropagation(); // ComfyUI would paste nodes
    if (splitTags(text).length < 2) return;
    event.preventDefault();
    this.#take(text);
  }

  #take(text) {
    this.panel.addList(text, this.group);
    this.input.value = "";
    this.#look();
  }

  #look() {
    const typed = this.input.value.trim();
    const found = search(typed, { group: this.group, present: this.panel.present, limit: this.group ? 300 : 40 });
    const exact = found.some(({ tag }) => tag === plain(typed));
    const likely = groupOf(typed);
    const groups = this.group ? [this.group] : [likely, ...GROUPS.filter((group) => group !== likely)];
    this.options = [
      ...found.map((entry) => ({ ...entry, kind: typed ? null : entry.kind })),
      ...(typed && !exact ? groups.map((group) => ({ tag: typed, group, own: true })) : []),
    ];
    this.active = 0;
    this.#draw();
  }

  #draw() {
    let kind = null;
    const rows = [];
    this.options.forEach((option, index) => {
      if (option.kind && option.kind !== kind) {
        kind = option.kind;
        rows.push(make("div", { class: "acestep-option-kind", role: "presentation" }, say(`kind.${kind}`)));
      }
      rows.push(
        make(
          "div",
          {
            class: "acestep-option",
            role: "option",
            id: `${this.id}-${index}`,
            "data-index": String(index),
            "aria-selected": "false",
          },
          make("span", {}, option.own ? say("tags.addOwn", { tag: option.tag }) : option.tag),
          this.group ? null : make("span", { class: "acestep-label" }, say(`tags.${option.group}`)),
        ),
      );
    });
    this.list.replaceChildren(...rows);
    this.list.hidden = rows.length === 0;
    this.list.scrollTop = 0;
    this.input.setAttribute("aria-expanded", String(rows.length > 0));
    this.#mark();
  }

  #mark() {
    for (const option of this.list.querySelectorAll("[role=option]")) {
      option.setAttribute("aria-selected", String(Number(option.dataset.index) === this.active));
    }
    const active = this.list.querySelector("[aria-selected=true]");
    if (active) this.input.setAttribute("aria-activedescendant", active.id);
    else this.input.removeAttribute("aria-activedescendant");
    return active;
  }

  #choose(index) {
    const option = this.options[index];
    if (!option) return;
    this.panel.add(option.group, [option.tag]);
    this.input.value = "";
    this.#look();
  }

  #key(event) {
    event.stopPropagation(); // typing here is not for ComfyUI's shortcuts
    const open = !this.list.hidden;
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      if (!open) this.#look();
      else
        this.active = (this.active + (event.key === "ArrowDown" ? 1 : this.options.length - 1)) % this.options.length;
      this.#mark()?.scrollIntoView({ block: "nearest" });
    } else if (event.key === "Enter" && open) {
      this.#choose(this.active);
    } else if (event.key === "Escape" && (open || this.group)) {
      if (open) this.close();
      else this.browse(null);
    } else if (event.key === "Backspace" && !this.input.value && this.group) {
      this.browse(null);
    } else {
      return;
    }
    event.preventDefault();
  }
}
