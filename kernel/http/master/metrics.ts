import type { MasterState } from '../../core/master/index.js';
import { bump } from '../../core/master/turn.js';
import { activeAgents } from '../../core/master/views.js';
import { milliOf, quantitiesOf, Resources, type Quantities } from '../../core/resources/index.js';
import type { MasterShell } from '../../shell/master/master-shell.js';
import type { MasterTimings } from '../../shell/master/timings.js';
import { frameworkKey, frameworkMetrics, FRAMEWORKS, taskStatesOf } from './framework-metrics.js';
import type { MetricGroup } from '../metric-text.js';
import { sorted } from '../sorted.js';
import type { Steps } from '../slices.js';
import { setSystemMetrics } from '../system-stats.js';

const TASK_STATES = ['staging', 'starting', 'running', 'killing', 'unreachable'];
const ENDED_STATES = ['finished', 'failed', 'killed', 'error', 'lost', 'dropped', 'gone', 'gone_by_operator'];

/** Counted by the core under the same name. Those of what is not built, or cannot happen here, stay 0. */
const COUNTERS = [
  ...['executor_to_framework_messages', 'framework_to_executor_messages', 'status_updates'].flatMap(bothWays),
  ...['status_update_acknowledgements', 'operation_status_updates'].flatMap(bothWays),
  ...bothWays('operation_status_update_acknowledgements'),
  ...['dropped_messages', 'recovery_slave_removals', 'slave_registrations', 'slave_reregistrations', 'slave_removals'],
  ...['slave_removals/reason_registered', 'slave_removals/reason_unhealthy', 'slave_removals/reason_unregistered'],
  ...['shutdowns_canceled', 'shutdowns_completed', 'shutdowns_scheduled'].map((name) => `slave_${name}`),
  ...['unreachable_canceled', 'unreachable_completed', 'unreachable_scheduled'].map((name) => `slave_${name}`),
  ...['messages_authenticate', 'messages_deactivate_framework', 'messages_operation_status_update'],
];

/** Nothing queues: a step takes an event in, decides and makes its offers at once. */
const QUEUES = [
  ...['event_queue_dispatches', 'mesos/event_queue_dispatches'].map((name) => `allocator/${name}`),
  ...['dispatches', 'http_requests', 'messages'].map((name) => `master/event_queue_${name}`),
];

function bothWays(what: string): string[] {
  return [`valid_${what}`, `invalid_${what}`];
}

/** Messages by the name that the field has for them: calls of schedulers and of agents. */
const MESSAGES: Readonly<Record<string, string>> = {
  decline_offers: 'calls/decline',
  framework_to_executor: 'calls/message',
  kill_task: 'calls/kill',
  launch_tasks: 'calls/accept',
  operation_status_update_acknowledgement: 'calls/acknowledge_operation_status',
  reconcile_operations: 'calls/reconcile_operations',
  reconcile_tasks: 'calls/reconcile',
  register_framework: 'frameworks_added',
  reregister_framework: 'frameworks_back',
  resource_request: 'calls/request',
  revive_offers: 'calls/revive',
  status_update_acknowledgement: 'calls/acknowledge',
  suppress_offers: 'calls/suppress',
  unregister_framework: 'calls/teardown',
  executor_to_framework: 'up/message',
  exited_executor: 'up/executorExited',
  status_update: 'up/statusUpdate',
  unregister_slave: 'up/unregister',
  update_slave: 'up/updateResources',
  register_slave: 'slave_registrations',
  reregister_slave: 'slave_reregistrations',
};

const OPERATIONS = [
  'create',
  'create_disk',
  'destroy',
  'destroy_disk',
  'grow_volume',
  'reserve',
  'shrink_volume',
  'unreserve',
];
const OPERATION_STATES = [
  'pending',
  'recovering',
  'unreachable',
  'finished',
  'failed',
  'error',
  'dropped',
  'gone_by_operator',
];

