import { Resources, topLevelRole, type Entry, type Identity, type Quantities } from '../resources/index.js';
import { addAt, type Minimum, type Names, type Vector } from './vector.js';

export interface Quota {
  /** Held back for the role until it has so much. Names left out: nothing. */
  readonly guarantee?: Quantities;
  /** The role never gets more. Names left out: no limit. */
  readonly limit?: Quantities;
}

/** A role's quota and what counts against it, in thousandths. */
export interface QuotaLevel {
  readonly role: string;
  readonly guarantee: Quantities;
  readonly limit: Quantities;
  readonly consumed: Quantities;
}

/**
 * A role as quota sees it: a top-level one, or any with nested quota. Consumed = reserved for it or a role below it, plus what is
 * allocated to them from the unreserved.
 */
export class Level {
  readonly consumed: Vector = [];
  guarantee: Vector | undefined = undefined;
  /** Infinity where there is none. */
  limit: Vector | undefined = undefined;
  /** What its guarantee, or those below it, still miss. */
  readonly need: Vector = [];
  /** The sum of the needs just below it. */
  readonly below: Vector = [];
  /** Its limit leaves nothing worth an offer. */
  isExhausted = false;
  /** Clients in it, and roles just below it. */
  members = 0;

  constructor(
    readonly role: string,
    /** The role above, with nested quota. */
    readonly parent: Level | undefined,
  ) {}
}

/** 1: only what guarantees miss. 2: all, save what must be held back for guarantees. `limits`: as if there were none. */
export type Stage = 1 | 2 | 'limits';

export class Quotas {
  readonly #levels = new Map<string, Level>();
  readonly #guaranteed = new Set<Level>();
  #limited = 0;
  /** What is free and could satisfy guarantees, less what they miss: only kept while there are guarantees. */
  readonly #surplus: Vector = [];
  /** Top-level roles with a quota of which less is consumed than before, so that they may get more than they were given. */
  readonly loosened = new Set<Level>();

  /** `isNested`: roles below others have quota too, within that of those above. */
  constructor(
    private readonly names: Names,
    private readonly minAllocatable: readonly Minimum[],
    private readonly isNested = false,
  ) {}

  get isUsed(): boolean {
    return this.#guaranteed.size > 0 || this.#limited > 0;
  }

  get hasGuarantees(): boolean {
    return this.#guaranteed.size > 0;
  }

