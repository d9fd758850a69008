import type { AgentInfo, FrameworkInfo } from '@mezzo/sdk/api';
import type { AllocatorPolicy } from '@mezzo/sdk/points/allocator-policy';
import type { Quantities, Resources } from '../resources/index.js';
import { Cycle, type Grant } from './cycle.js';
import { explain, type RoleExplanation } from './explain.js';
import { Filters } from './filters.js';
import { Judge, type Rules } from './judge.js';
import { KNOWS, Ledger, type AgentSlot, type Client, type FrameworkState } from './ledger.js';
import { Salts, shuffled } from './order.js';
import { Clearing, Placement, type Wish } from './place.js';
import type { Quota } from './quota.js';
import type { RandomOrder } from './tree.js';
import { minimumsOf } from './vector.js';

export interface AllocatorOptions {
  /** An offer holds all of any one of these; empty = any amount. Default cpus 0.01 or mem 32. */
  readonly minAllocatable?: readonly Quantities[];
  /** Agents with gpus are hidden from frameworks without GPU_RESOURCES. Default true. */
  readonly filterGpus?: boolean;
  /** Scalars that do not count for fairness. */
  readonly fairSharingExcluded?: Iterable<string>;
  /** The shortest refusal, so that a framework that refuses for 0 s is not asked again in a hot loop. Default 100. */
  readonly minRefuseMs?: number;
  /** Roles below others have quota too. Default false. */
  readonly nestedQuota?: boolean;
  /** Roles, or frameworks of a role, come in random order by weight, and not in that of shares. */
  readonly random?: RandomOrder;
  /** Start of the sequence that orders agents. */
  readonly seed?: number;
}

export interface Usage {
  readonly frameworkId: string;
  readonly role: string;
  readonly resources: Resources;
}

export interface AgentSpec {
  readonly total: Resources;
  /** What frameworks hold there already; they may be known later. */
  readonly used?: readonly Usage[];
  /** Default true. */
  readonly active?: boolean;
  /** In another region than the master: only for REGION_AWARE frameworks. */
  readonly isRemote?: boolean;
  /** Needed where there is a policy. */
  readonly info?: AgentInfo;
}

export interface FrameworkSpec {
  readonly roles: Iterable<string>;
  readonly suppressedRoles?: Iterable<string>;
  /** Names of FrameworkInfo.Capability. */
  readonly capabilities?: ReadonlySet<string>;
  /** By role; instead of the allocator's own. */
  readonly minAllocatable?: ReadonlyMap<string, readonly Quantities[]>;
  /** Offer constraints; must answer the same as long as neither framework nor agent is updated. */
  readonly accepts?: (role: string, agentId: string) => boolean;
  /** Needed where there is a policy. */
  readonly info?: FrameworkInfo;
}

export interface Refusal {
  readonly atMs: number;
  /** Default 5; also for negative and NaN. At most 365 days. */
  readonly refuseSeconds?: number;
}

export const DEFAULT_MIN_ALLOCATABLE: readonly Quantities[] = [new Map([['cpus', 10]]), new Map([['mem', 32_000]])];
const DEFAULT_REFUSE_SECONDS = 5;
const MAX_REFUSE_SECONDS = 365 * 24 * 3600;

/** How long a refusal counts, in milliseconds. */
export function refusalMs(seconds: number | undefined, minMs: number): number {
  const wanted = seconds !== undefined && seconds >= 0 ? seconds : DEFAULT_REFUSE_SECONDS;
  return Math.max(Math.min(wanted, MAX_REFUSE_SECONDS) * 1000, minMs);
}

/**
 * Hierarchical weighted DRF over what events say. Events only take notes; `allocate` then looks at what is new: agents with
 * something freed or changed, frameworks that were added or revived, refusals that ended. Who is told nothing was granted
 * nothing. No time, no randomness of its own: the order of agents comes from a seed and the number of the run.
 */
export class Allocator {
  readonly #ledger: Ledger;
  readonly #filters = new Filters();
  /** Agents with `isDirty`; some may be gone. */
  readonly #dirty: AgentSlot[] = [];
  readonly #held = new Set<AgentSlot>();
  #rules: Rules;
  readonly #minRefuseMs: number;
  readonly #ownMinimums = new Set<FrameworkState>();
  readonly #order: Salts;

