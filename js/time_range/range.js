/** The arithmetic of a time range. Times are seconds; an anchor says from which end of the track one counts. */

export const SHORTEST_SECONDS = 0.05;
export const MAX_SECONDS = 3600;
// As in nodes/request/time_ranges.py: a time this little past the end is the end.
const END_TOLERANCE_SECONDS = 0.01;

/** A time counted from `anchor`, as seconds from the start; and, being its own inverse, the other way round. */
export function mirrored(time, anchor, seconds) {
  return anchor === "end" ? seconds - time : time;
}

export const roundTo = (value, step) => Number((Math.round(value / step) * step).toFixed(6));

const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

/**
 * Where an entry {start, startAnchor, end, endAnchor} lies in a track: {start, end, length, crosses, problem}.
 * Start and end always lie within the track; of a range that crosses the track's end the start is the larger.
 * problem: null, "pastEnd", "empty" or "short".
 */
export function resolve(entry, seconds) {
  const [start, end] = ["start", "end"].map((edge) =>
    clamp(mirrored(entry[edge], entry[`${edge}Anchor`], seconds), 0, seconds),
  );
  const outside = [entry.start, entry.end].some((time) => time > seconds + END_TOLERANCE_SECONDS);
  const crosses = end < start;
  const length = end - start + (crosses ? seconds : 0);
  const problem = outside ? "pastEnd" : length <= 0 ? "empty" : length < SHORTEST_SECONDS - 5e-7 ? "short" : null;
  return { start, end, length, crosses, problem };
}

/** What of the track a resolved range covers, as [from, to] pairs: two when it crosses the end. */
export const pieces = ({ start, end, crosses }, seconds) =>
  crosses
    ? [
        [start, seconds],
        [0, end],
      ]
    : [[start, end]];

/**
 * The entry with its start (or end) moved to `time` seconds from the start of the track; its anchor is kept, and
 * neither edge passes the other, so that a range crosses the end afterwards when it did before.
 */
export function withEdge(entry, edge, time, seconds, step) {
  const { start, end, crosses } = resolve(entry, seconds);
  const least = SHORTEST_SECONDS;
  const reach = crosses
    ? {
        start: [end + least, seconds - Math.max(0, least - end)],
        end: [Math.max(0, least - (seconds - start)), start - least],
      }
    : { start: [0, end - least], end: [start + least, seconds] };
  return { ...entry, [edge]: written(clamp(time, ...reach[edge]), entry[`${edge}Anchor`], seconds, step) };
}

/**
 * The entry moved as a whole so that it starts at `time`; its length and its anchors are kept, and it crosses the end
 * afterwards when it did before.
 */
export function movedTo(entry, time, seconds, step) {
  const { length, crosses } = resolve(entry, seconds);
  const rest = seconds - length;
  const begin = crosses ? clamp(roundTo(time, step), rest, seconds) : clamp(roundTo(time, step), 0, rest);
  return {
    ...entry,
    start: written(begin, entry.startAnchor, seconds, 1e-6),
    end: written(begin + length - (crosses ? seconds : 0), entry.endAnchor, seconds, 1e-6),
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

/** "1:02.50", with an hour in front when there is one. */
export function formatTime(seconds, decimals = 2) {
  const total = Number(Math.max(0, seconds).toFixed(decimals));
  const hours = Math.floor(total / 3600);
  const minutes = Math.floor((total % 3600) / 60);
  const rest = (total % 60).toFixed(decimals).padStart(decimals ? decimals + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
