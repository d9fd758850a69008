import type { Clock, Random } from '../../ports/clock.js';

/** Timers by key: setting one replaces the one before. */
export class KeyedTimers {
  private readonly cancels = new Map<string, () => void>();

  constructor(
    private readonly clock: Clock,
    private readonly random: Random,
    private readonly fired: (key: string) => void,
  ) {}

  /** With jitter the wait is a random part of `delayMs`. */
  set(key: string, delayMs: number, jitter = false): void {
    this.cancel(key);
    const waitMs = jitter ? delayMs * this.random.fraction() : delayMs;
    const cancel = this.clock.after(waitMs, () => {
      this.cancels.delete(key);
      this.fired(key);
    });
    this.cancels.set(key, cancel);
  }

  cancel(key: string): void {
    this.cancels.get(key)?.();
    this.cancels.delete(key);
  }

  clear(): void {
    for (const cancel of this.cancels.values()) cancel();
    this.cancels.clear();
  }
}
