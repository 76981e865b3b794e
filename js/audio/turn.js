/** One player is heard at a time. */

let heard = null;

/** Called by a player that starts: whichever was heard before stops. */
export function takeTurn(player) {
  if (heard !== player && heard?.playing) heard.stop();
  heard = player;
}
