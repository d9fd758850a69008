import type { AppDefinition, HealthCheck } from './app.js';
import { isAgentCheck, portSpecs } from './app.js';
import { newInstanceId } from './ids.js';
import { dropInstance, saveInstance } from './records.js';
import type { AppEntry, Condition, Instance, MarathonState, TaskRun } from './state.js';
import type { Turn } from './turn.js';

/** What an instance goes through, whoever asks for it. */

export const findEntry = (state: MarathonState, instance: Instance): AppEntry | undefined =>
  state.apps.get(instance.appId);

/** The definition an instance was launched with; the current one when only the number of instances changed since. */
export function definitionOf(entry: AppEntry, instance: Instance): AppDefinition {
  if (isCurrent(entry.definition, instance)) return entry.definition;
  return entry.versions.get(instance.version) ?? entry.definition;
}

/** Has today's configuration, whatever the number of instances was when it was launched, or will have it. */
export const isCurrent = (app: AppDefinition, instance: Instance): boolean =>
  instance.condition === 'scheduled' || instance.configVersion === app.versionInfo.lastConfigChangeAt;

/** Wanted, and not given up as lost. */
export const isActive = (instance: Instance): boolean =>
  instance.goal === 'running' && instance.condition !== 'unreachableInactive';

/** undefined: nothing is known yet, or nothing is checked. */
export function healthOf(app: AppDefinition, instance: Instance): boolean | undefined {
  if (app.healthChecks.length === 0) return undefined;
  const alive = app.healthChecks.map((_, index) => instance.health[index]?.alive);
  if (alive.includes(false)) return false;
  return alive.every((each) => each === true) ? true : undefined;
}

/** Running and, as far as it is checked, healthy. */
export const isReady = (app: AppDefinition, instance: Instance): boolean =>
  instance.condition === 'running' && (app.healthChecks.length === 0 || healthOf(app, instance) === true);

export function addInstance(turn: Turn, entry: AppEntry): Instance {
  const instance: Instance = {
    id: newInstanceId(turn.state, entry.id, turn.atMs),
    appId: entry.id,
    version: entry.definition.version,
    configVersion: entry.definition.versionInfo.lastConfigChangeAt,
    incarnation: 1,
    goal: 'running',
    condition: 'scheduled',
    sinceMs: turn.atMs,
    health: [],
  };
  entry.instances.set(instance.id, instance);
  entry.scheduled.set(instance.id, instance);
  turn.needsChanged = true;
  return instance;
}

const DISPLAY: Record<Condition, string> = {
  scheduled: 'Scheduled',
  provisioned: 'Provisioned',
  staging: 'Staging',
  starting: 'Starting',
  running: 'Running',
  unreachable: 'Unreachable',
  unreachableInactive: 'UnreachableInactive',
  killing: 'Killing',
};

export function setCondition(turn: Turn, instance: Instance, condition: Condition): void {
  if (instance.condition === condition) return;
  instance.condition = condition;
  instance.sinceMs = turn.atMs;
  publishInstance(turn, instance, DISPLAY[condition]);
}

export function publishInstance(turn: Turn, instance: Instance, condition: string): void {
  turn.publish('instance_changed_event', {
    instanceId: instance.id,
    condition,
    runSpecId: instance.appId,
    agentId: instance.task?.agentId,
    host: instance.task?.facts.hostname,
    runSpecVersion: instance.version,
  });
}

/** The launch is about to be accepted: its record must be stored before the master hears of it. */
export function provision(turn: Turn, instance: Instance, app: AppDefinition, task: TaskRun): void {
  instance.version = app.version;
  instance.configVersion = app.versionInfo.lastConfigChangeAt;
  instance.task = task;
  instance.health = [];
  turn.state.instancesByTask.set(task.id, instance);
  findEntry(turn.state, instance)?.scheduled.delete(instance.id);
  setCondition(turn, instance, 'provisioned');
  turn.timer(launchTimer(instance), turn.state.settings.launchTimeoutMs);
  saveInstance(turn, instance);
}

/**
 * Ends an instance's task. With `decommission` it is not launched again. One that never ran, or whose agent cannot be reached,
 * is forgotten at once: should its task turn up after all, it is unknown and killed then.
 */
