import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

const css = readFileSync(new URL("../../js/acestep.css", import.meta.url), "utf8");

function colours(selector) {
  const block = css.slice(css.indexOf(`${selector} {`));
  const found = block.slice(0, block.indexOf("}")).matchAll(/--acestep-([\w-]+): (#\w+|rgb\([^)]+\))/g);
  return Object.fromEntries([...found].map(([, name, value]) => [name, value]));
}

/** Red, green and blue of 0 to 255, laid over `ground` when it is translucent. */
function mixed(colour, ground) {
  if (colour.startsWith("#")) {
    const digits = colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit).join("") : colour.slice(1);
    return [0, 2, 4].map((at) => parseInt(digits.slice(at, at + 2), 16));
  }
  const [red, green, blue, percent = 100] = colour.match(/[\d.]+/g).map(Number);
  return [red, green, blue].map((value, at) => (value * percent + ground[at] * (100 - percent)) / 100);
}

function luminance(rgb) {
  const [red, green, blue] = rgb.map((value) =>
    value <= 10.31475 ? value / 3294.6 : ((value / 255 + 0.055) / 1.055) ** 2.4,
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one, other) {
  const [bright, dim] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (bright + 0.05) / (dim + 0.05);
}

const light = colours(".acestep");

for (const [theme, table] of [
  ["light", light],
  ["dark", { ...light, ...colours('[data-acestep-theme="dark"] .acestep') }],
]) {
  test(`words stand out from what is behind them, ${theme}`, () => {
    const ground = mixed(table.ground);
    for (const behind of ["ground", "raised", "raised-more", "accent-soft"]) {
      for (const words of ["faint", "warn", "bad", "good", "edge", "accent"]) {
        const found = contrast(mixed(table[words]), mixed(table[behind], ground));
        assert.ok(found >= 4.5, `${words} on ${behind}: ${found.toFixed(2)}`);
      }
    }
    assert.ok(contrast(mixed(table["on-accent"]), mixed(table.accent)) >= 4.5);
  });
}
