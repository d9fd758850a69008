import type { Entry, Outcome } from './core/state.js';

export class Later<T> {
  resolve!: (value: T) => void;
  readonly promise = new Promise<T>((resolve) => (this.resolve = resolve));
}

interface Watch {
  readonly stored: Later<void>;
  readonly finished: Later<Outcome>;
  /** False when the framework ended before. */
  readonly forgotten: Later<boolean>;
}

/** Who waits for what becomes of a task. By its serial number: a key may be used again. */
export class TaskWatches {
  private readonly watches = new Map<number, Watch>();

  of({ serial, outcome }: Entry): Watch {
    const before = this.watches.get(serial);
    if (before) return before;
    const watch: Watch = { stored: new Later(), finished: new Later(), forgotten: new Later() };
    this.watches.set(serial, watch);
    if (outcome) watch.finished.resolve(outcome);
    return watch;
  }

  close(): void {
    for (const { forgotten } of this.watches.values()) forgotten.resolve(false);
  }

  stored(serial: number): void {
    this.watches.get(serial)?.stored.resolve();
  }

  ended(serial: number, outcome: Outcome): void {
    this.watches.get(serial)?.finished.resolve(outcome);
  }

  forgotten(serial: number): void {
    this.watches.get(serial)?.forgotten.resolve(true);
    this.watches.delete(serial);
  }
}