/** The field's names and what they count, sorted: those of each framework are a group of their own. */
export function* gatherMetrics(
  { state, timings, registryBytes }: Pick<MasterShell, 'state' | 'timings' | 'registryBytes'>,
  startedAtMs: number,
  nowMs: number,
): Steps<MetricGroup[]> {
  const metrics = new Map<string, number>();
  const set = (name: string, value: number): void => void metrics.set(name, value);
  set('master/elected', state.epoch > 0 ? 1 : 0);
  set('master/uptime_secs', (nowMs - startedAtMs) / 1000);
  set('master/outstanding_offers', state.offers.size);
  set('master/outstanding_claims', state.claims.size);
  set('master/tasks_preempted', state.counts.get('tasks_preempted') ?? 0);
  set('master/operator_event_stream_subscribers', state.operators.size);
  setAgents(state, set);
  setFrameworks(state, set);
  const ofFrameworks = yield* setTasks(state, set);
  yield* setResources(state, set);
  yield* setSharing(state, set);
  for (const name of QUEUES) set(name, 0);
  for (const name of COUNTERS) set(`master/${name}`, state.counts.get(name) ?? 0);
  for (const [name, value] of state.counts) if (name.startsWith('task_')) set(`master/${name}`, value);
  for (const [name, counted] of Object.entries(MESSAGES))
    set(`master/messages_${name}`, state.counts.get(counted) ?? 0);
  setOperations(state, set);
  setTimings(timings, set);
  set('registrar/registry_size_bytes', registryBytes);
  for (const name of ['ensemble_size', 'recovered']) set(`registrar/log/${name}`, 1);
  setSystemMetrics(set);
  const names = yield* sorted([...metrics.keys()]);
  const group = (names: readonly string[]) => ({ prefix: '', names, values: names.map((name) => metrics.get(name)!) });
  const at = names.findIndex((name) => name > FRAMEWORKS);
  return [group(names.slice(0, at)), ...ofFrameworks, group(names.slice(at))];
}

/** Those that are over are counted as they end, those under way as they are. */
function setOperations({ agents, counts }: MasterState, set: Set): void {
  const now = new Map<string, number>();
  for (const { operations } of agents.values())
    for (const { info, status } of operations.values())
      if (status.state === 'OPERATION_PENDING') bump(now, `${(info.type ?? 'UNKNOWN').toLowerCase()}/pending`);
  const sums = new Map<string, number>();
  for (const name of OPERATIONS) {
    for (const state of OPERATION_STATES) {
      const value = now.get(`${name}/${state}`) ?? counts.get(`operations/${name}/${state}`) ?? 0;
      set(`master/operations/${name}/${state}`, value);
      for (const sum of [`${name}/total`, state, 'total']) bump(sums, sum, value);
    }
  }
  for (const [name, value] of sums) set(`master/operations/${name}`, value);
}

function setTimings(timings: MasterTimings, set: Set): void {
  timings.allocation.tell('allocator/mesos/allocation_run_ms', set);
  timings.allocationLatency.tell('allocator/mesos/allocation_run_latency_ms', set);
  set('allocator/mesos/allocation_runs', timings.allocation.count);
  timings.registryWrite.tell('registrar/state_store_ms', set);
  set('registrar/state_fetch_ms', timings.registryFetchMs);
  set('registrar/queued_operations', timings.queuedWrites);
}

type Set = (name: string, value: number) => void;

function setAgents(state: MasterState, set: Set): void {
  const connected = state.sessions.size;
  set('master/slaves_connected', connected);
  set('master/slaves_disconnected', state.agents.size - connected);
  const active = activeAgents(state);
  set('master/slaves_active', active);
  set('master/slaves_inactive', state.agents.size - active);
  set('master/slaves_unreachable', state.unreachableAgents.size);
}

function setFrameworks(state: MasterState, set: Set): void {
  const connected = state.schedulers.size;
  set('master/frameworks_connected', connected);
  set('master/frameworks_disconnected', state.frameworks.size - connected);
  set('master/frameworks_active', connected);
  set('master/frameworks_inactive', state.frameworks.size - connected);
}

/** Each task is looked at once, for its framework and for all. Answers what is told of each framework. */
function* setTasks({ frameworks, options, counts }: MasterState, set: Set): Steps<MetricGroup[]> {
  const all = new Map<string, number>();
  const groups = new Map<string, MetricGroup>();
  for (const framework of frameworks.values()) {
    const states = yield* taskStatesOf(framework);
    for (const [name, tasks] of states) bump(all, name, tasks);
    if (options.publishFrameworkMetrics) groups.set(frameworkKey(framework), frameworkMetrics(framework, states));
    yield;
  }
  for (const name of TASK_STATES) set(`master/tasks_${name}`, all.get(`TASK_${name.toUpperCase()}`) ?? 0);
  for (const name of ENDED_STATES) set(`master/tasks_${name}`, counts.get(`tasks_${name}`) ?? 0);
  return (yield* sorted([...groups.keys()])).map((key) => groups.get(key)!);
}

