import { isTerminal } from '@mezzo/sdk/contract';
import type { ContainerExit, LaunchedContainer } from '@mezzo/sdk/points/containerizer';
import { saveContainer } from './checkpoint.js';
import { containerNeverRan, dropContainer, launchFailure } from './ends.js';
import type { AgentEvent } from './events.js';
import { DISCARD_TIMER, killVessel } from './kill.js';
import { containerUp, podTaskEnded } from './pods.js';
import { innerSpec } from './spec.js';
import type { Container, Run, Task } from './state.js';
import { emit, type Turn } from './turn.js';

/** What becomes of containers in the containers of runs. */

type ContainerEvent = Extract<AgentEvent, { readonly containerId: string }>;

export function containerEvent(turn: Turn, container: Container, event: ContainerEvent): void {
  switch (event.type) {
    case 'sandboxPrepared':
      return prepared(turn, container);
    case 'sandboxFailed':
    case 'containerLaunchFailed':
      emit(turn, { type: 'cancelTimer', key: DISCARD_TIMER + container.containerId });
      return containerNeverRan(turn, container, launchFailure(turn, event.message));
    case 'containerLaunched':
      return launched(turn, container, event.launched);
    case 'containerEnded':
      return ended(turn, container, event.exit);
  }
}

function prepared(turn: Turn, container: Container): void {
  const owner = ownerOf(turn, container);
  if (container.phase !== 'preparing' || owner === undefined) return;
  container.phase = 'launching';
  const { containerizer } = container;
  const spec = innerSpec(turn.state, owner.run, owner.task.info, container);
  emit(turn, { type: 'launchContainer', containerizer, spec });
}

function launched(turn: Turn, container: Container, { checkpoint, pid }: LaunchedContainer): void {
  if (container.phase !== 'launching') return;
  Object.assign(container, { phase: 'running', checkpoint, pid });
  saveContainer(turn, container);
  const owner = ownerOf(turn, container);
  if (owner !== undefined) containerUp(turn, owner.run, owner.task);
  if (container.killOnLaunchMs === undefined) return;
  emit(turn, { type: 'cancelTimer', key: DISCARD_TIMER + container.containerId });
  killVessel(turn, container, container.killOnLaunchMs);
}

/** The end of its task is written down before the container is forgotten: a crash in between asks again how it ended. */
function ended(turn: Turn, container: Container, exit: ContainerExit): void {
  const owner = ownerOf(turn, container);
  if (owner !== undefined && !isTerminal(owner.task.state)) podTaskEnded(turn, owner.run, owner.task, exit);
  const { containerizer, containerId } = container;
  dropContainer(turn, container);
  emit(turn, { type: 'removeContainer', containerizer, containerId });
}

function ownerOf({ state }: Turn, { run: id, taskId }: Container): { run: Run; task: Task } | undefined {
  const run = state.runs.get(id);
  const task = run?.tasks.get(taskId);
  return run && task && { run, task };
}
