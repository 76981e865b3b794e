/** The pack's front end: what each of its nodes shows. ComfyUI imports this file on its own. */
import { locale, registerExtension } from "./comfy.js";
import { loadStyle, make } from "./dom.js";
import { say, useLanguage } from "./strings.js";
import { openAccount } from "./account/dialog.js";
import { followTheme } from "./theme.js";
import { listen } from "./status/events.js";
import { StatusPanel } from "./status/panel.js";
import { TagPanel } from "./tags/panel.js";
import { TimeRangePanel } from "./time_range/panel.js";

const status = (node) => new StatusPanel(node);

const PANELS = {
  ACEStepGenerate: status,
  ACEStepInpaint: status,
  ACEStepOutpaint: status,
  TimeRange: (node) => new TimeRangePanel(node),
  TagBuilder: (node) => new TagPanel(node),
};

loadStyle();
followTheme();
listen();

registerExtension({
  name: "acestep.nodes",
  settings: [
    {
      id: "acestep.account",
      name: "RunComfy account",
      category: ["ACE-Step", "RunComfy", "account"],
      // Only a button: a setting's value would be readable by every page and kept in plain text.
      type: () =>
        make(
          "button",
          { type: "button", class: "acestep acestep-open-account", onclick: openAccount },
          say("account.open"),
        ),
      defaultValue: "",
    },
  ],
  commands: [{ id: "acestep.account", label: "ACE-Step: RunComfy account", function: openAccount }],
  setup() {
    useLanguage(locale());
  },
  nodeCreated(node) {
    PANELS[node.comfyClass]?.(node);
  },
});
