import type { Resources } from '../resources/index.js';
import type { Judge, Verdict } from './judge.js';
import type { AgentSlot, Client, Ledger } from './ledger.js';
import type { Stage } from './quota.js';
import { placeOf, topOf, type Node, type View } from './tree.js';

export interface Grant {
  readonly frameworkId: string;
  readonly role: string;
  readonly agentId: string;
  /** Allocated to `role`. */
  readonly resources: Resources;
}

/**
 * One run of the allocator: gives each agent's rest to the first framework, in order of shares, that may and wants to have
 * it. While one agent is shared out the order stands still; then it takes in what was granted.
 */
export class Cycle {
  readonly grants: Grant[] = [];
  #granted: { readonly client: Client; readonly resources: Resources }[] = [];
  #agent!: AgentSlot;
  #view: View = 'active';

  constructor(
    private readonly ledger: Ledger,
    private readonly judge: Judge,
    /** Gets the agents on which guarantees keep something back. */
    private readonly held: Set<AgentSlot>,
  ) {}

  run(stage: Stage, agents: readonly AgentSlot[]): void {
    const { tree, quotas } = this.ledger;
    const { root } = tree;
    const unmet = (view: View) => root[view].filter(({ level }) => quotas.isUnmet(level!));
    const tops = stage === 1 ? { active: unmet('active'), fresh: unmet('fresh') } : root;
    for (const agent of agents) {
      if (tops.active.length === 0) return;
      this.#agent = agent;
      this.#view = agent.isDirty ? 'active' : 'fresh';
      this.judge.face(agent, stage);
      if (!this.judge.isExhausted) this.#visitTops(tops[this.#view]);
      if (this.#granted.length === 0) continue;
      for (const { client, resources } of this.#granted) {
        if (stage === 1) for (const view of ['active', 'fresh'] as const) drop(tops[view], topOf(client.node));
        tree.grant(client.node, resources);
        const top = topOf(client.node);
        if (stage === 2 || !quotas.isUnmet(top.level!)) continue;
        insert(tops.active, top);
        if (top.inFresh) insert(tops.fresh, top);
      }
      this.#granted = [];
    }
  }

  #visitTops(tops: readonly Node[]): void {
    const { quotas } = this.ledger;
    const canSkip = quotas.isUsed && this.#isAlike;
    for (const top of tops) {
      if ((canSkip && top.level!.isExhausted) || this.judge.isClosedTo(top.role)) continue;
      if (this.#visit(top[this.#view])) return;
    }
  }

  /** True when nothing is left on the agent. */
  #visit(nodes: readonly Node[]): boolean {
    for (const node of nodes) {
      if (node.client) {
        const verdict = this.#offer(node.client);
        if (verdict === 'SIZE' && this.#isAlike) return false;
        if (typeof verdict !== 'string' && this.judge.isExhausted) return true;
      } else if (!this.judge.isClosedTo(node.role) && this.#visit(node[this.#view])) return true;
    }
    return false;
  }

  /** What is too little for one client is so for all frameworks of its role. */
  get #isAlike(): boolean {
    return this.#agent.isPlain && !this.judge.hasOwnMinimum;
  }

  #offer(client: Client): Verdict {
    const verdict = this.judge.verdict(client);
    if (this.judge.isHeld) this.held.add(this.#agent);
    if (typeof verdict !== 'string') this.#grant(client, verdict);
    return verdict;
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
    this.ledger.charge(client, agent, resources);
    this.judge.granted(resources);
  }
}

function drop(list: Node[], node: Node): void {
  const index = list.indexOf(node);
  if (index >= 0) list.splice(index, 1);
}

const insert = (list: Node[], node: Node): void => void list.splice(placeOf(list, node), 0, node);
