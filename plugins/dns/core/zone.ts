import type { Answers } from './answers.js';
import { hashOf, lower, nameToWire } from './wire.js';

export type RecordType = 'A' | 'AAAA' | 'SRV';

/** `name` is lower-case without the last dot. `value`: an address, or `target:port` for SRV. */
export interface DnsRecord {
  readonly name: string;
  readonly type: RecordType;
  readonly value: string;
}

/** One existing name: with records, or with names below it only. */
export class ZoneNode {
  readonly hash: number;
  /** Next node with the same hash. */
  chained: ZoneNode | undefined;
  /** Names exactly one label below. */
  children = 0;
  /** A value that two owners hold is listed twice. */
  A: string[] | undefined;
  AAAA: string[] | undefined;
  SRV: string[] | undefined;
  /** Encoded answers by query type, dropped when the name is touched. */
  answers: Map<number, Answers> | undefined;

  constructor(
    readonly name: string,
    readonly wire: Uint8Array,
  ) {
    this.hash = hashOf(wire);
  }

  get empty(): boolean {
    return !this.A && !this.AAAA && !this.SRV && this.children === 0;
  }

  distinct(type: RecordType): string[] {
    return [...new Set(this[type] ?? [])];
  }
}

/**
 * The names of one domain, held as the records of many owners (a task, an agent, the leader). Replacing an owner's records
 * touches only the names that the owner has or had, whatever the size of the zone.
 */
export class Zone {
  readonly apex: ZoneNode;
  private readonly nodes = new Map<string, ZoneNode>();
  private readonly byHash = new Map<number, ZoneNode>();
  private readonly owned = new Map<string, readonly DnsRecord[]>();

  constructor(readonly domain: string) {
    const wire = nameToWire(domain);
    if (wire === undefined) throw new RangeError(`"${domain}" is not a domain name`);
    this.apex = new ZoneNode(domain, wire);
    this.insert(this.apex);
  }

  get size(): number {
    return this.nodes.size;
  }

  /** True when anything changed. Records outside the domain, or whose name is no valid name, are left out. */
  replace(owner: string, records: readonly DnsRecord[]): boolean {
    const old = this.owned.get(owner) ?? [];
    if (sameRecords(old, records)) return false;
    for (const record of records) this.add(record);
    for (const record of old) this.remove(record);
    if (records.length > 0) this.owned.set(owner, records);
    else this.owned.delete(owner);
    // Also what did not change itself: an SRV answer carries the addresses of its targets.
    for (const record of records) this.touch(record.name);
    return true;
  }

  records(owner: string): readonly DnsRecord[] {
    return this.owned.get(owner) ?? [];
  }

  named(name: string): ZoneNode | undefined {
    return this.nodes.get(name);
  }

  /** The node whose wire name stands at `start` of a query (any case, `length` bytes with the root). */
  find(query: Uint8Array, start: number, length: number, hash: number): ZoneNode | undefined {
    let node = this.byHash.get(hash);
    while (node !== undefined && !sameName(node.wire, query, start, length)) node = node.chained;
    return node;
  }

  *all(): Iterable<ZoneNode> {
    yield* this.nodes.values();
  }

  private add(record: DnsRecord): void {
    const node = this.nodes.get(record.name) ?? this.create(record.name);
    if (node !== undefined) (node[record.type] ??= []).push(record.value);
  }

  private remove(record: DnsRecord): void {
    const node = this.nodes.get(record.name);
    const values = node?.[record.type];
    const at = values?.indexOf(record.value) ?? -1;
    if (node === undefined || values === undefined || at < 0) return;
    const last = values.pop();
    if (last !== undefined && at < values.length) values[at] = last;
    if (values.length === 0) node[record.type] = undefined;
    node.answers = undefined;
    this.prune(node);
  }

  private touch(name: string): void {
    const node = this.nodes.get(name);
    if (node !== undefined) node.answers = undefined;
  }

  private create(name: string): ZoneNode | undefined {
    const wire = name.endsWith(`.${this.domain}`) ? nameToWire(name) : undefined;
    if (wire === undefined) return undefined;
    const node = new ZoneNode(name, wire);
    this.insert(node);
    const parent = parentOf(name);
    const above = this.nodes.get(parent) ?? this.create(parent);
    if (above !== undefined) above.children++;
    return node;
  }

  private insert(node: ZoneNode): void {
    node.chained = this.byHash.get(node.hash);
    this.byHash.set(node.hash, node);
    this.nodes.set(node.name, node);
  }

  private prune(node: ZoneNode): void {
    if (!node.empty || node === this.apex) return;
    this.nodes.delete(node.name);
    this.unchain(node);
    const above = this.nodes.get(parentOf(node.name));
    if (above === undefined) return;
    above.children--;
    this.prune(above);
  }

  private unchain(node: ZoneNode): void {
    let before = this.byHash.get(node.hash);
    if (before === node) {
      if (node.chained) this.byHash.set(node.hash, node.chained);
      else this.byHash.delete(node.hash);
      return;
    }
    while (before !== undefined && before.chained !== node) before = before.chained;
    if (before !== undefined) before.chained = node.chained;
  }
}

const parentOf = (name: string): string => name.slice(name.indexOf('.') + 1);

function sameName(wire: Uint8Array, query: Uint8Array, start: number, length: number): boolean {
  if (wire.length !== length) return false;
  for (let i = 0; i < length; i++) if (wire[i] !== lower(query[start + i]!)) return false;
  return true;
}

function sameRecords(a: readonly DnsRecord[], b: readonly DnsRecord[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((record, i) => {
    const other = b[i]!;
    return record.name === other.name && record.type === other.type && record.value === other.value;
  });
}
