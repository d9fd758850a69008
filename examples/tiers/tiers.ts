import type { AgentInfo, FrameworkInfo } from '@mezzo/sdk/api';
import type { AllocatorPolicy, Contender } from '@mezzo/sdk/points/allocator-policy';

export interface TiersOptions {
  /** Roles, the first tier first. */
  readonly tiers: readonly (readonly string[])[];
  /** Name of the attribute of agents that are kept for a role. */
  readonly dedicatedBy: string;
}

/** Shares, even of the smallest weights, are far below one tier. */
const TIER = 1e9;

export class Tiers implements AllocatorPolicy {
  readonly name = 'tiers';
  readonly #tierOf = new Map<string, number>();
  readonly #last: number;
  readonly #dedicatedBy: string;

  constructor({ tiers, dedicatedBy }: TiersOptions) {
    for (const [tier, roles] of tiers.entries()) for (const role of roles) this.#tierOf.set(role, tier);
    this.#last = tiers.length;
    this.#dedicatedBy = dedicatedBy;
  }

  /** Within a tier shares decide, as without a policy. */
  rank({ role, dominantShare, weight }: Contender): number {
    return this.#tier(role) * TIER + Math.min(dominantShare / weight, TIER / 2);
  }

  admits(_framework: FrameworkInfo, role: string, { attributes = [] }: AgentInfo): boolean {
    const keptFor = attributes.find(({ name }) => name === this.#dedicatedBy)?.text?.value;
    return keptFor === undefined || role === keptFor || role.startsWith(`${keptFor}/`);
  }

  #tier(role: string): number {
    for (let path = role; path !== ''; path = path.slice(0, Math.max(0, path.lastIndexOf('/')))) {
      const tier = this.#tierOf.get(path);
      if (tier !== undefined) return tier;
    }
    return this.#last;
  }
}
