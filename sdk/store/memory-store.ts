import type { Store, StoreBatch } from '../points/store-driver.js';
import { decodeEntry, encodeEntry, type LogEntry } from './store-entry.js';
import { StoreView } from './store-view.js';
import { ViewedStore } from './viewed-store.js';
import { WriteQueue } from './write-queue.js';

/** What outlives a MemoryStore, as a disk would: hand it to the next one. */
export type MemoryLog = string[];

/** For tests: a Store whose disk is an array. */
export class MemoryStore extends ViewedStore implements Store {
  protected readonly view = new StoreView();
  private readonly queue: WriteQueue;

  constructor(private readonly log: MemoryLog = []) {
    super();
    log.forEach((text, index) => this.view.apply(index + 1, decodeEntry(text)));
    this.queue = new WriteQueue((group) => this.write(group), this.view.epoch);
  }

  commit(batch: StoreBatch): Promise<number> {
    return this.queue.commit(batch);
  }

  startEpoch(): Promise<number> {
    return this.queue.startEpoch();
  }

  close(): Promise<void> {
    return this.queue.close();
  }

  private async write(group: readonly LogEntry[]): Promise<number> {
    const first = this.view.sequence + 1;
    for (const entry of group) {
      this.log.push(encodeEntry(entry));
      this.view.apply(this.log.length, entry);
    }
    return first;
  }
}
