import type {
  Attribute,
  CheckStatusInfo,
  DomainInfo,
  ExecutorInfo,
  FrameworkInfo,
  Resource,
  TaskInfo,
  TaskState,
  TaskStatus,
} from '@mezzo/sdk/api';
import type { AgentDrain, AgentOperation } from '../protocol.js';
import type { ContainerCheckpoint, ContainerExit, ContainerNetwork } from '@mezzo/sdk/points/containerizer';
import type { ContainerAsk } from './container-messages.js';

/** What does not change while the agent lives. */
export interface AgentConfig {
  /** Part of every container's and cgroup's name on this machine. */
  readonly owner: string;
  readonly workDir: string;
  readonly hostname: string;
  /** Address that tasks are reached at. */
  readonly ip: string;
  readonly port: number;
  readonly version: string;
  readonly resources: readonly Resource[];
  readonly attributes: readonly Attribute[];
  readonly domain?: DomainInfo | undefined;
  readonly containerizers: readonly string[];
  /** Given to every task and executor, below their own variables. */
  readonly executorEnvironment: Readonly<Record<string, string>>;
  /** The agent's own user, and whether it can run tasks as others. */
  readonly user: string;
  readonly switchUser: boolean;
  readonly registrationBackoffMs: number;
  readonly executorRegistrationTimeoutMs: number;
  readonly executorReregistrationTimeoutMs: number;
  readonly executorShutdownGraceMs: number;
  readonly recoveryTimeoutMs: number;
  readonly maxCompletedExecutors: number;
  /** Name of the store that has the secrets which tasks name; undefined = such tasks are refused. */
  readonly secretResolver?: string | undefined;
}

export interface MasterLink {
  /** Counts connections; what an older one says is ignored. */
  connection: number;
  phase: 'idle' | 'connecting' | 'registered';
  /** Failed attempts since the last registration. */
  attempt: number;
  session: string | undefined;
  /** The last connection was a registered one: the master may still have its books of this agent. */
  isKnown: boolean;
  masterId: string | undefined;
  /** `seq` of the last record seen in this connection. */
  downSeq: number;
  pingTimeoutMs: number;
  /** What the master was told of. */
  oversubscribed: readonly Resource[];
}

/** One kind of periodic probe of one task. */
export interface ProbeState {
  readonly startedAtMs: number;
  failures: number;
  /** Before the first success. */
  initializing: boolean;
}

export interface Task {
  readonly info: TaskInfo;
  /** Of the tasks that were launched together; undefined = alone. */
  readonly group: string | undefined;
  /** Of its own container, in a pod. */
  containerId: string | undefined;
  state: TaskState;
  /** Oldest first, at most 16. */
  readonly statuses: TaskStatus[];
  /** Not acknowledged yet, oldest first; only the first is in flight. */
  readonly updates: TaskStatus[];
  retryMs: number;
  /** Handed to its custom executor; in a pod, its container was asked for. */
  delivered: boolean;
  killing: boolean;
  /** The role that it gives way to. */
  preemptedFor: string | undefined;
  tooLong: boolean;
  healthy: boolean | undefined;
  checkStatus: CheckStatusInfo | undefined;
  readonly probes: Map<'health' | 'check', ProbeState>;
}

/** What a containerizer runs for us. */
export interface Vessel {
  readonly containerId: string;
  readonly containerizer: string;
  readonly directory: string;
  phase: 'preparing' | 'launching' | 'running' | 'ended';
  checkpoint: ContainerCheckpoint | undefined;
  pid: number | undefined;
  /** Kill it with this grace as soon as it is launched. */
  killOnLaunchMs: number | undefined;
}

/** A container that is not that of a run: of a task in a pod, or one that somebody asked for over the API. */
export interface Container extends Vessel {
  /** Names from the outermost container on, as the API has them. Clients choose them, so `containerId` is another. */
  readonly path: readonly string[];
  /** Container id of the one that it is in; undefined = it stands alone. */
  readonly parent: string | undefined;
  /** Container id of the run that it is in. */
  readonly run: string | undefined;
  /** Of a task in a pod. */
  readonly taskId: string | undefined;
  readonly ask: ContainerAsk | undefined;
  /** Its input and output are streams; it ends with the connection that asked for it, and is not written down. */
  readonly session: boolean;
  /** Whom to tell when it is up, or not. */
  launchRequest: number | undefined;
  exit: ContainerExit | undefined;
}

