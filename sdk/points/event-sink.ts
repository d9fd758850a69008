import type { MasterEvent } from '../api/messages.js';
import { extensionPoint } from '../contract/tokens.js';

export interface EventBatch {
  /** In the order in which they happened. */
  readonly events: readonly MasterEvent[];
  /**
   * What happened before the first of these may never have been shown. That first one is SUBSCRIBED then, with a snapshot of all that is. So begins
   * what a sink gets after each start, each lost connection, and each time that it did not keep up.
   */
  readonly missed: boolean;
  /** Why something may be missing: the plugin has just begun, the connection was lost, or the sink did not keep up. */
  readonly why?: 'start' | 'connection' | 'overflow';
}

/** Gets all operator events of the leading master. Contributed by plugins in a process of their own, which runs on masters. */
export interface EventSink {
  /**
   * Resolves when the batch is kept. Called for one batch after the other, never before the call before has ended. After a rejection it gets the same
   * batch again, with growing pauses; so some of it may be there already. `signal` is aborted when it takes too long (30 s), and when the plugin stops.
   */
  write(batch: EventBatch, signal: AbortSignal): void | Promise<void>;
}

export const EVENT_SINK = extensionPoint<EventSink>('event-sink.v1');