  get hasUnmet(): boolean {
    for (const level of this.#guaranteed) if (this.isUnmet(level)) return true;
    return false;
  }

  /** The level that counts for a role. */
  level(role: string): Level {
    const name = this.isNested ? role : topLevelRole(role);
    const known = this.#levels.get(name);
    if (known) return known;
    const slash = name.lastIndexOf('/');
    const parent = slash < 0 ? undefined : this.level(name.slice(0, slash));
    if (parent) parent.members++;
    const level = new Level(name, parent);
    this.#levels.set(name, level);
    return level;
  }

  /** Forgets a role that nothing is known of any more. */
  prune(level: Level): void {
    const { role, parent, members, guarantee, limit, consumed } = level;
    if (members > 0 || guarantee || limit || consumed.some((milli) => milli !== 0)) return;
    if (!this.#levels.delete(role) || !parent) return;
    parent.members--;
    this.prune(parent);
  }

  /** `free`: what all active agents have free; read when there were no guarantees before. */
  set(role: string, { guarantee, limit }: Quota, free: () => Iterable<Resources>): void {
    const level = this.level(role);
    const hadGuarantees = this.hasGuarantees;
    this.#guaranteed.delete(level);
    if (level.limit) this.#limited--;
    level.guarantee = guarantee && guarantee.size > 0 ? this.names.vector(guarantee) : undefined;
    level.limit = limit && limit.size > 0 ? this.#limits(limit) : undefined;
    if (level.limit) this.#limited++;
    if (level.guarantee) this.#guaranteed.add(level);
    if (this.hasGuarantees && !hadGuarantees) {
      this.#surplus.length = 0;
      for (const resources of free()) this.changeFree(resources, 1);
    }
    for (let each: Level | undefined = level; each; each = each.parent) this.#settle(each);
    this.#checkExhausted(level);
    this.prune(level);
  }

  consumed(role: string): Map<string, number> {
    return this.names.quantities(this.#levels.get(role)?.consumed ?? []);
  }

  /** The quotas that bound a role, from the top down, with what counts against them. */
  bounds(level: Level): QuotaLevel[] {
    const above = level.parent ? this.bounds(level.parent) : [];
    const { role, guarantee, limit, consumed } = level;
    if (!guarantee && !limit) return above;
    return [
      ...above,
      {
        role,
        guarantee: this.names.quantities(guarantee ?? []),
        limit: this.names.quantities(limit ?? [], Number.isFinite),
        consumed: this.names.quantities(consumed),
      },
    ];
  }

  /** Its guarantee or one below it is not met. */
  isUnmet({ need }: Level): boolean {
    return need.some((milli) => milli > 0);
  }

  changeFree(resources: Resources, sign: 1 | -1): void {
    if (this.hasGuarantees) this.names.accumulate(this.#surplus, resources, sign, isBound);
  }

  /** The unreserved that a role gets or gives back. */
  consume(level: Level, resources: Resources, sign: 1 | -1): void {
    this.#change(level, resources, sign, isBound);
  }

  /** The reservations of an agent that comes or goes. */
  reserve(total: Resources, sign: 1 | -1): void {
    for (const [role, resources] of total.reservations()) {
      const level = this.level(role);
      this.#change(level, resources, sign, (id) => !id.revocable && !id.shared);
      this.prune(level);
    }
  }

  /** The part of `resources` that quota lets a role have, and whether the rest is kept for guarantees. */
  chop(resources: Resources, level: Level, stage: Stage): { readonly part: Resources; readonly isHeld: boolean } {
    if (!this.hasGuarantees && !isLimited(level)) return { part: resources, isHeld: false };
    if (stage === 1 && !resources.entries.some((entry) => this.#helps(entry, level))) return NOTHING;
    const entries: Entry[] = [];
    const taken: Vector = [];
    let isHeld = false;
    for (const entry of resources.entries) {
      const part = this.#fit(entry, level, stage, taken);
      if (part !== entry && stage === 2) isHeld ||= this.hasGuarantees;
      if (part) entries.push(part);
    }
    const isWhole = entries.length === resources.entries.length && entries.every((e, i) => e === resources.entries[i]);
    return { part: isWhole ? resources : Resources.fromSorted(entries), isHeld };
  }

  #fit(entry: Entry, level: Level, stage: Stage, taken: Vector): Entry | undefined {
    const { id, amount } = entry;
    if (!isBound(id)) return entry;
    const index = this.names.index(id.name);
    const unit = id.unitMilli ?? 1;
    const room = Math.floor(Math.max(0, this.#room(level, index, stage) - (taken[index] ?? 0)) / unit);
    const fitting = Math.min(room, amount as number);
    if (fitting <= 0) return undefined;
    addAt(taken, index, fitting * unit);
    return fitting === amount ? entry : { id, amount: fitting };
  }

  #room(level: Level, index: number, stage: Stage): number {
    let [limit, isGuaranteed] = [Infinity, false];
    for (let each: Level | undefined = level; each; each = each.parent) {
      limit = Math.min(limit, limitRoom(each, index));
      isGuaranteed ||= (each.guarantee?.[index] ?? 0) > 0;
    }
    if (stage === 1 && isGuaranteed) return Math.min(limit, owed(level, index));
    return this.hasGuarantees && stage !== 'limits' ? Math.min(limit, this.#surplus[index] ?? 0) : limit;
  }

  #helps({ id }: Entry, level: Level): boolean {
    return isBound(id) && owed(level, this.names.index(id.name)) > 0;
  }

  #change(level: Level, resources: Resources, sign: 1 | -1, counts: (id: Identity) => boolean): void {
    let isBounded = false;
    for (let each: Level | undefined = level; each; each = each.parent) {
      this.names.accumulate(each.consumed, resources, sign, counts);
      this.#settle(each);
      if (each.limit) this.#checkExhausted(each);
      isBounded ||= each.limit !== undefined || each.guarantee !== undefined;
      if (!each.parent && sign < 0 && isBounded) this.loosened.add(each);
    }
  }

  /** Brings the need of a level up to date, and what depends on it one step further up. */
  #settle(level: Level): void {
    const { guarantee, consumed, need, below, parent } = level;
    const length = Math.max(guarantee?.length ?? 0, need.length, below.length);
    for (let i = 0; i < length; i++) {
      const now = Math.max(0, (guarantee?.[i] ?? 0) - (consumed[i] ?? 0), below[i] ?? 0);
      const change = now - (need[i] ?? 0);
      if (change === 0) continue;
      addAt(need, i, change);
      addAt(parent ? parent.below : this.#surplus, i, parent ? change : -change);
    }
  }

  #limits(limit: Quantities): Vector {
    const out: Vector = [];
    for (const [name, milli] of limit) {
      const index = this.names.index(name);
      while (out.length <= index) out.push(Infinity);
      out[index] = milli;
    }
    return out;
  }

  #checkExhausted(level: Level): void {
    const room = (name: string) => limitRoom(level, this.names.index(name));
    level.isExhausted =
      level.limit !== undefined &&
      this.minAllocatable.length > 0 &&
      this.minAllocatable.every((minimum) => minimum.some(({ name, milli }) => room(name) < milli));
  }
}

const limitRoom = ({ limit, consumed }: Level, index: number): number =>
  (limit?.[index] ?? Infinity) - (consumed[index] ?? 0);

const isLimited = ({ limit, parent }: Level): boolean =>
  limit !== undefined || (parent !== undefined && isLimited(parent));

/** How much a role may take by right: what guarantees on its path miss, less what roles beside it are owed out of the same. */
function owed(level: Level, index: number): number {
  let sum = 0;
  for (let each: Level | undefined = level; each; each = each.parent) {
    const missing = (each.guarantee?.[index] ?? 0) - (each.consumed[index] ?? 0);
    sum += Math.max(0, missing - (each.below[index] ?? 0));
  }
  return sum;
}

const isBound = (id: Identity): boolean => id.isQuotaBound;
const NOTHING = { part: Resources.empty, isHeld: false };