/**
 * One life of an executor: a container and the tasks in it. A command task is an executor of its own. `default` is a pod: the agent is its
 * executor, and each task has a container in the run's.
 */
export interface Run extends Vessel {
  readonly frameworkId: string;
  readonly executorId: string;
  readonly kind: 'command' | 'custom' | 'default';
  readonly info: ExecutorInfo;
  network: ContainerNetwork | undefined;
  readonly tasks: Map<string, Task>;
  /** Terminal and acknowledged, at most 100. */
  readonly completedTasks: Task[];
  /** Stream of a subscribed custom executor. */
  connection: string | undefined;
  /** Why the agent ended the container itself: the reason of the tasks' last updates. */
  ended: TaskEnd | undefined;
}

export interface TaskEnd {
  readonly state: TaskState;
  readonly reason: NonNullable<TaskStatus['reason']>;
  readonly message: string;
}

export interface AgentFramework {
  info: FrameworkInfo;
  /** The master asked for its end: nothing of it is reported any more. */
  shuttingDown: boolean;
  readonly runs: Map<string, Run>;
  /** Task id -> the run it is in. */
  readonly taskRuns: Map<string, Run>;
  readonly completedRuns: Run[];
}

/** Answered, and not acknowledged yet. */
export interface Operation extends AgentOperation {
  retryMs: number;
}

/** Who led when: `epoch` grows with each master that leads over the same registry. */
export interface Reign {
  readonly registry: string;
  readonly epoch: number;
}

export interface AgentState {
  readonly config: AgentConfig;
  phase: 'starting' | 'recovering' | 'serving' | 'leaving' | 'left';
  recover: 'reconnect' | 'cleanup';
  bootId: string;
  seed: string;
  counter: number;
  agentId: string | undefined;
  /** Of the master that it served last. */
  reign: Reign | undefined;
  drain: AgentDrain | undefined;
  /** All there is to offer: those of `config` with the reservations and volumes that were made of them. */
  resources: readonly Resource[];
  /** Revocable ones beside them, as the master was told. */
  oversubscribed: readonly Resource[];
  /** By uuid. */
  readonly operations: Map<string, Operation>;
  readonly link: MasterLink;
  readonly frameworks: Map<string, AgentFramework>;
  readonly completedFrameworks: AgentFramework[];
  /** Container id -> run; all but the retired ones. */
  readonly runs: Map<string, Run>;
  /** By container id: until its end was taken note of, or one that was asked for is removed. */
  readonly containers: Map<string, Container>;
  /** The same by their names, joined by dots. */
  readonly names: Map<string, Container>;
  /** Container id -> requests that wait for its end. */
  readonly waits: Map<string, Set<number>>;
  /** Killed while they were being launched: their containers are ended when they turn up. */
  readonly discarded: Map<string, string>;
  exitCode: number;
  exitReason: string;
  /** Since the start, by name as in /metrics/snapshot. */
  readonly counters: Map<string, number>;
}

export function createAgentState(config: AgentConfig): AgentState {
  return {
    config,
    phase: 'starting',
    recover: 'reconnect',
    bootId: '',
    seed: '',
    counter: 0,
    agentId: undefined,
    reign: undefined,
    drain: undefined,
    resources: config.resources,
    oversubscribed: [],
    operations: new Map(),
    link: {
      connection: 0,
      phase: 'idle',
      attempt: 0,
      session: undefined,
      isKnown: false,
      masterId: undefined,
      downSeq: 0,
      pingTimeoutMs: 75_000,
      oversubscribed: [],
    },
    frameworks: new Map(),
    completedFrameworks: [],
    runs: new Map(),
    containers: new Map(),
    names: new Map(),
    waits: new Map(),
    discarded: new Map(),
    exitCode: 0,
    exitReason: '',
    counters: new Map(),
  };
}

export const hasCapability = (framework: FrameworkInfo, type: string): boolean =>
  framework.capabilities?.some((c) => c.type === type) ?? false;

/** The state a framework is told: those of partition-aware ones are all TASK_LOST to others. */
export const stateFor = (framework: FrameworkInfo, state: TaskState): TaskState =>
  (state === 'TASK_GONE' || state === 'TASK_DROPPED') && !hasCapability(framework, 'PARTITION_AWARE')
    ? 'TASK_LOST'
    : state;
