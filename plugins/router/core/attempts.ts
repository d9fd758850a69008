export interface AttemptLimit {
  readonly max: number;
  readonly windowMs: number;
}

interface Count {
  failures: number;
  untilMs: number;
}

/** Counts failures by key in windows that start with the first one. Holds a bounded number of keys: the oldest goes. */
export class Attempts {
  private readonly counts = new Map<string, Count>();

  constructor(
    private readonly limit: AttemptLimit,
    private readonly maxKeys = 10_000,
  ) {}

  /** Milliseconds until the key may try again; 0 when it may now. */
  blockedForMs(key: string, atMs: number): number {
    const count = this.counts.get(key);
    return count && count.failures >= this.limit.max && count.untilMs > atMs ? count.untilMs - atMs : 0;
  }

  /** To be called before the attempt, so that many at once count as many. */
  began(key: string, atMs: number): void {
    const old = this.counts.get(key);
    const count = old && old.untilMs > atMs ? old : { failures: 0, untilMs: atMs + this.limit.windowMs };
    count.failures++;
    this.counts.delete(key);
    this.counts.set(key, count);
    const oldest = this.counts.keys().next();
    if (this.counts.size > this.maxKeys && !oldest.done) this.counts.delete(oldest.value);
  }

  /** The attempt was a good one: it does not count. */
  succeeded(key: string): void {
    const count = this.counts.get(key);
    if (count !== undefined && --count.failures <= 0) this.counts.delete(key);
  }
}
