import type { TaskStatus } from '@mezzo/sdk/api';
import type { ContainerExit } from '@mezzo/sdk/points/containerizer';
import { retireIfDone } from './books.js';
import { forgetContainer } from './checkpoint.js';
import { answerWaits, replyToLaunch } from './container-replies.js';
import type { Container, Run, Task, TaskEnd } from './state.js';
import { count, emit, type Turn } from './turn.js';
import { report } from './updates.js';

/** How runs end, and in which words. */

export function failLaunch(turn: Turn, run: Run, why: string): void {
  neverRan(turn, run, launchFailure(turn, why));
}

export function launchFailure(turn: Turn, why: string): TaskEnd {
  count(turn.state, 'slave/container_launch_errors');
  const message = `Failed to launch container: ${why}`;
  return { state: 'TASK_FAILED', reason: 'REASON_CONTAINER_LAUNCH_FAILED', message };
}

/** The run ends without a container. */
export function neverRan(turn: Turn, run: Run, end: TaskEnd): void {
  run.phase = 'ended';
  for (const task of [...run.tasks.values()]) taskNeverRan(turn, run, task, end);
  runOver(turn, run, 0);
}

export function taskNeverRan(turn: Turn, run: Run, task: Task, { state, reason, message }: TaskEnd): void {
  const container = turn.state.containers.get(task.containerId ?? '');
  report(turn, run, task, state, { reason, message, byAgent: true });
  if (container?.phase === 'preparing') dropContainer(turn, container);
}

/** A container in a pod ends without having run. */
export function containerNeverRan(turn: Turn, container: Container, end: TaskEnd): void {
  const run = turn.state.runs.get(container.run ?? '');
  const task = run?.tasks.get(container.taskId ?? '');
  if (run !== undefined && task !== undefined) taskNeverRan(turn, run, task, end);
  replyToLaunch(turn, container, { status: 400, text: end.message });
  dropContainer(turn, container);
}

/** Its task, if it had one, has been reported. */
export function dropContainer(turn: Turn, container: Container): void {
  const { containers, names } = turn.state;
  if (!containers.delete(container.containerId)) return;
  names.delete(container.path.join('.'));
  container.phase = 'ended';
  answerWaits(turn, container.containerId);
  forgetContainer(turn, container);
}

/** The last of a run, once its tasks have been reported: what is left are updates that wait to be acknowledged. */
export function runOver(turn: Turn, run: Run, status: number): void {
  const { frameworkId, executorId } = run;
  if (run.kind !== 'command')
    emit(turn, { type: 'sendMaster', call: { type: 'executorExited', frameworkId, executorId, status } });
  answerWaits(turn, run.containerId);
  count(turn.state, 'slave/executors_terminated');
  emit(turn, { type: 'retireSandbox', directory: run.directory });
  retireIfDone(turn, run);
}

const SIGNALS: Readonly<Record<string, readonly [number: number, text: string]>> = {
  SIGHUP: [1, 'Hangup'],
  SIGINT: [2, 'Interrupt'],
  SIGQUIT: [3, 'Quit'],
  SIGILL: [4, 'Illegal instruction'],
  SIGTRAP: [5, 'Trace/breakpoint trap'],
  SIGABRT: [6, 'Aborted'],
  SIGBUS: [7, 'Bus error'],
  SIGFPE: [8, 'Floating point exception'],
  SIGKILL: [9, 'Killed'],
  SIGUSR1: [10, 'User defined signal 1'],
  SIGSEGV: [11, 'Segmentation fault'],
  SIGUSR2: [12, 'User defined signal 2'],
  SIGPIPE: [13, 'Broken pipe'],
  SIGALRM: [14, 'Alarm clock'],
  SIGTERM: [15, 'Terminated'],
};

/** In the words of the field, which people and tools search for. */
export function exitMessage(exit: ContainerExit): string {
  if (exit.limitation !== undefined) return exit.message;
  if (exit.code !== undefined) return `Command exited with status ${exit.code}`;
  if (exit.signal === undefined) return exit.message;
  return `Command terminated with signal ${SIGNALS[exit.signal]?.[1] ?? exit.signal}`;
}

export interface Limitation {
  /** Of the resource that was outgrown, or ''. */
  readonly name: string;
  readonly reason: NonNullable<TaskStatus['reason']>;
}

const LIMITATIONS: Readonly<Record<string, Limitation>> = {
  oom: { name: 'mem', reason: 'REASON_CONTAINER_LIMITATION_MEMORY' },
  disk: { name: 'disk', reason: 'REASON_CONTAINER_LIMITATION_DISK' },
  other: { name: '', reason: 'REASON_CONTAINER_LIMITATION' },
};

/** Undefined when no bound ended it. */
export const limitationOf = ({ limitation }: ContainerExit): Limitation | undefined => LIMITATIONS[limitation ?? ''];

/** As wait(2) encodes it. */
export const waitStatus = (exit: ContainerExit): number =>
  exit.code !== undefined ? (exit.code & 0xff) << 8 : (SIGNALS[exit.signal ?? '']?.[0] ?? 0);
