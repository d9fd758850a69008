export * from './allocator.js';
export type { Grant } from './cycle.js';
export type { AgentFinding, RoleExplanation, ShareLevel } from './explain.js';
export type { Clearing, Wish } from './place.js';
export type { Quota, QuotaLevel } from './quota.js';
