import type { Answers } from './answers.js';
import { hashOfName, isName, nameToWire } from './wire.js';

export type RecordType = 'A' | 'AAAA' | 'SRV';

/** `name` is lower-case without the last dot. `value`: an address, or `target:port` for SRV. */
export interface DnsRecord {
  readonly name: string;
  readonly type: RecordType;
  readonly value: string;
}

/** Most names have one value of a type: only more of them are worth a list. A value that two owners hold is there twice. */
type Values = string | string[] | undefined;

/** One existing name: with records, or with names below it only. There are millions: each field counts. */
export class ZoneNode {
  /** Next node with the same hash. */
  chained: ZoneNode | undefined = undefined;
  /** Names exactly one label below. */
  children = 0;
  A: Values = undefined;
  AAAA: Values = undefined;
  SRV: Values = undefined;
  /** Encoded answers by query type, dropped when the name is touched. */
  answers: Map<number, Answers> | undefined = undefined;

  constructor(readonly name: string) {}

  get empty(): boolean {
    return !this.A && !this.AAAA && !this.SRV && this.children === 0;
  }

  count(type: RecordType): number {
    const values = this[type];
    return typeof values === 'string' ? 1 : (values?.length ?? 0);
  }

  distinct(type: RecordType): string[] {
    const values = this[type];
    return typeof values === 'string' ? [values] : [...new Set(values)];
  }

  add(type: RecordType, value: string): void {
    const values = this[type];
    if (values === undefined) this[type] = value;
    else if (typeof values === 'string') this[type] = [values, value];
    else values.push(value);
  }

  remove(type: RecordType, value: string): void {
    const values = this[type];
    if (values === value) this[type] = undefined;
    if (!Array.isArray(values)) return;
    const at = values.indexOf(value);
    const last = values.pop();
    if (at < 0 && last !== undefined) values.push(last);
    else if (last !== undefined && at < values.length) values[at] = last;
    if (values.length === 1) this[type] = values[0];
  }
}

/** A record of an owner, with the node in place of the name. */
interface Held {
  readonly node: ZoneNode;
  readonly type: RecordType;
  readonly value: string;
}

const NOTHING: readonly Held[] = [];

/**
 * The names of one domain, held as the records of many owners (a task, an agent, the leader). Replacing an owner's records
 * touches only the names that the owner has or had, whatever the size of the zone.
 */
export class Zone {
  readonly apex: ZoneNode;
  readonly apexWire: Uint8Array;
  /** By hash of the name. */
  private readonly nodes = new Map<number, ZoneNode>();
  private readonly owned = new Map<string, readonly Held[]>();
  /** Names that exist, the apex included. */
  size = 0;

  constructor(readonly domain: string) {
    const wire = nameToWire(domain);
    if (wire === undefined) throw new RangeError(`"${domain}" is not a domain name`);
    this.apexWire = wire;
    this.apex = new ZoneNode(domain);
    this.insert(this.apex);
  }

  /** True when anything changed. Records outside the domain, or whose name is no valid name, are left out. */
  replace(owner: string, records: readonly DnsRecord[]): boolean {
    const old = this.owned.get(owner) ?? NOTHING;
    if (sameRecords(old, records)) return false;
    const held = records.map((record) => this.add(record)).filter((one) => one !== undefined);
    for (const one of old) this.remove(one);
    if (held.length > 0) this.owned.set(owner, held);
    else this.owned.delete(owner);
    // Also what did not change itself: an SRV answer carries the addresses of its targets.
    for (const { node } of held) node.answers = undefined;
    return true;
  }

  records(owner: string): DnsRecord[] {
    return (this.owned.get(owner) ?? NOTHING).map(({ node, type, value }) => ({ name: node.name, type, value }));
  }

  named(name: string): ZoneNode | undefined {
    let node = this.nodes.get(hashOfName(name));
    while (node !== undefined && node.name !== name) node = node.chained;
    return node;
  }

  /** The node whose wire name stands at `start` of a query (any case, `length` bytes with the root). */
  find(query: Uint8Array, start: number, length: number, hash: number): ZoneNode | undefined {
    let node = this.nodes.get(hash);
    while (node !== undefined && !isName(node.name, query, start, length)) node = node.chained;
    return node;
  }

  *all(): Iterable<ZoneNode> {
    for (let node of this.nodes.values()) {
      yield node;
      while ((node = node.chained!)) yield node;
    }
  }

  private add({ name, type, value }: DnsRecord): Held | undefined {
    const node = this.named(name) ?? this.create(name);
    if (node === undefined) return undefined;
    node.add(type, value);
    return { node, type, value };
  }

  private remove({ node, type, value }: Held): void {
    node.remove(type, value);
    node.answers = undefined;
    this.prune(node);
  }

  private create(name: string): ZoneNode | undefined {
    if (!name.endsWith(`.${this.domain}`) || nameToWire(name) === undefined) return undefined;
    const node = new ZoneNode(name);
    this.insert(node);
    const parent = parentOf(name);
    const above = this.named(parent) ?? this.create(parent);
    if (above !== undefined) above.children++;
    return node;
  }

  private insert(node: ZoneNode): void {
    const hash = hashOfName(node.name);
    node.chained = this.nodes.get(hash);
    this.nodes.set(hash, node);
    this.size++;
  }

  private prune(node: ZoneNode): void {
    if (!node.empty || node === this.apex) return;
    this.unchain(node);
    const above = this.named(parentOf(node.name));
    if (above === undefined) return;
    above.children--;
    this.prune(above);
  }

  private unchain(node: ZoneNode): void {
    const hash = hashOfName(node.name);
    let before = this.nodes.get(hash);
    this.size--;
    if (before === node) {
      if (node.chained) this.nodes.set(hash, node.chained);
      else this.nodes.delete(hash);
      return;
    }
    while (before !== undefined && before.chained !== node) before = before.chained;
    if (before !== undefined) before.chained = node.chained;
  }
}

const parentOf = (name: string): string => name.slice(name.indexOf('.') + 1);

function sameRecords(a: readonly Held[], b: readonly DnsRecord[]): boolean {
  return (
    a.length === b.length &&
    b.every(({ name, type, value }, i) => a[i]!.node.name === name && a[i]!.type === type && a[i]!.value === value)
  );
}
