import type { AgentInfo, FrameworkInfo } from '../api/messages.js';
import { extensionPoint } from '../contract/tokens.js';

/** Who competes with others just below the same role for what is free. */
export interface Contender {
  /** `members`: all frameworks directly in a role, taken together, as against the roles below it. */
  readonly kind: 'role' | 'members' | 'framework';
  /** Its path; of members and frameworks the role that they are in. */
  readonly role: string;
  /** Of kind `framework`. */
  readonly framework?: FrameworkInfo;
  /** As operators set it; 1 unless they did. */
  readonly weight: number;
  /** The largest of its shares of the cluster, from 0 to 1. Dominant resource fairness ranks by this, divided by the weight. */
  readonly dominantShare: number;
  /** Of a scalar that the cluster has, from 0 to 1; 0 for what it has none of. */
  shareOf(resource: string): number;
}

/**
 * Decides who comes first, and who is offered what of which agents. Chosen by name in `--allocator` of all masters; until it is there,
 * nobody is offered anything. It is asked amid the steps of the master's machine, often: it answers at once, from what it is told and its
 * configuration alone, and the same each time. Quota, reservations, refusals and offer constraints hold whatever it says.
 */
export interface AllocatorPolicy {
  /** As in the flag. kebab-case. */
  readonly name: string;
  /**
   * Who has the lowest number is offered first; who waited longest among equals. Asked when the contender comes, and when what it holds, its
   * weight, its FrameworkInfo or the cluster has changed. Default: dominant resource fairness, `dominantShare / weight`, which is also what counts
   * where this throws or answers no finite number. What is in random order (`--role_sorter`, `--framework_sorter`) is not ranked.
   */
  rank?(contender: Contender): number;
  /**
   * Whether a framework may be offered anything of an agent in a role. Asked for each agent with something free and each framework that wants
   * it. Default: yes. Where this throws, or answers neither true nor false, nothing is offered.
   */
  admits?(framework: FrameworkInfo, role: string, agent: AgentInfo): boolean;
}

export const ALLOCATOR_POLICY = extensionPoint<AllocatorPolicy>('allocator-policy.v1');
