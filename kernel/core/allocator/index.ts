export * from './allocator.js';
export type { Grant } from './cycle.js';
export type { Quota } from './quota.js';
