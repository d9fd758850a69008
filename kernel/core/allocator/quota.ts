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

/** A top-level role as quota sees it. Consumed = reserved for it, plus what is allocated to it from the unreserved. */
export interface Top {
  readonly role: string;
  readonly consumed: Vector;
  guarantee: Vector | undefined;
  /** Infinity where there is none. */
  limit: Vector | undefined;
  /** Its limit leaves nothing worth an offer. */
  isExhausted: boolean;
  clients: number;
}

/** 1: only what guarantees miss. 2: all, save what must be held back for guarantees. `limits`: as if there were none. */
export type Stage = 1 | 2 | 'limits';

export class Quotas {
  readonly #tops = new Map<string, Top>();
  readonly #guaranteed = new Set<Top>();
  #limited = 0;
  /** What is free and could satisfy guarantees, less what they miss: only kept while there are guarantees. */
  readonly #surplus: Vector = [];
  /** Roles with a quota that consume less than before and so may get more than they were given. */
  readonly loosened = new Set<Top>();

  constructor(
    private readonly names: Names,
    private readonly minAllocatable: readonly Minimum[],
  ) {}

  get isUsed(): boolean {
    return this.#guaranteed.size > 0 || this.#limited > 0;
  }

  get hasGuarantees(): boolean {
    return this.#guaranteed.size > 0;
  }

