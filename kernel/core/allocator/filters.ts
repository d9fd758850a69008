import type { Resources } from '../resources/index.js';
import type { AgentSlot, Client } from './ledger.js';

export interface Filter {
  readonly agent: AgentSlot;
  readonly client: Client;
  readonly refused: Resources;
  readonly expiresAtMs: number;
  isDead: boolean;
}

/** More refusals of one framework on one agent than this: the one that ends first is forgotten. */
const MAX_PER_PAIR = 16;
const NONE: readonly Filter[] = [];

/** What frameworks refused, for how long: found by client and agent, and in order of expiry through a binary heap. */
export class Filters {
  readonly #heap: Filter[] = [];
  #dead = 0;

  add(agent: AgentSlot, client: Client, refused: Resources, expiresAtMs: number): void {
    const others = client.filters.get(agent) ?? NONE;
    if (others.some((other) => other.expiresAtMs >= expiresAtMs && other.refused.contains(refused))) return;
    const filter: Filter = { agent, client, refused, expiresAtMs, isDead: false };
    client.filters.set(agent, others.length === 0 ? [filter] : this.#joined(others, filter));
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
  hides(agent: AgentSlot, client: Client, offer: Resources): boolean {
    if (client.filters.size === 0) return false;
    const filters = client.filters.get(agent);
    return filters !== undefined && filters.some(({ refused }) => refused.contains(offer));
  }

  clearClient({ filters }: Client): void {
    for (const each of filters.values()) for (const filter of each) this.#kill(filter);
    filters.clear();
  }

  clearAgent(agent: AgentSlot, clients: Iterable<Client>): void {
    for (const { filters } of clients) {
      for (const filter of filters.get(agent) ?? NONE) this.#kill(filter);
      filters.delete(agent);
    }
  }

  /** Ends what is due and tells the agents concerned. */
  expire(atMs: number, onExpired: (agent: AgentSlot) => void): void {
    for (let next = this.#top(); next && next.expiresAtMs <= atMs; next = this.#top()) {
      const { agent, client } = next;
      this.#pop();
      client.refusals--;
      const rest = client.filters.get(agent)!.filter((filter) => filter !== next);
      if (rest.length > 0) client.filters.set(agent, rest);
      else client.filters.delete(agent);
      onExpired(agent);
    }
  }

  nextExpiryMs(): number | undefined {
    return this.#top()?.expiresAtMs;
  }

  #kill(filter: Filter): void {
    filter.isDead = true;
    filter.client.refusals--;
    this.#dead++;
    if (this.#dead <= 64 || this.#dead * 2 < this.#heap.length) return;
    const live = this.#heap.filter(({ isDead }) => !isDead).sort((a, b) => a.expiresAtMs - b.expiresAtMs);
    this.#heap.length = 0;
    for (const each of live) this.#heap.push(each);
    this.#dead = 0;
  }

  #top(): Filter | undefined {
    while (this.#heap[0]?.isDead) {
      this.#pop();
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
