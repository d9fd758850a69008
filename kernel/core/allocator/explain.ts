import type { Quantities } from '../resources/index.js';
import type { Hindrance, Judge } from './judge.js';
import type { AgentSlot, Client, Ledger } from './ledger.js';
import type { QuotaLevel } from './quota.js';
import { placeOf, type Node } from './tree.js';
import type { Vector } from './vector.js';

/** What stands between a client and one agent. FREE: nothing, the next run grants it. */
export interface AgentFinding {
  readonly agentId: string;
  readonly reason: Hindrance | 'FREE';
  /** When REFUSED ends. */
  readonly untilMs?: number;
}

/** A role, or a framework in one, among those that compete with it for the same parent's share. */
export interface ShareLevel {
  /** A role's path; for a framework its id; `role/.` for all frameworks directly in a role that has roles below it. */
  readonly name: string;
  /** What it is sorted by: its dominant share of the cluster divided by weight, from 0, or what the allocator's policy says. */
  readonly share: number;
  readonly weight: number;
  /** From 1, who comes first. */
  readonly place: number;
  readonly of: number;
  /** Who comes first, when that is another. */
  readonly first?: { readonly name: string; readonly share: number };
}

export interface RoleExplanation {
  readonly role: string;
  /** Its framework wants offers in it now. */
  readonly isActive: boolean;
  readonly isSuppressed: boolean;
  /** From the top down; levels without competition are left out. */
  readonly shares: readonly ShareLevel[];
  readonly quota: readonly QuotaLevel[];
  /** In use, and left: in sum, and the most of each resource that one agent has. */
  readonly free: Quantities;
  readonly largest: Quantities;
  readonly agents: readonly AgentFinding[];
}

export function explain(ledger: Ledger, judge: Judge, client: Client): RoleExplanation {
  const agents = [...ledger.agents.values()];
  return {
    role: client.role,
    isActive: client.node.inActive,
    isSuppressed: client.framework.suppressed.has(client.role),
    shares: levelsOf(client.node),
    quota: ledger.quotas.bounds(client.level),
    ...freeOf(ledger, agents),
    agents: agents.map((agent) => find(ledger, judge, client, agent)),
  };
}

function find(ledger: Ledger, judge: Judge, client: Client, agent: AgentSlot): AgentFinding {
  const agentId = agent.id;
  if (!agent.isActive) return { agentId, reason: 'INACTIVE' };
  const { quotas } = ledger;
  judge.face(agent, quotas.hasUnmet ? 1 : 2);
  let verdict = judge.verdict(client);
  if (verdict === 'SIZE') {
    judge.face(agent, 2);
    verdict = judge.verdict(client);
  }
  if (verdict === 'SIZE') return { agentId, reason: judge.sizeOf(client) };
  if (typeof verdict !== 'string') return { agentId, reason: 'FREE' };
  if (verdict !== 'REFUSED') return { agentId, reason: verdict };
  return { agentId, reason: verdict, untilMs: judge.refusedUntilMs(client) };
}

function freeOf({ names }: Ledger, agents: readonly AgentSlot[]): Pick<RoleExplanation, 'free' | 'largest'> {
  const [free, largest]: [Vector, Vector] = [[], []];
  for (const { isActive, available } of agents) {
    if (!isActive) continue;
    const one: Vector = [];
    names.accumulate(one, available, 1, () => true);
    one.forEach((milli, i) => {
      free[i] = (free[i] ?? 0) + milli;
      largest[i] = Math.max(largest[i] ?? 0, milli);
    });
  }
  return { free: names.quantities(free), largest: names.quantities(largest) };
}

function levelsOf(leaf: Node): ShareLevel[] {
  const levels: ShareLevel[] = [];
  for (let node = leaf; node.parent; node = node.parent) {
    const { active } = node.parent;
    const of = active.length + (node.inActive ? 0 : 1);
    if (of === 1) continue;
    const place = placeOf(active, node);
    const [first] = active;
    levels.unshift({
      name: nameOf(node),
      share: node.share + 0,
      weight: node.weight,
      place: place + 1,
      of,
      ...(place > 0 && { first: { name: nameOf(first!), share: first!.share + 0 } }),
    });
  }
  return levels;
}

const nameOf = ({ client, key, role }: Node): string => client?.framework.id ?? (key === '.' ? `${role}/.` : role);
