import { Resources, type Identity } from '../resources/index.js';
import { Salts } from './order.js';
import type { Contender } from '@mezzo/sdk/points/allocator-policy';
import { addAt, Names, type Vector } from './vector.js';
import type { Client } from './ledger.js';
import type { Level } from './quota.js';

/** `active`: who wants offers. `fresh`: of these, who has yet to see what lies idle (new, revived). */
export type View = 'active' | 'fresh';

/** A role, the frameworks directly in a role (key `.`), or one framework in one role (a leaf with a client). */
export class Node {
  /** What it is sorted by. Not the integer 0, for the sake of the engine: the field holds fractions from the start. */
  share = -0;
  /** Of its children that are in random order: the share at which the last grant was made. */
  clock = -0;
  /** Number of the last grant; among equal shares who waited longest comes first. */
  stamp = 0;
  weight = 1;
  inActive = false;
  inFresh = false;
  client: Client | undefined;
  /** Of nodes just below the root. */
  level: Level | undefined;
  readonly allocated: Vector = [];
  readonly children = new Map<string, Node>();
  /** Sorted by share, stamp, key; only children with an active (fresh) client below them. */
  readonly active: Node[] = [];
  readonly fresh: Node[] = [];

  constructor(
    readonly key: string,
    readonly parent: Node | undefined,
    /** Its path; that of the role above it for what is no role. */
    readonly role: string,
  ) {}
}

/** What is in random order instead of that of shares. */
export interface RandomOrder {
  readonly roles: boolean;
  readonly frameworks: boolean;
  readonly seed: number;
}

/**
 * The order of hierarchical weighted dominant resource fairness, kept sorted as allocations change: a change moves one node
 * in each list on the way to the root. Only a new total or weight sorts everything anew, once, at the next `refresh`.
 *
 * Random order is kept in the same lists. Each node has a clock that rings after a random time, exponential with its weight as the rate; who
 * rings first comes first, and is set anew when it was granted something. Such clocks have no memory: each time everybody's chance to
 * come next is its weight.
 */
export class ShareTree {
  readonly root = new Node('', undefined, '');
  readonly #total: Vector = [];
  readonly #weights = new Map<string, number>();
  readonly #salts: Salts;
  #rank: ((contender: Contender) => number) | undefined;
  #isStale = false;
  #stamp = 0;

  /** `excluded`: names of scalars that do not count for fairness. */
  constructor(
    private readonly names: Names,
    private readonly excluded: ReadonlySet<string>,
    private readonly random: RandomOrder = { roles: false, frameworks: false, seed: 1 },
  ) {
    this.#salts = new Salts(random.seed);
  }

  readonly #counts = (id: Identity): boolean => !id.shared && (this.excluded.size === 0 || !this.excluded.has(id.name));

