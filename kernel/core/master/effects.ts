import type {
  AgentInfo,
  FrameworkInfo,
  MachineID,
  MaintenanceSchedule,
  MasterEvent as OperatorEvent,
  QuotaConfig,
  SchedulerEvent,
} from '@mezzo/sdk/api';
import type { AgentId, ConnectionId, FrameworkId } from '@mezzo/sdk/contract';
import type { AgentDrain, DownRecord } from '../protocol.js';
import type { RequestId } from './events.js';

export type AgentFate = 'admitted' | 'unreachable' | 'gone';

/** DRAINED: nothing runs there any more, and every framework knows. */
export interface DrainRecord extends AgentDrain {
  readonly state: 'DRAINING' | 'DRAINED';
}

/** An agent in the registry. */
export interface AgentRecord {
  readonly fate: AgentFate;
  readonly info: AgentInfo;
  /** When it came to this fate. */
  readonly sinceMs: number;
  readonly deactivated?: boolean;
  readonly drain?: DrainRecord;
}

/** A framework in the registry. Absence there means that it was removed, or never admitted. */
export interface FrameworkRecord {
  readonly info: FrameworkInfo;
  readonly registeredAtMs: number;
}

/** What operators set for a role. */
export interface RoleRecord {
  readonly weight?: number;
  readonly quota?: QuotaConfig;
  readonly priority?: number;
}

/** What operators plan: machines of the schedule drain, save those that are down. */
export interface MaintenanceRecord {
  readonly schedule: MaintenanceSchedule;
  readonly down: readonly MachineID[];
}

export type RegistryWrite =
  | { readonly op: 'putAgent'; readonly id: AgentId; readonly record: AgentRecord }
  | { readonly op: 'deleteAgent'; readonly id: AgentId }
  | { readonly op: 'putFramework'; readonly id: FrameworkId; readonly record: FrameworkRecord }
  | { readonly op: 'deleteFramework'; readonly id: FrameworkId }
  | { readonly op: 'putRole'; readonly id: string; readonly record: RoleRecord }
  | { readonly op: 'deleteRole'; readonly id: string }
  | { readonly op: 'putMaintenance'; readonly id: 'maintenance'; readonly record: MaintenanceRecord }
  | { readonly op: 'putName'; readonly id: 'name'; readonly record: { readonly name: string } };

export type LogLevel = 'info' | 'warn';

/** What is to be done, in order. Whatever follows a `persist` waits until it has landed. */
export type MasterEffect =
  | { readonly type: 'persist'; readonly writes: readonly RegistryWrite[] }
  | { readonly type: 'sendScheduler'; readonly connection: ConnectionId; readonly event: SchedulerEvent }
  | { readonly type: 'sendAgent'; readonly connection: ConnectionId; readonly record: DownRecord }
  /** A record for one operator. After SUBSCRIBED it gets what is published, unless what it may see is restricted. */
  | {
      readonly type: 'sendOperator';
      readonly connection: ConnectionId;
      readonly event: OperatorEvent;
      readonly restricted?: boolean;
    }
  | { readonly type: 'publish'; readonly event: OperatorEvent }
  /** Ends a stream after what was sent. No `connectionClosed` comes of it that the machine would heed. */
  | { readonly type: 'close'; readonly connection: ConnectionId }
  | { readonly type: 'reply'; readonly request: RequestId; readonly status: number; readonly text?: string }
  /** One timer per id: setting it again moves it. */
  | { readonly type: 'setTimer'; readonly id: string; readonly atMs: number }
  | { readonly type: 'cancelTimer'; readonly id: string }
  /** This master must end rather than go on. */
  | { readonly type: 'fail'; readonly reason: string; readonly next: string }
  | {
      readonly type: 'log';
      readonly level: LogLevel;
      readonly message: string;
      readonly fields: Readonly<Record<string, unknown>>;
    };
