/** Draws waveforms and time axes on a canvas. Sizes are device pixels. */
import { ticks } from "./view.js";
import { formatTime } from "./range.js";

/** Makes a canvas sharp for the place it takes on screen. Returns false when it takes none. */
export function fitCanvas(canvas, width, height, density) {
  const wide = Math.round(width * density);
  const high = Math.round(height * density);
  if (wide < 1 || high < 1) return false;
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
  }
  return true;
}

/** The outline of `peaks` in `view`: extremes in one tone, mean power in a stronger one. */
export function paintWaveform(canvas, columns, peakColour, bodyColour) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const middle = height / 2;
  const reach = middle - 1;
  context.clearRect(0, 0, width, height);
  if (!columns) return;
  context.fillStyle = peakColour;
  context.beginPath();
  for (let x = 0; x < width; x += 1) {
    const top = middle - columns.max[x] * reach;
    const bottom = middle - columns.min[x] * reach;
    context.rect(x, top - 0.5, 1, Math.max(1, bottom - top + 1));
  }
  context.fill();
  context.fillStyle = bodyColour;
  context.beginPath();
  for (let x = 0; x < width; x += 1) {
    const half = columns.rms[x] * reach;
    if (half >= 0.5) context.rect(x, middle - half, 1, 2 * half);
  }
  context.fill();
}

// Above the waveform stand the times of the range.
const TIMES_HIGH = 15;
// Closer together, beats could not be told from each other.
const LEAST_PIXELS = 5;

/** Labels of the time axis, and beats and bars where they are far enough apart. */
export function paintAxis(canvas, view, { density, textColour, lineColour, beatColour, barColour, font, grid }) {
  const context = canvas.getContext("2d");
  const { width, height } = canvas;
  const span = view.to - view.from;
  const placeOf = (time) => ((time - view.from) / span) * width;
  context.clearRect(0, 0, width, height);
  const line = (colour, wide) => (time) => {
    context.fillStyle = colour;
    context.fillRect(Math.round(placeOf(time) - wide / 2), TIMES_HIGH * density, wide, height - (TIMES_HIGH + 13) * density);
  };
  if (grid) {
    const fit = (times) => times.length * LEAST_PIXELS * density <= width;
    const beats = grid.within(view.from, view.to, false);
    const bars = grid.hasBars ? grid.within(view.from, view.to, true) : [];
    const thin = Math.max(1, Math.round(density));
    if (fit(beats)) beats.forEach(line(beatColour, thin));
    if (fit(bars)) bars.forEach(line(barColour, thin));
  }
  const { times, decimals } = ticks(view, width / density);
  context.font = `${10 * density}px ${font}`;
  context.textBaseline = "alphabetic";
  for (const time of times) {
    const x = Math.round(placeOf(time));
    context.fillStyle = lineColour;
    context.fillRect(x, height - 13 * density, Math.max(1, Math.round(density / 2)), 4 * density);
    const label = formatTime(time, decimals);
    const wide = context.measureText(label).width;
    context.fillStyle = textColour;
    context.fillText(label, Math.min(Math.max(0, x - wide / 2), width - wide), height - density);
  }
}
