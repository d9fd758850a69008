import { isTerminal } from '@mezzo/sdk/contract';
import type { TaskState } from '@mezzo/sdk/api';
import type { ContainerExit, LaunchedContainer } from '@mezzo/sdk/points/containerizer';
import { completionTimer } from './books.js';
import { saveRun } from './checkpoint.js';
import { answerWaits } from './container-replies.js';
import { dropEndedIn } from './containers.js';
import { executorLaunched } from './custom-executors.js';
import { DISCARD_TIMER, killVessel, killTask } from './kill.js';
import { dropContainer, exitMessage, failLaunch, limitationOf, runOver, waitStatus, type Limitation } from './ends.js';
import { isOver, launchWaiting } from './pods.js';
import { startProbes } from './probes.js';
import { durationMs } from './spec.js';
import { type Run, type Task } from './state.js';
import { emit, type Turn } from './turn.js';
import { report, type StatusDetails } from './updates.js';

/** What containers do: they come up, and they end. */

export function containerLaunched(turn: Turn, containerId: string, launched: LaunchedContainer): void {
  const run = turn.state.runs.get(containerId);
  const discarded = turn.state.discarded.get(containerId);
  if (discarded !== undefined)
    return emit(turn, { type: 'killContainer', containerizer: discarded, containerId, graceMs: 0 });
  if (run?.phase !== 'launching') return;
  run.phase = 'running';
  run.checkpoint = launched.checkpoint;
  run.pid = launched.pid;
  run.network = launched.network;
  saveRun(turn, run);
  if (run.kind === 'custom') executorLaunched(turn, run);
  else if (run.kind === 'default') launchWaiting(turn, run);
  else for (const task of run.tasks.values()) taskRunning(turn, run, task);
  if (run.killOnLaunchMs === undefined) return;
  emit(turn, { type: 'cancelTimer', key: DISCARD_TIMER + containerId });
  killVessel(turn, run, run.killOnLaunchMs);
}

export function containerLaunchFailed(turn: Turn, containerId: string, message: string): void {
  turn.state.discarded.delete(containerId);
  const run = turn.state.runs.get(containerId);
  if (run?.phase !== 'launching') return;
  emit(turn, { type: 'cancelTimer', key: DISCARD_TIMER + containerId });
  failLaunch(turn, run, message);
}

export function containerEnded(turn: Turn, containerId: string, exit: ContainerExit): void {
  const { state } = turn;
  const containerizer = state.discarded.get(containerId) ?? state.runs.get(containerId)?.containerizer;
  const run = state.runs.get(containerId);
  if (run !== undefined && run.phase !== 'ended') runEnded(turn, run, exit);
  state.discarded.delete(containerId);
  if (containerizer !== undefined) emit(turn, { type: 'removeContainer', containerizer, containerId });
}

/** The container is no more; what is left of the run are updates that wait for their acknowledgement. */
export function runEnded(turn: Turn, run: Run, exit: ContainerExit): void {
  const over = run.kind === 'default' && isOver(run);
  run.phase = 'ended';
  saveRun(turn, run);
  for (const key of [`register/${run.containerId}`, `shutdown/${run.containerId}`])
    if (run.kind !== 'command') emit(turn, { type: 'cancelTimer', key });
  if (run.connection !== undefined) emit(turn, { type: 'closeExecutor', connection: run.connection });
  run.connection = undefined;
  for (const task of [...run.tasks.values()]) {
    const waiting = turn.state.containers.get(task.containerId ?? '');
    if (waiting?.phase === 'preparing') dropContainer(turn, waiting);
    const end = run.kind === 'command' ? commandEnd(run, task, exit) : executorEnd(run, exit);
    report(turn, run, task, end.state, end.details);
  }
  // A pod ends as its agent wants, once all is done: no failure.
  answerWaits(turn, run.containerId, exit);
  dropEndedIn(turn, run.containerId);
  runOver(turn, run, over ? 0 : waitStatus(exit));
}

export function taskTooLong(turn: Turn, run: Run, task: Task): void {
  if (isTerminal(task.state)) return;
  task.tooLong = true;
  killTask(turn, run.frameworkId, task.info.taskId.value);
}

/** Clocks and probes of a task that runs; after a recovery they start over, but for the completion time. */
export function watchTask(turn: Turn, run: Run, task: Task): void {
  startProbes(turn, run, task);
  const maxMs = durationMs(task.info.maxCompletionTime);
  if (maxMs === undefined) return;
  const since = task.statuses.find((s) => s.state === 'TASK_RUNNING')?.timestamp ?? turn.atMs / 1000;
  const delayMs = Math.max(0, maxMs - (turn.atMs - since * 1000));
  emit(turn, { type: 'setTimer', key: completionTimer(run, task), delayMs });
}

function taskRunning(turn: Turn, run: Run, task: Task): void {
  if (task.killing) return;
  report(turn, run, task, 'TASK_RUNNING');
  watchTask(turn, run, task);
}

interface End {
  readonly state: TaskState;
  readonly details: StatusDetails;
}

export function commandEnd(run: Run, task: Task, exit: ContainerExit): End {
  if (run.ended !== undefined) return executorEnd(run, exit);
  const message = exitMessage(exit);
  if (task.tooLong) return { state: 'TASK_FAILED', details: { message, reason: 'REASON_MAX_COMPLETION_TIME_REACHED' } };
  const limitation = limitationOf(exit);
  if (limitation !== undefined) return limitEnd(task, exit, limitation);
  if (task.killing) return { state: 'TASK_KILLED', details: { message } };
  if (exit.limitation === 'unknown')
    return { state: 'TASK_FAILED', details: { message, reason: 'REASON_EXECUTOR_TERMINATED', byAgent: true } };
  return { state: exit.code === 0 ? 'TASK_FINISHED' : 'TASK_FAILED', details: { message } };
}

function limitEnd(task: Task, exit: ContainerExit, { name, reason }: Limitation): End {
  const limit = task.info.limits?.[name]?.value ?? task.info.resources?.find((r) => r.name === name)?.scalar?.value;
  const resources = limit === undefined ? [] : [{ name, type: 'SCALAR' as const, scalar: { value: limit } }];
  return {
    state: 'TASK_FAILED',
    details: { message: exit.message, reason, byAgent: true, limitation: { resources } },
  };
}

function executorEnd(run: Run, exit: ContainerExit): End {
  if (run.ended !== undefined) {
    const { state, reason, message } = run.ended;
    return { state, details: { reason, message, byAgent: true } };
  }
  const reason = limitationOf(exit)?.reason ?? 'REASON_EXECUTOR_TERMINATED';
  const message = limitationOf(exit) === undefined ? 'Executor terminated' : exit.message;
  return { state: 'TASK_FAILED', details: { message, reason, byAgent: true } };
}
