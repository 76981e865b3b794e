/** Which part of a track is on screen: {from, to} in seconds. */

export const whole = (seconds) => ({ from: 0, to: seconds });

/** Never shorter than half a second, nor so short that the outline has fewer than 100 bins. */
export const shortestSpan = (binSeconds = 0) => Math.max(0.5, 100 * binSeconds);

/** The view with `factor` times its length (below 1 zooms in), so that `centre` stays where it is. */
export function zoomed(view, factor, centre, seconds, shortest) {
  const old = view.to - view.from;
  const span = Math.min(seconds, Math.max(Math.min(shortest, seconds), old * factor));
  const place = (centre - view.from) / old;
  return within(centre - place * span, span, seconds);
}

/** The view moved by `delta` seconds, held inside the track. */
export const panned = (view, delta, seconds) => within(view.from + delta, view.to - view.from, seconds);

/** The view that shows [start, end] with a third of its length on either side. */
export function around(start, end, seconds, shortest) {
  const span = Math.min(seconds, Math.max(shortest, (end - start) * 1.66));
  return within((start + end) / 2 - span / 2, span, seconds);
}

function within(from, span, seconds) {
  const start = Math.min(Math.max(0, from), seconds - span);
  return { from: start, to: start + span };
}

export const isWhole = (view, seconds) => view.to - view.from >= seconds - 1e-9;

const STEPS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];

/** Times at which to write a label: round ones, at least `gap` pixels apart, and how many decimals they need. */
export function ticks(view, width, gap = 64) {
  const perPixel = (view.to - view.from) / width;
  const step = STEPS.find((candidate) => candidate / perPixel >= gap) ?? STEPS.at(-1);
  const times = [];
  for (let index = Math.ceil(view.from / step - 1e-9); index * step <= view.to + 1e-9; index += 1) {
    times.push(Number((index * step).toFixed(6)));
  }
  return { times, decimals: step < 0.1 ? 2 : step < 1 ? 1 : 0 };
}
