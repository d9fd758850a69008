import type { Resources } from '../resources/index.js';
import type { Filters } from './filters.js';
import type { AgentSlot, Client, Ledger } from './ledger.js';
import type { Stage } from './quota.js';
import { placeOf, topOf, type Node, type View } from './tree.js';
import { isAllocatable, type Minimum } from './vector.js';

export interface Grant {
  readonly frameworkId: string;
  readonly role: string;
  readonly agentId: string;
  /** Allocated to `role`. */
  readonly resources: Resources;
}

export interface CycleRules {
  readonly minAllocatable: readonly Minimum[];
  readonly filterGpus: boolean;
}

/**
 * One run of the allocator: gives each agent's rest to the first framework, in order of shares, that may and wants to have
 * it. While one agent is shared out the order stands still; then it takes in what was granted.
 */
export class Cycle {
  readonly grants: Grant[] = [];
  readonly #sharedOffered = new Set<AgentSlot>();
  #granted: { readonly client: Client; readonly resources: Resources }[] = [];
  #agent!: AgentSlot;
  #stage: Stage = 2;
  #view: View = 'active';
  /** The agent's rest as it is would do for anybody with the usual minimum. */
  #isWholeEnough = false;

  constructor(
    private readonly ledger: Ledger,
    private readonly filters: Filters,
    private readonly rules: CycleRules,
    private readonly hasOwnMinimum: boolean,
    /** Gets the agents on which guarantees keep something back. */
    private readonly held: Set<AgentSlot>,
  ) {}

  run(stage: Stage, agents: readonly AgentSlot[]): void {
    const { tree, quotas } = this.ledger;
    const { root } = tree;
    this.#stage = stage;
    const unmet = (view: View) => root[view].filter(({ top }) => quotas.isUnmet(top!));
    const tops = stage === 1 ? { active: unmet('active'), fresh: unmet('fresh') } : root;
    for (const agent of agents) {
      this.#view = agent.isDirty ? 'active' : 'fresh';
      if (this.#begin(agent)) this.#visitTops(tops[this.#view]);
      if (this.#granted.length === 0) continue;
      for (const { client, resources } of this.#granted) {
        if (stage === 1) for (const view of ['active', 'fresh'] as const) drop(tops[view], topOf(client.node));
        tree.grant(client.node, resources);
        if (stage === 2 || !quotas.isUnmet(client.top)) continue;
        const top = topOf(client.node);
        insert(tops.active, top);
        if (top.inFresh) insert(tops.fresh, top);
      }
      this.#granted = [];
    }
  }

  /** False when the agent has nothing worth a visit. */
  #begin(agent: AgentSlot): boolean {
    this.#agent = agent;
    this.#isWholeEnough = isAllocatable(agent.available, this.rules.minAllocatable);
    return !this.#isExhausted();
  }

  #isExhausted(): boolean {
    return this.#agent.available.isEmpty || (!this.#isWholeEnough && !this.hasOwnMinimum);
  }

  #visitTops(tops: readonly Node[]): void {
    const { quotas } = this.ledger;
    const canSkip = quotas.isUsed && this.#agent.isPlain && !this.hasOwnMinimum;
    for (const top of tops) {
      if (canSkip && top.top!.isExhausted) continue;
      if (this.#visit(top[this.#view])) return;
    }
  }

  /** True when nothing is left on the agent. */
  #visit(nodes: readonly Node[]): boolean {
    for (const node of nodes) {
      if (node.client ? this.#offer(node.client) : this.#visit(node[this.#view])) return true;
    }
    return false;
  }

  #offer(client: Client): boolean {
    const { framework, role } = client;
    const { quotas } = this.ledger;
    const agent = this.#agent;
    if (!this.#mayReceive(client)) return false;
    let resources = agent.isPlain ? agent.available : this.#offerable(client);
    if (quotas.isUsed) {
      const { part, isHeld } = quotas.chop(resources, client.top, this.#stage);
      if (isHeld) this.held.add(agent);
      resources = part;
    }
    const minimum = this.hasOwnMinimum ? framework.minAllocatable.get(role) : undefined;
    if (minimum || resources !== agent.available) {
      if (!isAllocatable(resources, minimum ?? this.rules.minAllocatable)) return false;
    } else if (!this.#isWholeEnough) return false;
    if (this.filters.hides(agent, client, resources)) return false;
    if (framework.accepts && !framework.accepts(role, agent.id)) return false;
    this.#grant(client, resources);
    return this.#isExhausted();
  }

  #mayReceive({ framework }: Client): boolean {
    const { isRemote, hasGpus } = this.#agent;
    if (isRemote && !framework.capabilities.has('REGION_AWARE')) return false;
    return !hasGpus || !this.rules.filterGpus || framework.capabilities.has('GPU_RESOURCES');
  }

  #offerable({ framework: { capabilities }, role }: Client): Resources {
    const canShare = capabilities.has('SHARED_RESOURCES') && !this.#sharedOffered.has(this.#agent);
    const canRevoke = capabilities.has('REVOCABLE_RESOURCES');
    const canRefine = capabilities.has('RESERVATION_REFINEMENT');
    return this.#agent.available
      .offerableTo(role)
      .filter(
        (id) => (canShare || !id.shared) && (canRevoke || !id.revocable) && (canRefine || id.reservations.length < 2),
      );
  }

  #grant(client: Client, resources: Resources): void {
    const agent = this.#agent;
    this.grants.push({
      frameworkId: client.framework.id,
      role: client.role,
      agentId: agent.id,
      resources: resources.allocate(client.role),
    });
    this.#granted.push({ client, resources });
    if (resources.entries.some(({ id }) => id.shared)) this.#sharedOffered.add(agent);
    this.ledger.charge(client, agent, resources);
    this.#isWholeEnough = isAllocatable(agent.available, this.rules.minAllocatable);
  }
}

function drop(list: Node[], node: Node): void {
  const index = list.indexOf(node);
  if (index >= 0) list.splice(index, 1);
}

const insert = (list: Node[], node: Node): void => void list.splice(placeOf(list, node), 0, node);
