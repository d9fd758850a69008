import type { Request } from '@mezzo/sdk/api';
import type { Wish } from '../allocator/index.js';
import { resourceError, Resources } from '../resources/index.js';
import { idsOf } from './ledger.js';
import { makeOffers, offer } from './offers.js';
import { preempt } from './preemption.js';
import type { Framework } from './state.js';
import { log, type Turn } from './turn.js';

/** Of one call; what is beyond is not looked at. */
const MAX_REQUESTS = 1000;

/**
 * REQUEST: offers of just what a framework asks for, at once, out of what everybody else has had the chance to take. Each
 * request is one offer. What fits nowhere is left out, or others give way: the framework sees which offers it got.
 */
export function place(turn: Turn, framework: Framework, requests: readonly Request[]): void {
  const { state } = turn;
  if (!state.options.placeRequests || state.awaitedAgents !== undefined || state.awaitsPolicy) return;
  makeOffers(turn);
  const open = [...framework.offers];
  const wishes = requests.slice(0, MAX_REQUESTS).flatMap((request) => wishOf(turn, framework, request) ?? []);
  const grants = state.allocator.place(framework.id, wishes);
  offer(
    turn,
    grants.flatMap((grant) => (grant ? idsOf(grant) : [])),
  );
  const left = wishes.filter((_, i) => grants[i] === undefined);
  if (state.options.preemption) preempt(turn, framework, wishes, left, open);
}

function wishOf(turn: Turn, framework: Framework, { agentId, resources = [] }: Request): Wish | undefined {
  const error =
    resources.length === 0 ? 'no resources' : resources.map(resourceError).find((reason) => reason !== undefined);
  if (error !== undefined) {
    log(turn, 'warn', 'a request is not understood', { framework: framework.id, reason: error });
    return undefined;
  }
  const role = resources.find(({ allocationInfo }) => allocationInfo?.role)?.allocationInfo?.role;
  return {
    role: role ?? framework.roles[0] ?? '*',
    resources: Resources.of(resources).unallocate(),
    ...(agentId && { agentId: agentId.value }),
  };
}
