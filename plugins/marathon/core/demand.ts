import { delayLeftMs } from './delay.js';
import type { AppEntry, MarathonState } from './state.js';
import type { Turn } from './turn.js';

/** Tells the master which roles want offers: silence costs nothing, and a new need is served at once. */

/** Keeps `launchable` and `waiting` in line with an app's instances. */
export function refreshWaiting(turn: Turn, entry: AppEntry): void {
  const waits = entry.scheduled.size > 0 && !entry.stopping;
  if (waits) entry.waiting ??= { sinceMs: turn.atMs, processed: 0, unused: 0, declined: new Map(), last: new Map() };
  else entry.waiting = undefined;
  const { launchable } = turn.state;
  if (!waits || delayLeftMs(entry, turn.atMs) > 0) launchable.delete(entry.id);
  else if (!launchable.has(entry.id)) {
    launchable.add(entry.id);
    turn.needsChanged = true;
  }
}

export function updateInterest(turn: Turn): void {
  const { state } = turn;
  if (state.phase !== 'acting') return;
  const wanted = wantedRoles(state);
  const revive: string[] = [];
  const suppress: string[] = [];
  for (const [role, interest] of state.roles) {
    if (wanted.has(role)) {
      if (!interest.suppressed && !(interest.filtered && turn.needsChanged)) continue;
      Object.assign(interest, { suppressed: false, filtered: false });
      revive.push(role);
    } else if (!interest.suppressed) {
      interest.suppressed = true;
      suppress.push(role);
    }
  }
  if (suppress.length > 0) turn.call({ type: 'SUPPRESS', suppress: { roles: suppress } });
  if (revive.length > 0) turn.call({ type: 'REVIVE', revive: { roles: revive } });
}

function wantedRoles(state: MarathonState): Set<string> {
  const wanted = new Set<string>();
  for (const id of state.launchable) {
    for (const role of state.apps.get(id)?.definition.acceptedResourceRoles ?? []) wanted.add(role);
    if (wanted.size >= state.roles.size) break;
  }
  return wanted;
}
