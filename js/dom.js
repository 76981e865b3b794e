/** Small helpers to make elements. No framework, no state. */

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes, listeners (`onclick`) and children. Empty children are left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value == null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child != null && child !== false));
  return element;
}

// Drawn on a grid of 16, stroked.
const ICONS = {
  play: "M5 3.2v9.6l8-4.8z",
  stop: "M4.2 4.2h7.6v7.6H4.2z",
  seamStart: "M3 2.5v11M6 8h7M10 5l3 3-3 3",
  seamEnd: "M13 2.5v11M10 8H3M6 5L3 8l3 3",
  zoomIn: "M8 3.5v9M3.5 8h9",
  zoomOut: "M3.5 8h9",
  fit: "M5.5 3H3v2.5M10.5 3H13v2.5M5.5 13H3v-2.5M10.5 13H13v-2.5",
  fitRange: "M3 3v10M13 3v10M5.5 8h5M7 6L5 8l2 2M9 6l2 2-2 2",
  magnet: "M4 3v5a4 4 0 008 0V3M4 6h2.5M9.5 6H12M6.5 3v5a1.5 1.5 0 003 0V3M4 3h2.5M9.5 3H12",
  beats: "M3 5.5v5M6.3 5.5v5M9.7 5.5v5M13 5.5v5",
  bars: "M3 2.5v11M6.3 6.5v3M9.7 6.5v3M13 2.5v11",
  crossings: "M1.5 8h13M2 8c1.5-6 4-6 6 0s4.5 6 6 0",
  text: "M3 4h10M3 8h10M3 12h6",
  copy: "M6 6h7v7H6zM3 10V3h7",
  resume: "M12.5 8a4.5 4.5 0 11-1.4-3.3M11.5 2v3h-3",
  account: "M8 8.2a2.6 2.6 0 100-5.2 2.6 2.6 0 000 5.2zM3 13.5c.6-2.5 2.5-3.6 5-3.6s4.4 1.1 5 3.6",
  download: "M8 2.5v7M5 7l3 3 3-3M3 13h10",
  check: "M3.5 8.5l3 3 6-7",
  loop: "M5 4.5h6a2 2 0 012 2v3a2 2 0 01-2 2H5a2 2 0 01-2-2v-3M7 2.5l-2 2 2 2",
  close: "M4.5 4.5l7 7M11.5 4.5l-7 7",
  dice: "M3 5h2.5l5 6H13M3 11h2.5l5-6H13M11.5 3.5L13 5l-1.5 1.5M11.5 9.5L13 11l-1.5 1.5",
  warn: "M8 2.8L14 13H2zM8 6.5v3M8 11.3v.01",
};

export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("acestep-icon", `acestep-icon-${name}`);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with a picture; `label` is its name for screen readers and its tooltip. */
export function iconButton(name, label, onclick, attributes = {}) {
  return make(
    "button",
    { type: "button", class: "acestep-button", "aria-label": label, title: label, onclick, ...attributes },
    icon(name),
  );
}

/** Gives an icon button another picture. */
export function setIcon(button, name) {
  if (!button.firstChild.classList.contains(`acestep-icon-${name}`)) button.firstChild.replaceWith(icon(name));
}

/** Loads the pack's stylesheet once, from wherever the pack is installed. */
export function loadStyle() {
  const href = new URL("./acestep.css", import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return;
  document.head.append(make("link", { rel: "stylesheet", href }));
}
