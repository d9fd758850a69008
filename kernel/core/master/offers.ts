import type { Filters, Offer as OfferMessage, URL } from '@mezzo/sdk/api';
import { asId, type AgentId, type OfferId } from '@mezzo/sdk/contract';
import type { Refusal } from '../allocator/index.js';
import { allocate, release, type Grant } from './ledger.js';
import { firstRepeated } from './names.js';
import { noteUse, type Agent, type Claim, type Framework, type Offer } from './state.js';
import { bump, cancelTimer, count, sendScheduler, setTimer, type Turn } from './turn.js';

/** How long refused resources stay hidden from the framework: the allocator knows the defaults and bounds. */
export const refusalOf = (turn: Turn, filters: Filters | undefined): Refusal => ({
  atMs: turn.atMs,
  ...(filters?.refuseSeconds !== undefined && { refuseSeconds: filters.refuseSeconds }),
});

/** Turns what the allocator grants into offers, one event for each framework. */
export function makeOffers(turn: Turn): void {
  offer(turn, allocate(turn));
}

export function offer(turn: Turn, grants: readonly Grant[]): void {
  const made = new Map<Framework, OfferMessage[]>();
  for (const grant of grants) {
    const framework = turn.state.frameworks.get(grant.frameworkId)!;
    const agent = turn.state.agents.get(grant.agentId)!;
    const { message } = addOffer(turn, framework, agent, grant);
    const messages = made.get(framework);
    if (messages) messages.push(message);
    else made.set(framework, [message]);
  }
  for (const [framework, offers] of made) {
    bump(framework.counts, 'offers/sent', offers.length);
    sendScheduler(turn, framework, { type: 'OFFERS', offers: { offers } });
  }
}

function addOffer(turn: Turn, framework: Framework, agent: Agent, { role, resources }: Grant): Offer {
  const { state, atMs } = turn;
  const id = asId<OfferId>(`${state.options.masterId}-O${state.nextOffer++}`);
  const message = messageOf(id, framework, agent, role, resources);
  const offer: Offer = { id, frameworkId: framework.id, agentId: agent.id, role, resources, message };
  state.offers.set(id, offer);
  framework.offers.add(offer);
  agent.offers.add(offer);
  noteUse(state, agent);
  const { offerTimeoutMs } = state.options;
  if (offerTimeoutMs !== undefined) setTimer(turn, offerTimer(id), atMs + offerTimeoutMs);
  return offer;
}

function messageOf(
  id: OfferId,
  framework: Framework,
  agent: Agent,
  role: string,
  resources: Offer['resources'],
): OfferMessage {
  const multiRole = framework.capabilities.has('MULTI_ROLE');
  const refined = framework.capabilities.has('RESERVATION_REFINEMENT');
  const executorIds = [...agent.executors.values()].filter((e) => e.frameworkId === framework.id);
  return {
    id: { value: id },
    frameworkId: { value: framework.id },
    agentId: { value: agent.id },
    hostname: agent.info.hostname,
    url: urlOf(agent),
    ...(agent.info.domain && { domain: agent.info.domain }),
    resources: (multiRole ? resources : resources.unallocate()).toMessages(refined ? 'post' : 'pre'),
    ...(agent.info.attributes && { attributes: agent.info.attributes }),
    ...(executorIds.length > 0 && { executorIds: executorIds.map((e) => ({ value: e.executorId })) }),
    ...(agent.maintenance && { unavailability: agent.maintenance.machine.unavailability }),
    ...(multiRole && { allocationInfo: { role } }),
  };
}

export const urlOf = (agent: Agent): URL => ({ scheme: 'http', address: addressOf(agent), path: '/slave(1)' });

const addressOf = ({ address, info: { hostname } }: Agent): { hostname: string; ip: string; port: number } => ({
  hostname,
  ip: ipOf(address),
  port: Number(address.slice(address.lastIndexOf(':') + 1)),
});

/** Of ip:port, where an IPv6 address is in brackets. */
export const ipOf = (address: string): string => address.slice(0, address.lastIndexOf(':')).replace(/^\[|\]$/g, '');

const offerTimer = (id: OfferId): string => `offer/${id}`;

