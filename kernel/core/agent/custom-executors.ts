import type { ExecutorCall, ExecutorEvent, TaskStatus } from '@mezzo/sdk/api';
import { frameworkOf, groupOf } from './books.js';
import { saveTask } from './checkpoint.js';
import { neverRan } from './ends.js';
import { killTask, killVessel } from './kill.js';
import { durationMs } from './spec.js';
import type { AgentState, Run, Task, TaskEnd } from './state.js';
import { count, emit, type Turn } from './turn.js';
import { containerStatusOf, enqueue } from './updates.js';
import { agentInfoOf } from './views.js';

/** Executors that frameworks bring along: processes that subscribe to the agent and are handed tasks. */

export const REGISTER_TIMER = 'register/';
export const SHUTDOWN_TIMER = 'shutdown/';

export function executorLaunched(turn: Turn, run: Run): void {
  if (run.connection === undefined) awaitSubscription(turn, run, turn.state.config.executorRegistrationTimeoutMs);
}

export const awaitSubscription = (turn: Turn, run: Run, delayMs: number): void =>
  emit(turn, { type: 'setTimer', key: REGISTER_TIMER + run.containerId, delayMs });

/** It never subscribed, or not again after a restart of the agent: its container is ended, and so are its tasks. */
export function subscriptionOverdue(turn: Turn, run: Run): void {
  const again = [...run.tasks.values()].some((task) => task.delivered);
  run.ended = again ? overdue('TASK_GONE', 'REREGISTRATION') : overdue('TASK_FAILED', 'REGISTRATION');
  killVessel(turn, run, 0);
}

const overdue = (state: TaskEnd['state'], what: 'REGISTRATION' | 'REREGISTRATION'): TaskEnd => ({
  state,
  reason: `REASON_EXECUTOR_${what}_TIMEOUT`,
  message: `Executor did not subscribe${what === 'REGISTRATION' ? '' : ' again'} in time`,
});

export function executorSubscribed(turn: Turn, connection: string, call: ExecutorCall): void {
  const run = liveExecutor(turn.state, call.frameworkId.value, call.executorId.value);
  if (run === undefined) return emit(turn, { type: 'closeExecutor', connection });
  if (run.connection !== undefined) emit(turn, { type: 'closeExecutor', connection: run.connection });
  run.connection = connection;
  emit(turn, { type: 'cancelTimer', key: REGISTER_TIMER + run.containerId });
  send(turn, run, {
    type: 'SUBSCRIBED',
    subscribed: {
      executorInfo: run.info,
      frameworkInfo: frameworkOf(turn.state, run).info,
      agentInfo: agentInfoOf(turn.state),
      containerId: { value: run.containerId },
    },
  });
  for (const { status } of call.subscribe?.unacknowledgedUpdates ?? []) executorUpdated(turn, run, status);
  const held = new Set((call.subscribe?.unacknowledgedTasks ?? []).map((task) => task.taskId.value));
  for (const task of run.tasks.values())
    if (task.state === 'TASK_STAGING' && !held.has(task.info.taskId.value)) task.delivered = false;
  deliver(turn, run);
  for (const { killing, info } of run.tasks.values())
    if (killing) send(turn, run, { type: 'KILL', kill: { taskId: info.taskId } });
}

/** Hands the tasks that wait to a subscribed executor. */
export function deliver(turn: Turn, run: Run): void {
  if (run.connection === undefined) return;
  for (const task of run.tasks.values()) {
    if (!isWaiting(task)) continue;
    const tasks = groupOf(run, task).filter(isWaiting);
    for (const one of tasks) {
      one.delivered = true;
      saveTask(turn, run, one);
    }
    const infos = tasks.map(({ info }) => info);
    if (task.group === undefined) send(turn, run, { type: 'LAUNCH', launch: { task: task.info } });
    else send(turn, run, { type: 'LAUNCH_GROUP', launchGroup: { taskGroup: { tasks: infos } } });
  }
}

const isWaiting = (task: Task): boolean => !task.delivered && task.state === 'TASK_STAGING';