function* setResources(state: MasterState, set: Set): Steps<void> {
  const [total, free, offered] = [new Map<string, number>(), new Map<string, number>(), new Map<string, number>()];
  for (const agent of state.agents.values()) {
    addScalars(total, agent.total);
    addScalars(free, state.allocator.available(agent.id) ?? Resources.empty);
    yield;
  }
  for (const { resources } of state.offers.values()) addScalars(offered, resources);
  const used = new Map(total);
  for (const less of [free, offered]) for (const [name, milli] of less) bump(used, name, -milli);
  const of = (sums: ReadonlyMap<string, number>, name: string): number => (sums.get(name) ?? 0) / 1000;
  for (const name of ['cpus', 'gpus', 'mem', 'disk']) {
    for (const kind of ['', '_revocable']) {
      const [has, uses] = [of(total, name + kind), of(used, name + kind)];
      set(`master/${name}${kind}_total`, has);
      set(`master/${name}${kind}_used`, uses);
      set(`master/${name}${kind}_percent`, has > 0 ? uses / has : 0);
    }
    if (name === 'gpus') continue;
    const both = (sums: ReadonlyMap<string, number>): number => of(sums, name) + of(sums, `${name}_revocable`);
    set(`allocator/mesos/resources/${name}/total`, both(total));
    set(`allocator/mesos/resources/${name}/offered_or_allocated`, both(used) + both(offered));
  }
}

/** In thousandths by name, what is revocable apart. Sums of bags would cost ten times as much. */
function addScalars(sums: Map<string, number>, { entries }: Resources): void {
  for (const entry of entries)
    if (entry.id.type === 'SCALAR')
      bump(sums, entry.id.name + (entry.id.revocable ? '_revocable' : ''), milliOf(entry));
}

function* setSharing(state: MasterState, set: Set): Steps<void> {
  const { allocator, quotas } = state;
  const offered = yield* offeredByRole(state);
  const setQuota = (role: string, what: string, quantities: Iterable<readonly [name: string, milli: number]>): void => {
    for (const [name, milli] of quantities) set(`${QUOTA}/${role}/resources/${name}/${what}`, milli / 1000);
  };
  /** Without offers, which can be taken back. */
  const consumedBy = (role: string): Quantities =>
    new Map(
      [...allocator.quotaConsumption(role)].map(([name, milli]) => [name, milli - (offered.get(role)?.get(name) ?? 0)]),
    );
  for (const [role, { share, refusals }] of allocator.roleFigures()) {
    set(`allocator/mesos/roles/${role}/shares/dominant`, share);
    set(`allocator/mesos/offer_filters/roles/${role}/active`, refusals);
    setQuota(
      role,
      'consumed',
      [...consumedBy(role)].filter(([, milli]) => milli > 0),
    );
    yield;
  }
  for (const [role, { guarantees, limits }] of quotas) {
    const [guaranteed, limited] = [quantitiesOf(guarantees), quantitiesOf(limits)];
    const named = (all: Quantities) =>
      [...guaranteed.keys(), ...limited.keys()].map((name) => [name, all.get(name) ?? 0] as const);
    setQuota(role, 'guarantee', guaranteed);
    setQuota(role, 'limit', limited);
    setQuota(role, 'consumed', named(consumedBy(role)));
    setQuota(role, 'offered_or_allocated', named(allocator.quotaConsumption(role)));
    yield;
  }
}

/** Thousandths that are on offer to roles and to those below them. */
function* offeredByRole({ offers }: MasterState): Steps<Map<string, Map<string, number>>> {
  const byRole = new Map<string, Map<string, number>>();
  for (const { role, resources } of offers.values()) {
    const bound = [...resources.filter((id) => id.isQuotaBound).quantities()];
    for (let end = role.length; end > 0; end = role.lastIndexOf('/', end - 1)) {
      const above = role.slice(0, end);
      const sums = byRole.get(above) ?? new Map<string, number>();
      byRole.set(above, sums);
      for (const [name, milli] of bound) bump(sums, name, milli);
    }
    yield;
  }
  return byRole;
}

const QUOTA = 'allocator/mesos/quota/roles';
