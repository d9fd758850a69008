import type { ExecutorCall, Resource } from '@mezzo/sdk/api';
import type { ContainerExit, LaunchedContainer } from '@mezzo/sdk/points/containerizer';
import type { Correction } from '@mezzo/sdk/points/oversubscription';
import type { ContainerCall } from './container-messages.js';
import type { DownRecord } from '../protocol.js';

export interface CheckpointRecord {
  readonly key: string;
  readonly value: unknown;
}

export type ProbeOutcome =
  | { readonly kind: 'exit'; readonly code: number }
  | { readonly kind: 'http'; readonly status: number }
  | { readonly kind: 'tcp'; readonly connected: boolean }
  /** Nothing could be learned: timed out, could not be started. */
  | { readonly kind: 'failed'; readonly message: string };

export type AgentEvent =
  /** First of all. `seed` is a fresh random UUID of this life; `recover` is the flag of that name. */
  | {
      readonly type: 'checkpointsLoaded';
      readonly seed: string;
      readonly bootId: string;
      readonly recover: 'reconnect' | 'cleanup';
      readonly records: readonly CheckpointRecord[];
    }
  /** Answers `recoverContainers`: those whose end can still be told. */
  | { readonly type: 'containersRecovered'; readonly containerIds: readonly string[] }
  | { readonly type: 'masterRecordReceived'; readonly connection: number; readonly record: DownRecord }
  /** Another master leads now, as far as is known. */
  | { readonly type: 'masterFound' }
  | { readonly type: 'masterLost'; readonly connection: number; readonly reason: string }
  | { readonly type: 'sandboxPrepared'; readonly containerId: string }
  | {
      readonly type: 'sandboxFailed';
      readonly containerId: string;
      readonly stage: 'directory' | 'fetch' | 'secrets';
      readonly message: string;
    }
  | { readonly type: 'containerLaunched'; readonly containerId: string; readonly launched: LaunchedContainer }
  | { readonly type: 'containerLaunchFailed'; readonly containerId: string; readonly message: string }
  | { readonly type: 'containerEnded'; readonly containerId: string; readonly exit: ContainerExit }
  | { readonly type: 'probeDone'; readonly key: string; readonly outcome: ProbeOutcome }
  /** A call that `executorCallFault` let pass; SUBSCRIBE comes with the stream that answers it. */
  | { readonly type: 'executorSubscribed'; readonly connection: string; readonly call: ExecutorCall }
  | { readonly type: 'executorCalled'; readonly call: ExecutorCall }
  /** Is answered by one `replyContainerCall`, unless it is abandoned before. */
  | { readonly type: 'containerCalled'; readonly request: number; readonly call: ContainerCall }
  | { readonly type: 'containerCallAbandoned'; readonly request: number }
  | { readonly type: 'executorDisconnected'; readonly connection: string }
  /** What the estimator thinks can be used beyond what is in use: valid, and revocable. */
  | { readonly type: 'estimated'; readonly spare: readonly Resource[] }
  /** What the QoS controller wants ended. */
  | { readonly type: 'corrected'; readonly corrections: readonly Correction[] }
  | { readonly type: 'timerFired'; readonly key: string }
  /** The operator wants the agent to end its tasks and leave the cluster (SIGUSR1). */
  | { readonly type: 'leaveRequested' };
