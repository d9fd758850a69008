import { healthOf, definitionOf } from '../instances.js';
import { portSpecs } from '../app.js';
import { isoTime } from '../ids.js';
import type { AppEntry, Instance } from '../state.js';

/** A task as /v2/tasks shows it; undefined while its instance waits for an offer. */
export function taskView(entry: AppEntry, instance: Instance): Record<string, unknown> | undefined {
  const { task } = instance;
  if (task === undefined) return undefined;
  const app = definitionOf(entry, instance);
  const results = healthResults(instance);
  return {
    id: task.id,
    appId: instance.appId,
    host: task.facts.hostname,
    slaveId: task.agentId,
    state: instance.condition === 'killing' ? 'TASK_KILLING' : task.state,
    ports: task.hostPorts.filter((port) => port !== 0),
    servicePorts: portSpecs(app).map(({ servicePort }) => servicePort),
    ipAddresses: task.ipAddresses,
    stagedAt: isoTime(task.stagedAtMs),
    ...(task.startedAtMs !== undefined && { startedAt: isoTime(task.startedAtMs) }),
    version: instance.version,
    localVolumes: [],
    ...(task.facts.region !== undefined && { region: task.facts.region }),
    ...(task.facts.zone !== undefined && { zone: task.facts.zone }),
    role: task.role,
    ...(results.length > 0 && { healthCheckResults: results }),
  };
}

function healthResults(instance: Instance): Record<string, unknown>[] {
  return instance.health.flatMap((health) => {
    if (health === undefined) return [];
    const { alive, consecutiveFailures, firstSuccessMs, lastSuccessMs, lastFailureMs, lastFailureCause } = health;
    const time = (name: string, atMs: number | undefined) => (atMs === undefined ? {} : { [name]: isoTime(atMs) });
    return [
      {
        alive: alive ?? false,
        consecutiveFailures,
        ...time('firstSuccess', firstSuccessMs),
        ...time('lastSuccess', lastSuccessMs),
        ...time('lastFailure', lastFailureMs),
        ...(lastFailureCause !== undefined && { lastFailureCause }),
        instanceId: instance.id,
      },
    ];
  });
}

export interface Counts {
  readonly tasksStaged: number;
  readonly tasksRunning: number;
  readonly tasksHealthy: number;
  readonly tasksUnhealthy: number;
}

export function countsOf(entry: AppEntry, instances: Iterable<Instance> = entry.instances.values()): Counts {
  const counts = { tasksStaged: 0, tasksRunning: 0, tasksHealthy: 0, tasksUnhealthy: 0 };
  for (const instance of instances) {
    if (['provisioned', 'staging', 'starting'].includes(instance.condition)) counts.tasksStaged += 1;
    if (instance.condition !== 'running') continue;
    counts.tasksRunning += 1;
    const health = healthOf(definitionOf(entry, instance), instance);
    if (health === true) counts.tasksHealthy += 1;
    if (health === false) counts.tasksUnhealthy += 1;
  }
  return counts;
}
