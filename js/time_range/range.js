/** The arithmetic of a time range. Times are seconds; an anchor says from which end of the track one counts. */

export const SHORTEST_SECONDS = 0.05;
export const MAX_SECONDS = 3600;
// As in nodes/time_ranges.py: a time this little past the end is the end.
const END_TOLERANCE_SECONDS = 0.01;

/** A time counted from `anchor`, as seconds from the start; and, being its own inverse, the other way round. */
export function mirrored(time, anchor, seconds) {
  return anchor === "end" ? seconds - time : time;
}

export const roundTo = (value, step) => Number((Math.round(value / step) * step).toFixed(6));

const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

/**
 * Where an entry {start, startAnchor, end, endAnchor} lies in a track: {start, end, problem}.
 * problem: null, "pastEnd", "reversed" or "short". Start and end always lie within the track.
 */
export function resolve(entry, seconds) {
  const start = mirrored(entry.start, entry.startAnchor, seconds);
  const end = mirrored(entry.end, entry.endAnchor, seconds);
  const outside = [entry.start, entry.end].some((time) => time > seconds + END_TOLERANCE_SECONDS);
  const length = Math.min(end, seconds) - Math.max(0, start);
  const problem = outside ? "pastEnd" : length <= 0 ? "reversed" : length < SHORTEST_SECONDS - 5e-7 ? "short" : null;
  return { start: clamp(start, 0, seconds), end: clamp(end, 0, seconds), problem };
}

/** The entry with its start (or end) moved to `time` seconds from the start of the track; its anchor is kept. */
export function withEdge(entry, edge, time, seconds, step) {
  const { start, end } = resolve(entry, seconds);
  const moved =
    edge === "start" ? clamp(time, 0, end - SHORTEST_SECONDS) : clamp(time, start + SHORTEST_SECONDS, seconds);
  return { ...entry, [edge]: written(moved, entry[`${edge}Anchor`], seconds, step) };
}

/** The entry moved as a whole so that it starts at `time`; its length and its anchors are kept. */
export function movedTo(entry, time, seconds, step) {
  const { start, end } = resolve(entry, seconds);
  const begin = clamp(roundTo(time, step), 0, seconds - (end - start));
  return {
    ...entry,
    start: written(begin, entry.startAnchor, seconds, 1e-6),
    end: written(begin + end - start, entry.endAnchor, seconds, 1e-6),
  };
}

function written(time, anchor, seconds, step) {
  const value = mirrored(time, anchor, seconds);
  // The very ends are exact whatever the step: 0 from the end, or the length itself.
  const rounded = value <= step / 2 ? 0 : Math.abs(value - seconds) <= step / 2 ? seconds : roundTo(value, step);
  return clamp(roundTo(rounded, 1e-6), 0, Math.min(seconds, MAX_SECONDS));
}

/** A length to draw on while the track's own is not known. */
export function assumedSeconds(entry) {
  const fromStart = Math.max(...["start", "end"].map((edge) => (entry[`${edge}Anchor`] === "start" ? entry[edge] : 0)));
  const fromEnd = Math.max(...["start", "end"].map((edge) => (entry[`${edge}Anchor`] === "end" ? entry[edge] : 0)));
  return Math.min(MAX_SECONDS, Math.max(30, Math.ceil(((fromStart + fromEnd) * 1.25) / 10) * 10));
}

/** The beat nearest to `time`, counted from the start of the track. */
export function nearestBeat(time, bpm) {
  const beat = 60 / bpm;
  return Math.max(0, Math.round(time / beat)) * beat;
}

/** The next beat after (direction 1) or before (-1) `time`. */
export function adjacentBeat(time, bpm, direction) {
  const beat = 60 / bpm;
  const place = time / beat;
  const index = direction > 0 ? Math.floor(place + 1e-6) + 1 : Math.ceil(place - 1e-6) - 1;
  return Math.max(0, index) * beat;
}

/** "1:02.50", with an hour in front when there is one. */
export function formatTime(seconds, decimals = 2) {
  const total = Number(Math.max(0, seconds).toFixed(decimals));
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const rest = (total % 60).toFixed(decimals).padStart(decimals ? decimals + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
