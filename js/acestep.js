/** The pack's front end: what each of its nodes shows. ComfyUI imports this file on its own. */
import { locale, registerExtension, rememberRuns } from "./comfy.js";
import { loadStyle, make } from "./dom.js";
import { say, useLanguage } from "./strings.js";
import { openAccount } from "./account/dialog.js";
import { openModels } from "./models/dialog.js";
import { followTheme } from "./theme.js";
import { filesChanged } from "./audio/track.js";
import { followDownload } from "./models/download.js";
import { modelsChanged } from "./models/local.js";
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
followDownload();
rememberRuns();
window.addEventListener("focus", filesChanged); // as when its user comes back from elsewhere

registerExtension({
  name: "acestepnodes.panels",
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
  commands: [
    { id: "acestep.account", label: "ACE-Step: RunComfy account", function: openAccount },
    { id: "acestep.models", label: "ACE-Step: Get a model", function: () => openModels() },
  ],
  setup() {
    useLanguage(locale());
  },
  /** R in ComfyUI. */
  refreshComboInNodes() {
    filesChanged();
    modelsChanged();
  },
  nodeCreated(node) {
    PANELS[node.comfyClass]?.(node);
  },
});
