import type { Resources } from '../resources/index.js';
import type { AgentSlot, Client } from './ledger.js';

export interface Filter {
  readonly agent: AgentSlot;
  readonly client: Client;
  readonly refused: Resources;
  readonly expiresAtMs: number;
  /** The client's, when it refused: a later one means that it takes the refusal back. */
  readonly epoch: number;
  isDead: boolean;
}

/** More refusals of one framework on one agent than this: the one that ends first is forgotten. */
const MAX_PER_PAIR = 16;
const NONE: readonly Filter[] = [];
const isLive = ({ isDead, epoch, client }: Filter): boolean => !isDead && epoch === client.epoch;

/**
 * What frameworks refused, for how long: found by agent and client, and in order of expiry through a binary heap. Agents keep
 * the maps, since runs look at all clients of one agent at a time. What a client takes back is swept out later.
 */
export class Filters {
  readonly #heap: Filter[] = [];
  #dead = 0;

  add(agent: AgentSlot, client: Client, refused: Resources, expiresAtMs: number): void {
    const others = (agent.filters.get(client) ?? NONE).filter(isLive);
    if (others.some((other) => other.expiresAtMs >= expiresAtMs && other.refused.contains(refused))) return;
    const filter: Filter = { agent, client, refused, expiresAtMs, epoch: client.epoch, isDead: false };
    agent.filters.set(client, others.length === 0 ? [filter] : this.#joined(others, filter));
    agent.refusers |= client.bit;
    client.refusals++;
    this.#push(filter);
  }

  /** Without those that `filter` makes needless. */
  #joined(others: readonly Filter[], filter: Filter): readonly Filter[] {
    const isNeeded = (other: Filter) =>
      other.expiresAtMs > filter.expiresAtMs || !filter.refused.contains(other.refused);
    const kept = others.filter(isNeeded).sort((a, b) => b.expiresAtMs - a.expiresAtMs);
    kept.length = Math.min(kept.length, MAX_PER_PAIR - 1);
    for (const other of others) if (!kept.includes(other)) this.#kill(other);
    return [...kept, filter];
  }

  /** A refusal hides an offer that is no more than what was refused. */
  hides({ filters, refusers }: AgentSlot, client: Client, offer: Resources): boolean {
    // Most have refused nothing here, and a look into the map costs several misses of the processor's cache.
    if ((refusers & client.bit) === 0) return false;
    const mine = filters.get(client);
    return mine !== undefined && mine.some((filter) => isLive(filter) && filter.refused.contains(offer));
  }

  /** When the last refusal of a client on an agent ends. */
  lastExpiryMs({ filters }: AgentSlot, client: Client): number {
    const mine = (filters.get(client) ?? NONE).filter(isLive);
    return Math.max(...mine.map(({ expiresAtMs }) => expiresAtMs));
  }

  clearClient(client: Client): void {
    this.#dead += client.refusals;
    client.refusals = 0;
    client.epoch++;
    this.#sweep();
  }

  clearAgent(agent: AgentSlot): void {
    const all = [...agent.filters.values()].flat().filter(isLive);
    agent.filters.clear();
    agent.refusers = 0;
    for (const filter of all) this.#kill(filter);
  }

  /** Ends what is due and tells the agents concerned. */
  expire(atMs: number, onExpired: (agent: AgentSlot) => void): void {
    for (let next = this.#top(); next && next.expiresAtMs <= atMs; next = this.#top()) {
      this.#pop();
      next.client.refusals--;
      unlink(next);
      onExpired(next.agent);
    }
  }

  nextExpiryMs(): number | undefined {
    return this.#top()?.expiresAtMs;
  }

  #kill(filter: Filter): void {
    filter.isDead = true;
    filter.client.refusals--;
    this.#dead++;
    this.#sweep();
  }

  #sweep(): void {
    if (this.#dead <= 64 || this.#dead * 2 < this.#heap.length) return;
    const live = this.#heap.filter(isLive).sort((a, b) => a.expiresAtMs - b.expiresAtMs);
    for (const each of this.#heap) if (!isLive(each)) unlink(each);
    this.#heap.length = 0;
    for (const each of live) this.#heap.push(each);
    this.#dead = 0;
  }

  #top(): Filter | undefined {
    for (let next = this.#heap[0]; next && !isLive(next); next = this.#heap[0]) {
      this.#pop();
      unlink(next);
      this.#dead--;
    }
    return this.#heap[0];
  }

  #push(filter: Filter): void {
    const heap = this.#heap;
    let i = heap.push(filter) - 1;
    for (let up = (i - 1) >> 1; i > 0 && heap[up]!.expiresAtMs > filter.expiresAtMs; up = (i - 1) >> 1) {
      heap[i] = heap[up]!;
      i = up;
    }
    heap[i] = filter;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let i = 0;
    for (;;) {
      let down = 2 * i + 1;
      if (down + 1 < heap.length && heap[down + 1]!.expiresAtMs < heap[down]!.expiresAtMs) down++;
      if (down >= heap.length || heap[down]!.expiresAtMs >= last.expiresAtMs) break;
      heap[i] = heap[down]!;
      i = down;
    }
    heap[i] = last;
  }
}

function unlink(filter: Filter): void {
  const { agent } = filter;
  const { filters } = agent;
  const mine = filters.get(filter.client);
  if (!mine?.includes(filter)) return;
  if (mine.length > 1)
    filters.set(
      filter.client,
      mine.filter((other) => other !== filter),
    );
  else filters.delete(filter.client);
  if (filters.size === 0) agent.refusers = 0;
}
