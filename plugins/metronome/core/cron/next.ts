import { HOUR_MS } from '../calendar.js';
import { changeBetween, instantsOf, type Zone } from '../zone.js';
import { firstLocal, type Cron } from './cron.js';

/** Clocks that go further at once skip days: nobody waits for an hour of those. */
const LONGEST_GAP_MS = 3 * HOUR_MS;
const LOOK_AHEAD_MS = 4 * HOUR_MS;
const LEAP_MS = 28 * HOUR_MS;

/**
 * The first firing after an instant. When clocks change: a fixed time that is skipped fires when the gap ends, and one that is shown
 * twice fires the first time; what follows the clock's hands (`Cron.intervalLike`) fires at each matching minute that is shown.
 */
export const nextFiring = (cron: Cron, zone: Zone, afterMs: number): number | undefined =>
  cron.intervalLike ? nextShown(cron, zone, afterMs) : nextFixed(cron, zone, afterMs);

function nextFixed(cron: Cron, zone: Zone, afterMs: number): number | undefined {
  let localMs = afterMs + zone.offsetAt(afterMs);
  for (;;) {
    const found = firstLocal(cron, localMs + 1);
    if (found === undefined) return undefined;
    localMs = found;
    const instants = instantsOf(zone, found);
    const atMs = instants.kind === 'shown' ? instants.firstMs : instants.endMs;
    const lost = instants.kind === 'skipped' && instants.lengthMs > LONGEST_GAP_MS;
    if (atMs > afterMs && !lost) return atMs;
  }
}

/** Goes from change to change of the clocks: between two of them local time and time differ by a constant. */
function nextShown(cron: Cron, zone: Zone, afterMs: number): number | undefined {
  let fromMs = afterMs + 1;
  for (;;) {
    const offset = zone.offsetAt(fromMs);
    const local = firstLocal(cron, fromMs + offset);
    if (local === undefined) return undefined;
    const atMs = local - offset;
    const soonMs = Math.min(atMs, fromMs + LOOK_AHEAD_MS);
    if (zone.offsetAt(soonMs) !== offset) fromMs = changeBetween(zone, fromMs, soonMs);
    else if (atMs - fromMs > LEAP_MS) fromMs = atMs - LEAP_MS + LOOK_AHEAD_MS;
    else if (zone.offsetAt(atMs) !== offset) fromMs = changeBetween(zone, fromMs, atMs);
    else return atMs;
  }
}
