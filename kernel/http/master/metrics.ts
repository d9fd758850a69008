import { freemem, loadavg, totalmem, cpus } from 'node:os';
import { Gauge, Registry } from 'prom-client';
import type { MasterState } from '../../core/master/index.js';
import { offeredBy, usedBy } from '../../core/master/views.js';
import { Resources } from '../../core/resources/index.js';

const TASK_STATES = ['staging', 'starting', 'running', 'killing', 'unreachable'];
const ENDED_STATES = ['finished', 'failed', 'killed', 'error', 'lost', 'dropped', 'gone', 'gone_by_operator'];
const COUNTERS = [
  'dropped_messages',
  'invalid_executor_to_framework_messages',
  'invalid_status_update_acknowledgements',
  'invalid_status_updates',
  'recovery_slave_removals',
  'slave_registrations',
  'slave_removals',
  'slave_reregistrations',
  'valid_executor_to_framework_messages',
  'valid_status_update_acknowledgements',
  'valid_status_updates',
];

/** The field's names and what they count, as far as this master counts it. */
export function metricsSnapshot(state: MasterState, nowMs: number): Map<string, number> {
  const metrics = new Map<string, number>();
  const set = (name: string, value: number): void => void metrics.set(name, value);
  set('master/elected', 1);
  set('master/uptime_secs', (nowMs - state.startedAtMs) / 1000);
  set('master/outstanding_offers', state.offers.size);
  set('master/operator_event_stream_subscribers', state.operators.size);
  setAgents(state, set);
  setFrameworks(state, set);
  setTasks(state, set);
  setResources(state, set);
  for (const name of COUNTERS) set(`master/${name}`, state.counts.get(name) ?? 0);
  setSystem(set);
  return new Map([...metrics].sort(([a], [b]) => (a < b ? -1 : 1)));
}

type Set = (name: string, value: number) => void;

function setAgents(state: MasterState, set: Set): void {
  const connected = state.sessions.size;
  set('master/slaves_connected', connected);
  set('master/slaves_disconnected', state.agents.size - connected);
  set('master/slaves_active', connected);
  set('master/slaves_inactive', state.agents.size - connected);
  set('master/slaves_unreachable', state.unreachableAgents.size);
}

function setFrameworks(state: MasterState, set: Set): void {
  const connected = state.schedulers.size;
  set('master/frameworks_connected', connected);
  set('master/frameworks_disconnected', state.frameworks.size - connected);
  set('master/frameworks_active', connected);
  set('master/frameworks_inactive', state.frameworks.size - connected);
  for (const { id, info, counts } of state.frameworks.values()) {
    const prefix = `master/frameworks/${encodeURIComponent(info.name)}/${id}`;
    for (const [name, value] of counts) set(`${prefix}/${name}`, value);
  }
}

function setTasks(state: MasterState, set: Set): void {
  const now = new Map<string, number>();
  for (const { tasks, unreachableTasks } of state.frameworks.values()) {
    for (const { message } of tasks.values()) now.set(message.state, (now.get(message.state) ?? 0) + 1);
    now.set('TASK_UNREACHABLE', (now.get('TASK_UNREACHABLE') ?? 0) + unreachableTasks.size);
  }
  for (const name of TASK_STATES) set(`master/tasks_${name}`, now.get(`TASK_${name.toUpperCase()}`) ?? 0);
  for (const name of ENDED_STATES) set(`master/tasks_${name}`, state.counts.get(`tasks_${name}`) ?? 0);
}

function setResources(state: MasterState, set: Set): void {
  let [total, used, offered] = [Resources.empty, Resources.empty, Resources.empty];
  for (const agent of state.agents.values()) {
    total = total.add(agent.total);
    used = used.add(usedBy(agent));
    offered = offered.add(offeredBy(agent));
  }
  for (const name of ['cpus', 'gpus', 'mem', 'disk']) {
    const [has, uses, promised] = [total, used, offered].map((bag) => bag.scalar(name) / 1000) as [
      number,
      number,
      number,
    ];
    set(`master/${name}_total`, has);
    set(`master/${name}_used`, uses);
    set(`master/${name}_percent`, has > 0 ? uses / has : 0);
    if (name === 'gpus') continue;
    set(`allocator/mesos/resources/${name}/total`, has);
    set(`allocator/mesos/resources/${name}/offered_or_allocated`, uses + promised);
  }
}

function setSystem(set: Set): void {
  const [one = 0, five = 0, fifteen = 0] = loadavg();
  set('system/cpus_total', cpus().length);
  set('system/load_1min', one);
  set('system/load_5min', five);
  set('system/load_15min', fifteen);
  set('system/mem_free_bytes', freemem());
  set('system/mem_total_bytes', totalmem());
}

/** The same for Prometheus: `master/tasks_running` is `mezzo_master_tasks_running`; those of one framework are left out. */
export async function prometheusText(metrics: ReadonlyMap<string, number>): Promise<string> {
  const registry = new Registry();
  for (const [name, value] of metrics) {
    if (name.startsWith('master/frameworks/')) continue;
    new Gauge({ name: `mezzo_${name.replace(/[^a-zA-Z0-9_]/g, '_')}`, help: name, registers: [registry] }).set(value);
  }
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Resident memory of the process',
    registers: [registry],
  }).set(process.memoryUsage.rss());
  return registry.metrics();
}