  get hasUnmet(): boolean {
    for (const top of this.#guaranteed) if (this.isUnmet(top)) return true;
    return false;
  }

  top(role: string): Top {
    const name = topLevelRole(role);
    let top = this.#tops.get(name);
    if (!top) {
      top = { role: name, consumed: [], guarantee: undefined, limit: undefined, isExhausted: false, clients: 0 };
      this.#tops.set(name, top);
    }
    return top;
  }

  /** Forgets a role that nothing is known of any more. */
  prune(top: Top): void {
    const isEmpty = top.clients === 0 && !top.guarantee && !top.limit && top.consumed.every((milli) => milli === 0);
    if (isEmpty) this.#tops.delete(top.role);
  }

  /** `free`: what all active agents have free; read when there were no guarantees before. */
  set(role: string, { guarantee, limit }: Quota, free: () => Iterable<Resources>): void {
    const top = this.top(role);
    const hadGuarantees = this.hasGuarantees;
    this.#addUnmet(top, 1);
    this.#guaranteed.delete(top);
    if (top.limit) this.#limited--;
    top.guarantee = guarantee && guarantee.size > 0 ? this.names.vector(guarantee) : undefined;
    top.limit = limit && limit.size > 0 ? this.#limits(limit) : undefined;
    if (top.limit) this.#limited++;
    if (top.guarantee) this.#guaranteed.add(top);
    if (this.hasGuarantees && !hadGuarantees) {
      this.#surplus.length = 0;
      for (const resources of free()) this.changeFree(resources, 1);
    }
    this.#addUnmet(top, -1);
    this.#checkExhausted(top);
    this.prune(top);
  }

  consumed(role: string): Map<string, number> {
    return this.names.quantities(this.#tops.get(role)?.consumed ?? []);
  }

  /** The quota that bounds a role, with what counts against it; none when it has none. */
  levels({ role, guarantee, limit, consumed }: Top): QuotaLevel[] {
    if (!guarantee && !limit) return [];
    return [
      {
        role,
        guarantee: this.names.quantities(guarantee ?? []),
        limit: this.names.quantities(limit ?? [], Number.isFinite),
        consumed: this.names.quantities(consumed),
      },
    ];
  }

  isUnmet(top: Top): boolean {
    return top.guarantee?.some((milli, i) => milli > (top.consumed[i] ?? 0)) ?? false;
  }

  changeFree(resources: Resources, sign: 1 | -1): void {
    if (this.hasGuarantees) this.names.accumulate(this.#surplus, resources, sign, isBound);
  }

  /** The unreserved that a role gets or gives back. */
  consume(top: Top, resources: Resources, sign: 1 | -1): void {
    this.#change(top, resources, sign, isBound);
  }

  /** The reservations of an agent that comes or goes. */
  reserve(total: Resources, sign: 1 | -1): void {
    for (const [role, resources] of total.reservations()) {
      const top = this.top(role);
      this.#change(top, resources, sign, (id) => !id.revocable && !id.shared);
      this.prune(top);
    }
  }

  /** The part of `resources` that quota lets `top` have, and whether the rest is kept for guarantees. */
  chop(resources: Resources, top: Top, stage: Stage): { readonly part: Resources; readonly isHeld: boolean } {
    if (!top.limit && !this.hasGuarantees) return { part: resources, isHeld: false };
    if (stage === 1 && !resources.entries.some((entry) => this.#helps(entry, top))) return NOTHING;
    const entries: Entry[] = [];
    const taken: Vector = [];
    let isHeld = false;
    for (const entry of resources.entries) {
      const part = this.#fit(entry, top, stage, taken);
      if (part !== entry && stage === 2) isHeld ||= this.hasGuarantees;
      if (part) entries.push(part);
    }
    const isWhole = entries.length === resources.entries.length && entries.every((e, i) => e === resources.entries[i]);
    return { part: isWhole ? resources : Resources.fromSorted(entries), isHeld };
  }

  #fit(entry: Entry, top: Top, stage: Stage, taken: Vector): Entry | undefined {
    const { id, amount } = entry;
    if (!isBound(id)) return entry;
    const index = this.names.index(id.name);
    const unit = id.unitMilli ?? 1;
    const room = Math.floor(Math.max(0, this.#room(top, index, stage) - (taken[index] ?? 0)) / unit);
    const fitting = Math.min(room, amount as number);
    if (fitting <= 0) return undefined;
    addAt(taken, index, fitting * unit);
    return fitting === amount ? entry : { id, amount: fitting };
  }

  #room(top: Top, index: number, stage: Stage): number {
    const consumed = top.consumed[index] ?? 0;
    const limit = (top.limit?.[index] ?? Infinity) - consumed;
    if (stage === 1 && top.guarantee?.[index]) return Math.min(limit, top.guarantee[index] - consumed);
    return this.hasGuarantees && stage !== 'limits' ? Math.min(limit, this.#surplus[index] ?? 0) : limit;
  }

  #helps({ id }: Entry, top: Top): boolean {
    const index = this.names.index(id.name);
    return isBound(id) && (top.guarantee?.[index] ?? 0) > (top.consumed[index] ?? 0);
  }

  #change(top: Top, resources: Resources, sign: 1 | -1, counts: (id: Identity) => boolean): void {
    this.#addUnmet(top, 1);
    this.names.accumulate(top.consumed, resources, sign, counts);
    this.#addUnmet(top, -1);
    if (top.limit) this.#checkExhausted(top);
    if (sign < 0 && (top.limit || top.guarantee)) this.loosened.add(top);
  }

  #addUnmet(top: Top, sign: 1 | -1): void {
    top.guarantee?.forEach((milli, i) => addAt(this.#surplus, i, sign * Math.max(0, milli - (top.consumed[i] ?? 0))));
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

  #checkExhausted(top: Top): void {
    const room = (name: string) => this.#limitRoom(top, this.names.index(name));
    top.isExhausted =
      top.limit !== undefined &&
      this.minAllocatable.length > 0 &&
      this.minAllocatable.every((minimum) => minimum.some(({ name, milli }) => room(name) < milli));
  }

  #limitRoom = (top: Top, index: number): number => (top.limit?.[index] ?? Infinity) - (top.consumed[index] ?? 0);
}

const isBound = (id: Identity): boolean => id.isQuotaBound;
const NOTHING = { part: Resources.empty, isHeld: false };