export function executorCalled(turn: Turn, call: ExecutorCall): void {
  const run = liveExecutor(turn.state, call.frameworkId.value, call.executorId.value);
  if (run === undefined) return;
  const { frameworkId, executorId } = run;
  if (call.type === 'UPDATE' && call.update) executorUpdated(turn, run, call.update.status);
  if (call.type === 'MESSAGE' && call.message && turn.state.link.phase === 'registered') {
    const message = { type: 'message', frameworkId, executorId, data: call.message.data } as const;
    count(turn.state, 'slave/valid_framework_messages');
    emit(turn, { type: 'sendMaster', call: message });
  }
}

export function executorDisconnected(turn: Turn, connection: string): void {
  for (const run of turn.state.runs.values()) if (run.connection === connection) run.connection = undefined;
}

export function messageExecutor(turn: Turn, frameworkId: string, executorId: string, data: string): void {
  const run = liveExecutor(turn.state, frameworkId, executorId);
  count(turn.state, run === undefined ? 'slave/invalid_framework_messages' : 'slave/valid_framework_messages');
  if (run !== undefined) send(turn, run, { type: 'MESSAGE', message: { data } });
}

export function shutdownExecutor(turn: Turn, frameworkId: string, executorId: string): void {
  const runs = turn.state.frameworks.get(frameworkId)?.runs.values() ?? [];
  for (const run of [...runs]) if (run.kind !== 'command' && run.executorId === executorId) stopExecutor(turn, run);
}

/** Asks the executor to end, and ends it when it does not. Of a pod, the tasks are ended. */
export function stopExecutor(turn: Turn, run: Run): void {
  if (run.phase === 'preparing')
    return neverRan(turn, run, {
      state: 'TASK_KILLED',
      reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
      message: 'The executor was shut down before it was launched',
    });
  const graceMs = durationMs(run.info.shutdownGracePeriod) ?? turn.state.config.executorShutdownGraceMs;
  if (run.kind === 'default') {
    for (const taskId of [...run.tasks.keys()]) killTask(turn, run.frameworkId, taskId);
  } else {
    if (run.connection === undefined || run.phase !== 'running') return killVessel(turn, run, graceMs);
    send(turn, run, { type: 'SHUTDOWN' });
  }
  emit(turn, { type: 'setTimer', key: SHUTDOWN_TIMER + run.containerId, delayMs: graceMs });
}

function executorUpdated(turn: Turn, run: Run, status: TaskStatus): void {
  const task = run.tasks.get(status.taskId.value);
  if (task !== undefined && !isKnown(task, status)) enqueue(turn, run, task, completed(turn, run, status));
  if (status.uuid !== undefined)
    send(turn, run, { type: 'ACKNOWLEDGED', acknowledged: { taskId: status.taskId, uuid: status.uuid } });
}

/** Of those that wait there can be more than statuses are kept. */
const isKnown = ({ statuses, updates }: Task, { uuid }: TaskStatus): boolean =>
  [...statuses, ...updates].some((known) => known.uuid === uuid);

/** What an executor leaves out, the agent knows. */
const completed = (turn: Turn, run: Run, status: TaskStatus): TaskStatus => ({
  ...status,
  source: 'SOURCE_EXECUTOR',
  agentId: { value: turn.state.agentId ?? '' },
  executorId: { value: run.executorId },
  timestamp: status.timestamp ?? turn.atMs / 1000,
  containerStatus: { ...containerStatusOf(turn.state, run), ...status.containerStatus },
});

function send(turn: Turn, run: Run, event: ExecutorEvent): void {
  if (run.connection !== undefined) emit(turn, { type: 'sendExecutor', connection: run.connection, event });
}

/** The run of an executor whose container is there or on its way up. */
export function liveExecutor(state: AgentState, frameworkId: string, executorId: string): Run | undefined {
  const runs = state.frameworks.get(frameworkId)?.runs.values() ?? [];
  return [...runs].find(
    ({ kind, phase, executorId: id }) =>
      kind === 'custom' && id === executorId && (phase === 'running' || phase === 'launching'),
  );
}
