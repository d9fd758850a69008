import type { FrameworkInfo } from '@mezzo/sdk/api';
import { forgetFramework, forgetRun, forgetTask, saveFramework } from './checkpoint.js';
import type { AgentFramework, AgentState, Container, Run, Task, Vessel } from './state.js';
import { emit, type Turn } from './turn.js';

/** Who has what here: frameworks, their runs, the tasks in them; and how each leaves the books. */

const COMPLETED_FRAMEWORKS_KEPT = 50;
const COMPLETED_TASKS_KEPT = 100;

export const updateTimer = (run: Run, task: Task): string => `update/${run.containerId}/${task.info.taskId.value}`;
export const completionTimer = (run: Run, task: Task): string =>
  `completion/${run.containerId}/${task.info.taskId.value}`;
export const probeKey = (kind: 'health' | 'check', run: Run, task: Task): string =>
  `${kind}/${run.containerId}/${task.info.taskId.value}`;

export const newFramework = (info: FrameworkInfo, shuttingDown = false): AgentFramework => ({
  info,
  shuttingDown,
  runs: new Map(),
  taskRuns: new Map(),
  completedRuns: [],
});

/** The framework's entry, made when it runs something here for the first time or again. */
export function admitFramework(turn: Turn, info: FrameworkInfo): AgentFramework {
  const id = info.id?.value ?? '';
  const { frameworks, completedFrameworks } = turn.state;
  const known = frameworks.get(id);
  if (known !== undefined) return known;
  const before = completedFrameworks.findIndex((f) => f.info.id?.value === id);
  const [again] = before < 0 ? [] : completedFrameworks.splice(before, 1);
  const framework: AgentFramework = { ...newFramework(info), completedRuns: again?.completedRuns ?? [] };
  frameworks.set(id, framework);
  saveFramework(turn, framework);
  return framework;
}

export function frameworkOf(state: AgentState, run: Run): AgentFramework {
  const framework = state.frameworks.get(run.frameworkId);
  if (framework === undefined) throw new Error(`assertion failed: run ${run.containerId} has no framework`);
  return framework;
}

export function addRun(state: AgentState, framework: AgentFramework, run: Run): void {
  framework.runs.set(run.containerId, run);
  state.runs.set(run.containerId, run);
}

export function addContainer(state: AgentState, container: Container): void {
  state.containers.set(container.containerId, container);
  state.names.set(container.path.join('.'), container);
}

export function addTask(framework: AgentFramework, run: Run, task: Task): void {
  run.tasks.set(task.info.taskId.value, task);
  framework.taskRuns.set(task.info.taskId.value, run);
}

/** The task with those that were launched together with it and are not forgotten yet. */
export const groupOf = (run: Run, task: Task): Task[] =>
  task.group === undefined ? [task] : [...run.tasks.values()].filter(({ group }) => group === task.group);

/** The container that a task runs in. undefined = it has none, or not yet. */
export const vesselOf = (state: AgentState, run: Run, task: Task): Vessel | undefined =>
  run.kind === 'default' ? state.containers.get(task.containerId ?? '') : run;

/** No timer of an ended task may fire. */
export function cancelTaskTimers(turn: Turn, run: Run, task: Task): void {
  for (const kind of task.probes.keys()) emit(turn, { type: 'cancelTimer', key: probeKey(kind, run, task) });
  task.probes.clear();
  if (task.info.maxCompletionTime !== undefined) emit(turn, { type: 'cancelTimer', key: completionTimer(run, task) });
}

/** The task is over for good: forgotten on disk, kept a while for readers. */
export function removeTask(turn: Turn, run: Run, task: Task): void {
  const taskId = task.info.taskId.value;
  task.updates.length = 0;
  emit(turn, { type: 'cancelTimer', key: updateTimer(run, task) });
  forgetTask(turn, run, task);
  run.tasks.delete(taskId);
  frameworkOf(turn.state, run).taskRuns.delete(taskId);
  run.completedTasks.push(task);
  if (run.completedTasks.length > COMPLETED_TASKS_KEPT) run.completedTasks.shift();
  retireIfDone(turn, run);
}

/** A run whose container has ended and whose tasks are all acknowledged leaves the books. */
export function retireIfDone(turn: Turn, run: Run): void {
  if (run.phase !== 'ended' || run.tasks.size > 0) return;
  const framework = turn.state.frameworks.get(run.frameworkId);
  if (framework === undefined || !framework.runs.delete(run.containerId)) return;
  turn.state.runs.delete(run.containerId);
  forgetRun(turn, run);
  framework.completedRuns.push(run);
  if (framework.completedRuns.length > turn.state.config.maxCompletedExecutors) framework.completedRuns.shift();
  if (framework.runs.size === 0) retireFramework(turn, framework);
}

export function retireFramework(turn: Turn, framework: AgentFramework): void {
  const { state } = turn;
  const id = framework.info.id?.value ?? '';
  state.frameworks.delete(id);
  forgetFramework(turn, id);
  state.completedFrameworks.push(framework);
  if (state.completedFrameworks.length > COMPLETED_FRAMEWORKS_KEPT) state.completedFrameworks.shift();
}
