import type { AllocatorPolicy } from '@mezzo/sdk/points/allocator-policy';
import { usedBy } from '../../kernel/core/master/holdings.js';
import type { MasterState, Offer } from '../../kernel/core/master/state.js';
import { quantitiesOf, type Resources } from '../../kernel/core/resources/index.js';

/** Offers of each life of the master that were looked at. */
const seen = new WeakMap<MasterState, ReadonlySet<Offer>>();

/** After a step: what was offered in it is within the limits of its role and of all above, and of agents that may be offered. */
export function* offersNobodyMayHave(
  state: MasterState,
  hosts: readonly string[] | undefined,
  policy: AllocatorPolicy | undefined,
): Generator<string> {
  const before = seen.get(state) ?? new Set();
  const offers = new Set(state.offers.values());
  seen.set(state, offers);
  const fresh = [...offers].filter((offer) => !before.has(offer));
  if (fresh.length > 0 && state.awaitsPolicy) yield 'something is offered, and the policy is not there';
  for (const { agentId, frameworkId, role, id } of fresh) {
    const { info } = state.agents.get(agentId)!;
    const host = info.hostname;
    if (policy?.admits!(state.frameworks.get(frameworkId)!.info, role, info) === false)
      yield `the offer ${id} of ${host} is for ${frameworkId}, whom the policy does not admit there`;
    if (hosts?.includes(host) === false) yield `the offer ${id} is of ${host}, which is not on the whitelist`;
  }
  for (const [role, { limits }] of state.quotas) {
    const here = fresh.find((offer) => isWithin(offer.role, role));
    if (here === undefined) continue;
    const used = cpusOf(state, role);
    for (const [name, limit] of quantitiesOf(limits))
      if (name === 'cpus' && used > limit && boundCpus(here.resources) > 0)
        yield `with the offer ${here.id} ${role} has ${used} milli-cpus, and its limit is ${limit}`;
  }
}

/** What may be taken away is nobody's quota. */
const boundCpus = (resources: Resources): number => resources.filter((id) => id.isQuotaBound).scalar('cpus');

const isWithin = (role: string, above: string): boolean => role === above || role.startsWith(`${above}/`);

/** Held by tasks and executors, or on offer, at and below a role. */
function cpusOf({ frameworks, offers }: MasterState, above: string): number {
  let sum = 0;
  for (const { role, resources } of offers.values()) if (isWithin(role, above)) sum += boundCpus(resources);
  for (const framework of frameworks.values())
    for (const [role, used] of usedBy(framework).allocations()) if (isWithin(role, above)) sum += boundCpus(used);
  return sum;
}
