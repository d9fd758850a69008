import type { MasterCall, SchedulerCall, SchedulerCallSubscribe } from '@mezzo/sdk/api';
import type { AgentId, ConnectionId, FrameworkId } from '@mezzo/sdk/contract';
import type { AllocatorPolicy } from '@mezzo/sdk/points/allocator-policy';
import type { Principal } from '@mezzo/sdk/points/authenticator';
import type { AgentReturn, AgentSubscribe, UpBatch } from '../protocol.js';
import type { AgentRecord, FrameworkRecord, MaintenanceRecord, RoleRecord } from './effects.js';

/** Names a pending HTTP request; each gets exactly one `reply`. */
export type RequestId = number;

/** Of roles. Undefined: that of the role above. */
export type Priorities = ReadonlyMap<string, number | undefined>;

/** What was said, as it came: for who writes events down. Not looked at here. */
export interface Wire {
  readonly format: 'json' | 'protobuf';
  readonly bytes: Uint8Array;
}

export type MasterEvent =
  /** First event of all: it leads from now on, and takes up what the registry holds. */
  | {
      readonly type: 'elected';
      readonly epoch: number;
      /** The registry's name, which it has had since its first master. */
      readonly registry: string | undefined;
      readonly agents: ReadonlyMap<AgentId, AgentRecord>;
      readonly frameworks: ReadonlyMap<FrameworkId, FrameworkRecord>;
      readonly roles: ReadonlyMap<string, RoleRecord>;
      readonly maintenance?: MaintenanceRecord | undefined;
    }
  /** The agents of these hosts alone are offered, by name; undefined = all are. */
  | { readonly type: 'whitelistChanged'; readonly hosts: readonly string[] | undefined }
  /** What `allocatorPolicy` names is there: offers begin. It never throws, and answers finite numbers and booleans. */
  | { readonly type: 'policyChosen'; readonly policy: AllocatorPolicy }
  /** A scheduler's stream is open. The connection's id is its Mesos-Stream-Id. */
  | {
      readonly type: 'schedulerSubscribed';
      readonly connection: ConnectionId;
      readonly call: SchedulerCallSubscribe;
      /** Who authenticated as. Undefined = nobody was asked. */
      readonly principal: string | undefined;
    }
  | {
      readonly type: 'schedulerCalled';
      readonly request: RequestId;
      readonly call: SchedulerCall;
      /** The Mesos-Stream-Id that came with it. */
      readonly connection: ConnectionId | undefined;
      /** As above. */
      readonly principal?: string | undefined;
      readonly wire?: Wire;
    }
  | {
      readonly type: 'operatorSubscribed';
      readonly connection: ConnectionId;
      readonly principal?: Principal | undefined;
    }
  /** Calls that change something; the rest are views. */
  | {
      readonly type: 'operatorCalled';
      readonly request: RequestId;
      readonly call: MasterCall;
      /** As above. */
      readonly principal?: string | undefined;
    }
  | { readonly type: 'prioritiesSet'; readonly request: RequestId; readonly priorities: Priorities }
  /** An authenticated agent's stream is open. The connection's id becomes its session. */
  | {
      readonly type: 'agentSubscribed';
      readonly connection: ConnectionId;
      readonly subscribe: AgentSubscribe | AgentReturn;
    }
  | { readonly type: 'agentCalled'; readonly request: RequestId; readonly batch: UpBatch; readonly wire?: Wire }
  /** Any stream broke, or was closed by its reader. */
  | { readonly type: 'connectionClosed'; readonly connection: ConnectionId }
  | { readonly type: 'timerFired'; readonly id: string };