  constructor(options: AllocatorOptions = {}) {
    const minAllocatable = minimumsOf(options.minAllocatable ?? DEFAULT_MIN_ALLOCATABLE);
    this.#rules = { minAllocatable, filterGpus: options.filterGpus ?? true };
    this.#minRefuseMs = options.minRefuseMs ?? 100;
    this.#order = new Salts(options.seed ?? 1);
    this.#ledger = new Ledger(
      minAllocatable,
      new Set(options.fairSharingExcluded),
      options.nestedQuota ?? false,
      options.random,
    );
  }

  addAgent(agentId: string, spec: AgentSpec): void {
    if (this.#ledger.agents.has(agentId)) this.removeAgent(agentId);
    const agent = this.#ledger.addAgent(agentId);
    agent.isRemote = spec.isRemote ?? false;
    agent.info = spec.info;
    this.#ledger.setTotal(agent, spec.total);
    for (const { frameworkId, role, resources } of spec.used ?? []) this.addUsed(frameworkId, role, agentId, resources);
    this.#ledger.setActive(agent, spec.active ?? true);
    this.#touch(agent);
  }

  /** Refusals of what it had before end. */
  updateAgent(agentId: string, spec: Pick<AgentSpec, 'total' | 'isRemote'>): void {
    const agent = this.#agent(agentId);
    if (!agent) return;
    agent.isRemote = spec.isRemote ?? agent.isRemote;
    this.#ledger.setTotal(agent, spec.total);
    this.#filters.clearAgent(agent);
    this.#touch(agent);
  }

  removeAgent(agentId: string): void {
    const agent = this.#agent(agentId);
    if (!agent) return;
    this.#filters.clearAgent(agent);
    this.#ledger.removeAgent(agent);
    this.#held.delete(agent);
  }

  activateAgent(agentId: string): void {
    const agent = this.#agent(agentId);
    if (!agent) return;
    this.#ledger.setActive(agent, true);
    this.#touch(agent);
  }

  /** What it has is offered to nobody; what is held there stays held. */
  deactivateAgent(agentId: string): void {
    const agent = this.#agent(agentId);
    if (agent) this.#ledger.setActive(agent, false);
  }

  /** Accounts what a framework turns out to hold, without asking whether it was free. */
  addUsed(frameworkId: string, role: string, agentId: string, resources: Resources): void {
    const agent = this.#agent(agentId);
    if (!agent || resources.isEmpty) return;
    const client = this.#ledger.client(this.#ledger.framework(frameworkId), role);
    this.#ledger.chargeUsed(client, agent, resources.unallocate());
    this.#touch(agent);
  }

  /** Active from the start, unless `active` is false. */
  addFramework(frameworkId: string, spec: FrameworkSpec, active = true): void {
    const framework = this.#ledger.framework(frameworkId);
    framework.isKnown = true;
    framework.isActive = active;
    this.updateFramework(frameworkId, spec);
  }

  /** Replaces roles, suppression and capabilities. What is held in a role that it leaves stays held. */
  updateFramework(frameworkId: string, spec: FrameworkSpec): void {
    const framework = this.#ledger.framework(frameworkId);
    framework.roles = new Set(spec.roles);
    framework.suppressed = new Set(spec.suppressedRoles);
    framework.capabilities = spec.capabilities ?? new Set();
    const known = Object.entries(KNOWS).filter(([name]) => framework.capabilities.has(name));
    framework.knows = known.reduce((bits, [, bit]) => bits | bit, 0);
    const minimums = [...(spec.minAllocatable ?? [])].map(([role, sets]) => [role, minimumsOf(sets)] as const);
    framework.minAllocatable = new Map(minimums);
    framework.accepts = spec.accepts;
    framework.info = spec.info;
    if (framework.minAllocatable.size > 0) this.#ownMinimums.add(framework);
    else this.#ownMinimums.delete(framework);
    for (const role of framework.roles) this.#ledger.client(framework, role);
    for (const client of framework.clients.values()) {
      this.#ledger.tree.rerank(client.node);
      this.#settle(client, true);
    }
  }

  /** All that it holds is free again. */
  removeFramework(frameworkId: string): void {
    const framework = this.#ledger.frameworks.get(frameworkId);
    if (!framework) return;
    framework.roles = new Set();
    framework.isKnown = false;
    this.#ownMinimums.delete(framework);
    for (const client of framework.clients.values()) {
      this.#settle(client, false);
      for (const agent of client.holds > 0 ? this.#ledger.agents.values() : []) {
        const held = agent.allocations.get(client);
        if (!held) continue;
        this.#touch(agent);
        this.#ledger.release(client, agent, held);
      }
    }
    this.#ledger.frameworks.delete(frameworkId);
  }

  activateFramework(frameworkId: string): void {
    this.#setActive(frameworkId, true);
  }

  /** It gets no offers; its refusals end. */
  deactivateFramework(frameworkId: string): void {
    this.#setActive(frameworkId, false);
    for (const client of this.#clients(frameworkId)) this.#filters.clearClient(client);
  }

  /** Without `roles`: all of them. */
  suppress(frameworkId: string, roles?: Iterable<string>): void {
    for (const client of this.#clients(frameworkId, roles)) {
      client.framework.suppressed.add(client.role);
      this.#settle(client, false);
    }
  }

  /** Ends suppression and refusals. Without `roles`: of all of them. */
  revive(frameworkId: string, roles?: Iterable<string>): void {
    for (const client of this.#clients(frameworkId, roles)) {
      client.framework.suppressed.delete(client.role);
      this.#filters.clearClient(client);
      this.#settle(client, true);
    }
  }

  /**
   * What a framework held is free again: declined, rescinded, unused or ended. `resources` carry their allocation roles and must
   * be held. With `refusal` the framework is not offered them, or less, for that time. Unknown agents and frameworks are ignored:
   * what they held went with them.
   */
  recoverResources(frameworkId: string, agentId: string, resources: Resources, refusal?: Refusal): void {
    const agent = this.#agent(agentId);
    if (!agent) return;
    for (const [role, allocated] of resources.allocations()) {
      const client = this.#ledger.frameworks.get(frameworkId)?.clients.get(role);
      if (!client) continue;
      const part = allocated.unallocate();
      this.#ledger.release(client, agent, part);
      this.#touch(agent);
      if (refusal && client.node.inActive) this.#refuse(agent, client, part, refusal);
    }
  }

  /** An operation turned `from`, which the framework holds in `role`, into `to` (reserve, create and their inverses). */
  updateAllocation(frameworkId: string, role: string, agentId: string, from: Resources, to: Resources): void {
    const agent = this.#agent(agentId);
    const client = this.#ledger.frameworks.get(frameworkId)?.clients.get(role);
    if (!agent || !client) return;
    this.#ledger.convert(client, agent, from.unallocate(), to.unallocate());
    this.#touch(agent);
  }

  /** The same for what nobody holds; false when `from` is not available. */
  updateAvailable(agentId: string, from: Resources, to: Resources): boolean {
    const agent = this.#agent(agentId);
    if (!agent?.available.contains(from)) return false;
    this.#ledger.setTotal(agent, agent.total.subtract(from).add(to));
    this.#touch(agent);
    return true;
  }

  /** For runs to come: offers that are out stay out. Its answers must be numbers and booleans; all frameworks and agents must have been told with `info`. */
  usePolicy({ rank, admits }: Pick<AllocatorPolicy, 'rank' | 'admits'>): void {
    this.#ledger.tree.rankBy(rank);
    this.#rules = { ...this.#rules, admits };
    for (const agent of this.#ledger.agents.values()) this.#touch(agent);
  }

  /** For runs to come: offers that are out stay out. */
  setWeights(weights: ReadonlyMap<string, number>): void {
    for (const [role, weight] of weights) this.#ledger.tree.setWeight(role, weight);
  }

  /** Of a top-level role, or any with nested quota; an empty quota removes it. */
  setQuota(role: string, quota: Quota): void {
    const { open } = this.#ledger;
    this.#ledger.quotas.set(role, quota, () => open.map(({ available }) => available));
    for (const agent of open) this.#touch(agent);
  }

  /** Thousandths that count against the quota of a top-level role: reserved for it or those below it, or allocated to them. */
  quotaConsumption(role: string): Map<string, number> {
    return this.#ledger.quotas.consumed(role);
  }

  /** By role: its dominant share, from 0 to 1, and the refusals that last. For roles that frameworks are in, or below. */
  roleFigures(): Map<string, { readonly share: number; refusals: number }> {
    this.#ledger.tree.refresh();
    const figures = new Map<string, { readonly share: number; refusals: number }>();
    for (const [role, share] of this.#ledger.tree.shares()) figures.set(role, { share, refusals: 0 });
    for (const { role, refusals } of this.#ledger.clients()) figures.get(role)!.refusals += refusals;
    return figures;
  }

  /** What is free on an agent, whether or not it may be offered. */
  available(agentId: string): Resources | undefined {
    return this.#agent(agentId)?.available;
  }

  /** What frameworks hold on an agent, offers included. */
  allocations(agentId: string): Usage[] {
    const held = this.#agent(agentId)?.allocations ?? new Map<Client, Resources>();
    return Array.from(held, ([client, resources]) => ({
      frameworkId: client.framework.id,
      role: client.role,
      resources: resources.allocate(client.role),
    }));
  }

  /** Nothing new since the last run, refusals that end later apart: `allocate` would grant nothing. */
  get isIdle(): boolean {
    const { tree, quotas } = this.#ledger;
    return this.#dirty.length === 0 && tree.root.fresh.length === 0 && quotas.loosened.size === 0;
  }

  /** When the next refusal ends and `allocate` is worth another call. */
  nextExpiryMs(): number | undefined {
    return this.#filters.nextExpiryMs();
  }

  /** Grants are held by their frameworks from now on, until they are recovered. */
  allocate(atMs: number): Grant[] {
    this.#filters.expire(atMs, (agent) => this.#touch(agent));
    const orders = [this.#order.next(), this.#order.next()] as const;
    if (this.isIdle) return [];
    const { quotas, tree } = this.#ledger;
    this.#freshenLoosened();
    this.#recallHeld();
    tree.refresh();
    const cycle = new Cycle(this.#ledger, this.#judge(), this.#held);
    if (quotas.hasUnmet) cycle.run(1, shuffled(this.#candidates(), orders[0]));
    cycle.run(2, shuffled(this.#candidates(), orders[1]));
    for (const agent of this.#dirty) agent.isDirty = false;
    this.#dirty.length = 0;
    tree.clearFresh();
    return cycle.grants;
  }

  /**
   * Why a framework gets no more than it has, by its roles, as of now: asked of the judge that decides. Looks at all agents.
   * Undefined for a framework that is not known.
   */
  explain(frameworkId: string): RoleExplanation[] | undefined {
    const framework = this.#ledger.frameworks.get(frameworkId);
    if (!framework) return undefined;
    this.#ledger.tree.refresh();
    const clients = [...framework.clients.values()].filter(({ role }) => framework.roles.has(role));
    return clients.map((client) => explain(this.#ledger, this.#judge(), client));
  }

  /**
   * Grants a framework just what it wishes, of what a run left: nobody else wants it now. Wishes that fit on no agent are left
   * out: undefined. To be called when `isIdle`.
   */
  place(frameworkId: string, wishes: readonly Wish[]): (Grant | undefined)[] {
    const framework = this.#ledger.frameworks.get(frameworkId);
    if (!framework) return [];
    const placement = new Placement(this.#ledger, this.#judge(), framework);
    return wishes.map((wish) => placement.grant(wish));
  }

  /** How a wish could be fulfilled on an agent if others made room there. Undefined for who or what is not known. */
  clearing(frameworkId: string, agentId: string, wish: Wish): Clearing | undefined {
    const [framework, agent] = [this.#ledger.frameworks.get(frameworkId), this.#agent(agentId)];
    return framework && agent && new Clearing(this.#ledger, this.#judge(), framework, agent, wish);
  }

  /** More is held on the agent than it has: claims there, or what it had is gone. */
  isOvercommitted(agentId: string): boolean {
    return this.#agent(agentId)?.isOvercommitted === true;
  }

  #judge(): Judge {
    return new Judge(this.#ledger, this.#filters, this.#rules, this.#ownMinimums.size > 0);
  }

  #touch(agent: AgentSlot): void {
    if (!agent.isDirty) this.#dirty.push(agent);
    agent.isDirty = true;
  }

  /** Agents that may have news for somebody. */
  #candidates(): readonly AgentSlot[] {
    const { open, tree } = this.#ledger;
    return tree.root.fresh.length > 0 ? open : this.#dirty.filter(({ openIndex }) => openIndex >= 0);
  }

  /** Whatever makes an agent dirty may have freed some of what is kept for guarantees. */
  #recallHeld(): void {
    if (this.#dirty.length === 0) return;
    for (const agent of this.#held) this.#touch(agent);
    this.#held.clear();
  }

  #freshenLoosened(): void {
    const { quotas, tree } = this.#ledger;
    for (const { role } of quotas.loosened) {
      const node = tree.root.children.get(role);
      if (node) tree.markFreshBelow(node);
    }
    quotas.loosened.clear();
  }

  #refuse(agent: AgentSlot, client: Client, resources: Resources, { atMs, refuseSeconds }: Refusal): void {
    const forMs = refusalMs(refuseSeconds, this.#minRefuseMs);
    if (forMs > 0) this.#filters.add(agent, client, resources, atMs + forMs);
  }

  #setActive(frameworkId: string, isActive: boolean): void {
    const framework = this.#ledger.frameworks.get(frameworkId);
    if (!framework) return;
    framework.isActive = isActive;
    for (const client of framework.clients.values()) this.#settle(client, true);
  }

  /** Puts a client where its framework's state says: into the order, out of it, or away. */
  #settle(client: Client, isFresh: boolean): void {
    const { framework, role, node } = client;
    const isActive = framework.isActive && framework.roles.has(role) && !framework.suppressed.has(role);
    this.#ledger.tree.setActive(node, isActive);
    if (isActive && isFresh) this.#ledger.tree.markFresh(node);
    if (framework.roles.has(role)) return;
    this.#filters.clearClient(client);
    this.#ledger.prune(client);
  }

  #clients(frameworkId: string, roles?: Iterable<string>): Client[] {
    const clients = this.#ledger.frameworks.get(frameworkId)?.clients;
    if (!clients) return [];
    const wanted = roles === undefined ? undefined : new Set(roles);
    return [...clients.values()].filter(({ role }) => !wanted?.size || wanted.has(role));
  }

  #agent(agentId: string): AgentSlot | undefined {
    return this.#ledger.agents.get(agentId);
  }
}
