/** The pack's front end: what each of its nodes shows. ComfyUI imports this file on its own. */
import { locale, registerExtension } from "./comfy.js";
import { loadStyle } from "./dom.js";
import { useLanguage } from "./strings.js";
import { TimeRangePanel } from "./time_range/panel.js";

const PANELS = {
  TimeRange: (node) => new TimeRangePanel(node),
};

loadStyle();

registerExtension({
  name: "acestep.nodes",
  setup() {
    useLanguage(locale());
  },
  nodeCreated(node) {
    PANELS[node.comfyClass]?.(node);
  },
});
