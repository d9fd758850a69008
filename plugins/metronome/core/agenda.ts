interface Item {
  readonly atMs: number;
  readonly key: string;
}

/** What is to be done when, by key: setting a key again moves it. A binary heap, in which what was moved stays until it surfaces. */
export class Agenda {
  private readonly times = new Map<string, number>();
  private heap: Item[] = [];

  get size(): number {
    return this.times.size;
  }

  set(key: string, atMs: number): void {
    if (this.times.get(key) === atMs) return;
    this.times.set(key, atMs);
    this.push({ atMs, key });
    if (this.heap.length > 2 * this.times.size + 64) this.rebuild();
  }

  delete(key: string): void {
    this.times.delete(key);
  }

  timeOf(key: string): number | undefined {
    return this.times.get(key);
  }

  /** When the next thing is due. */
  get nextMs(): number | undefined {
    this.settle();
    return this.heap[0]?.atMs;
  }

  /** Takes out the next thing that is due by `nowMs`; of the same time, the one whose key comes first. */
  takeDue(nowMs: number): Item | undefined {
    this.settle();
    const next = this.heap[0];
    if (next === undefined || next.atMs > nowMs) return undefined;
    this.times.delete(next.key);
    this.pop();
    return next;
  }

  private settle(): void {
    for (let next = this.heap[0]; next && this.times.get(next.key) !== next.atMs; next = this.heap[0]) this.pop();
  }

  private rebuild(): void {
    this.heap = [...this.times].map(([key, atMs]) => ({ atMs, key })).sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  private push(item: Item): void {
    let at = this.heap.length;
    while (at > 0) {
      const parent = this.heap[(at - 1) >> 1]!;
      if (!isBefore(item, parent)) break;
      this.heap[at] = parent;
      at = (at - 1) >> 1;
    }
    this.heap[at] = item;
  }

  private pop(): void {
    const last = this.heap.pop();
    const { length } = this.heap;
    if (last === undefined || length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= length) break;
      if (child + 1 < length && isBefore(this.heap[child + 1]!, this.heap[child]!)) child++;
      if (!isBefore(this.heap[child]!, last)) break;
      this.heap[at] = this.heap[child]!;
      at = child;
    }
    this.heap[at] = last;
  }
}

const isBefore = (a: Item, b: Item): boolean => a.atMs < b.atMs || (a.atMs === b.atMs && a.key < b.key);
