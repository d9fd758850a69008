import type { FrameworkInfoCapabilityType, Offer } from '../api/messages.js';
import type { Logger, PluginStore } from '../contract/services.js';
import type { Clock } from './clock.js';
import type { TaskEvent } from './core/events.js';
import type { Entry, Outcome, Settings } from './core/state.js';
import type { FullWant } from './core/want.js';
import type { SchedulerClientFactory } from './scheduler-client.js';

export interface FrameworkOptions extends Partial<Pick<Settings, 'roles' | 'refuseSeconds'>> {
  readonly name: string;
  /** Services of the SDK: SCHEDULER, STORE and LOG, or what a test has in their place. */
  readonly scheduler: SchedulerClientFactory;
  readonly store: PluginStore;
  readonly log?: Logger;
  readonly clock?: Clock;
  /** Begins the keys of its records, so that several may share a store. Default `framework/`. */
  readonly prefix?: string;
  /** Default: that of this process. */
  readonly user?: string;
  /** For how long its tasks run on while it is away. Default a week. */
  readonly failoverTimeoutMs?: number;
  /** Beside PARTITION_AWARE, MULTI_ROLE, RESERVATION_REFINEMENT and TASK_KILLING_STATE. */
  readonly capabilities?: readonly FrameworkInfoCapabilityType[];
  readonly webuiUrl?: string;
  readonly hostname?: string;
  /** When the master has removed it: begin anew with what is wanted (`startAnew`), or end (default). */
  readonly whenRemoved?: 'end' | 'startAnew';
  /** Wanted, running and finished tasks together. Default 10000; their records may have 32 Mi characters together. */
  readonly maxTasks?: number;
  /** Pure: may say no to an offer that would serve. It is a function of the framework, since wants are stored and functions cannot be. */
  readonly accepts?: (offer: Offer, want: FullWant) => boolean;
  readonly onTask?: (event: TaskEvent) => void;
  readonly onState?: (state: ConnectionState) => void;
  /** From an executor; base64. Messages may be lost. */
  readonly onMessage?: (data: string, from: { readonly agentId: string; readonly executorId: string }) => void;
}

/**
 * `error`: why it is not connected. Codes: FRAMEWORK_REMOVED, FRAMEWORK_REJECTED (another process has taken its place, or the master
 * does not like what it says of itself), STORE_FAILED and whatever a bug throws (all of them end it), SUBSCRIBE_REFUSED (it tries again).
 */
export interface ConnectionState {
  readonly phase: 'connecting' | 'connected' | 'ended';
  readonly frameworkId: string | undefined;
  readonly error?: Error;
}

/** A wanted task as it is now. */
export interface TaskRecord extends Readonly<
  Pick<Entry, 'want' | 'attempt' | 'failures' | 'retryAtMs' | 'launch' | 'outcome'>
> {
  readonly stopping: boolean;
}

export interface TaskHandle {
  readonly key: string;
  /** As of now; what was forgotten stays as it was. */
  readonly record: TaskRecord;
  /** Resolves when it is durable that the task is wanted: it will run, whatever happens to this process. Stays open when the framework ends before. */
  readonly stored: Promise<void>;
  /** Resolves when it has ended for good and that is stored. Never rejects; stays open when the framework ends before. */
  readonly finished: Promise<Outcome>;
}
