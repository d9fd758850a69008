import { messageToJson, parseMessageText } from '../api/codec.js';
import type { MasterEvent } from '../api/messages.js';
import { EventFeed, type ConnectionOptions, type Reading } from './event-feed.js';

/** A snapshot of 10,000 agents with 200,000 tasks has 172 MiB; V8 makes no text of more than 512. */
const MAX_SNAPSHOT_BYTES = 480 * 1024 * 1024;

/**
 * The operator event stream of the leading master. The first event of each (re)subscription is SUBSCRIBED with a snapshot
 * (`subscribed.getState`), which replaces all that was known; heartbeats are not shown. One reader at a time. The iteration ends
 * upon close() and throws SUBSCRIBE_REFUSED upon a 4xx answer.
 */
export interface OperatorEvents extends AsyncIterable<MasterEvent> {
  readonly connected: boolean;
  close(): Promise<void>;
}

/** Subscriptions that the host has prepared: where the masters are, and who we are. */
export interface OperatorEventsFactory {
  subscribe(options?: Omit<ConnectionOptions, 'urls'>): OperatorEvents;
}

export function subscribeOperatorEvents(options: ConnectionOptions): OperatorEvents {
  const feed = new EventFeed<MasterEvent>({
    ...options,
    path: '/api/v1',
    maxRecordBytes: MAX_SNAPSHOT_BYTES,
    subscribe: () => messageToJson('mesos.v1.master.Call', { type: 'SUBSCRIBE' }),
    decode: (record) => parseMessageText('mesos.v1.master.Event', Buffer.from(record).toString()),
    read,
  });
  return {
    get connected() {
      return feed.subscription !== undefined;
    },
    close: () => feed.close(),
    [Symbol.asyncIterator]: () => feed[Symbol.asyncIterator](),
  };
}

function read(event: MasterEvent): Reading {
  if (event.type === 'HEARTBEAT') return { hidden: true };
  if (event.type !== 'SUBSCRIBED') return {};
  const seconds = event.subscribed?.heartbeatIntervalSeconds;
  return { subscribed: { heartbeatMs: seconds === undefined ? undefined : seconds * 1000 } };
}
