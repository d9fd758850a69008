export * from './effects.js';
export * from './events.js';
export { auditMaster } from './invariants.js';
export * from './options.js';
export {
  createMasterState,
  type Agent,
  type Executor,
  type Framework,
  type MasterState,
  type Offer,
  type Task,
} from './state.js';
export { masterMachine } from './step.js';
