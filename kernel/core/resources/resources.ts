import type { Resource } from '@mezzo/sdk/api';
import { parseResourcesText, toMilli, type NamedValue } from '@mezzo/sdk/contract';
import { compare, covers, difference, entryOf, isSomething, milliOf, sum, type Entry } from './entry.js';
import type { Identity } from './identity.js';
import { messagesOf, summaryOf, textOf, type ReservationFormat } from './print.js';
import { isWithinRole } from './roles.js';
import { assertValidResources } from './validate.js';

/** Thousandths by name. */
export type Quantities = ReadonlyMap<string, number>;

export const quantitiesOf = (scalars: Readonly<Record<string, { readonly value: number }>> = {}): Quantities =>
  new Map(Object.entries(scalars).map(([name, { value }]) => [name, toMilli(value)]));

/** A bag of resources: immutable, canonical (equal bags have equal entries in equal order), never negative. */
export class Resources {
  static readonly empty = new Resources([]);

  /** `entries` are sorted by key, without doubles. `free`: the same without allocation roles, when that is known. */
  private constructor(
    readonly entries: readonly Entry[],
    private readonly free?: Resources,
  ) {}

  /** Either reservation format. Throws RESOURCES_INVALID. */
  static of(messages: readonly Resource[] | undefined): Resources {
    if (!messages || messages.length === 0) return Resources.empty;
    assertValidResources(messages);
    return normalised(messages.map(entryOf));
  }

  /** Text of the --resources flag: `cpus:4;ports:[31000-32000];disk(role):10`. Throws VALUE_INVALID, RESOURCES_INVALID. */
  static parse(text: string): Resources {
    return Resources.of(parseResourcesText(text).map(messageOf));
  }

  /** For this directory: takes what `normalised` made. */
  static fromSorted(entries: readonly Entry[]): Resources {
    return entries.length === 0 ? Resources.empty : new Resources(entries);
  }

  get isEmpty(): boolean {
    return this.entries.length === 0;
  }

  add(other: Resources): Resources {
    if (this.isEmpty || other.isEmpty) return this.isEmpty ? other : this;
    const [a, b, out] = [this.entries, other.entries, [] as Entry[]];
    let i = 0;
    let j = 0;
    while (i < a.length && j < b.length) {
      const order = compare(a[i]!, b[j]!);
      if (order === 0) out.push(sum(a[i++]!, b[j++]!));
      else out.push(order < 0 ? a[i++]! : b[j++]!);
    }
    while (i < a.length) out.push(a[i++]!);
    while (j < b.length) out.push(b[j++]!);
    return new Resources(out);
  }

  /** Of many, for less than adding them one by one. */
  static sum(bags: readonly Resources[]): Resources {
    if (bags.length < 2) return bags[0] ?? Resources.empty;
    const totals = new Map<string, Entry>();
    const scalars = new Map<Identity, number>();
    for (const { entries } of bags) {
      for (const entry of entries) {
        const { id, amount } = entry;
        if (typeof amount === 'number') scalars.set(id, (scalars.get(id) ?? 0) + amount);
        else totals.set(id.key, totals.has(id.key) ? sum(totals.get(id.key)!, entry) : entry);
      }
    }
    return normalised([...Array.from(scalars, ([id, amount]) => ({ id, amount })), ...totals.values()]);
  }

  /** What `other` has beyond this is ignored: nothing gets negative. */
  subtract(other: Resources): Resources {
    if (other.isEmpty || this.isEmpty) return this;
    if (this === other) return Resources.empty;
    const [b, out] = [other.entries, [] as Entry[]];
    let j = 0;
    for (const entry of this.entries) {
      while (j < b.length && compare(b[j]!, entry) < 0) j++;
      const rest = j < b.length && compare(b[j]!, entry) === 0 ? difference(entry, b[j]!) : entry;
      if (rest) out.push(rest);
    }
    return Resources.fromSorted(out);
  }

  contains(other: Resources): boolean {
    if (this === other) return true;
    const a = this.entries;
    let i = 0;
    for (const entry of other.entries) {
      while (i < a.length && compare(a[i]!, entry) < 0) i++;
      if (i >= a.length || compare(a[i]!, entry) !== 0 || !covers(a[i]!, entry)) return false;
    }
    return true;
  }

  equals(other: Resources): boolean {
    return this.entries.length === other.entries.length && this.contains(other) && other.contains(this);
  }

  filter(keep: (id: Identity) => boolean): Resources {
    const kept = this.entries.filter(({ id }) => keep(id));
    return kept.length === this.entries.length ? this : Resources.fromSorted(kept);
  }

  unreserved(): Resources {
    return this.filter((id) => id.reservedRole === undefined);
  }

