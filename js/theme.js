/**
 * Whether ComfyUI is light or dark. Its versions say so in different ways, so it is seen from the colour of its text;
 * the stylesheet reads it from an attribute of the page.
 */

const ATTRIBUTE = "data-acestep-theme";
const listeners = new Set();

/** Follows ComfyUI's palette from now on. */
export function followTheme() {
  const observer = new MutationObserver(() => {
    mark();
    for (const listener of listeners) listener();
  });
  const options = { attributes: true, attributeFilter: ["class", "style"] };
  observer.observe(document.documentElement, options);
  observer.observe(document.body, options);
  mark();
}

/** Calls `listener` when ComfyUI's colours may have changed. Returns a function that ends it. */
export function onThemeChanged(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function mark() {
  const text = getComputedStyle(document.body).getPropertyValue("--fg-color").trim();
  const theme = text && luminance(text) < 0.5 ? "light" : "dark";
  const root = document.documentElement;
  if (root.getAttribute(ATTRIBUTE) !== theme) root.setAttribute(ATTRIBUTE, theme);
}

/** 0 for black, 1 for white, of any colour CSS knows. */
function luminance(colour) {
  const context = document.createElement("canvas").getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = context.getImageData(0, 0, 1, 1).data;
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
}
