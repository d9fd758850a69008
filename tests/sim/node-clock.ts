import type { Timeline } from './timeline.js';

/** A node's own clock: ahead or behind, and now and then too fast or too slow, since it follows the wall clock without ever going back. */
export class NodeClock {
  private rate = 1;
  private sinceMs: number;
  private readingMs: number;

  constructor(
    private readonly time: Timeline,
    aheadMs: number,
  ) {
    this.sinceMs = time.nowMs;
    this.readingMs = time.nowMs + aheadMs;
  }

  get nowMs(): number {
    return Math.floor(this.readingMs + (this.time.nowMs - this.sinceMs) * this.rate);
  }

  /** From now on. */
  run(rate: number): void {
    this.readingMs = this.nowMs;
    this.sinceMs = this.time.nowMs;
    this.rate = rate;
  }
}
