/** The ways to a first run, each a click: where no model is installed, and where there is no track. */
import { icon, make } from "../dom.js";
import { say } from "../strings.js";
import { isUnfinished } from "../models/download.js";

export class Offers {
  constructor(panel) {
    this.get = offer("offer.get", () => panel.getModel(), "download");
    this.get.classList.add("acestep-primary");
    this.runcomfy = offer("offer.runcomfy", () => panel.useRunComfy());
    this.sketch = offer("offer.sketch", () => panel.useSketch());
    this.model = make(
      "div",
      { class: "acestep-offers", role: "group", "aria-label": say("offer.title"), hidden: true },
      this.get,
      this.runcomfy,
      this.sketch,
    );
    this.example = offer("track.example", () => panel.useExample(this.example));
    this.problem = make("span", {});
    this.track = make(
      "div",
      { class: "acestep-offers acestep-no-track", hidden: true },
      make("span", { class: "acestep-no-track-why" }, icon("warn"), this.problem),
      this.example,
    );
  }

  show({ modelMissing, download, backendDecided, trackProblem, exampleFits }) {
    this.model.hidden = !modelMissing;
    this.get.lastChild.textContent = say(isUnfinished(download) ? "offer.download" : "offer.get");
    for (const [button, name] of [
      [this.runcomfy, "runcomfy"],
      [this.sketch, "sketch"],
    ]) {
      button.disabled = backendDecided;
      button.title = say(backendDecided ? "range.linked" : `offer.${name}.about`);
    }
    this.track.hidden = !trackProblem;
    this.problem.textContent = trackProblem ?? "";
    this.example.hidden = !exampleFits;
  }
}

function offer(key, onclick, iconName) {
  return make(
    "button",
    { type: "button", class: "acestep-button acestep-text-button acestep-offer", title: say(`${key}.about`), onclick },
    iconName && icon(iconName),
    make("span", {}, say(key)),
  );
}
