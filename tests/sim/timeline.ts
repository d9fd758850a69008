import { Random } from './random.js';

interface Entry {
  readonly atMs: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Virtual time: what is due next runs next; nothing waits. Equal times run in the order in which they were asked for. */
export class Timeline {
  nowMs = 1_700_000_000_000;
  readonly random: Random;
  readonly trace: string[] = [];
  private readonly heap: Entry[] = [];
  private order = 0;
  steps = 0;

  constructor(
    seed: number,
    private readonly keepTrace: boolean,
  ) {
    this.random = new Random(seed);
  }

  note(who: string, what: () => string): void {
    if (this.keepTrace)
      this.trace.push(
        `${((this.nowMs - 1_700_000_000_000) / 1000).toFixed(3).padStart(10)} ${who.padEnd(12)} ${what()}`,
      );
  }

  /** Runs once after `delayMs`; the answer cancels it. */
  after(delayMs: number, run: () => void): () => void {
    const entry: Entry = { atMs: this.nowMs + Math.max(0, delayMs), order: this.order++, run, cancelled: false };
    this.push(entry);
    return () => {
      entry.cancelled = true;
    };
  }

  /** Runs everything that is due within the next `ms`. `afterEach` is called after each thing that ran. */
  advance(ms: number, afterEach: () => void): void {
    const endMs = this.nowMs + ms;
    for (let head = this.heap[0]; head !== undefined && head.atMs <= endMs; head = this.heap[0]) {
      this.pop();
      if (head.cancelled) continue;
      this.nowMs = head.atMs;
      this.steps++;
      head.run();
      afterEach();
    }
    this.nowMs = endMs;
  }

  private before(a: Entry, b: Entry): boolean {
    return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.before(heap[parent]!, entry)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.before(heap[child + 1]!, heap[child]!)) child++;
      if (this.before(last, heap[child]!)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
  }
}
