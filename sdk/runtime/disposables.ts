import type { Disposable } from '../contract/index.js';
import { withDeadline } from './deadline.js';

export type Owned = Disposable | (() => void | Promise<void>);

/** What was acquired, in order; released once, in reverse. */
export class DisposableList {
  private readonly things: Owned[] = [];
  private released = false;

  /** `onError` hears of each release that failed or was late; the others are released all the same. */
  constructor(
    private readonly owner: string,
    private readonly releaseTimeoutMs: number,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** What comes after the release (an activation that ran into its deadline and goes on) is released at once. */
  own<T extends Owned>(thing: T): T {
    if (this.released) void this.release(thing);
    else this.things.push(thing);
    return thing;
  }

  /** Resolves when all has been handed over to another process, or at the latest after `timeoutMs`. */
  async handOverAll(timeoutMs: number): Promise<void> {
    const draining = this.things.map(async (thing) => (typeof thing === 'function' ? undefined : thing.handOver?.()));
    await withDeadline(Promise.all(draining), timeoutMs, `plugin ${this.owner}: handing over`).catch(this.onError);
  }

  async releaseAll(): Promise<void> {
    this.released = true;
    for (let thing = this.things.pop(); thing !== undefined; thing = this.things.pop()) await this.release(thing);
  }

  private async release(thing: Owned): Promise<void> {
    try {
      const done = Promise.resolve().then(() => (typeof thing === 'function' ? thing() : thing.dispose()));
      await withDeadline(done, this.releaseTimeoutMs, `plugin ${this.owner}: a release`);
    } catch (error) {
      this.onError(error);
    }
  }
}
