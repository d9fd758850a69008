import type { Framework } from '../../core/master/index.js';
import { bump } from '../../core/master/turn.js';
import type { MetricGroup } from '../metric-text.js';
import type { Steps } from '../slices.js';

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

type States = ReadonlyMap<string, number>;
type Value = (framework: Framework, states: States) => number;

const countOf =
  (...names: readonly string[]): Value =>
  ({ counts }) =>
    names.reduce((sum, name) => sum + (counts.get(name) ?? 0), 0);

/** Names of every framework, but those of its roles. */
const VALUES = new Map<string, Value>([
  ...Object.entries(COUNTED).flatMap(([what, types]) => {
    const names = types.map((type) => `${what}/${type}`);
    return [[what, countOf(...names)] as const, ...names.map((name) => [name, countOf(name)] as const)];
  }),
  ...[...OFFERS.map((fate) => `offers/${fate}`), ...ENDED.map((state) => `tasks/terminal/task_${state}`)].map(
    (name) => [name, countOf(name)] as const,
  ),
  ...ACTIVE.map((state): [string, Value] => {
    const name = `TASK_${state.toUpperCase()}`;
    return [`tasks/active/task_${state}`, (_framework, states) => states.get(name) ?? 0];
  }),
  ['subscribed', ({ connection }) => (connection === undefined ? 0 : 1)],
]);
const [BEFORE_ROLES, AFTER_ROLES] = [true, false].map((isBefore) =>
  [...VALUES.keys()].filter((name) => name < 'roles/' === isBefore).sort(),
) as [string[], string[]];
const PER_STEP = 1000;

/** Tasks that are not over, by state. */
export function* taskStatesOf({ tasks, unreachableTasks }: Framework): Steps<Map<string, number>> {
  const states = new Map<string, number>();
  let at = 0;
  for (const all of [tasks, unreachableTasks])
    for (const task of all.values()) {
      bump(states, 'message' in task ? task.message.state : task.state);
      if (++at % PER_STEP === 0) yield;
    }
  return states;
}

export const FRAMEWORKS = 'master/frameworks/';

/** Below it are the names of one framework: sorted by it, all are. */
export const frameworkKey = ({ id, info }: Framework): string => `${FRAMEWORKS}${encodeURIComponent(info.name)}/${id}/`;

/** Of one framework. */
export function frameworkMetrics(framework: Framework, states: States): MetricGroup {
  const { roles, suppressed } = framework;
  const ofRoles = new Map(roles.map((role) => [`roles/${role}/suppressed`, suppressed.has(role) ? 1 : 0]));
  const names = [...BEFORE_ROLES, ...[...ofRoles.keys()].sort(), ...AFTER_ROLES];
  const values = names.map((name) => ofRoles.get(name) ?? VALUES.get(name)!(framework, states));
  return { prefix: frameworkKey(framework), names, values };
}
