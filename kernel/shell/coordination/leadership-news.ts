import type { Leadership } from '../../ports/coordination.js';

export const NOBODY: Leadership = { leader: undefined, elected: false };

/** What is known of who leads, and who wants to hear of it. */
export class LeadershipNews {
  private latest = NOBODY;
  private readonly listeners = new Set<(leadership: Leadership) => void>();

  get now(): Leadership {
    return this.latest;
  }

  tell(leadership: Leadership): void {
    this.latest = leadership;
    for (const listener of [...this.listeners]) listener(leadership);
  }

  /** As `Coordination.watch`. */
  watch(listener: (leadership: Leadership) => void): () => void {
    const own = (leadership: Leadership): void => listener(leadership);
    this.listeners.add(own);
    own(this.latest);
    return () => void this.listeners.delete(own);
  }
}
