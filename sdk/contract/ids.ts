declare const brand: unique symbol;
type Id<Name extends string> = string & { readonly [brand]: Name };

export type MasterId = Id<'master'>;
/** `<master uuid>-S<n>` */
export type AgentId = Id<'agent'>;
/** `<master uuid>-NNNN` */
export type FrameworkId = Id<'framework'>;
/** `<master uuid>-O<n>` */
export type OfferId = Id<'offer'>;
/** Chosen by the framework, unique within it. */
export type TaskId = Id<'task'>;
export type ExecutorId = Id<'executor'>;
export type ContainerId = Id<'container'>;
export type OperationId = Id<'operation'>;
/** One subscription stream: a scheduler's, an agent's, an executor's or an operator's. Never reused. */
export type ConnectionId = Id<'connection'>;

/** Names a plain string as an id. Only borders (codecs, id makers, tests) call it. */
export const asId = <T extends Id<string>>(text: string): T => text as T;
