import type { AppEntry, Delay } from './state.js';
import type { Turn } from './turn.js';

/** Launch back-off of an app, kept while its configuration stays the same: scaling does not forgive. */

export const delayTimer = (appId: string): string => `delay:${appId}`;

/** Milliseconds until the app may launch again; 0 when it may now. */
export function delayLeftMs(entry: AppEntry, atMs: number): number {
  const delay = liveDelay(entry, atMs);
  return delay === undefined ? 0 : Math.max(0, delay.untilMs - atMs);
}

/** A delay ends with its configuration, and when nothing failed for as long as the longest delay. */
function liveDelay({ delay, definition }: AppEntry, atMs: number): Delay | undefined {
  if (delay?.configVersion !== definition.versionInfo.lastConfigChangeAt) return undefined;
  return atMs > delay.untilMs + definition.maxLaunchDelaySeconds * 1000 ? undefined : delay;
}

export function growDelay(turn: Turn, entry: AppEntry): void {
  const { definition } = entry;
  const maxMs = definition.maxLaunchDelaySeconds * 1000;
  const before = liveDelay(entry, turn.atMs);
  const wanted = before === undefined ? definition.backoffSeconds * 1000 : before.delayMs * definition.backoffFactor;
  const delayMs = Math.min(Math.round(wanted), maxMs);
  entry.delay = {
    configVersion: definition.versionInfo.lastConfigChangeAt,
    delayMs,
    untilMs: turn.atMs + delayMs,
  };
  turn.timer(delayTimer(entry.id), delayMs);
  turn.touched.add(entry.id);
}

/** A launch went well so far: the clock of forgiveness starts anew, the delay stays. */
export function noteProgress(entry: AppEntry, atMs: number): void {
  if (entry.delay) entry.delay.untilMs = Math.max(entry.delay.untilMs, atMs);
}

export function resetDelay(turn: Turn, entry: AppEntry): void {
  if (entry.delay === undefined) return;
  entry.delay = undefined;
  turn.clearTimer(delayTimer(entry.id));
  turn.touched.add(entry.id);
}
