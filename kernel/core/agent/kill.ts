import { isTerminal } from '@mezzo/sdk/contract';
import type { KillPolicy } from '@mezzo/sdk/api';
import { frameworkOf, groupOf, vesselOf } from './books.js';
import { saveTask } from './checkpoint.js';
import { containerNeverRan, neverRan, taskNeverRan } from './ends.js';
import { durationMs } from './spec.js';
import { hasCapability, type AgentState, type Run, type Task, type TaskEnd, type Vessel } from './state.js';
import { emit, type Turn } from './turn.js';
import { report } from './updates.js';

const COMMAND_GRACE_MS = 3000;
export const DISCARD_TIMER = 'discard/';

const KILLED_DURING_LAUNCH: TaskEnd = {
  state: 'TASK_KILLED',
  reason: 'REASON_TASK_KILLED_DURING_LAUNCH',
  message: 'Killed before the container was launched',
};

/** Ends one task; of a custom executor, by asking the executor. */
export function killTask(
  turn: Turn,
  frameworkId: string,
  taskId: string,
  policy?: KillPolicy,
  preemptedFor?: string,
): void {
  const run = turn.state.frameworks.get(frameworkId)?.taskRuns.get(taskId);
  const task = run?.tasks.get(taskId);
  if (run === undefined || task === undefined || isTerminal(task.state)) return;
  if (!task.killing) task.preemptedFor = preemptedFor;
  if (run.kind === 'custom') return killInExecutor(turn, run, task, policy);
  const vessel = vesselOf(turn.state, run, task);
  if (run.kind === 'command' && run.phase === 'preparing') return neverRan(turn, run, KILLED_DURING_LAUNCH);
  if (vessel === undefined || vessel.phase === 'preparing') return taskNeverRan(turn, run, task, KILLED_DURING_LAUNCH);
  const graceMs = graceOf(turn.state, run, task, policy);
  markKilling(turn, run, task);
  killVessel(turn, vessel, graceMs);
}

/** The container gets SIGTERM now or when it is launched; one that is not up within the grace is given up. */
export function killVessel(turn: Turn, vessel: Vessel, graceMs: number): void {
  const { containerizer, containerId } = vessel;
  if (vessel.phase === 'running') return emit(turn, { type: 'killContainer', containerizer, containerId, graceMs });
  if (vessel.phase !== 'launching') return;
  vessel.killOnLaunchMs = graceMs;
  emit(turn, { type: 'setTimer', key: DISCARD_TIMER + containerId, delayMs: graceMs });
}

/** A launch that hangs must not hold up a kill: told as killed, and destroyed whenever it turns up. */
export function discardLaunch(turn: Turn, containerId: string): void {
  const run = turn.state.runs.get(containerId);
  const container = turn.state.containers.get(containerId);
  const vessel = run ?? container;
  if (vessel?.phase !== 'launching') return;
  turn.state.discarded.set(containerId, vessel.containerizer);
  if (run !== undefined) neverRan(turn, run, run.ended ?? KILLED_DURING_LAUNCH);
  else if (container !== undefined) containerNeverRan(turn, container, KILLED_DURING_LAUNCH);
}

function markKilling(turn: Turn, run: Run, task: Task): void {
  if (task.killing) return;
  task.killing = true;
  const framework = frameworkOf(turn.state, run);
  if (framework.shuttingDown) return;
  if (hasCapability(framework.info, 'TASK_KILLING_STATE')) report(turn, run, task, 'TASK_KILLING');
  else saveTask(turn, run, task);
}

function killInExecutor(turn: Turn, run: Run, task: Task, policy: KillPolicy | undefined): void {
  if (!task.delivered) {
    for (const one of groupOf(run, task)) if (!one.delivered) taskNeverRan(turn, run, one, KILLED_DURING_LAUNCH);
    return;
  }
  task.killing = true;
  saveTask(turn, run, task); // an executor that is away may hear of it from the agent's next life
  if (run.connection === undefined) return;
  const kill = { taskId: task.info.taskId, ...(policy && { killPolicy: policy }) };
  emit(turn, { type: 'sendExecutor', connection: run.connection, event: { type: 'KILL', kill } });
}

/** The call's policy, else the task's own, else the default of its kind of executor. */
export function graceOf(state: AgentState, run: Run, task: Task, policy: KillPolicy | undefined): number {
  const own = durationMs(policy?.gracePeriod) ?? durationMs(task.info.killPolicy?.gracePeriod);
  return own ?? (run.containerizer === 'docker' ? state.config.executorShutdownGraceMs : COMMAND_GRACE_MS);
}
