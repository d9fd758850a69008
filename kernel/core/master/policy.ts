import type { AllocatorPolicy } from '@mezzo/sdk/points/allocator-policy';
import { log, type Turn } from './turn.js';

/** What a plugin brought decides from here on who is offered what. */
export function policyChosen(turn: Turn, policy: AllocatorPolicy): void {
  const { state } = turn;
  state.awaitsPolicy = false;
  state.allocator.usePolicy(policy);
  log(turn, 'info', 'offers are made by a policy', { policy: policy.name });
}
