import { asId, type AgentId } from '@mezzo/sdk/contract';
import type { Wish } from '../allocator/index.js';
import { quantitiesOf, type Quantities, type Resources } from '../resources/index.js';
import { idsOf, isListed } from './ledger.js';
import { claimTimer, dropClaim, offer, rescindOffer } from './offers.js';
import { priorityOf } from './priorities.js';
import { sum } from './sharing.js';
import {
  executorKey,
  type Agent,
  type Claim,
  type Framework,
  type MasterState,
  type Offer,
  type Task,
} from './state.js';
import { sendKill } from './tasks.js';
import { bump, cancelTimer, count, log, setTimer, type Turn } from './turn.js';

/**
 * Room for what a framework asked for and what fits nowhere, made at the cost of roles of lower priority: their offers are taken
 * back, their tasks end. What is made free is the framework's from the start (a claim), so that nobody else gets it.
 */

/** Claims at a time, in all: what a framework asks for beyond that waits until it asks again. */
const MAX_CLAIMS = 100;
/** Agents looked at for one call, ... */
const MAX_LOOKS = 500;
/** ... and those among which the least harm is chosen for one request. */
const ENOUGH = 16;
/** No task that gives way gets more time to end than this, whatever its own grace, ... */
const MAX_GRACE_MS = 30_000;
/** ... and a claim that is not met by then is given up. */
const CLAIM_MS = 60_000;

/**
 * For what is `left` of what a framework asks for. What it does not ask for any more is no longer cleared; what it has an offer
 * of (`open`), or is being cleared for it, is not cleared again.
 */
export function preempt(
  turn: Turn,
  framework: Framework,
  asked: readonly Wish[],
  left: readonly Wish[],
  open: Offer[],
): void {
  const { claims } = turn.state;
  const before = [...claims.values()].filter(({ frameworkId }) => frameworkId === framework.id);
  const wishes = new Set(asked.map(keyOf));
  for (const claim of before) if (!wishes.has(claim.wish)) dropClaim(turn, claim);
  if (left.length === 0) return;
  const known = before.map(({ wish }) => wish);
  const search = new Search(turn, framework);
  const hopeless = new Set<string>();
  for (const wish of left) {
    const key = keyOf(wish);
    if (takeOut(open, (one) => isOffer(one, wish)) || takeOut(known, (one) => one === key)) continue;
    if (hopeless.has(key) || claims.size >= MAX_CLAIMS) continue;
    const plan = search.best(wish);
    if (plan === undefined || !carryOut(turn, framework, wish, plan)) hopeless.add(key);
  }
}

/** Claims whose room is there become offers. To be called after whatever may have freed something. */
export function offerClaims(turn: Turn): void {
  const { claims, allocator } = turn.state;
  for (const claim of claims.values()) {
    if (allocator.isOvercommitted(claim.agentId)) continue;
    claims.delete(claim.agentId);
    cancelTimer(turn, claimTimer(claim.agentId));
    offer(turn, [claim]);
  }
}

export function claimTimedOut(turn: Turn, id: AgentId): void {
  const claim = turn.state.claims.get(id);
  if (claim === undefined) return;
  log(turn, 'warn', 'tasks that were to give way did not end in time', { agent: id, framework: claim.frameworkId });
  dropClaim(turn, claim);
}

const keyOf = ({ role, resources, agentId = '' }: Wish): string => `${role} ${resources} ${agentId}`;

function isOffer({ agentId, role, resources }: Offer, wish: Wish): boolean {
  const quantities = [...wish.resources.quantities()];
  return (
    role === wish.role &&
    (wish.agentId ?? agentId) === agentId &&
    quantities.every(([name, milli]) => resources.scalar(name) >= milli)
  );
}

function takeOut<T>(list: T[], isIt: (item: T) => boolean): boolean {
  const index = list.findIndex(isIt);
  if (index >= 0) list.splice(index, 1);
  return index >= 0;
}

/** What ends together. */
interface Victim {
  readonly role: string;
  readonly priority: number;
  readonly yields: Quantities;
  readonly tasks: readonly Task[];
  readonly offer?: Offer;
}

interface Plan {
  readonly agent: Agent;
  readonly victims: readonly Victim[];
}

