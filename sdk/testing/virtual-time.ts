import { assert } from '../contract/errors.js';
import type { Clock } from '../framework/clock.js';

const MAX_TIMERS_A_STRETCH = 1_000_000;

/** A clock that tests move: timers fire in their order, and what they set off comes to rest before time goes on. */
export class VirtualTime implements Clock {
  private readonly timers = new Map<number, { readonly atMs: number; readonly fire: () => void }>();
  private count = 0;

  constructor(private nowMs = Date.UTC(2026, 0, 1)) {}

  now(): number {
    return this.nowMs;
  }

  after(ms: number, fire: () => void): () => void {
    const number = this.count++;
    this.timers.set(number, { atMs: this.nowMs + Math.max(0, ms), fire });
    return () => void this.timers.delete(number);
  }

  /** Waits until every promise that can go on without time or I/O has done so. */
  settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
  }

  async advance(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    await this.settle();
    for (let fired = 0; ; fired++) {
      assert(fired < MAX_TIMERS_A_STRETCH, 'timers end some time');
      const next = this.nextUntil(untilMs);
      if (next === undefined) break;
      const [number, { atMs, fire }] = next;
      this.timers.delete(number);
      this.nowMs = Math.max(this.nowMs, atMs);
      fire();
      await this.settle();
    }
    this.nowMs = untilMs;
  }

  private nextUntil(untilMs: number) {
    let next: [number, { readonly atMs: number; readonly fire: () => void }] | undefined;
    for (const timer of this.timers)
      if (timer[1].atMs <= untilMs && (next === undefined || timer[1].atMs < next[1].atMs)) next = timer;
    return next;
  }
}
