import { assert } from '../contract/errors.js';
import type { Clock } from '../framework/clock.js';

interface Timer {
  readonly atMs: number;
  readonly fire: () => void;
  cancelled: boolean;
}

const MAX_TIMERS_A_STRETCH = 1_000_000;

/** A clock that tests move: timers fire in their order, and what they set off comes to rest before time goes on. */
export class VirtualTime implements Clock {
  /** The latest first; of the same time, the one set last. */
  private readonly timers: Timer[] = [];

  constructor(private nowMs = Date.UTC(2026, 0, 1)) {}

  now(): number {
    return this.nowMs;
  }

  after(ms: number, fire: () => void): () => void {
    const timer: Timer = { atMs: this.nowMs + Math.max(0, ms), fire, cancelled: false };
    let [from, to] = [0, this.timers.length];
    while (from < to) {
      const middle = (from + to) >> 1;
      if (this.timers[middle]!.atMs > timer.atMs) from = middle + 1;
      else to = middle;
    }
    this.timers.splice(from, 0, timer);
    return () => void (timer.cancelled = true);
  }

  /** Waits until every promise that can go on without time or I/O has done so. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    await this.settle();
    for (let fired = 0; (this.timers.at(-1)?.atMs ?? Infinity) <= untilMs;) {
      const timer = this.timers.pop();
      if (timer === undefined || timer.cancelled) continue;
      assert(fired++ < MAX_TIMERS_A_STRETCH, 'timers end some time');
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      timer.fire();
      await this.settle();
    }
    this.nowMs = untilMs;
  }
}
