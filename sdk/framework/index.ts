export type { CallOptions } from './call-sender.js';
export type { Backoff, ConnectionOptions } from './event-feed.js';
export * from './executor-client.js';
export * from './leading-master.js';
export * from './marathon-health.js';
export * from './operator-events.js';
export * from './scheduler-client.js';
export * from './tokens.js';
