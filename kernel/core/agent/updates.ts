import { isTerminal } from '@mezzo/sdk/contract';
import type { ContainerStatus, FrameworkInfo, TaskState, TaskStatus } from '@mezzo/sdk/api';
import { cancelTaskTimers, frameworkOf, removeTask, updateTimer } from './books.js';
import { saveTask } from './checkpoint.js';
import { hasCapability, stateFor, type AgentState, type Run, type Task } from './state.js';
import { uuidToBase64 } from '../uuid.js';
import { count, emit, nextUuid, type Turn } from './turn.js';

const RETRY_FIRST_MS = 10_000;
const RETRY_MAX_MS = 600_000;
const STATUSES_KEPT = 16;

/** What the status says beyond the state. `byAgent`: the agent itself speaks, not the (built-in) executor. */
export interface StatusDetails {
  readonly message?: string;
  readonly reason?: TaskStatus['reason'];
  readonly byAgent?: boolean;
  readonly limitation?: TaskStatus['limitation'];
}

/** Moves the task and tells its framework: the update waits in the task's stream until it is acknowledged. */
export function report(turn: Turn, run: Run, task: Task, state: TaskState, details: StatusDetails = {}): void {
  const framework = frameworkOf(turn.state, run);
  const { message, reason, byAgent, limitation } = details;
  enqueue(turn, run, task, {
    taskId: task.info.taskId,
    state: stateFor(framework.info, state),
    ...(message !== undefined && { message }),
    source: byAgent ? 'SOURCE_AGENT' : 'SOURCE_EXECUTOR',
    ...(reason && { reason }),
    agentId: { value: turn.state.agentId ?? '' },
    executorId: { value: run.executorId },
    timestamp: turn.atMs / 1000,
    uuid: uuidToBase64(nextUuid(turn.state)),
    ...(task.healthy !== undefined && { healthy: task.healthy }),
    ...(task.checkStatus && { checkStatus: task.checkStatus }),
    ...(!byAgent && { containerStatus: containerStatusOf(turn.state, run, task) }),
    ...(limitation && { limitation }),
  });
}

/** Takes a complete status, the agent's own or a custom executor's. False when the task has ended before. */
export function enqueue(turn: Turn, run: Run, task: Task, told: TaskStatus): boolean {
  if (isTerminal(task.state)) return false;
  const status = asOrdered(turn.state, frameworkOf(turn.state, run).info, task, told);
  task.state = status.state;
  task.statuses.push(status);
  if (task.statuses.length > STATUSES_KEPT) task.statuses.shift();
  const ended = isTerminal(task.state);
  if (ended) {
    cancelTaskTimers(turn, run, task);
    count(turn.state, `slave/tasks_${task.state.slice('TASK_'.length).toLowerCase()}`);
    if (run.kind === 'default') turn.pods.add(run);
  }
  if (frameworkOf(turn.state, run).shuttingDown) {
    if (ended) removeTask(turn, run, task);
    return true;
  }
  count(turn.state, 'slave/valid_status_updates');
  task.updates.push(status);
  saveTask(turn, run, task);
  if (task.updates.length === 1) sendOldest(turn, run, task, RETRY_FIRST_MS);
  return true;
}

/** Whoever learns of a kill that its framework did not ask for learns why: the agent is drained, or another role needs the place. */
function asOrdered(
  { drain }: AgentState,
  framework: FrameworkInfo,
  { preemptedFor }: Task,
  told: TaskStatus,
): TaskStatus {
  if (told.state !== 'TASK_KILLED' && told.state !== 'TASK_KILLING') return told;
  if (drain !== undefined) {
    const isGone = told.state === 'TASK_KILLED' && drain.config.markGone && hasCapability(framework, 'PARTITION_AWARE');
    return { ...told, reason: 'REASON_AGENT_DRAINING', ...(isGone && { state: 'TASK_GONE_BY_OPERATOR' as const }) };
  }
  if (preemptedFor === undefined) return told;
  return { ...told, reason: 'REASON_CONTAINER_PREEMPTED', message: `Gives way to role '${preemptedFor}'` };
}

/** How long what is sent waits for its acknowledgement: 10 s, doubling with each retry to 10 min. */
export const retryWaitMs = (lastMs: number, afterRetry: boolean): number =>
  afterRetry ? Math.min(lastMs * 2, RETRY_MAX_MS) : RETRY_FIRST_MS;

/** Sends what is in flight again: after its timer fired, or for all tasks after a registration. */
export function resend(turn: Turn, run: Run, task: Task, afterRetry: boolean): void {
  sendOldest(turn, run, task, retryWaitMs(task.retryMs, afterRetry));
}

export function acknowledge(turn: Turn, frameworkId: string, taskId: string, uuid: string): void {
  const run = turn.state.frameworks.get(frameworkId)?.taskRuns.get(taskId);
  const task = run?.tasks.get(taskId);
  const oldest = task?.updates[0];
  if (run === undefined || task === undefined || oldest?.uuid !== uuid) return;
  task.updates.shift();
  emit(turn, { type: 'cancelTimer', key: updateTimer(run, task) });
  if (isTerminal(oldest.state)) return removeTask(turn, run, task);
  saveTask(turn, run, task);
  sendOldest(turn, run, task, RETRY_FIRST_MS);
}

/** Addresses of the container, or the agent's own where it uses the host's network. A task in a pod has a container of its own. */
export function containerStatusOf(state: AgentState, run: Run, task?: Task): ContainerStatus {
  if (run.kind === 'default' && task?.containerId !== undefined) return innerStatusOf(state, run, task.containerId);
  const ipAddresses = (run.network?.ipAddresses ?? [state.config.ip]).map((ipAddress) => ({
    protocol: ipAddress.includes(':') ? ('IPv6' as const) : ('IPv4' as const),
    ipAddress,
  }));
  return {
    containerId: { value: run.containerId },
    networkInfos: [{ ipAddresses }],
    ...(run.pid !== undefined && { executorPid: run.pid }),
  };
}

function innerStatusOf(state: AgentState, run: Run, value: string): ContainerStatus {
  const container = state.containers.get(value);
  const containerId = { value, parent: { value: run.containerId } };
  if (container?.phase !== 'running') return { containerId };
  const { networkInfos } = containerStatusOf(state, run);
  return { containerId, networkInfos, ...(container.pid !== undefined && { executorPid: container.pid }) };
}

function sendOldest(turn: Turn, run: Run, task: Task, retryMs: number): void {
  const status = task.updates[0];
  if (status === undefined || turn.state.link.phase !== 'registered') return;
  task.retryMs = retryMs;
  const { frameworkId } = run;
  const call = { type: 'statusUpdate', frameworkId, status, latestState: task.state } as const;
  emit(turn, { type: 'sendMaster', call }, { type: 'setTimer', key: updateTimer(run, task), delayMs: retryMs });
}