  changeTotal(before: Resources, after: Resources): void {
    const delta: Vector = [];
    this.names.accumulate(delta, after, 1, this.#counts);
    this.names.accumulate(delta, before, -1, this.#counts);
    delta.forEach((milli, i) => addAt(this.#total, i, milli));
    this.#isStale ||= delta.some((milli) => milli !== 0);
  }

  /** Dominant share by role, of roles that frameworks are in or below. */
  *shares(node: Node = this.root): Iterable<readonly [role: string, share: number]> {
    for (const [key, below] of node.children) {
      if (below.client || key === '.') continue;
      yield [below.role, this.dominantShare(below)];
      yield* this.shares(below);
    }
  }

  setWeight(role: string, weight: number): void {
    this.#weights.set(role, weight);
    const node = this.#find(role);
    if (node) node.weight = weight;
    this.#isStale = true;
  }

  /** From the next `refresh` on in the place of shares, where the order is not random; the same answer each time. Undefined: shares again. */
  rankBy(rank: ((contender: Contender) => number) | undefined): void {
    this.#rank = rank;
    this.#isStale = true;
  }

  /** What is told of its framework has changed. */
  rerank(leaf: Node): void {
    if (this.#rank !== undefined) this.#charge(leaf, Resources.empty, 1);
  }

  /** Makes the leaf of a framework in a role. */
  add(role: string, frameworkId: string): Node {
    let node = this.root;
    let path = '';
    for (const part of role.split('/')) {
      path = path === '' ? part : `${path}/${part}`;
      node = this.#child(node, part, path, this.#weights.get(path));
    }
    return this.#child(this.#child(node, '.', role), frameworkId, role);
  }

  #child(parent: Node, key: string, role: string, weight = 1): Node {
    let node = parent.children.get(key);
    if (!node) {
      node = new Node(key, parent, role);
      node.weight = weight;
      parent.children.set(key, node);
      if (this.#rank !== undefined && !this.#isRandom(node)) this.#computeShare(node);
    }
    return node;
  }

  /** Takes an inactive leaf without allocations away, and the roles that it leaves empty. */
  remove(leaf: Node): void {
    this.setActive(leaf, false);
    for (let node = leaf; node.parent && node.children.size === 0; node = node.parent) {
      node.parent.children.delete(node.key);
    }
  }

  setActive(leaf: Node, isActive: boolean): void {
    if (isActive)
      for (let node = leaf; node.parent; node = node.parent) {
        if (!node.inActive && this.#isRandom(node)) this.#wind(node);
        if (!enter(node, 'active')) break;
      }
    else this.#leave(leaf, 'active');
    if (!isActive) this.#leave(leaf, 'fresh');
  }

  markFresh(leaf: Node): void {
    if (leaf.inActive) for (let node = leaf; node.parent && enter(node, 'fresh');) node = node.parent;
  }

  /** All active clients below `node`. */
  markFreshBelow(node: Node): void {
    if (node.client) this.markFresh(node);
    else for (const below of node.active) this.markFreshBelow(below);
  }

  clearFresh(node: Node = this.root): void {
    for (const below of node.fresh) {
      below.inFresh = false;
      this.clearFresh(below);
    }
    node.fresh.length = 0;
  }

  grant(leaf: Node, resources: Resources): void {
    this.#charge(leaf, resources, 1, ++this.#stamp);
  }

  /** Counts what was not granted here: it says nothing about who waits. */
  hold(leaf: Node, resources: Resources): void {
    this.#charge(leaf, resources, 1);
  }

  release(leaf: Node, resources: Resources): void {
    this.#charge(leaf, resources, -1);
  }

  /** To be called before the order is read. */
  refresh(): void {
    if (this.#isStale) this.#resort(this.root);
    this.#isStale = false;
  }

  #charge(leaf: Node, resources: Resources, sign: 1 | -1, stamp?: number): void {
    const delta: Vector = [];
    this.names.accumulate(delta, resources, sign, this.#counts);
    for (let node = leaf; node.parent; node = node.parent) {
      const active = node.inActive ? placeOf(node.parent.active, node) : -1;
      const fresh = node.inFresh ? placeOf(node.parent.fresh, node) : -1;
      for (let i = 0; i < delta.length; i++) addAt(node.allocated, i, delta[i]!);
      node.stamp = stamp ?? node.stamp;
      if (!this.#isRandom(node)) this.#computeShare(node);
      else if (stamp !== undefined) {
        node.parent.clock = Math.max(node.parent.clock, node.share);
        this.#wind(node);
      }
      if (active >= 0) move(node.parent.active, active, node);
      if (fresh >= 0) move(node.parent.fresh, fresh, node);
    }
  }

  #isRandom(node: Node): boolean {
    return node.client === undefined ? this.random.roles : this.random.frameworks;
  }

  #wind(node: Node): void {
    const chance = (this.#salts.next() + 0.5) / 2 ** 32;
    node.share = node.parent!.clock - Math.log(chance) / node.weight;
  }

  #computeShare(node: Node): void {
    const share = this.dominantShare(node);
    if (this.#rank === undefined || isUnknown(node)) node.share = share / node.weight;
    else node.share = this.#rank(this.#contender(node, share));
  }

  #contender({ key, role, weight, client, allocated }: Node, dominantShare: number): Contender {
    const framework = client?.framework.info;
    return {
      kind: framework !== undefined ? 'framework' : key === '.' ? 'members' : 'role',
      role,
      ...(framework && { framework }),
      weight,
      dominantShare,
      shareOf: (name) => {
        const index = this.names.known(name) ?? -1;
        return (allocated[index] ?? 0) / (this.#total[index] || Infinity);
      },
    };
  }

  dominantShare({ allocated }: Node): number {
    let share = 0;
    for (let i = 0; i < allocated.length; i++) {
      const total = this.#total[i] ?? 0;
      if (total > 0) share = Math.max(share, allocated[i]! / total);
    }
    return share;
  }

  #resort(node: Node): void {
    for (const below of node.children.values()) {
      if (!this.#isRandom(below)) this.#computeShare(below);
      this.#resort(below);
    }
    node.active.sort(byShare);
    node.fresh.sort(byShare);
  }

  #find(role: string): Node | undefined {
    return role.split('/').reduce<Node | undefined>((node, part) => node?.children.get(part), this.root);
  }

  #leave(leaf: Node, view: View): void {
    for (let node = leaf; node.parent; node = node.parent) {
      if (view === 'active' ? !node.inActive : !node.inFresh) return;
      node.parent[view].splice(placeOf(node.parent[view], node), 1);
      setMember(node, view, false);
      if (node.parent[view].length > 0) return;
    }
  }
}

/** The ancestor just below the root. */
export function topOf(leaf: Node): Node {
  let node = leaf;
  while (node.parent?.parent) node = node.parent;
  return node;
}

/** A framework that has not come back yet: only what it holds is known. */
const isUnknown = ({ parent, client }: Node): boolean => parent?.key === '.' && client?.framework.info === undefined;

/** False when it was there before, and so are its ancestors. */
function enter(node: Node, view: View): boolean {
  if (view === 'active' ? node.inActive : node.inFresh) return false;
  const list = node.parent![view];
  list.splice(placeOf(list, node), 0, node);
  setMember(node, view, true);
  return true;
}

function setMember(node: Node, view: View, isMember: boolean): void {
  if (view === 'active') node.inActive = isMember;
  else node.inFresh = isMember;
}

export function byShare(a: Node, b: Node): number {
  return a.share - b.share || a.stamp - b.stamp || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
}

/** Where `node` is, or belongs, in the sorted `list`, searched from `low` up to `high`. */
export function placeOf(list: readonly Node[], node: Node, low = 0, high = list.length): number {
  if (low === 0 && high === 1 && list[0] === node) return 0;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (byShare(list[middle]!, node) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Puts the node at `from`, whose share changed, back in order. */
function move(list: Node[], from: number, node: Node): void {
  if (from + 1 < list.length && byShare(list[from + 1]!, node) < 0) {
    shift(list, from, placeOf(list, node, from + 1) - 1);
  } else if (from > 0 && byShare(list[from - 1]!, node) > 0) {
    shift(list, from, placeOf(list, node, 0, from));
  }
}

/** Steps for short ways, one block move each for long ones. */
function shift(list: Node[], from: number, to: number): void {
  const node = list[from]!;
  if (Math.abs(to - from) > 32) {
    list.splice(from, 1);
    list.splice(to, 0, node);
  } else {
    for (let i = from; i < to; i++) list[i] = list[i + 1]!;
    for (let i = from; i > to; i--) list[i] = list[i - 1]!;
    list[to] = node;
  }
}
