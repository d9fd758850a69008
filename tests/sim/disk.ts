import type { Timeline } from './timeline.js';

/** A key-value disk: a write lands after a while; a crash loses or lands each write that was under way, as it pleases. */
export class Disk {
  private readonly pending = new Set<{ apply: () => void; cancel: () => void }>();

  constructor(
    private readonly time: Timeline,
    private readonly delayMs: () => number,
    readonly data = new Map<string, unknown>(),
  ) {}

  /** `apply` changes the data when the write lands, then `done` is called. Writes land in the order in which they began. */
  write(apply: (data: Map<string, unknown>) => void, done: () => void): void {
    const previous = [...this.pending].at(-1);
    const entry = { apply: () => apply(this.data), cancel: () => {}, landsAt: 0 };
    const earliest = (previous as typeof entry | undefined)?.landsAt ?? 0;
    entry.landsAt = Math.max(this.time.nowMs + this.delayMs(), earliest);
    entry.cancel = this.time.after(entry.landsAt - this.time.nowMs, () => {
      this.pending.delete(entry);
      entry.apply();
      done();
    });
    this.pending.add(entry);
  }

  /** The process is gone: of the writes under way the first few landed, nobody knows how many. */
  crash(): void {
    let landing = this.time.random.between(0, this.pending.size);
    for (const entry of this.pending) {
      entry.cancel();
      if (landing-- > 0) entry.apply();
    }
    this.pending.clear();
  }
}
