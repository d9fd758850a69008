import { assert, type StoreEntry, type StoreWrite } from '../contract/index.js';
import type { StoreSnapshot } from '../points/store-driver.js';
import { SortedKeys } from './sorted-keys.js';
import type { LogEntry } from './store-entry.js';

export type WatchListener = (writes: readonly StoreWrite[], version: number) => void;

/** What the log amounts to, in memory: all drivers read from one of these. */
export class StoreView {
  private readonly entries = new Map<string, StoreEntry>();
  private readonly keys = new SortedKeys();
  private readonly watchers = new Set<{ readonly prefix: string; readonly listener: WatchListener }>();
  private lastSequence = 0;
  private highestEpoch = 0;

  /** Of the last entry that was applied. */
  get sequence(): number {
    return this.lastSequence;
  }

  get epoch(): number {
    return this.highestEpoch;
  }

  get size(): number {
    return this.entries.size;
  }

  get(key: string): StoreEntry | undefined {
    return this.entries.get(key);
  }

  list(prefix: string): readonly StoreEntry[] {
    const found: StoreEntry[] = [];
    for (const key of this.keys.scan(prefix)) found.push(this.entries.get(key)!);
    return found;
  }

  watch(prefix: string, listener: WatchListener): () => void {
    const watcher = { prefix, listener };
    this.watchers.add(watcher);
    return () => void this.watchers.delete(watcher);
  }

  apply(sequence: number, { epoch, writes }: LogEntry): void {
    assert(sequence === this.lastSequence + 1, `log entry ${sequence} follows ${this.lastSequence}`);
    this.lastSequence = sequence;
    this.highestEpoch = Math.max(this.highestEpoch, epoch);
    for (const write of writes) {
      if (write.op === 'put') this.put({ key: write.key, value: write.value, version: sequence });
      else if (this.entries.delete(write.key)) this.keys.delete(write.key);
    }
    if (writes.length > 0) this.notify(writes, sequence);
  }

  /** Entries never change in place, so the snapshot stays what it is while the view moves on. */
  snapshot(): StoreSnapshot {
    return { sequence: this.lastSequence, epoch: this.highestEpoch, entries: this.list('') };
  }

  /** Into a fresh view only. */
  restore({ sequence, epoch, entries }: StoreSnapshot): void {
    assert(this.lastSequence === 0, 'a snapshot is the beginning of a view');
    this.lastSequence = sequence;
    this.highestEpoch = epoch;
    for (const entry of entries) this.put(entry);
  }

  private put(entry: StoreEntry): void {
    if (!this.entries.has(entry.key)) this.keys.add(entry.key);
    this.entries.set(entry.key, entry);
  }

  private notify(writes: readonly StoreWrite[], version: number): void {
    for (const { prefix, listener } of [...this.watchers]) {
      const wanted = prefix === '' ? writes : writes.filter(({ key }) => key.startsWith(prefix));
      if (wanted.length > 0) tell(listener, wanted, version);
    }
  }
}

/** A listener's bug must crash, but not leave the writer thinking that its write failed. */
function tell(listener: WatchListener, writes: readonly StoreWrite[], version: number): void {
  try {
    listener(writes, version);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
