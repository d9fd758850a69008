import type { TaskStatus } from '@mezzo/sdk/api';
import { growDelay, noteProgress } from './delay.js';
import { appIdOfTask, isoTime } from './ids.js';
import { onAgentHealth, startProbes } from './health.js';
import {
  definitionOf,
  endTask,
  findEntry,
  forget,
  launchTimer,
  lostTimer,
  sendKill,
  setCondition,
} from './instances.js';
import { noteAnswered } from './reconcile.js';
import { saveFailure, saveInstance } from './records.js';
import type { Condition, Instance, TaskRun } from './state.js';
import type { Turn } from './turn.js';

/** What a status means for the instance. `ended` carries the condition that is told to listeners. */
type Meaning =
  | { readonly kind: 'alive'; readonly condition: Condition }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'ended'; readonly condition: string };

const ENDED: Partial<Record<NonNullable<TaskStatus['state']>, string>> = {
  TASK_FINISHED: 'Finished',
  TASK_FAILED: 'Failed',
  TASK_KILLED: 'Killed',
  TASK_ERROR: 'Error',
  TASK_DROPPED: 'Dropped',
  TASK_GONE: 'Gone',
  TASK_GONE_BY_OPERATOR: 'Gone',
  TASK_UNKNOWN: 'Unknown',
};

const ALIVE: Partial<Record<NonNullable<TaskStatus['state']>, Condition>> = {
  TASK_STAGING: 'staging',
  TASK_STARTING: 'starting',
  TASK_RUNNING: 'running',
  TASK_KILLING: 'killing',
};

const UNREACHABLE_REASONS = ['REASON_RECONCILIATION', 'REASON_AGENT_DISCONNECTED', 'REASON_AGENT_REMOVED'];

function meaningOf({ state, reason }: TaskStatus): Meaning {
  const alive = ALIVE[state];
  if (alive) return { kind: 'alive', condition: alive };
  if (state === 'TASK_UNREACHABLE') return { kind: 'unreachable' };
  if (state === 'TASK_LOST') {
    if (reason !== undefined && UNREACHABLE_REASONS.includes(reason)) return { kind: 'unreachable' };
    return { kind: 'ended', condition: reason === 'REASON_TASK_UNKNOWN' ? 'Unknown' : 'Gone' };
  }
  return { kind: 'ended', condition: ENDED[state] ?? 'Unknown' };
}

export function onStatus(turn: Turn, status: TaskStatus): void {
  const taskId = status.taskId.value;
  if (status.uuid !== undefined && status.agentId)
    turn.call({
      type: 'ACKNOWLEDGE',
      acknowledge: { agentId: status.agentId, taskId: status.taskId, uuid: status.uuid },
    });
  const instance = turn.state.instancesByTask.get(taskId);
  const task = instance?.task;
  const meaning = meaningOf(status);
  if (instance === undefined || task === undefined) return onStranger(turn, status, meaning);
  const news = task.state !== status.state;
  task.state = status.state;
  if (news && status.state !== 'TASK_STAGING') publishStatus(turn, instance, task, status);
  switch (meaning.kind) {
    case 'alive':
      onAlive(turn, instance, task, status, meaning.condition);
      break;
    case 'unreachable':
      onUnreachable(turn, instance);
      break;
    case 'ended':
      onEnded(turn, instance, task, status, meaning.condition);
  }
  noteAnswered(turn, taskId);
}

/** No instance of ours: it was given up, or its app is gone. What still runs is ended. */
function onStranger(turn: Turn, status: TaskStatus, meaning: Meaning): void {
  const taskId = status.taskId.value;
  const appId = appIdOfTask(taskId);
  if (meaning.kind === 'alive' && meaning.condition !== 'killing')
    turn.call({ type: 'KILL', kill: { taskId: status.taskId, agentId: status.agentId } });
  else if (meaning.kind === 'ended' && appId !== undefined && status.reason !== 'REASON_RECONCILIATION')
    turn.publish('unknown_instance_terminated_event', {
      instanceId: taskId.split('._app.')[0],
      runSpecId: appId,
      condition: meaning.condition,
    });
}

function publishStatus(turn: Turn, instance: Instance, task: TaskRun, status: TaskStatus): void {
  turn.publish('status_update_event', {
    slaveId: task.agentId,
    taskId: task.id,
    taskStatus: status.state,
    message: status.message ?? '',
    appId: instance.appId,
    host: task.facts.hostname,
    ipAddresses: addressesOf(status) ?? task.ipAddresses,
    ports: task.hostPorts.filter((port) => port !== 0),
    version: instance.version,
  });
}

function addressesOf(status: TaskStatus): TaskRun['ipAddresses'] | undefined {
  const infos = status.containerStatus?.networkInfos;
  return infos?.flatMap(({ ipAddresses }) =>
    (ipAddresses ?? []).flatMap(({ ipAddress, protocol }) =>
      ipAddress ? [{ ipAddress, protocol: protocol ?? 'IPv4' }] : [],
    ),
  );
}

