import { assert } from '../../contract/errors.js';
import { DEFAULT_SETTINGS, type Entry, type FrameworkState, type RoleInterest } from './state.js';
import type { Turn } from './turn.js';

/** Tells the master which roles want offers: silence costs nothing, and a new need is served at once. */

export function interestOf(state: FrameworkState, entry: Entry): RoleInterest {
  const interest = state.roles.get(entry.want.role);
  assert(interest, `the framework has the role ${entry.want.role}`);
  return interest;
}

export function makeLaunchable(turn: Turn, entry: Entry): void {
  const { launchable } = interestOf(turn.state, entry);
  const [before] = launchable.values();
  launchable.set(entry.want.key, entry);
  if (before === undefined || !isEasier(turn.state, before, entry)) turn.needsChanged = true;
}

/** Whatever serves `entry` would have served the other: no offer that was refused is of use now. Spares a revive for each of many alike. */
function isEasier({ settings }: FrameworkState, other: Entry, { want }: Entry): boolean {
  if (settings.accepts !== DEFAULT_SETTINGS.accepts || other.want.placement?.constraints?.length) return false;
  const [theirs, ours] = [other.want.task.resources, want.task.resources];
  return (['cpus', 'mem', 'disk', 'gpus', 'ports'] as const).every((name) => (theirs[name] ?? 0) <= (ours[name] ?? 0));
}

export function updateInterest(turn: Turn): void {
  const { state } = turn;
  if (!state.connected) return;
  const revive: string[] = [];
  const suppress: string[] = [];
  for (const [role, interest] of state.roles) {
    const wants = interest.launchable.size > 0;
    if (wants && (interest.suppressed || (interest.filtered && turn.needsChanged))) {
      interest.filtered = false;
      revive.push(role);
    }
    if (!wants && !interest.suppressed) suppress.push(role);
    interest.suppressed = !wants;
  }
  if (suppress.length > 0) turn.call({ type: 'SUPPRESS', suppress: { roles: suppress } });
  if (revive.length > 0) turn.call({ type: 'REVIVE', revive: { roles: revive } });
}
