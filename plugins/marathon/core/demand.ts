import { delayLeftMs } from './delay.js';
import type { AppEntry, MarathonState } from './state.js';
import type { Turn } from './turn.js';

/** Tells the master which roles want offers: silence costs nothing, and a new need is served at once. */

/** Keeps `launchable` and `waiting` in line with an app's instances. */
export function refreshWaiting(turn: Turn, entry: AppEntry): void {
  const waits = entry.scheduled.size > 0 && !entry.stopping;
  if (waits) entry.waiting ??= { sinceMs: turn.atMs, processed: 0, unused: 0, declined: new Map(), last: new Map() };
  else entry.waiting = undefined;
  if (!waits || delayLeftMs(entry, turn.atMs) > 0) return dropDemand(turn.state, entry.id);
  const { state } = turn;
  const roles = entry.definition.acceptedResourceRoles;
  if (state.launchable.get(entry.id) === roles) return;
  dropDemand(state, entry.id);
  state.launchable.set(entry.id, roles);
  for (const role of roles) state.demand.set(role, (state.demand.get(role) ?? 0) + 1);
  turn.needsChanged = true;
}

export function dropDemand({ launchable, demand }: MarathonState, id: string): void {
  for (const role of launchable.get(id) ?? []) demand.set(role, (demand.get(role) ?? 0) - 1);
  launchable.delete(id);
}

export function updateInterest(turn: Turn): void {
  const { state } = turn;
  if (state.phase !== 'acting') return;
  const revive: string[] = [];
  const suppress: string[] = [];
  for (const [role, interest] of state.roles) {
    if ((state.demand.get(role) ?? 0) > 0) {
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
