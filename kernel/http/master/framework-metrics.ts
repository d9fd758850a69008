import type { Framework } from '../../core/master/index.js';
import { bump } from '../../core/master/turn.js';

/** What is counted by type, each with its sum. Those that nothing was counted of are 0. */
const COUNTED: Readonly<Record<string, readonly string[]>> = {
  calls: [
    ...['accept', 'accept_inverse_offers', 'acknowledge', 'acknowledge_operation_status', 'decline'],
    ...['decline_inverse_offers', 'kill', 'message', 'reconcile', 'reconcile_operations', 'request', 'revive'],
    ...['shutdown', 'subscribe', 'suppress', 'teardown', 'update_framework'],
  ],
  events: [
    ...['error', 'failure', 'heartbeat', 'inverse_offers', 'message', 'offers', 'rescind', 'rescind_inverse_offer'],
    ...['subscribed', 'update', 'update_operation_status'],
  ],
  operations: [
    ...['create', 'create_disk', 'destroy', 'destroy_disk', 'grow_volume', 'launch', 'launch_group', 'reserve'],
    ...['shrink_volume', 'unreserve'],
  ],
};
const OFFERS = ['accepted', 'declined', 'rescinded', 'sent'];
const ENDED = ['dropped', 'error', 'failed', 'finished', 'gone', 'gone_by_operator', 'killed', 'lost'];
const ACTIVE = ['killing', 'running', 'staging', 'starting', 'unknown', 'unreachable'];

/** Tasks that are not over, by state. */
export function taskStatesOf({ tasks, unreachableTasks }: Framework): Map<string, number> {
  const states = new Map<string, number>();
  for (const { message } of tasks.values()) bump(states, message.state);
  for (const { state } of unreachableTasks.values()) bump(states, state);
  return states;
}

/** Of one framework, each name below `master/frameworks/NAME/ID/`. */
export function setFrameworkMetrics(
  { id, info, counts, roles, suppressed, connection }: Framework,
  states: ReadonlyMap<string, number>,
  set: (name: string, value: number) => void,
): void {
  const prefix = `master/frameworks/${encodeURIComponent(info.name)}/${id}`;
  const tell = (name: string, value = counts.get(name) ?? 0): number => (set(`${prefix}/${name}`, value), value);
  for (const [what, types] of Object.entries(COUNTED)) {
    const each = types.map((type) => tell(`${what}/${type}`));
    tell(
      what,
      each.reduce((sum, one) => sum + one, 0),
    );
  }
  for (const fate of OFFERS) tell(`offers/${fate}`);
  for (const role of roles) tell(`roles/${role}/suppressed`, suppressed.has(role) ? 1 : 0);
  tell('subscribed', connection === undefined ? 0 : 1);
  for (const state of ACTIVE) tell(`tasks/active/task_${state}`, states.get(`TASK_${state.toUpperCase()}`) ?? 0);
  for (const state of ENDED) tell(`tasks/terminal/task_${state}`);
}
