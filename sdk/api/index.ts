export * from './codec.js';
export type * from './messages.js';