function carryOut(turn: Turn, framework: Framework, wish: Wish, { agent, victims }: Plan): boolean {
  const { state } = turn;
  const [offers, tasks] = [victims.flatMap((victim) => victim.offer ?? []), victims.flatMap((victim) => victim.tasks)];
  for (const one of offers) rescindOffer(turn, one);
  const freed = sum(victims.filter((victim) => victim.offer === undefined).map(({ yields }) => yields));
  const grant = state.allocator.clearing(framework.id, agent.id, wish)?.claim(freed);
  if (grant === undefined) return false;
  const claim: Claim = { ...idsOf(grant), wish: keyOf(wish) };
  state.claims.set(agent.id, claim);
  setTimer(turn, claimTimer(agent.id), turn.atMs + CLAIM_MS);
  for (const task of tasks) {
    const ownNs = BigInt(task.message.killPolicy?.gracePeriod?.nanoseconds ?? 0);
    const maxNs = BigInt(MAX_GRACE_MS) * 1_000_000n;
    const isLong = ownNs > maxNs;
    task.kill = { preemptedFor: wish.role, ...(isLong && { killPolicy: { gracePeriod: { nanoseconds: maxNs } } }) };
    sendKill(turn, task);
  }
  count(turn, 'tasks_preempted', tasks.length);
  const ids = tasks.slice(0, 10).map(({ taskId }) => taskId);
  const fields = { framework: framework.id, agent: agent.id, resources: String(wish.resources), tasks: ids };
  log(turn, 'info', `room is made for role '${wish.role}'`, fields);
  return true;
}

/** Looks for room, from another agent on with each call, so that harm is spread. */
class Search {
  readonly #agents: readonly Agent[];
  #looks = 0;

  constructor(
    private readonly turn: Turn,
    private readonly framework: Framework,
  ) {
    this.#agents = [...turn.state.agents.values()];
  }

  /** Of the agents looked at, that where tasks of the lowest priority would give way, and the fewest of them. */
  best(wish: Wish): Plan | undefined {
    const plans: Plan[] = [];
    for (const agent of this.#candidates(wish)) {
      const victims = this.#isUsable(agent, wish) ? this.#victims(agent, wish) : undefined;
      if (victims === undefined) continue;
      plans.push({ agent, victims });
      if (plans.length >= ENOUGH || harmOf(victims)[1] === 0) break;
    }
    return plans.sort((a, b) => byHarm(harmOf(a.victims), harmOf(b.victims)))[0];
  }

  *#candidates({ agentId }: Wish): Generator<Agent> {
    const named = agentId === undefined ? undefined : this.turn.state.agents.get(asId(agentId));
    if (agentId !== undefined) return named && (yield named);
    const { length } = this.#agents;
    const first = this.turn.state.nextOffer % Math.max(1, length);
    for (let i = 0; i < length && this.#looks < MAX_LOOKS; i++, this.#looks++)
      yield this.#agents[(first + i) % length]!;
  }

  #isUsable(agent: Agent, { resources }: Wish): boolean {
    const { claims, whitelist } = this.turn.state;
    const isThere = agent.connection !== undefined && !agent.deactivated && isListed(whitelist, agent);
    if (!isThere || claims.has(agent.id)) return false;
    return [...resources.quantities()].every(([name, milli]) => agent.total.scalar(name) >= milli);
  }

  #victims(agent: Agent, wish: Wish): Victim[] | undefined {
    const { state } = this.turn;
    const lacks = state.allocator.clearing(this.framework.id, agent.id, wish)?.lacks();
    if (lacks === undefined) return undefined;
    const spare = new Spare(state);
    const below = priorityOf(state, wish.role);
    const chosen: Victim[] = [];
    const missing = new Map(lacks);
    for (const victim of victimsOn(state, agent, below)) {
      if (missing.size === 0) break;
      const helps = [...victim.yields.keys()].some((name) => missing.has(name));
      const isHurt = victim.tasks.length > 0 || victim.offer !== undefined;
      if (!helps || (isHurt && !spare.take(victim))) continue;
      chosen.push(victim);
      for (const [name, milli] of victim.yields) bump(missing, name, -milli);
      for (const [name, milli] of missing) if (milli <= 0) missing.delete(name);
    }
    return missing.size > 0 ? undefined : needed(chosen, lacks);
  }
}

/** Who comes last is spared first: a later one may yield all that was missing. */
function needed(chosen: readonly Victim[], lacks: Quantities): Victim[] {
  const yields = sum(chosen.map((victim) => victim.yields));
  return [...chosen].reverse().filter((victim) => {
    const isSpared = [...victim.yields].every(([name, n]) => (yields.get(name) ?? 0) - n >= (lacks.get(name) ?? 0));
    if (isSpared) for (const [name, milli] of victim.yields) bump(yields, name, -milli);
    return !isSpared;
  });
}

