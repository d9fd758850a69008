import type { StoreSnapshot } from '../points/store-driver.js';
import type { LogEntry } from './store-entry.js';

/** Who is told what lies there, in order. Throws when an entry is missing in between. */
export interface LogReader {
  /** At most once, and first. */
  snapshot(snapshot: StoreSnapshot): void;
  /** One above the snapshot, or the entry before. The first of all is 1. */
  entry(number: number, entry: LogEntry): void;
}

/**
 * Where the log of a store lies: all that the writer of a driver has to write. Entries are numbered, without a gap. No two calls at a time, except that
 * `append` goes on during `replace`.
 */
export interface StoreLog {
  /**
   * Tells all there is. Rejects with STORE_TOO_NEW, or with STORE_CORRUPT, which says where. The end of an entry that was never acknowledged
   * is left out. Called again when `append` says that others have written.
   */
  load(reader: LogReader): Promise<void>;
  /**
   * Makes entries `first` and on durable. Each lands whole or not at all, and none without those before it. False: `first` is not one above the last entry
   * that is there, since another writer has appended; nothing has changed then. That must be decided where the log lies, for two who append the same
   * number at once: that is what keeps a former leader from writing. A rejection leaves open whether they landed: nothing is appended after it.
   */
  append(first: number, entries: readonly LogEntry[]): Promise<boolean>;
  /**
   * Puts a snapshot in the place of an older one and of all entries that are there, at once or not at all. It holds all of them; or, for a restore, its
   * `sequence` is above the last entry, and the next one follows it. What is appended meanwhile stays. False: another writer has begun an
   * epoch since; nothing has changed then.
   */
  replace(snapshot: StoreSnapshot): Promise<boolean>;
  /** Called once, and nothing after it. */
  close(): Promise<void>;
}
