import type { InverseOffer, Offer, SchedulerCall, TaskState, TaskStatus } from '../../api/messages.js';
import type { StoreWrite } from '../../contract/services.js';
import type { Outcome } from './state.js';
import type { FullWant } from './want.js';

/** What happened. */
export type FrameworkInput =
  /** First of a process, after `recover`. */
  | { readonly type: 'started' }
  | { readonly type: 'wanted'; readonly want: FullWant }
  | { readonly type: 'unwanted'; readonly key: string }
  | { readonly type: 'subscribed'; readonly frameworkId: string }
  | { readonly type: 'disconnected' }
  /** The master will not have this framework any more. */
  | { readonly type: 'rejected'; readonly reason: string }
  | { readonly type: 'offered'; readonly offers: readonly Offer[] }
  | { readonly type: 'inverseOffered'; readonly offers: readonly InverseOffer[] }
  | { readonly type: 'statusReceived'; readonly status: TaskStatus }
  | { readonly type: 'agentFailed'; readonly agentId: string }
  /** A call may not have arrived although the stream stands. */
  | { readonly type: 'callFailed'; readonly call: SchedulerCall }
  | { readonly type: 'timerFired'; readonly key: string };

/** A change of a task, told once it is stored. The first of each attempt is TASK_STAGING without a reason: it was launched. */
export interface TaskEvent {
  readonly key: string;
  readonly attempt: number;
  readonly taskId: string;
  readonly agentId: string;
  readonly hostname: string;
  readonly ports: readonly number[];
  readonly state: TaskState;
  readonly reason?: string;
  readonly message?: string;
  readonly healthy?: boolean;
  /** Base64. */
  readonly data?: string;
  /** It has ended and will be launched again then. Milliseconds since the epoch. */
  readonly retryAtMs?: number;
}

/** What is to be done, in order; everything after a `persist` waits for it. */
export type FrameworkEffect =
  | { readonly type: 'persist'; readonly writes: readonly StoreWrite[] }
  | { readonly type: 'call'; readonly call: SchedulerCall }
  | { readonly type: 'tell'; readonly event: TaskEvent }
  /** What is wanted is durable. */
  | { readonly type: 'stored'; readonly serial: number }
  | { readonly type: 'ended'; readonly serial: number; readonly outcome: Outcome }
  /** What was stopped is gone. */
  | { readonly type: 'forgotten'; readonly serial: number }
  | { readonly type: 'setTimer'; readonly key: string; readonly afterMs: number }
  | { readonly type: 'clearTimer'; readonly key: string }
  | { readonly type: 'connected' }
  /** Subscribe as a new framework. */
  | { readonly type: 'startAnew'; readonly reason: string }
  | { readonly type: 'giveUp'; readonly reason: string; readonly removed: boolean };
