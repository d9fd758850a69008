import { isAgentCheck } from './app.js';
import type { AppDefinition, HealthCheck } from './app.js';
import type { Probe } from './effects.js';
import { checkTarget, definitionOf, findEntry, healthOf, kill } from './instances.js';
import type { CheckHealth, Instance } from './state.js';
import type { Turn } from './turn.js';

/** A task runs: its scheduler-side checks begin. */
export function startProbes(turn: Turn, instance: Instance): void {
  const entry = findEntry(turn.state, instance);
  const { task } = instance;
  if (entry === undefined || task === undefined) return;
  const app = definitionOf(entry, instance);
  const probes = app.healthChecks.flatMap((check, index): Probe[] => {
    const target = checkTarget(app, check, task);
    return target === undefined ? [] : [probeOf(check, index, target)];
  });
  if (probes.length > 0) turn.add({ type: 'startProbes', taskId: task.id, probes });
}

function probeOf(check: HealthCheck, index: number, { host, port }: { host: string; port: number }): Probe {
  return {
    index,
    kind: check.protocol === 'HTTPS' ? 'https' : check.protocol === 'TCP' ? 'tcp' : 'http',
    host,
    port,
    path: check.path ?? '/',
    ignore1xx: check.ignoreHttp1xx ?? false,
    intervalMs: check.intervalSeconds * 1000,
    eagerMs: check.gracePeriodSeconds * 1000,
    timeoutMs: check.timeoutSeconds * 1000,
  };
}

export function onProbed(turn: Turn, taskId: string, index: number, failure: string | undefined): void {
  const instance = turn.state.instancesByTask.get(taskId);
  const entry = instance && findEntry(turn.state, instance);
  if (instance?.condition !== 'running' || entry === undefined) return;
  const app = definitionOf(entry, instance);
  const check = app.healthChecks[index];
  if (check === undefined) return;
  if (failure === undefined) recordSuccess(turn, app, instance, index);
  else recordFailure(turn, app, instance, index, check, failure);
}

/** The agent's word on its check. It kills by itself; here it is only shown and waited for. */
export function onAgentHealth(
  turn: Turn,
  app: AppDefinition,
  instance: Instance,
  healthy: boolean,
  message: string,
): void {
  const index = app.healthChecks.findIndex(isAgentCheck);
  if (index < 0) return;
  if (healthy) return recordSuccess(turn, app, instance, index);
  const health = checkHealth(instance, index);
  health.consecutiveFailures += 1;
  flip(turn, app, instance, () => Object.assign(health, failed(turn, message)));
}

const checkHealth = (instance: Instance, index: number): CheckHealth =>
  (instance.health[index] ??= { consecutiveFailures: 0 });

const failed = (turn: Turn, cause: string): Partial<CheckHealth> => ({
  alive: false,
  lastFailureMs: turn.atMs,
  lastFailureCause: cause,
});

function recordSuccess(turn: Turn, app: AppDefinition, instance: Instance, index: number): void {
  const health = checkHealth(instance, index);
  health.firstSuccessMs ??= turn.atMs;
  flip(turn, app, instance, () =>
    Object.assign(health, { alive: true, lastSuccessMs: turn.atMs, consecutiveFailures: 0 }),
  );
}

/** Forgiven while the task has its grace; the kill comes with the failure after the last that is allowed. */
function recordFailure(
  turn: Turn,
  app: AppDefinition,
  instance: Instance,
  index: number,
  check: HealthCheck,
  cause: string,
): void {
  const health = checkHealth(instance, index);
  const runningMs = turn.atMs - (instance.task?.startedAtMs ?? turn.atMs);
  if (health.firstSuccessMs === undefined && runningMs < check.gracePeriodSeconds * 1000) return;
  turn.publish('failed_health_check_event', {
    appId: instance.appId,
    taskId: instance.task?.id,
    instanceId: instance.id,
    healthCheck: check,
  });
  const before = health.consecutiveFailures;
  health.consecutiveFailures += 1;
  flip(turn, app, instance, () => Object.assign(health, failed(turn, cause)));
  if (check.maxConsecutiveFailures === 0 || before < check.maxConsecutiveFailures) return;
  killUnhealthy(turn, instance, cause);
}

function killUnhealthy(turn: Turn, instance: Instance, cause: string): void {
  turn.publish('unhealthy_instance_kill_event', {
    appId: instance.appId,
    taskId: instance.task?.id,
    instanceId: instance.id,
    version: instance.version,
    reason: cause,
    host: instance.task?.facts.hostname,
    slaveId: instance.task?.agentId,
  });
  kill(turn, instance, false, `health check failed: ${cause}`);
}

/** Makes a change and tells when it turned the health of the check or of the instance. */
function flip(turn: Turn, app: AppDefinition, instance: Instance, change: () => void): void {
  const [aliveBefore, before] = [instance.health.map((each) => each?.alive), healthOf(app, instance)];
  change();
  const after = healthOf(app, instance);
  const turned = instance.health.some((each, index) => each?.alive !== aliveBefore[index]);
  if (turned)
    turn.publish('health_status_changed_event', {
      appId: instance.appId,
      instanceId: instance.id,
      taskId: instance.task?.id,
      version: instance.version,
      alive: after ?? false,
    });
  if (before === after) return;
  turn.publish('instance_health_changed_event', {
    instanceId: instance.id,
    runSpecId: instance.appId,
    healthy: after,
    runSpecVersion: instance.version,
  });
  turn.touched.add(instance.appId);
}
