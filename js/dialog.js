/** The frame of the pack's dialogs: a title, a way out, and keys that ComfyUI does not take for its own. */
import { iconButton, make } from "./dom.js";
import { say } from "./strings.js";

/** A modal dialog; `name` is in its class. It leaves the page when it is closed. */
export function makeDialog(name, title, ...content) {
  const element = make(
    "dialog",
    { class: `acestep acestep-dialog acestep-${name}`, "aria-labelledby": `acestep-${name}-title` },
    make(
      "header",
      {},
      make("h2", { id: `acestep-${name}-title` }, title),
      iconButton("close", say("dialog.close"), () => element.close()),
    ),
    ...content,
  );
  element.addEventListener("close", () => element.remove());
  for (const type of ["keydown", "keyup", "keypress", "paste"]) {
    element.addEventListener(type, (event) => event.stopPropagation());
  }
  element.addEventListener("pointerdown", (event) => event.target === element && element.close());
  return element;
}

/** Shows a dialog in place of an open one of the same name. */
export function showDialog(element) {
  for (const open of document.querySelectorAll("dialog.acestep-dialog")) {
    if (open.className === element.className) open.close();
  }
  document.body.append(element);
  element.showModal();
}

/** A button with words, for dialogs. */
export function wordButton(key, onclick, kind = "") {
  return make("button", { type: "button", class: `acestep-button acestep-text-button ${kind}`, onclick }, say(key));
}
