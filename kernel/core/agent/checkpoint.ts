import type { ExecutorInfo, FrameworkInfo, Resource, TaskInfo, TaskState, TaskStatus } from '@mezzo/sdk/api';
import type { AgentDrain, AgentOperation } from '../protocol.js';
import type { ContainerCheckpoint, ContainerExit, ContainerNetwork } from '@mezzo/sdk/points/containerizer';
import type { ContainerAsk } from './container-messages.js';
import type { AgentFramework, AgentState, Container, Reign, Run, Task, TaskEnd } from './state.js';
import { emit, type Turn } from './turn.js';
import { answered, keptOf } from './views.js';

/** What is written under <work_dir>/meta. Every record carries the format version it was written with. */
export const CHECKPOINT_VERSION = 1;

export interface AgentRecord {
  readonly version: number;
  readonly agentId: string;
  readonly bootId: string;
  readonly drain?: AgentDrain;
  readonly reign?: Reign;
}
export interface ResourcesRecord {
  readonly version: number;
  /** Dynamic reservations and persistent volumes; the rest is what the machine has. */
  readonly kept: readonly Resource[];
  readonly operations: readonly AgentOperation[];
}
export interface FrameworkRecord {
  readonly version: number;
  readonly info: FrameworkInfo;
  readonly shuttingDown: boolean;
}
export interface RunRecord {
  readonly version: number;
  readonly containerId: string;
  readonly frameworkId: string;
  readonly executorId: string;
  readonly kind: Run['kind'];
  readonly info: ExecutorInfo;
  readonly containerizer: string;
  readonly directory: string;
  readonly ended: boolean;
  readonly end?: TaskEnd;
  readonly checkpoint?: ContainerCheckpoint;
  readonly pid?: number;
  readonly network?: ContainerNetwork;
}
export interface ContainerRecord {
  readonly version: number;
  readonly containerId: string;
  readonly path: readonly string[];
  readonly parent?: string;
  readonly run?: string;
  readonly taskId?: string;
  readonly ask?: ContainerAsk;
  readonly containerizer: string;
  readonly directory: string;
  readonly checkpoint?: ContainerCheckpoint;
  readonly pid?: number;
  readonly exit?: ContainerExit;
}
export interface TaskRecord {
  readonly version: number;
  readonly info: TaskInfo;
  readonly state: TaskState;
  readonly statuses: readonly TaskStatus[];
  readonly updates: readonly TaskStatus[];
  readonly delivered: boolean;
  readonly killing: boolean;
  readonly preemptedFor?: string;
  readonly group?: string;
  readonly containerId?: string;
}

export const AGENT_KEY = 'agent';
export const RESOURCES_KEY = 'resources';
const frameworkKey = (frameworkId: string): string => `frameworks/${frameworkId}`;
export const runKey = (containerId: string): string => `runs/${containerId}`;
export const containerKey = (containerId: string): string => `containers/${containerId}`;
const taskKey = (containerId: string, taskId: string): string => `tasks/${containerId}/${taskId}`;

export function saveAgent(turn: Turn, state: AgentState): void {
  const { agentId = '', bootId, drain, reign } = state;
  const value: AgentRecord = {
    ...{ version: CHECKPOINT_VERSION, agentId, bootId },
    ...(drain && { drain }),
    ...(reign && { reign }),
  };
  emit(turn, { type: 'checkpoint', key: AGENT_KEY, value });
}

export function saveResources(turn: Turn, state: AgentState): void {
  const operations = [...state.operations.values()].map(answered);
  const value: ResourcesRecord = { version: CHECKPOINT_VERSION, kept: keptOf(state), operations };
  emit(turn, { type: 'checkpoint', key: RESOURCES_KEY, value });
}

export function saveFramework(turn: Turn, framework: AgentFramework): void {
  const { info, shuttingDown } = framework;
  const value: FrameworkRecord = { version: CHECKPOINT_VERSION, info, shuttingDown };
  emit(turn, { type: 'checkpoint', key: frameworkKey(info.id?.value ?? ''), value });
}

export function saveRun(turn: Turn, run: Run): void {
  const { containerId, frameworkId, executorId, kind, info, containerizer, directory } = run;
  const value: RunRecord = {
    ...{ version: CHECKPOINT_VERSION, containerId, frameworkId, executorId, kind, info, containerizer, directory },
    ended: run.phase === 'ended',
    ...(run.ended && { end: run.ended }),
    ...(run.checkpoint && { checkpoint: run.checkpoint }),
    ...(run.pid !== undefined && { pid: run.pid }),
    ...(run.network && { network: run.network }),
  };
  emit(turn, { type: 'checkpoint', key: runKey(containerId), value });
}

export function saveContainer(turn: Turn, container: Container): void {
  const { containerId, path, parent, run, taskId, ask, containerizer, directory, checkpoint, pid, exit } = container;
  if (container.session) return;
  const value: ContainerRecord = {
    ...{ version: CHECKPOINT_VERSION, containerId, path, containerizer, directory },
    ...(parent !== undefined && { parent }),
    ...(run !== undefined && { run }),
    ...(taskId !== undefined && { taskId }),
    ...(ask && { ask }),
    ...(checkpoint && { checkpoint }),
    ...(pid !== undefined && { pid }),
    ...(exit && { exit }),
  };
  emit(turn, { type: 'checkpoint', key: containerKey(containerId), value });
}

export function saveTask(turn: Turn, run: Run, task: Task): void {
  const { info, state, delivered, killing, preemptedFor, group, containerId } = task;
  const value: TaskRecord = {
    ...{ version: CHECKPOINT_VERSION, info, state, delivered, killing },
    statuses: [...task.statuses],
    updates: [...task.updates],
    ...(preemptedFor !== undefined && { preemptedFor }),
    ...(group !== undefined && { group }),
    ...(containerId !== undefined && { containerId }),
  };
  emit(turn, { type: 'checkpoint', key: taskKey(run.containerId, info.taskId.value), value });
}

export const forgetAgent = (turn: Turn): void => emit(turn, { type: 'forget', key: AGENT_KEY });
export const forgetFramework = (turn: Turn, frameworkId: string): void =>
  emit(turn, { type: 'forget', key: frameworkKey(frameworkId) });
export const forgetRun = (turn: Turn, run: Run): void => emit(turn, { type: 'forget', key: runKey(run.containerId) });
export function forgetContainer(turn: Turn, { containerId, session }: Container): void {
  if (!session) emit(turn, { type: 'forget', key: containerKey(containerId) });
}
export const forgetTask = (turn: Turn, run: Run, task: Task): void =>
  emit(turn, { type: 'forget', key: taskKey(run.containerId, task.info.taskId.value) });