function onAlive(turn: Turn, instance: Instance, task: TaskRun, status: TaskStatus, condition: Condition): void {
  const entry = findEntry(turn.state, instance);
  if (entry === undefined) return;
  const before = instance.condition;
  const addresses = addressesOf(status);
  if (addresses && addresses.length > 0) task.ipAddresses = addresses;
  if (before === 'unreachable' || before === 'unreachableInactive') turn.clearTimer(lostTimer(instance));
  // A kill that was asked for is not taken back by an older word; the retry timer goes on.
  if (before !== 'killing') setCondition(turn, instance, condition);
  else if (missedKill(turn, status, condition)) sendKill(turn, instance);
  const app = definitionOf(entry, instance);
  if (condition === 'running' && task.startedAtMs === undefined) {
    task.startedAtMs = Math.min(turn.atMs, Math.round((status.timestamp ?? Infinity) * 1000));
    turn.clearTimer(launchTimer(instance));
    startProbes(turn, instance);
  }
  if (instance.condition !== before) {
    noteProgress(entry, turn.atMs);
    saveInstance(turn, instance);
    turn.touched.add(instance.appId);
  }
  if (condition === 'running' && status.healthy !== undefined)
    onAgentHealth(turn, app, instance, status.healthy, status.message ?? '');
}

/** A master that has just begun to lead knows no task of an agent that is not back: what it was told to end runs on. */
const missedKill = ({ state }: Turn, { reason }: TaskStatus, condition: Condition): boolean =>
  state.phase === 'acting' && reason === 'REASON_RECONCILIATION' && condition !== 'killing';

/** Nobody knows how it fares. By the app's strategy it is replaced and forgotten, at once or later. */
function onUnreachable(turn: Turn, instance: Instance): void {
  const entry = findEntry(turn.state, instance);
  if (entry === undefined || instance.condition === 'unreachable' || instance.condition === 'unreachableInactive')
    return;
  if (instance.goal === 'decommissioned') return forget(turn, instance, 'Unreachable');
  setCondition(turn, instance, 'unreachable');
  saveInstance(turn, instance);
  turn.touched.add(instance.appId);
  applyUnreachableStrategy(turn, instance);
}

/** Also called when its timer fires, and after a restart. */
export function applyUnreachableStrategy(turn: Turn, instance: Instance): void {
  const entry = findEntry(turn.state, instance);
  const strategy = entry && definitionOf(entry, instance).unreachableStrategy;
  const lost = instance.condition === 'unreachable' || instance.condition === 'unreachableInactive';
  if (!lost || strategy === undefined || strategy === 'disabled') return;
  const sinceMs = instance.sinceMs;
  const inactiveMs = strategy.inactiveAfterSeconds * 1000;
  const expungeMs = strategy.expungeAfterSeconds * 1000;
  const passedMs = turn.atMs - sinceMs;
  if (passedMs >= expungeMs) return forget(turn, instance, 'Unreachable');
  if (passedMs >= inactiveMs) {
    setCondition(turn, instance, 'unreachableInactive');
    // Both times count from the moment it was lost.
    instance.sinceMs = sinceMs;
    saveInstance(turn, instance);
    turn.touched.add(instance.appId);
  }
  turn.timer(lostTimer(instance), (passedMs >= inactiveMs ? expungeMs : inactiveMs) - passedMs);
}

const SICK = 'Instance was killed: its health check failed too often';
const BLAMELESS_REASONS = ['REASON_RECONCILIATION', 'REASON_INVALID_OFFERS', 'REASON_AGENT_DRAINING'];

function onEnded(turn: Turn, instance: Instance, task: TaskRun, status: TaskStatus, condition: string): void {
  const entry = findEntry(turn.state, instance);
  const wanted = instance.goal === 'running';
  const blameless = status.reason !== undefined && BLAMELESS_REASONS.includes(status.reason);
  const killedByUs = condition === 'Killed' && instance.killReason === undefined && !killedSick(instance, status);
  if (entry && !killedByUs && condition !== 'Finished' && !blameless) {
    entry.lastFailure = failureOf(instance, task, status, turn);
    saveFailure(turn, entry.lastFailure);
  }
  endTask(turn, instance, condition);
  if (entry && wanted && !blameless && ['Failed', 'Error', 'Dropped', 'Gone', 'Finished'].includes(condition))
    growDelay(turn, entry);
}

/** The agent ends what fails the checks that it makes itself; nobody here asked for it. */
const killedSick = ({ goal }: Instance, { healthy }: TaskStatus): boolean => healthy === false && goal === 'running';

const failureOf = (instance: Instance, task: TaskRun, status: TaskStatus, turn: Turn) => ({
  appId: instance.appId,
  host: task.facts.hostname,
  message: instance.killReason ?? (killedSick(instance, status) ? SICK : (status.message ?? status.reason ?? '')),
  slaveId: task.agentId,
  state: status.state,
  taskId: task.id,
  timestamp: isoTime(turn.atMs),
  version: instance.version,
});