/** Takes an offer off the table; its resources stay accounted to the framework until they are released. */
export function takeOffer(turn: Turn, offer: Offer): void {
  const { offers, frameworks, agents, options } = turn.state;
  offers.delete(offer.id);
  frameworks.get(offer.frameworkId)?.offers.delete(offer);
  agents.get(offer.agentId)?.offers.delete(offer);
  if (options.offerTimeoutMs !== undefined) cancelTimer(turn, offerTimer(offer.id));
}

export function removeOffer(turn: Turn, offer: Offer, refusal?: Refusal): void {
  takeOffer(turn, offer);
  release(turn, offer.frameworkId, offer.agentId, offer.resources, refusal);
}

export function rescindOffer(turn: Turn, offer: Offer): void {
  const framework = turn.state.frameworks.get(offer.frameworkId);
  removeOffer(turn, offer);
  if (framework === undefined) return;
  bump(framework.counts, 'offers/rescinded');
  sendScheduler(turn, framework, { type: 'RESCIND', rescind: { offerId: { value: offer.id } } });
}

export function rescindOffersOf(turn: Turn, agent: Agent): void {
  for (const offer of agent.offers) rescindOffer(turn, offer);
  const claim = turn.state.claims.get(agent.id);
  if (claim) dropClaim(turn, claim);
}

/** Of a framework that is away, or leaves. */
export function withdrawOffers(turn: Turn, framework: Framework): void {
  for (const offer of framework.offers) removeOffer(turn, offer);
  for (const claim of turn.state.claims.values()) if (claim.frameworkId === framework.id) dropClaim(turn, claim);
}

export const claimTimer = (id: AgentId): string => `claim/${id}`;

/** Those who were told to make room end all the same. */
export function dropClaim(turn: Turn, { frameworkId, agentId, resources }: Claim): void {
  turn.state.claims.delete(agentId);
  cancelTimer(turn, claimTimer(agentId));
  release(turn, frameworkId, agentId, resources);
}

export function offerTimedOut(turn: Turn, id: OfferId): void {
  const offer = turn.state.offers.get(id);
  if (offer !== undefined) rescindOffer(turn, offer);
}

export function decline(turn: Turn, framework: Framework, ids: readonly string[], filters: Filters | undefined): void {
  for (const id of ids) {
    const offer = turn.state.offers.get(asId<OfferId>(id));
    if (offer?.frameworkId !== framework.id) count(turn, 'offers_declined_in_vain');
    else {
      bump(framework.counts, 'offers/declined');
      removeOffer(turn, offer, refusalOf(turn, filters));
    }
  }
}

/** The offers of an ACCEPT, taken off the table whether or not they go together. */
export type Taken =
  | { readonly offers: readonly Offer[]; readonly agent: Agent; readonly role: string; readonly error?: undefined }
  | { readonly offers: readonly Offer[]; readonly error: string };

export function takeOffers(turn: Turn, framework: Framework, ids: readonly string[]): Taken {
  const error = togetherError(turn, framework, ids);
  const found = new Set(ids.flatMap((id) => turn.state.offers.get(asId<OfferId>(id)) ?? []));
  const offers = [...found].filter((offer) => offer.frameworkId === framework.id);
  for (const offer of offers) takeOffer(turn, offer);
  if (error !== undefined) return { offers, error };
  const [first] = offers;
  return { offers, agent: turn.state.agents.get(first!.agentId)!, role: first!.role };
}

function togetherError(turn: Turn, framework: Framework, ids: readonly string[]): string | undefined {
  if (ids.length === 0) return 'No offers specified';
  const twice = firstRepeated(ids);
  if (twice !== undefined) return `Duplicate offer ${twice} in offer list`;
  let first: { id: string; agentId: AgentId; role: string } | undefined;
  for (const id of ids) {
    const offer = turn.state.offers.get(asId<OfferId>(id));
    if (offer === undefined) return `Offer ${id} is no longer valid`;
    if (offer.frameworkId !== framework.id) return `Offer ${id} has invalid framework`;
    first ??= offer;
    if (offer.agentId !== first.agentId)
      return `Aggregated offers must belong to one single agent: ${id} and ${first.id} do not`;
    if (offer.role !== first.role)
      return `Aggregated offers must be allocated to one role: ${id} and ${first.id} are not`;
  }
  return undefined;
}
