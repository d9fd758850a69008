import type { CommandInfoURI, ExecutorEvent } from '@mezzo/sdk/api';
import type {
  ContainerCheckpoint,
  ContainerCommand,
  ContainerResources,
  ContainerSpec,
} from '@mezzo/sdk/points/containerizer';
import type { ContainerReply } from './container-messages.js';
import type { SecretVariable } from './secrets.js';
import type { AgentReturn, AgentSubscribe, UpCall } from '../protocol.js';

export interface HttpProbe {
  readonly kind: 'http';
  readonly scheme: string;
  readonly port: number;
  readonly path: string;
}
/** How a task is probed. HTTP and TCP go to `host`, from outside of the container. */
export type Probe =
  | { readonly kind: 'command'; readonly command: ContainerCommand }
  | (HttpProbe & { readonly host: string })
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

/** A directory that outlives the tasks that use it. */
export interface PersistentVolume {
  readonly directory: string;
  /** A disk of its own: only what is on it comes and goes. */
  readonly isMount: boolean;
  /** Where the container sees it, below its sandbox. */
  readonly containerPath: string;
  readonly readOnly: boolean;
}

/** What the agent wants done, in order. `checkpoint` and `forget` are the writes: what follows waits for them. */
export type AgentEffect =
  | { readonly type: 'checkpoint'; readonly key: string; readonly value: unknown }
  | { readonly type: 'forget'; readonly key: string }
  /** Done before anything that follows begins. `fresh`: whatever lies there is a leftover. A write: when it fails, the agent ends. */
  | { readonly type: 'createVolume'; readonly volume: PersistentVolume; readonly fresh: boolean }
  | { readonly type: 'destroyVolume'; readonly volume: PersistentVolume }
  /** Opens the stream to the leading master. Every event of it carries `connection`; an older one is closed first. */
  | { readonly type: 'connectMaster'; readonly connection: number; readonly subscribe: AgentSubscribe | AgentReturn }
  | { readonly type: 'disconnectMaster'; readonly connection: number }
  | { readonly type: 'sendMaster'; readonly call: UpCall }
  | { readonly type: 'recoverContainers'; readonly containers: readonly RecoverableContainer[] }
  | {
      readonly type: 'prepareSandbox';
      readonly containerId: string;
      readonly directory: string;
      readonly user: string | undefined;
      readonly uris: readonly CommandInfoURI[];
      /** `directory` is in this one, which what runs there may write to, and is found under the name `link` there, too. */
      readonly within?: string;
      readonly link?: string;
      /** Linked into the sandbox, and given to the user. */
      readonly volumes: readonly PersistentVolume[];
      /** Asked for at last, and added to what is launched then. */
      readonly secrets?: readonly SecretVariable[];
    }
  /** The shell also waits for the container's end. */
  | { readonly type: 'launchContainer'; readonly containerizer: string; readonly spec: ContainerSpec }
  | {
      readonly type: 'killContainer';
      readonly containerizer: string;
      readonly containerId: string;
      readonly graceMs: number;
    }
  | {
      readonly type: 'updateContainer';
      readonly containerizer: string;
      readonly containerId: string;
      readonly resources: ContainerResources;
    }
  | {
      readonly type: 'signalContainer';
      readonly containerizer: string;
      readonly containerId: string;
      readonly signal: number;
    }
  | { readonly type: 'removeContainer'; readonly containerizer: string; readonly containerId: string }
  /** `directory` with all that is in it, which lies in `within` as those that are prepared do. Then the request is answered. */
  | {
      readonly type: 'removeSandbox';
      readonly request: number;
      readonly directory: string;
      readonly within: string;
      /** When all went well. */
      readonly reply: ContainerReply;
    }
  | { readonly type: 'replyContainerCall'; readonly request: number; readonly reply: ContainerReply }
  /** The run is over: its sandbox ages from now on. */
  | { readonly type: 'retireSandbox'; readonly directory: string }
  | {
      readonly type: 'probe';
      readonly key: string;
      readonly containerizer: string;
      readonly containerId: string;
      readonly probe: Probe;
      readonly timeoutMs: number;
    }
  | { readonly type: 'sendExecutor'; readonly connection: string; readonly event: ExecutorEvent }
  | { readonly type: 'closeExecutor'; readonly connection: string }
  /** Replaces a timer of the same key. `jitter`: the shell waits a random part of `delayMs`. */
  | { readonly type: 'setTimer'; readonly key: string; readonly delayMs: number; readonly jitter?: boolean }
  | { readonly type: 'cancelTimer'; readonly key: string }
  | {
      readonly type: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly message: string;
      readonly fields?: Readonly<Record<string, unknown>>;
    }
  /** The agent has nothing left to do: the process ends with `code`. */
  | { readonly type: 'exit'; readonly code: number; readonly reason: string };

export interface RecoverableContainer {
  readonly containerizer: string;
  readonly checkpoint: ContainerCheckpoint;
}
