const SAMPLES = 1024;
const QUANTILES: readonly (readonly [string, number])[] = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p95', 0.95],
  ['p99', 0.99],
  ['p999', 0.999],
  ['p9999', 0.9999],
];

/** Durations in milliseconds: how many there were, and the spread of the last 1024. */
export class Timing {
  private readonly samples: number[] = [];
  private last = 0;
  count = 0;

  record(ms: number): void {
    this.samples[this.count++ % SAMPLES] = ms;
    this.last = ms;
  }

  /** `name` is the latest; `name/count`, `name/min`, `name/p99` and the like tell of all. */
  tell(name: string, set: (name: string, value: number) => void): void {
    const sorted = [...this.samples].sort((a, b) => a - b);
    set(name, this.last);
    set(`${name}/count`, this.count);
    set(`${name}/min`, sorted[0] ?? 0);
    set(`${name}/max`, sorted.at(-1) ?? 0);
    for (const [quantile, share] of QUANTILES)
      set(`${name}/${quantile}`, sorted[Math.ceil(share * sorted.length) - 1] ?? 0);
  }
}

/** What the shell measures and the core, which knows no clock, cannot. */
export class MasterTimings {
  /** From the beginning of a step to its allocation, and the allocation itself. */
  readonly allocationLatency = new Timing();
  readonly allocation = new Timing();
  readonly registryWrite = new Timing();
  registryFetchMs = 0;
  queuedWrites = 0;
}
