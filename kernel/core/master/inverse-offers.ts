import type {
  AllocatorInverseOfferStatusStatus,
  InverseOffer as InverseOfferMessage,
  SchedulerCallAcceptInverseOffers,
} from '@mezzo/sdk/api';
import { asId, type AgentId, type FrameworkId, type OfferId } from '@mezzo/sdk/contract';
import { refusalMs } from '../allocator/index.js';
import { urlOf } from './offers.js';
import { noteUse, type Agent, type AgentMaintenance, type Framework, type InverseOffer } from './state.js';
import { cancelTimer, count, sendScheduler, setTimer, timeInfo, trim, type Turn } from './turn.js';

/**
 * Frameworks that use an agent whose machine is to be maintained are asked whether they will have left it by then. They are
 * asked one at a time, and again as long as they use it, but not sooner than they wish. What they answer is for operators.
 */

/** Of frameworks, for each agent. */
const MAX_ANSWERS = 1000;

/** At the end of a step: one event for each framework that is to be asked. */
export function makeInverseOffers(turn: Turn): void {
  const { state } = turn;
  const made = new Map<Framework, InverseOfferMessage[]>();
  for (const agent of state.toAskAbout) {
    const { maintenance } = agent;
    if (maintenance === undefined || agent.connection === undefined || agent.deactivated) continue;
    for (const id of usersOf(agent)) {
      const framework = state.frameworks.get(id);
      if (framework?.connection === undefined || maintenance.asked.has(id) || maintenance.quiet.has(id)) continue;
      const message = addInverseOffer(turn, framework, agent, maintenance);
      const messages = made.get(framework);
      if (messages) messages.push(message);
      else made.set(framework, [message]);
    }
  }
  state.toAskAbout.clear();
  for (const [framework, inverseOffers] of made)
    sendScheduler(turn, framework, { type: 'INVERSE_OFFERS', inverseOffers: { inverseOffers } });
}

/** Who would lose something. */
export function usersOf({ tasks, executors, offers }: Agent): Set<FrameworkId> {
  const holding = [...tasks].filter((task) => task.holds);
  return new Set([...holding, ...executors.values(), ...offers].map(({ frameworkId }) => frameworkId));
}

function addInverseOffer(
  turn: Turn,
  framework: Framework,
  agent: Agent,
  { machine, asked }: AgentMaintenance,
): InverseOfferMessage {
  const { state, atMs } = turn;
  const id = asId<OfferId>(`${state.options.masterId}-O${state.nextOffer++}`);
  const inverse: InverseOffer = { id, frameworkId: framework.id, agentId: agent.id };
  state.inverseOffers.set(id, inverse);
  framework.inverseOffers.add(inverse);
  asked.set(framework.id, inverse);
  const { offerTimeoutMs } = state.options;
  if (offerTimeoutMs !== undefined) setTimer(turn, inverseTimer(id), atMs + offerTimeoutMs);
  return {
    id: { value: id },
    url: urlOf(agent),
    frameworkId: { value: framework.id },
    agentId: { value: agent.id },
    unavailability: machine.unavailability,
  };
}

const inverseTimer = (id: OfferId): string => `inverseOffer/${id}`;
export const quietTimer = (agentId: AgentId, frameworkId: FrameworkId): string => `quiet/${agentId}/${frameworkId}`;

function removeInverseOffer(turn: Turn, inverse: InverseOffer): void {
  const { inverseOffers, frameworks, agents, options } = turn.state;
  inverseOffers.delete(inverse.id);
  frameworks.get(inverse.frameworkId)?.inverseOffers.delete(inverse);
  agents.get(inverse.agentId)?.maintenance?.asked.delete(inverse.frameworkId);
  if (options.offerTimeoutMs !== undefined) cancelTimer(turn, inverseTimer(inverse.id));
}

function rescindInverseOffer(turn: Turn, inverse: InverseOffer): void {
  const framework = turn.state.frameworks.get(inverse.frameworkId);
  removeInverseOffer(turn, inverse);
  if (framework === undefined) return;
  const inverseOfferId = { value: inverse.id };
  sendScheduler(turn, framework, { type: 'RESCIND_INVERSE_OFFER', rescindInverseOffer: { inverseOfferId } });
}

/** The agent goes, is out of use, or its machine is maintained at another time, if at all. */
export function withdrawInverseOffers(turn: Turn, { maintenance }: Agent): void {
  for (const inverse of maintenance?.asked.values() ?? []) rescindInverseOffer(turn, inverse);
}

/** The framework is away: when it is back it is asked anew. */
export function forgetInverseOffers(turn: Turn, framework: Framework): void {
  for (const inverse of framework.inverseOffers) removeInverseOffer(turn, inverse);
  askAgain(turn, framework);
}

/** Ends its wish not to be asked. */
export function askAgain(turn: Turn, framework: Framework): void {
  for (const agent of framework.quietAbout) {
    cancelTimer(turn, quietTimer(agent.id, framework.id));
    endQuiet(turn, framework, agent);
  }
}

function endQuiet({ state }: Turn, framework: Framework, agent: Agent): void {
  framework.quietAbout.delete(agent);
  agent.maintenance?.quiet.delete(framework.id);
  noteUse(state, agent);
}

/** `about`: agent and framework. */
export function quietOver(turn: Turn, about: string): void {
  const slash = about.indexOf('/');
  const agent = turn.state.agents.get(asId<AgentId>(about.slice(0, slash)));
  const framework = turn.state.frameworks.get(asId<FrameworkId>(about.slice(slash + 1)));
  if (agent !== undefined && framework !== undefined) endQuiet(turn, framework, agent);
}

export function inverseOfferTimedOut(turn: Turn, id: OfferId): void {
  const inverse = turn.state.inverseOffers.get(id);
  if (inverse === undefined) return;
  rescindInverseOffer(turn, inverse);
  noteUse(turn.state, turn.state.agents.get(inverse.agentId));
}

/** A promise at best: nothing comes of it but what operators see. */
export function answerInverseOffers(
  turn: Turn,
  framework: Framework,
  status: AllocatorInverseOfferStatusStatus,
  { inverseOfferIds = [], filters }: SchedulerCallAcceptInverseOffers,
): void {
  const { state, atMs } = turn;
  const quietMs = refusalMs(filters?.refuseSeconds, state.options.allocationIntervalMs);
  for (const { value } of inverseOfferIds) {
    const inverse = state.inverseOffers.get(asId<OfferId>(value));
    const agent = inverse && state.agents.get(inverse.agentId);
    if (agent?.maintenance === undefined || inverse?.frameworkId !== framework.id) {
      count(turn, 'inverse_offers_answered_in_vain');
      continue;
    }
    const { answers, quiet } = agent.maintenance;
    removeInverseOffer(turn, inverse);
    answers.delete(framework.id);
    answers.set(framework.id, { status, frameworkId: { value: framework.id }, timestamp: timeInfo(atMs) });
    trim(answers, MAX_ANSWERS);
    quiet.add(framework.id);
    framework.quietAbout.add(agent);
    setTimer(turn, quietTimer(agent.id, framework.id), atMs + quietMs);
  }
}
