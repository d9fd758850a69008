import { roleError } from '../resources/index.js';
import type { Priorities, RequestId } from './events.js';
import { persistRoles, unknownRole } from './sharing.js';
import type { MasterState } from './state.js';
import { log, reply, type Turn } from './turn.js';

/** Who gives way to whom. Only `preemption.ts` asks: offers go by shares, whatever the priority. */

const MAX_PRIORITY = 1_000_000_000;

/** Its own, or that of the nearest role above that has one; else 0. */
export function priorityOf({ priorities }: MasterState, role: string): number {
  for (let each = role; ; each = each.slice(0, each.lastIndexOf('/'))) {
    const own = priorities.get(each);
    if (own !== undefined || !each.includes('/')) return own ?? 0;
  }
}

/** For requests to come. All or nothing. */
export function setPriorities(turn: Turn, request: RequestId, wanted: Priorities): void {
  const { state } = turn;
  for (const [role, priority = 0] of wanted) {
    const error = roleError(role) ?? unknownRole(state, role);
    if (error !== undefined) return reply(turn, request, 400, `Invalid role '${role}': ${error}`);
    if (Number.isInteger(priority) && Math.abs(priority) <= MAX_PRIORITY) continue;
    const text = `it must be a whole number from -${MAX_PRIORITY} to ${MAX_PRIORITY}`;
    return reply(turn, request, 400, `Invalid priority ${priority} of role '${role}': ${text}`);
  }
  for (const [role, priority] of wanted) {
    if (priority === undefined) state.priorities.delete(role);
    else state.priorities.set(role, priority);
  }
  persistRoles(turn, wanted.keys());
  log(turn, 'info', 'priorities updated', { priorities: Object.fromEntries(wanted) });
  reply(turn, request, 200);
}

export const priorityList = ({ priorities }: MasterState, seen: (role: string) => boolean): object[] =>
  [...priorities]
    .filter(([role]) => seen(role))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([role, priority]) => ({ role, priority }));
