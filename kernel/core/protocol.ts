import type {
  AgentInfo,
  DrainConfig,
  ExecutorInfo,
  FrameworkInfo,
  KillPolicy,
  OfferOperation,
  OperationStatus,
  Resource,
  TaskInfo,
  TaskState,
  TaskStatus,
} from '@mezzo/sdk/api';

/**
 * Between our own master and agent. Down: one RecordIO stream of `DownRecord` (the answer of the subscribe call). Up: batches of
 * `UpCall` on one ordered channel. Header `Mezzo-Protocol: 1`. A batch carries the session it belongs to, its own number
 * (from 1, no gaps) and the number of the last down record seen; the master answers a gap or an unknown session with 409, and the agent
 * subscribes anew with all it knows.
 */
export const PROTOCOL_VERSION = 1;

/** A task as the agent knows it; what a new master learns of it. */
export interface AgentTask {
  readonly frameworkId: string;
  readonly info: TaskInfo;
  /** Of the executor that it runs in, where it has one; tasks of a group do not name it themselves. */
  readonly executorId?: string;
  /** Latest state on the agent. */
  readonly state: TaskState;
  /** Statuses so far, oldest first, at most 16; the last is the latest. */
  readonly statuses: readonly TaskStatus[];
  /** uuid (base64) and state of the oldest update that is not acknowledged yet. */
  readonly unacknowledged?: { readonly uuid: string; readonly state: TaskState };
}

export interface AgentExecutor {
  readonly frameworkId: string;
  readonly info: ExecutorInfo;
}

/** An operation that the agent has answered, until that is acknowledged. */
export interface AgentOperation {
  /** 16 bytes in base64. */
  readonly uuid: string;
  /** Undefined = an operator's. */
  readonly frameworkId?: string;
  readonly info: OfferOperation;
  readonly status: OperationStatus;
}

/** How an agent begins: who it is and what it has. */
export interface AgentGreeting {
  readonly protocol: number;
  /** Address is `hostname:port` of the agent's own HTTP API; `agentInfo.id` is set when it was admitted before. */
  readonly agentInfo: AgentInfo;
  /** ip:port of the agent's API. */
  readonly address: string;
  readonly resources: readonly Resource[];
  readonly version: string;
}

/** What a master must know to take an agent in that it has no books of. */
export interface AgentSubscribe extends AgentGreeting {
  readonly tasks: readonly AgentTask[];
  readonly executors: readonly AgentExecutor[];
  readonly operations: readonly AgentOperation[];
  /** Frameworks that have tasks or executors here. */
  readonly frameworks: readonly FrameworkInfo[];
}

/** An agent that comes back to the master that had it: when the books of both are the same, nothing else needs to be said. */
export interface AgentReturn extends AgentGreeting {
  readonly digest: string;
}

/** What is the same in the books of an agent and of its master when neither missed a word of the other. */
export const bookItems = {
  task: (frameworkId: string, taskId: string, state: TaskState) => ['task', frameworkId, taskId, state].join('\n'),
  executor: (frameworkId: string, executorId: string) => ['executor', frameworkId, executorId].join('\n'),
  operation: (uuid: string, { state }: OperationStatus) => ['operation', uuid, state].join('\n'),
};

/** An operator wants all tasks to end, each within its own grace and the bound given. */
export interface AgentDrain {
  readonly config: DrainConfig;
  readonly sinceMs: number;
}

export type DownMessage =
  | {
      readonly type: 'registered';
      readonly session: string;
      readonly agentId: string;
      readonly masterId: string;
      /** Of the master's reign over `registry`: who has served a later one does not go back. */
      readonly epoch: number;
      /** Undefined from a master of an earlier version. */
      readonly registry?: string;
      readonly pingIntervalMs: number;
      readonly pingTimeoutMs: number;
      /** While the agent is being drained, or has been. */
      readonly drain?: AgentDrain;
    }
  /** Admission refused for ever (marked gone, bad address, wrong domain): shut down. */
  | { readonly type: 'refused'; readonly reason: string }
  /** The digest is not that of the master's books: subscribe again, with all there is. */
  | { readonly type: 'tellAll' }
  | { readonly type: 'ping' }
  | {
      readonly type: 'runTask';
      readonly framework: FrameworkInfo;
      readonly task: TaskInfo;
      readonly executor?: ExecutorInfo;
    }
  | {
      readonly type: 'runTaskGroup';
      readonly framework: FrameworkInfo;
      readonly executor: ExecutorInfo;
      readonly tasks: readonly TaskInfo[];
    }
  | {
      readonly type: 'killTask';
      readonly frameworkId: string;
      readonly taskId: string;
      readonly killPolicy?: KillPolicy;
      /** The role that it gives way to; its framework did not ask for its end. */
      readonly preemptedFor?: string;
    }
  /** Turn `from`, which the agent has, into `to`: reservations are made or undone, volumes come or go. */
  | {
      readonly type: 'applyOperation';
      readonly uuid: string;
      readonly frameworkId?: string;
      readonly info: OfferOperation;
      readonly from: readonly Resource[];
      readonly to: readonly Resource[];
    }
  | { readonly type: 'acknowledgeOperation'; readonly uuid: string }
  /** End all tasks. */
  | ({ readonly type: 'drain' } & AgentDrain)
  /** In use again after a drain. */
  | { readonly type: 'reactivated' }
  | { readonly type: 'acknowledge'; readonly frameworkId: string; readonly taskId: string; readonly uuid: string }
  | { readonly type: 'message'; readonly frameworkId: string; readonly executorId: string; readonly data: string }
  | { readonly type: 'shutdownExecutor'; readonly frameworkId: string; readonly executorId: string }
  | { readonly type: 'shutdownFramework'; readonly frameworkId: string }
  | { readonly type: 'updateFramework'; readonly framework: FrameworkInfo };

/** `seq` counts down records within a session, from 1. */
export type DownRecord = DownMessage & { readonly seq: number };

export type UpCall =
  | { readonly type: 'pong' }
  /** One in flight per task; sent again until acknowledged. `latestState` may be ahead of the status itself. */
  | {
      readonly type: 'statusUpdate';
      readonly frameworkId: string;
      readonly status: TaskStatus;
      readonly latestState: TaskState;
    }
  | { readonly type: 'message'; readonly frameworkId: string; readonly executorId: string; readonly data: string }
  | {
      readonly type: 'executorExited';
      readonly frameworkId: string;
      readonly executorId: string;
      readonly status: number;
    }
  /** Sent again until acknowledged. */
  | { readonly type: 'operationUpdated'; readonly operation: AgentOperation }
  /** All that there is, after these of the operations that nobody has acknowledged; others had not come yet. */
  | {
      readonly type: 'updateResources';
      readonly resources: readonly Resource[];
      readonly operations?: readonly string[];
    }
  /** Orderly farewell: the agent ends its tasks and leaves. */
  | { readonly type: 'unregister' };

export interface UpBatch {
  readonly session: string;
  readonly seq: number;
  /** `seq` of the last down record that was processed. */
  readonly seen: number;
  readonly calls: readonly UpCall[];
}
