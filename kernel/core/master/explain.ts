import { asId, type AgentId } from '@mezzo/sdk/contract';
import type { AgentFinding, RoleExplanation } from '../allocator/index.js';
import { priorityOf } from './priorities.js';
import type { Agent, Framework, MasterState } from './state.js';

/** Why a framework gets no offer of an agent: what the allocator says, told apart by what only the master knows. */
export type Reason =
  | Exclude<AgentFinding['reason'], 'INACTIVE'>
  /** It has one. */
  | 'OFFERED'
  | 'OFFERED_TO_OTHERS'
  | 'AGENT_AWAY'
  | 'DRAINING'
  | 'DEACTIVATED'
  /** The master's whitelist does not have its host. */
  | 'NOT_LISTED'
  /** Offers wait until more agents are back after a change of masters. */
  | 'RECOVERY_HOLD'
  /** Offers wait until the allocator's policy is there. */
  | 'POLICY_HOLD';

export interface Finding {
  readonly reason: Reason;
  /** Of so many agents. */
  readonly agents: number;
  /** Some of them. */
  readonly agentIds: readonly string[];
  /** When the first of refusals ends. */
  readonly untilMs?: number;
}

export interface Explained extends Omit<RoleExplanation, 'agents'> {
  /** Offers of this role that the framework has not answered. */
  readonly offers: number;
  /** Of the role: whose tasks give way to whose. */
  readonly priority: number;
  /** Agents on which others give way for what it asked for. */
  readonly claims: number;
  /** Most agents first. */
  readonly findings: readonly Finding[];
}

export interface ExplainQuery {
  /** Default: all of the framework. */
  readonly role: string | undefined;
  readonly agentId: AgentId | undefined;
  /** Agents to name for each reason. */
  readonly examples: number;
}

export function explainFramework(state: MasterState, framework: Framework, query: ExplainQuery): Explained[] {
  const roles = state.allocator.explain(framework.id) ?? [];
  return roles
    .filter(({ role }) => query.role === undefined || role === query.role)
    .map(({ agents, ...rest }) => {
      const asked = agents.filter(({ agentId }) => query.agentId === undefined || agentId === query.agentId);
      const offers = [...framework.offers].filter(({ role }) => role === rest.role).length;
      const claims = [...state.claims.values()].filter(
        ({ frameworkId, role }) => frameworkId === framework.id && role === rest.role,
      ).length;
      const priority = priorityOf(state, rest.role);
      return {
        ...rest,
        offers,
        priority,
        claims,
        findings: summed(state, framework, rest.role, asked, query.examples),
      };
    });
}

function summed(
  state: MasterState,
  framework: Framework,
  role: string,
  agents: readonly AgentFinding[],
  examples: number,
): Finding[] {
  const byReason = new Map<Reason, { agents: number; agentIds: string[]; untilMs?: number }>();
  for (const { agentId, reason, untilMs } of agents) {
    const why = reasonOf(state, framework, role, state.agents.get(asId(agentId))!, reason);
    const sum = byReason.get(why) ?? { agents: 0, agentIds: [] };
    byReason.set(why, sum);
    sum.agents += 1;
    if (sum.agentIds.length < examples) sum.agentIds.push(agentId);
    if (untilMs !== undefined) sum.untilMs = Math.min(untilMs, sum.untilMs ?? Infinity);
  }
  return Array.from(byReason, ([reason, sum]) => ({ reason, ...sum })).sort(
    (a, b) => b.agents - a.agents || (a.reason < b.reason ? -1 : 1),
  );
}

function reasonOf(
  state: MasterState,
  framework: Framework,
  role: string,
  agent: Agent,
  reason: AgentFinding['reason'],
): Reason {
  if (reason === 'INACTIVE') return absence(agent);
  if (reason === 'FREE' && state.awaitsPolicy) return 'POLICY_HOLD';
  if (reason === 'FREE') return state.awaitedAgents === undefined ? 'FREE' : 'RECOVERY_HOLD';
  const offers = [...agent.offers];
  if (offers.some((offer) => offer.frameworkId === framework.id && offer.role === role)) return 'OFFERED';
  const isLeftover = reason === 'NOTHING_FREE' || reason === 'TOO_LITTLE';
  return isLeftover && offers.length > 0 ? 'OFFERED_TO_OTHERS' : reason;
}

function absence(agent: Agent): Reason {
  if (agent.connection === undefined) return 'AGENT_AWAY';
  if (agent.drain) return 'DRAINING';
  return agent.deactivated ? 'DEACTIVATED' : 'NOT_LISTED';
}
