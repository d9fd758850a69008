import { Resources } from '../resources/index.js';
import { volumesOf } from './operations.js';
import { isTerminal } from '@mezzo/sdk/contract';
import type { ContainerExit } from '@mezzo/sdk/points/containerizer';
import { addContainer, frameworkOf, groupOf } from './books.js';
import { saveContainer } from './checkpoint.js';
import { runOver } from './ends.js';
import { killTask, killVessel } from './kill.js';
import { commandEnd, watchTask } from './running.js';
import { secretsOf } from './secrets.js';
import { podResources, userOf } from './spec.js';
import type { Container, Run, Task } from './state.js';
import { emit, nextUuid, type Turn } from './turn.js';
import { report } from './updates.js';

/** Pods: the default executor, built in. A group of tasks comes up as a whole, and its first bad end is the end of all of it. */

/** Gives each task that waits a container, once the pod's own is there. */
export function launchWaiting(turn: Turn, run: Run): void {
  if (run.phase !== 'running') return;
  const waiting = [...run.tasks.values()].filter((task) => task.state === 'TASK_STAGING' && !task.delivered);
  for (const task of waiting) launchTask(turn, run, task);
}

function launchTask(turn: Turn, run: Run, task: Task): void {
  const containerId = nextUuid(turn.state);
  const taskId = task.info.taskId.value;
  const container: Container = {
    ...{ containerId, path: [run.containerId, containerId], parent: run.containerId, run: run.containerId },
    taskId,
    containerizer: run.containerizer,
    directory: `${run.directory}/containers/${containerId}`,
    ...{ ask: undefined, session: false, launchRequest: undefined, exit: undefined },
    phase: 'preparing',
    ...{ checkpoint: undefined, pid: undefined, killOnLaunchMs: undefined },
  };
  addContainer(turn.state, container);
  saveContainer(turn, container);
  Object.assign(task, { delivered: true, containerId });
  report(turn, run, task, 'TASK_STARTING');
  const { command } = task.info;
  emit(turn, {
    type: 'prepareSandbox',
    ...{ containerId, directory: container.directory },
    user: userOf(turn.state, frameworkOf(turn.state, run).info, command?.user),
    uris: command?.uris ?? [],
    volumes: volumesOf(turn.state.config, Resources.of(task.info.resources)),
    within: run.directory,
    link: `tasks/${taskId}`,
    ...secretsOf(command),
  });
}

/** The tasks of a group run when the last of their containers does. */
export function containerUp(turn: Turn, run: Run, task: Task): void {
  const group = groupOf(run, task);
  const isUp = ({ state, containerId }: Task) =>
    isTerminal(state) || turn.state.containers.get(containerId ?? '')?.phase === 'running';
  if (group.every(isUp)) for (const one of group) podTaskRunning(turn, run, one);
}

export function podTaskRunning(turn: Turn, run: Run, task: Task): void {
  if (task.killing || task.state !== 'TASK_STARTING') return;
  report(turn, run, task, 'TASK_RUNNING');
  watchTask(turn, run, task);
}

export function podTaskEnded(turn: Turn, run: Run, task: Task, exit: ContainerExit): void {
  const { state, details } = commandEnd(run, task, exit);
  report(turn, run, task, state, details);
}

/** What the ends of this step mean for the other tasks of the pods, and for the pods. */
export function settlePods(turn: Turn): void {
  for (const run of turn.pods) {
    for (const task of [...run.tasks.values()])
      if (isTerminal(task.state) && task.state !== 'TASK_FINISHED') endGroup(turn, run, task);
    settlePod(turn, run);
  }
}

function endGroup(turn: Turn, run: Run, failed: Task): void {
  for (const task of groupOf(run, failed))
    if (!task.killing && !isTerminal(task.state)) killTask(turn, run.frameworkId, task.info.taskId.value);
}

/** A pod ends with its last task; while others run, the bounds follow. */
function settlePod(turn: Turn, run: Run): void {
  if (run.phase === 'ended') return;
  if (!isOver(run)) return boundPod(turn, run);
  if (run.phase !== 'preparing') return killVessel(turn, run, 0);
  run.phase = 'ended';
  runOver(turn, run, 0);
}

export function boundPod(turn: Turn, run: Run): void {
  if (run.phase !== 'running') return;
  const { containerizer, containerId } = run;
  emit(turn, { type: 'updateContainer', containerizer, containerId, resources: podResources(run) });
}

/** Nothing is left to run: its container ends as soon as it can. */
export const isOver = (run: Run): boolean => [...run.tasks.values()].every((task) => isTerminal(task.state));
