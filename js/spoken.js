/** A time as a screen reader says it: "1:02.50" is read digit by digit, "1 minute 2.5 seconds" as it is. */
import { say } from "./strings.js";

export function spokenTime(time) {
  const total = Number(time.toFixed(2));
  const minutes = Math.floor(total / 60);
  const seconds = Number((total - 60 * minutes).toFixed(2));
  if (minutes === 0) return say("time.seconds", { seconds });
  return minutes === 1 ? say("time.minute", { seconds }) : say("time.minutes", { minutes, seconds });
}
