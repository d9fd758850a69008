import type { StoreEntry, StoreWrite } from '@mezzo/sdk/contract';

export interface StoreBatch {
  /** Epoch of the writer: a commit with an older one than the store has seen is refused with STORE_FENCED. */
  readonly epoch: number;
  readonly writes: readonly StoreWrite[];
}

/** All that the log up to `sequence` amounts to. */
export interface StoreSnapshot {
  readonly sequence: number;
  readonly epoch: number;
  readonly entries: readonly StoreEntry[];
}

/**
 * An ordered log of atomic batches plus snapshots, seen as a versioned key-value map. Reads come from memory. Drivers: embedded
 * (level, one node) and ZooKeeper; both pass the suite in tests/contract/store.
 */
export interface Store {
  get(key: string): StoreEntry | undefined;
  /** Entries whose key starts with `prefix`, sorted by key. */
  list(prefix: string): readonly StoreEntry[];
  /** Entries sorted by key. They stay as they are, whatever is committed later. */
  snapshot(): StoreSnapshot;
  /** Durable and visible when it resolves, in the order of the calls. Answers the batch's sequence number. */
  commit(batch: StoreBatch): Promise<number>;
  /** Called after each commit with the writes under `prefix`. The answer stops it. */
  watch(prefix: string, listener: (writes: readonly StoreWrite[], version: number) => void): () => void;
  /** Highest epoch seen. */
  readonly epoch: number;
  /** Takes the store for a new leader: all commits of older epochs are refused from now on. Answers the new epoch. */
  startEpoch(): Promise<number>;
  close(): Promise<void>;
}

/** One that outlives its process. */
export interface DurableStore extends Store {
  /**
   * Takes a snapshot for all there is, at once or not at all, whenever the process dies. Its sequence and epoch will be higher than
   * any in the store and in the snapshot. After `startEpoch`, and before `close`, which is all that may follow. Rejects with
   * STORE_FENCED when another leader has come in between.
   */
  restore(snapshot: StoreSnapshot): Promise<void>;
}