  /** Reserved for exactly `role`; without it, for any. */
  reserved(role?: string): Resources {
    return this.filter((id) => id.reservedRole !== undefined && (role === undefined || id.reservedRole === role));
  }

  /** What a framework in `role` may get: the unreserved, and what is reserved for the role or an ancestor of it. */
  offerableTo(role: string): Resources {
    return this.filter((id) => id.reservedRole === undefined || isWithinRole(role, id.reservedRole));
  }

  /** By the role they are reserved for. */
  reservations(): Map<string, Resources> {
    return this.groups((id) => id.reservedRole);
  }

  /** By the role they are allocated to; leaves out what is not allocated. */
  allocations(): Map<string, Resources> {
    return this.groups((id) => id.allocationRole);
  }

  allocate(role: string): Resources {
    if (this.isEmpty) return this;
    const isFree = this.entries.every(({ id }) => id.allocationRole === undefined);
    if (!isFree) return this.map((id) => id.allocated(role));
    // The role comes last in the key, so that the order stays.
    const entries = this.entries.map(({ id, amount }) => ({ id: id.allocated(role), amount }));
    return new Resources(entries, this);
  }

  /** Allocates what has no role yet: frameworks may leave it out. */
  allocateMissing(role: string): Resources {
    return this.map((id) => (id.allocationRole === undefined ? id.allocated(role) : id));
  }

  unallocate(): Resources {
    return this.free ?? this.map((id) => id.base);
  }

  /** Sum of the scalars of that name, in thousandths. */
  scalar(name: string): number {
    let total = 0;
    for (const entry of this.entries) if (entry.id.name === name) total += milliOf(entry);
    return total;
  }

  quantities(): Map<string, number> {
    const out = new Map<string, number>();
    for (const entry of this.entries) {
      const milli = milliOf(entry);
      if (milli > 0) out.set(entry.id.name, (out.get(entry.id.name) ?? 0) + milli);
    }
    return out;
  }

  /** `post` for frameworks with RESERVATION_REFINEMENT, `pre` for others, `both` for the endpoints. */
  toMessages(format: ReservationFormat = 'post'): Resource[] {
    return messagesOf(this.entries, format);
  }

  /** The flat object of the legacy endpoints: cpus, gpus, mem, disk as numbers, ports as `[31000-32000]`. */
  summary(): Record<string, number | string> {
    return summaryOf(this.entries);
  }

  /** For messages: `cpus(allocated: web):1.5; mem(allocated: web):64`. */
  toString(): string {
    return textOf(this.entries);
  }

  private map(rename: (id: Identity) => Identity): Resources {
    let changed = false;
    const entries = this.entries.map((entry) => {
      const id = rename(entry.id);
      changed ||= id !== entry.id;
      return id === entry.id ? entry : { id, amount: entry.amount };
    });
    return changed ? normalised(entries) : this;
  }

  private groups(roleOf: (id: Identity) => string | undefined): Map<string, Resources> {
    const role = this.isEmpty ? undefined : roleOf(this.entries[0]!.id);
    if (role !== undefined && this.entries.every(({ id }) => roleOf(id) === role)) return new Map([[role, this]]);
    const groups = new Map<string, Entry[]>();
    for (const entry of this.entries) {
      const role = roleOf(entry.id);
      if (role === undefined) continue;
      const group = groups.get(role);
      if (group) group.push(entry);
      else groups.set(role, [entry]);
    }
    return new Map([...groups].map(([role, entries]) => [role, Resources.fromSorted(entries)]));
  }
}

/** Sorts and joins; entries may be in any order. */
export function normalised(entries: Entry[]): Resources {
  const sorted = entries.every((entry, i) => i === 0 || compare(entries[i - 1]!, entry) < 0);
  if (sorted) return Resources.fromSorted(entries.every(isSomething) ? entries : entries.filter(isSomething));
  const out: Entry[] = [];
  for (const entry of entries.filter(isSomething).sort(compare)) {
    const last = out.at(-1);
    if (last && compare(last, entry) === 0) out[out.length - 1] = sum(last, entry);
    else out.push(entry);
  }
  return Resources.fromSorted(out);
}

function messageOf({ name, role, value }: NamedValue): Resource {
  const base = role === undefined ? { name } : { name, role };
  if (value.type === 'SCALAR') return { ...base, type: 'SCALAR', scalar: { value: value.milli / 1000 } };
  if (value.type === 'SET') return { ...base, type: 'SET', set: { item: [...value.set] } };
  const range: { begin: number; end: number }[] = [];
  const flat = value.type === 'RANGES' ? value.ranges : [];
  for (let i = 0; i < flat.length; i += 2) range.push({ begin: flat[i]!, end: flat[i + 1]! });
  return { ...base, type: 'RANGES', ranges: { range } };
}
