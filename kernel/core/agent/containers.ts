import { isTerminal } from '@mezzo/sdk/contract';
import type { ContainerExit, LaunchedContainer } from '@mezzo/sdk/points/containerizer';
import { saveContainer } from './checkpoint.js';
import { answerWaits, replyToLaunch } from './container-replies.js';
import { containerNeverRan, dropContainer, launchFailure } from './ends.js';
import type { AgentEvent } from './events.js';
import { DISCARD_TIMER, killVessel } from './kill.js';
import { containerUp, podTaskEnded, podTaskRunning } from './pods.js';
import { askedSpec, innerSpec } from './spec.js';
import type { AgentState, Container, Run, Task } from './state.js';
import { emit, type Turn } from './turn.js';

/** What becomes of containers that are not those of runs. */

type ContainerEvent = Extract<AgentEvent, { readonly containerId: string }>;

export function containerEvent(turn: Turn, container: Container, event: ContainerEvent): void {
  switch (event.type) {
    case 'sandboxPrepared':
      return container.phase === 'preparing' ? launchNow(turn, container) : undefined;
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

export function launchNow(turn: Turn, container: Container): void {
  const owner = ownerOf(turn, container);
  const spec = owner ? innerSpec(turn.state, owner.run, owner.task.info, container) : askedSpec(turn.state, container);
  container.phase = 'launching';
  emit(turn, { type: 'launchContainer', containerizer: container.containerizer, spec });
}

function launched(turn: Turn, container: Container, { checkpoint, pid }: LaunchedContainer): void {
  if (container.phase !== 'launching') return;
  Object.assign(container, { phase: 'running', checkpoint, pid });
  saveContainer(turn, container);
  const { session, containerId } = container;
  replyToLaunch(turn, container, { status: 200, ...(session && { containerId }) });
  const owner = ownerOf(turn, container);
  if (owner !== undefined) containerUp(turn, owner.run, owner.task);
  if (container.killOnLaunchMs === undefined) return;
  emit(turn, { type: 'cancelTimer', key: DISCARD_TIMER + container.containerId });
  killVessel(turn, container, container.killOnLaunchMs);
}

/** The end of its task is written down before the container is forgotten: a crash in between asks again how it ended. */
function ended(turn: Turn, container: Container, exit: ContainerExit): void {
  const owner = ownerOf(turn, container);
  // One that ended before the others of its group were up has run as well.
  if (owner !== undefined) podTaskRunning(turn, owner.run, owner.task);
  const { containerizer, containerId } = container;
  Object.assign(container, { phase: 'ended', exit });
  if (owner !== undefined && !isTerminal(owner.task.state)) podTaskEnded(turn, owner.run, owner.task, exit);
  answerWaits(turn, containerId, exit);
  if (isKept(turn.state, container)) saveContainer(turn, container);
  else dropContainer(turn, container);
  dropEndedIn(turn, containerId);
  emit(turn, { type: 'removeContainer', containerizer, containerId });
}

/** How one ended that somebody asked for can be asked until it is removed, or what it was in ends. */
export function isKept({ phase, runs, containers }: AgentState, { ask, parent = '' }: Container): boolean {
  if (ask === undefined || phase === 'leaving') return false;
  return parent === '' || (runs.get(parent) ?? containers.get(parent))?.phase === 'running';
}

/** Those that run in it end as well, and are dropped then. */
export function dropEndedIn(turn: Turn, containerId: string): void {
  for (const inner of [...turn.state.containers.values()])
    if (inner.parent === containerId && inner.phase === 'ended') dropContainer(turn, inner);
}

function ownerOf({ state }: Turn, { run: id = '', taskId = '' }: Container): { run: Run; task: Task } | undefined {
  const run = state.runs.get(id);
  const task = run?.tasks.get(taskId);
  return run && task && { run, task };
}
