import type { AllocatorPolicy } from '@mezzo/sdk/points/allocator-policy';
import { isWithinRole, Resources } from '../resources/index.js';
import type { Filters } from './filters.js';
import { KNOWS, type AgentSlot, type Client, type FrameworkState, type Ledger } from './ledger.js';
import type { Stage } from './quota.js';
import { isAllocatable, type Minimum } from './vector.js';

export interface Rules {
  readonly minAllocatable: readonly Minimum[];
  readonly filterGpus: boolean;
  readonly admits?: AllocatorPolicy['admits'] | undefined;
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
  | 'CONSTRAINTS'
  /** The allocator's policy does not admit the framework there. */
  | 'POLICY';

/** `SIZE`: one of the hindrances from NOTHING_FREE to GUARANTEES, which `Judge.sizeOf` tells apart. */
export type Verdict = Resources | Exclude<Hindrance, 'NOTHING_FREE' | 'TOO_LITTLE'> | 'SIZE';

/** Decides what a client may have of an agent's rest. Runs of the allocator and explanations ask the same judge. */
export class Judge {
  readonly #sharedOffered = new Set<AgentSlot>();
  #agent!: AgentSlot;
  #stage: Stage = 2;
  /** The agent's rest as it is would do for anybody with the usual minimum. */
  #isWholeEnough = false;
  /** Roles that something on the agent is reserved for, when too little is left for all others; else undefined. */
  #onlyFor: readonly string[] | undefined;
  /** What was found last, for `#role` and what `#knows` says: the next client is mostly of the same role. */
  #role: string | undefined;
  #knows = 0;
  #part = Resources.empty;
  #isPartEnough = false;
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
    this.#look();
  }

  /** To be told of what was granted and charged. */
  granted(resources: Resources): void {
    if (resources.entries.some(({ id }) => id.shared)) this.#sharedOffered.add(this.#agent);
    this.#look();
  }

  #look(): void {
    const { available, isPlain } = this.#agent;
    this.#role = undefined;
    this.isHeld = false;
    this.#isWholeEnough = isAllocatable(available, this.rules.minAllocatable);
    const isForAll = isPlain || this.hasOwnMinimum || isAllocatable(available.unreserved(), this.rules.minAllocatable);
    this.#onlyFor = isForAll ? undefined : [...available.reservations().keys()];
  }

  /** Nobody gets any of the rest. */
  get isExhausted(): boolean {
    return this.#agent.available.isEmpty || (!this.#isWholeEnough && !this.hasOwnMinimum);
  }

  /** Nobody in the role, or in those below it, gets any of the rest. */
  isClosedTo(role: string): boolean {
    const roles = this.#onlyFor;
    return roles !== undefined && !roles.some((one) => isWithinRole(role, one) || isWithinRole(one, role));
  }

  /** `heedsRefusals` = false: as if the client had refused nothing. */
  verdict(client: Client, heedsRefusals = true): Verdict {
    const { framework, role } = client;
    const agent = this.#agent;
    const barred = this.#barred(framework);
    if (barred !== undefined) return barred;
    if (this.#role !== role || (this.#knows !== framework.knows && !agent.isPlain)) this.#cut(client);
    const resources = this.#part;
    const minimum = this.hasOwnMinimum ? framework.minAllocatable.get(role) : undefined;
    if (minimum ? !isAllocatable(resources, minimum) : !this.#isPartEnough) return 'SIZE';
    if (heedsRefusals && this.filters.hides(agent, client, resources)) return 'REFUSED';
    return this.#refusalOf(client) ?? resources;
  }

  /** All that a client could have of the rest, however little; undefined where it never gets anything. */
  reach(client: Client): Resources | undefined {
    if (this.#barred(client.framework) !== undefined || this.#refusalOf(client) !== undefined) return undefined;
    this.#cut(client);
    return this.#part;
  }

  #barred({ capabilities }: FrameworkState): 'REGION' | 'GPUS' | undefined {
    const { isRemote, hasGpus } = this.#agent;
    if (isRemote && !capabilities.has('REGION_AWARE')) return 'REGION';
    return hasGpus && this.rules.filterGpus && !capabilities.has('GPU_RESOURCES') ? 'GPUS' : undefined;
  }

  #refusalOf({ framework, role }: Client): 'CONSTRAINTS' | 'POLICY' | undefined {
    const { id, info } = this.#agent;
    if (framework.accepts?.(role, id) === false) return 'CONSTRAINTS';
    return this.rules.admits?.(framework.info!, role, info!) === false ? 'POLICY' : undefined;
  }

  /** The part of the rest that reservations, capabilities and quota leave to a client. */
  #cut(client: Client): void {
    const agent = this.#agent;
    const { quotas } = this.ledger;
    const offerable = agent.isPlain ? agent.available : this.#offerable(client);
    let part = offerable;
    this.isHeld = false;
    if (quotas.isUsed) ({ part, isHeld: this.isHeld } = quotas.chop(offerable, client.level, this.#stage));
    this.#role = client.role;
    this.#knows = client.framework.knows;
    this.#part = part;
    this.#isPartEnough =
      part === agent.available ? this.#isWholeEnough : isAllocatable(part, this.rules.minAllocatable);
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
    const limited = this.ledger.quotas.chop(offerable, client.level, 'limits').part;
    return isAllocatable(limited, minimum) ? 'GUARANTEES' : 'QUOTA_LIMIT';
  }

  /** When the verdict REFUSED ends. */
  refusedUntilMs(client: Client): number {
    return this.filters.lastExpiryMs(this.#agent, client);
  }

  #offerable({ framework: { knows }, role }: Client): Resources {
    const canShare = (knows & KNOWS.SHARED_RESOURCES) !== 0 && !this.#sharedOffered.has(this.#agent);
    const canRevoke = (knows & KNOWS.REVOCABLE_RESOURCES) !== 0;
    const canRefine = (knows & KNOWS.RESERVATION_REFINEMENT) !== 0;
    return this.#agent.available.filter(
      ({ reservedRole, reservations, shared, revocable }) =>
        (reservedRole === undefined || isWithinRole(role, reservedRole)) &&
        (canShare || !shared) &&
        (canRevoke || !revocable) &&
        (canRefine || reservations.length < 2),
    );
  }
}
