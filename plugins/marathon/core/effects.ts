import type { Offer, SchedulerCall, TaskStatus } from '@mezzo/sdk/api';
import type { StoreWrite } from '@mezzo/sdk/contract';
import type { Command } from './commands/command.js';

/** What happened. */
export type MarathonEvent =
  /** `nonce`: at least 16 random hex digits. First event of a process, after `recover`. */
  | { readonly type: 'started'; readonly nonce: string }
  | { readonly type: 'commandReceived'; readonly requestId: number; readonly command: Command }
  | { readonly type: 'subscribed'; readonly frameworkId: string }
  | { readonly type: 'disconnected'; readonly reason: string }
  /** The master refuses this framework for good. */
  | { readonly type: 'refused'; readonly reason: string }
  | { readonly type: 'offersReceived'; readonly offers: readonly Offer[] }
  | { readonly type: 'offerRescinded'; readonly offerId: string }
  | { readonly type: 'statusReceived'; readonly status: TaskStatus }
  /** A call may not have arrived although the stream stands. */
  | { readonly type: 'callFailed' }
  | { readonly type: 'timerFired'; readonly key: string }
  | { readonly type: 'probed'; readonly taskId: string; readonly index: number; readonly failure: string | undefined };

/** An answer to a command: what HTTP says. */
export interface Answer {
  readonly status: number;
  readonly body?: unknown;
  readonly deploymentId?: string;
  /** Id of what was created. */
  readonly location?: string;
}

/** One event of /v2/events. `eventType` and `timestamp` are part of the body, as the field has it. */
export interface Publication {
  readonly eventType: string;
  readonly timestamp: string;
  readonly [key: string]: unknown;
}

/** One scheduler-side health check of one task. */
export interface Probe {
  readonly index: number;
  readonly kind: 'http' | 'https' | 'tcp';
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly ignore1xx: boolean;
  readonly intervalMs: number;
  /** Until its first success, and for so long, it is probed in quick steps: failures do not count yet. */
  readonly eagerMs: number;
  readonly timeoutMs: number;
}

/** What is to be done, in order; everything after a `persist` waits for it. */
export type Effect =
  | { readonly type: 'persist'; readonly writes: readonly StoreWrite[] }
  | { readonly type: 'call'; readonly call: SchedulerCall }
  | { readonly type: 'reply'; readonly requestId: number; readonly answer: Answer }
  | { readonly type: 'publish'; readonly event: Publication }
  | { readonly type: 'setTimer'; readonly key: string; readonly afterMs: number }
  | { readonly type: 'clearTimer'; readonly key: string }
  | { readonly type: 'startProbes'; readonly taskId: string; readonly probes: readonly Probe[] }
  | { readonly type: 'stopProbes'; readonly taskId: string }
  /** Subscribe again, as a new framework. */
  | { readonly type: 'resubscribe' }
  /** End this process: somebody else is the framework now, or the master will not have it. */
  | { readonly type: 'giveUp'; readonly reason: string };