type Harm = readonly [priority: number, tasks: number];

const harmOf = (victims: readonly Victim[]): Harm => {
  const hurt = victims.filter(({ tasks }) => tasks.length > 0);
  return [Math.max(-Infinity, ...hurt.map(({ priority }) => priority)), hurt.flatMap(({ tasks }) => tasks).length];
};
const byHarm = ([a, many]: Harm, [b, more]: Harm): number => (a === b ? many - more : a < b ? -1 : 1);

/** What ends anyway, then offers, then tasks from the lowest priority on, and the newest first. */
function victimsOn(state: MasterState, agent: Agent, below: number): Victim[] {
  const lower = (victims: readonly Victim[]): Victim[] =>
    victims.filter(({ priority, yields }) => priority < below && yields.size > 0);
  const units = unitsOn(agent);
  const isEnding = ({ kill }: Task): boolean => kill !== undefined;
  const ending = units.filter(({ tasks }) => tasks.every(isEnding));
  const staying = units.filter(({ tasks }) => !tasks.some(isEnding));
  const offers = [...agent.offers].map((one) => victim(state, one.role, [one.resources], [], one));
  const tasks = staying.map(({ tasks, held }) => victim(state, tasks[0]!.role, held, tasks));
  return [
    ...ending.map(({ tasks, held }) => victim(state, tasks[0]!.role, held, [])),
    ...lower(offers),
    ...lower(tasks.reverse()).sort((a, b) => a.priority - b.priority),
  ];
}

const isHadByRight = ({ entries }: Resources): boolean =>
  entries.some(({ id }) => id.reservedRole !== undefined || id.shared);

const victim = (
  state: MasterState,
  role: string,
  held: readonly Resources[],
  tasks: readonly Task[],
  offer?: Offer,
): Victim => ({
  role,
  priority: priorityOf(state, role),
  yields: sum(held.map((one) => one.filter((id) => id.isQuotaBound).quantities())),
  tasks,
  ...(offer && { offer }),
});

interface Unit {
  readonly tasks: Task[];
  readonly held: Resources[];
}

/** Tasks of a pod end together, and the pod with them; all others alone. Who uses a reservation has it by right. */
function unitsOn(agent: Agent): Unit[] {
  const units = new Map<string, Unit>();
  for (const task of agent.tasks) {
    const { frameworkId, executorId, taskId, resources } = task;
    const executor = executorId && agent.executors.get(executorKey(frameworkId, executorId));
    const pod = executor && executor.info.type === 'DEFAULT' ? executor : undefined;
    const key = pod ? `pod ${frameworkId}/${executorId}` : `task ${frameworkId}/${taskId}`;
    const unit = units.get(key) ?? { tasks: [], held: pod ? [pod.resources] : [] };
    units.set(key, unit);
    unit.tasks.push(task);
    unit.held.push(resources);
  }
  return [...units.values()].filter(({ tasks, held }) => tasks.every(({ holds }) => holds) && !held.some(isHadByRight));
}

/** What roles, and those above them, have beyond their guarantees: more is not taken from them. */
class Spare {
  readonly #left = new Map<string, Map<string, number>>();

  constructor(private readonly state: MasterState) {}

  take({ role, yields }: Victim): boolean {
    const bounds = this.#bounds(role);
    if (bounds.some((left) => [...left].some(([name, milli]) => (yields.get(name) ?? 0) > Math.max(0, milli))))
      return false;
    for (const left of bounds) for (const [name, milli] of yields) if (left.has(name)) bump(left, name, -milli);
    return true;
  }

  #bounds(role: string): Map<string, number>[] {
    const bounds: Map<string, number>[] = [];
    for (let each = role; each !== ''; each = each.slice(0, Math.max(0, each.lastIndexOf('/')))) {
      const guarantees = this.state.quotas.get(each)?.guarantees;
      if (guarantees === undefined) continue;
      const left = this.#left.get(each) ?? this.#beyond(each, quantitiesOf(guarantees));
      this.#left.set(each, left);
      bounds.push(left);
    }
    return bounds;
  }

  #beyond(role: string, guarantee: Quantities): Map<string, number> {
    const consumed = this.state.allocator.quotaConsumption(role);
    return new Map([...guarantee].map(([name, milli]) => [name, (consumed.get(name) ?? 0) - milli]));
  }
}
