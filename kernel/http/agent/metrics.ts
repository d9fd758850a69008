import { isTerminal } from '@mezzo/sdk/contract';
import { type AgentState } from '../../core/agent/state.js';
import { usedBy } from '../../core/agent/views.js';
import { firm, Resources } from '../../core/resources/index.js';
import type { AgentSite } from './site.js';
import { groupOf, type MetricGroup } from '../metric-text.js';
import { setSystemMetrics } from '../system-stats.js';

const LIVE = ['staging', 'starting', 'running', 'killing'];
const ENDED = ['finished', 'failed', 'killed', 'lost', 'gone', 'dropped', 'error'];
/** Of the field, and always zero here: nothing of the kind is built. */
const ZEROES = [
  'containerizer/fetcher/cache_size_total_bytes',
  'containerizer/fetcher/cache_size_used_bytes',
  'containerizer/mesos/container_destroy_errors',
  'containerizer/mesos/provisioner/bind/remove_rootfs_errors',
  'containerizer/mesos/provisioner/remove_container_errors',
  'resource_provider_manager/events/disconnect',
  'resource_provider_manager/events/subscribe',
  'resource_provider_manager/subscribed',
  'slave/recovery_errors',
  'gc/path_removals_pending',
];
const COUNTED = [
  'slave/container_launch_errors',
  'slave/executors_preempted',
  'slave/executors_terminated',
  'slave/invalid_framework_messages',
  'slave/invalid_status_updates',
  'slave/valid_framework_messages',
  'slave/valid_status_updates',
];

/** The field's names and what they count, sorted. */
export function metricsSnapshot(site: AgentSite, nowMs: number): MetricGroup {
  const { host, gc, startedAtMs } = site;
  const { state } = host;
  const metrics = new Map<string, number>();
  const set = (name: string, value: number): void => void metrics.set(name, value);
  for (const name of ZEROES) set(name, 0);
  for (const name of COUNTED) set(name, state.counters.get(name) ?? 0);
  set('containerizer/fetcher/task_fetches_failed', host.fetchesFailed);
  set('containerizer/fetcher/task_fetches_succeeded', host.fetchesSucceeded);
  set('gc/path_removals_failed', gc.failed);
  set('gc/path_removals_succeeded', gc.removed);
  set('slave/executor_directory_max_allowed_age_secs', gc.maxAgeMs / 1000);
  set('slave/registered', state.link.phase === 'registered' ? 1 : 0);
  set('slave/uptime_secs', (nowMs - startedAtMs) / 1000);
  set('slave/recovery_time_secs', host.recoveryMs / 1000);
  set('slave/frameworks_active', state.frameworks.size);
  setExecutors(state, set);
  setTasks(state, set);
  setResources(state, set);
  setSystemMetrics(set);
  return groupOf(metrics);
}

type Set = (name: string, value: number) => void;

function setExecutors(state: AgentState, set: Set): void {
  const runs = [...state.runs.values()].filter((run) => run.phase !== 'ended');
  const registering = runs.filter((run) => run.phase !== 'running').length;
  const terminating = runs.filter((run) => [...run.tasks.values()].some((task) => task.killing)).length;
  set('slave/executors_registering', registering);
  set('slave/executors_running', runs.length - registering);
  set('slave/executors_terminating', terminating);
}

function setTasks(state: AgentState, set: Set): void {
  const now = new Map<string, number>();
  for (const run of state.runs.values())
    for (const task of run.tasks.values())
      if (!isTerminal(task.state)) now.set(task.state, (now.get(task.state) ?? 0) + 1);
  for (const name of LIVE) set(`slave/tasks_${name}`, now.get(`TASK_${name.toUpperCase()}`) ?? 0);
  for (const name of ENDED) set(`slave/tasks_${name}`, state.counters.get(`slave/tasks_${name}`) ?? 0);
}

function setResources(state: AgentState, set: Set): void {
  const used = Resources.sum([...state.runs.values()].map((run) => Resources.of(usedBy(run))));
  const kinds = [
    ['', Resources.of(state.resources), firm(used)],
    ['_revocable', Resources.of(state.oversubscribed), used.filter((id) => id.revocable)],
  ] as const;
  for (const name of ['cpus', 'gpus', 'mem', 'disk']) {
    for (const [kind, total, held] of kinds) {
      const [has, uses] = [total.scalar(name) / 1000, held.scalar(name) / 1000];
      set(`slave/${name}${kind}_total`, has);
      set(`slave/${name}${kind}_used`, uses);
      set(`slave/${name}${kind}_percent`, has > 0 ? uses / has : 0);
    }
  }
}