export function kill(turn: Turn, instance: Instance, decommission: boolean, reason?: string): void {
  if (decommission) instance.goal = 'decommissioned';
  if (instance.task === undefined) {
    if (decommission) forget(turn, instance, 'Killed');
    return;
  }
  if (reason !== undefined) instance.killReason = reason;
  const lost = instance.condition === 'unreachable' || instance.condition === 'unreachableInactive';
  sendKill(turn, instance);
  if (lost && decommission) return forget(turn, instance, 'Killed');
  if (lost) return;
  setCondition(turn, instance, 'killing');
  saveInstance(turn, instance);
}

/** Says it (again) to the master, and will repeat it until the task has ended. */
export function sendKill(turn: Turn, instance: Instance): void {
  const { task } = instance;
  if (task === undefined) return;
  const entry = findEntry(turn.state, instance);
  const graceSeconds = entry && definitionOf(entry, instance).taskKillGracePeriodSeconds;
  turn.call({
    type: 'KILL',
    kill: {
      taskId: { value: task.id },
      agentId: { value: task.agentId },
      ...(graceSeconds !== undefined && { killPolicy: { gracePeriod: { nanoseconds: graceSeconds * 1_000_000_000 } } }),
    },
  });
  turn.timer(killTimer(instance), turn.state.settings.killRetryMs);
}

/** The task has ended: what belongs to this launch goes; the instance is wanted again or forgotten, as its goal says. */
export function endTask(turn: Turn, instance: Instance, condition: string): void {
  publishInstance(turn, instance, condition);
  detachTask(turn, instance);
  if (instance.goal === 'decommissioned') return remove(turn, instance);
  const entry = findEntry(turn.state, instance);
  if (entry && (entry.stopping || !isCurrent(entry.definition, instance))) return remove(turn, instance);
  instance.incarnation += 1;
  instance.condition = 'scheduled';
  instance.sinceMs = turn.atMs;
  instance.killReason = undefined;
  entry?.scheduled.set(instance.id, instance);
  dropInstance(turn, instance);
  turn.touched.add(instance.appId);
  turn.needsChanged = true;
}

/** Gives an instance up, whatever becomes of its task. */
export function forget(turn: Turn, instance: Instance, condition: string): void {
  publishInstance(turn, instance, condition);
  detachTask(turn, instance);
  remove(turn, instance);
}

function detachTask(turn: Turn, instance: Instance): void {
  const { task } = instance;
  if (task === undefined) return;
  turn.state.instancesByTask.delete(task.id);
  turn.state.unreconciled.delete(task.id);
  turn.clearTimer(launchTimer(instance));
  turn.clearTimer(killTimer(instance));
  turn.clearTimer(lostTimer(instance));
  turn.add({ type: 'stopProbes', taskId: task.id });
  instance.task = undefined;
  instance.health = [];
}

function remove(turn: Turn, instance: Instance): void {
  dropInstance(turn, instance);
  const entry = findEntry(turn.state, instance);
  entry?.instances.delete(instance.id);
  entry?.scheduled.delete(instance.id);
  turn.touched.add(instance.appId);
}

export const launchTimer = (instance: Instance): string => `launch:${instance.id}`;
export const killTimer = (instance: Instance): string => `kill:${instance.id}`;
export const lostTimer = (instance: Instance): string => `lost:${instance.id}`;

/** Host and port that a scheduler-side check asks, or undefined when it has none. */
export function checkTarget(
  app: AppDefinition,
  check: HealthCheck,
  task: TaskRun,
): { host: string; port: number } | undefined {
  if (isAgentCheck(check)) return undefined;
  const containerIp = app.networks[0]?.mode === 'container' ? task.ipAddresses[0]?.ipAddress : undefined;
  const index = check.portIndex ?? 0;
  const spec = portSpecs(app)[index];
  const inside = spec?.containerPort === 0 ? task.hostPorts[index] : spec?.containerPort;
  const port = check.port ?? (containerIp === undefined ? task.hostPorts[index] : inside);
  return port === undefined || port === 0 ? undefined : { host: containerIp ?? task.facts.hostname, port };
}
