/** What the paid nodes of a workflow may cost together: the account's ceiling is for a whole prompt. */

const amounts = new Map();

/** Says what `panel` may spend, null for nothing, and shows the other panels anew when that has changed. */
export function spends(panel, usd) {
  if ((amounts.get(panel) ?? null) === usd) return;
  if (usd === null) amounts.delete(panel);
  else amounts.set(panel, usd);
  for (const other of amounts.keys()) if (other !== panel) other.show();
}

/** What the other panels of the open workflow may spend, in dollars. A panel may be of another, and still be here. */
export const besides = (panel) =>
  [...amounts].reduce((sum, [other, usd]) => (other === panel || !other.isOpen ? sum : sum + usd), 0);
