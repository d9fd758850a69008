import type { Resources } from '../resources/index.js';
import type { Filters } from './filters.js';
import type { AgentSlot, Client, Ledger } from './ledger.js';
import type { Stage } from './quota.js';
import { isAllocatable, type Minimum } from './vector.js';

export interface Rules {
  readonly minAllocatable: readonly Minimum[];
  readonly filterGpus: boolean;
}

/** Why a client gets nothing of an agent: the first that applies, in this order. */
export type Hindrance =
  /** The agent is not in use. */
  | 'INACTIVE'
  /** It is in another region, and the framework is not REGION_AWARE. */
  | 'REGION'
  /** It has GPUs, and the framework is not for them. */
  | 'GPUS'
  /** Nothing is left there. */
  | 'NOTHING_FREE'
  /** What is left is less than the smallest offer. */
  | 'TOO_LITTLE'
  /** What is left is reserved for roles that are not above the client's, or too little of it is not. */
  | 'RESERVED'
  /** What is left is revocable, shared or of a refined reservation, which the framework does not know. */
  | 'CAPABILITIES'
  /** The role has all that its limit allows. */
  | 'QUOTA_LIMIT'
  /** What is left in the cluster is kept for the guarantees of others. */
  | 'GUARANTEES'
  /** The framework refused it, and the refusal lasts. */
  | 'REFUSED'
  /** The framework's offer constraints exclude it. */
  | 'CONSTRAINTS';

/** `SIZE`: one of the hindrances from NOTHING_FREE to GUARANTEES, which `Judge.sizeOf` tells apart. */
export type Verdict = Resources | Exclude<Hindrance, 'NOTHING_FREE' | 'TOO_LITTLE'> | 'SIZE';

/** Decides what a client may have of an agent's rest. Runs of the allocator and explanations ask the same judge. */
export class Judge {
  readonly #sharedOffered = new Set<AgentSlot>();
  #agent!: AgentSlot;
  #stage: Stage = 2;
  /** The agent's rest as it is would do for anybody with the usual minimum. */
  #isWholeEnough = false;
  /** Guarantees of others cut the last verdict short. */
  isHeld = false;

  constructor(
    private readonly ledger: Ledger,
    private readonly filters: Filters,
    private readonly rules: Rules,
    readonly hasOwnMinimum: boolean,
  ) {}

  /** The agent, as it is now, that all questions are about from here on. */
  face(agent: AgentSlot, stage: Stage): void {
    this.#agent = agent;
    this.#stage = stage;
    this.#isWholeEnough = isAllocatable(agent.available, this.rules.minAllocatable);
  }

  /** Nobody gets any of the rest. */
  get isExhausted(): boolean {
    return this.#agent.available.isEmpty || (!this.#isWholeEnough && !this.hasOwnMinimum);
  }

  verdict(client: Client): Verdict {
    const { framework, role } = client;
    const agent = this.#agent;
    this.isHeld = false;
    if (agent.isRemote && !framework.capabilities.has('REGION_AWARE')) return 'REGION';
    if (agent.hasGpus && this.rules.filterGpus && !framework.capabilities.has('GPU_RESOURCES')) return 'GPUS';
    let resources = agent.isPlain ? agent.available : this.#offerable(client);
    const { quotas } = this.ledger;
    if (quotas.isUsed) {
      const { part, isHeld } = quotas.chop(resources, client.top, this.#stage);
      this.isHeld = isHeld;
      resources = part;
    }
    const minimum = this.hasOwnMinimum ? framework.minAllocatable.get(role) : undefined;
    if (minimum || resources !== agent.available) {
      if (!isAllocatable(resources, minimum ?? this.rules.minAllocatable)) return 'SIZE';
    } else if (!this.#isWholeEnough) return 'SIZE';
    if (this.filters.hides(agent, client, resources)) return 'REFUSED';
    if (framework.accepts && !framework.accepts(role, agent.id)) return 'CONSTRAINTS';
    return resources;
  }

  /** What makes the verdict SIZE: the first step after which too little is left. */
  sizeOf(client: Client): Hindrance {
    const { available } = this.#agent;
    const minimum = client.framework.minAllocatable.get(client.role) ?? this.rules.minAllocatable;
    if (available.isEmpty) return 'NOTHING_FREE';
    if (!isAllocatable(available, minimum)) return 'TOO_LITTLE';
    if (!isAllocatable(available.offerableTo(client.role), minimum)) return 'RESERVED';
    const offerable = this.#offerable(client);
    if (!isAllocatable(offerable, minimum)) return 'CAPABILITIES';
    const limited = this.ledger.quotas.chop(offerable, client.top, 'limits').part;
    return isAllocatable(limited, minimum) ? 'GUARANTEES' : 'QUOTA_LIMIT';
  }

  /** To be told of what was granted and charged. */
  granted(resources: Resources): void {
    if (resources.entries.some(({ id }) => id.shared)) this.#sharedOffered.add(this.#agent);
    this.#isWholeEnough = isAllocatable(this.#agent.available, this.rules.minAllocatable);
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
}
