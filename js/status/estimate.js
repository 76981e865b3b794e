/** The price of a run before it is queued: what RunComfy asks for, times what the node's settings ask of it. */

/** Cost of `takes` × these calls at `price` {usd, unit}; seconds that have begun count whole, as RunComfy counts. */
export function costOf(callSeconds, price, takes) {
  const one = (seconds) => (price.unit === "second" ? price.usd * Math.ceil(Number(seconds.toFixed(6))) : price.usd);
  return takes * callSeconds.reduce((sum, seconds) => sum + one(seconds), 0);
}

/** "60 s × $0.0002" or "4 × 60 s × $0.0002": how the estimate comes about, in words. */
export function reckoning(callSeconds, price, takes) {
  const unit = `$${Number(price.usd.toPrecision(6))}`;
  if (price.unit !== "second") return `${takes * callSeconds.length} × ${unit}`;
  const seconds = callSeconds.reduce((sum, value) => sum + Math.ceil(Number(value.toFixed(6))), 0);
  return `${takes > 1 ? `${takes} × ` : ""}${seconds} s × ${unit}`;
}
