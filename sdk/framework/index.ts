export type { CallOptions } from './call-sender.js';
export * from './clock.js';
export { factsOf, fieldValue, renderAttribute, type AgentFacts } from './core/agent-facts.js';
export { CONSTRAINT_OPERATORS, constraintProblem, satisfies, type Constraint } from './core/constraints.js';
export type { TaskEvent } from './core/events.js';
export {
  namedAgent,
  namedTask,
  withStatus,
  type DiscoveryPort,
  type IpSource,
  type NamedAgent,
  type NamedTask,
} from './core/named-task.js';
export { OfferPool, portResources, type Needs, type TakenPort } from './core/offer-pool.js';
export type { Launch, Outcome } from './core/state.js';
export type { Amounts, FullWant, Placement, Retry, TaskSpec, Want } from './core/want.js';
export { EffectQueue, type Outward } from './effect-queue.js';
export type { Backoff, ConnectionOptions } from './event-feed.js';
export { connectExecutor, executorOptions, type ExecutorClient, type ExecutorOptions } from './executor-client.js';
export * from './executor.js';
export type * from './framework-options.js';
export { Framework } from './framework.js';
export * from './leading-master.js';
export * from './marathon-health.js';
export * from './operator-events.js';
export * from './scheduler-client.js';
export { StoreWriter } from './store-writer.js';
export * from './tokens.js';
