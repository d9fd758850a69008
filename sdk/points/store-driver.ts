import type { Logger, StoreEntry, StoreWrite } from '../contract/services.js';
import { extensionPoint } from '../contract/tokens.js';

export interface StoreBatch {
  /** Epoch of the writer: a commit with an older one than the store has seen is refused with STORE_FENCED. */
  readonly epoch: number;
  /** In order: a later one of the same key wins. Keys have 1 to 512 bytes, keys and values of a batch 16 MiB together, in UTF-8. */
  readonly writes: readonly StoreWrite[];
}

/** All that the log up to `sequence` amounts to. */
export interface StoreSnapshot {
  readonly sequence: number;
  readonly epoch: number;
  readonly entries: readonly StoreEntry[];
}

/**
 * An ordered log of atomic batches plus snapshots, seen as a versioned key-value map: where a master keeps what outlives it. Reads come from
 * memory and are synchronous: only its leader reads a store, and nobody else writes while it leads. Any text is a key or a value.
 */
export interface Store {
  get(key: string): StoreEntry | undefined;
  /** Entries whose key starts with `prefix`, sorted by key, by its UTF-16 code units. */
  list(prefix: string): readonly StoreEntry[];
  /** Entries sorted by key. They stay as they are, whatever is committed later. */
  snapshot(): StoreSnapshot;
  /**
   * All of the batch or nothing, durable and visible when it resolves, in the order of the calls: what is acknowledged outlives kill -9 and the loss of
   * power, and of what is not a prefix may. Answers the batch's sequence number, the version of what it puts: one above that of the entry before.
   *
   * Rejects with STORE_KEY_INVALID or STORE_BATCH_TOO_LARGE (nothing is changed), STORE_BUSY (256 MiB wait already; retryable), STORE_FENCED (another
   * leads), STORE_CLOSED, or STORE_UNAVAILABLE: whether it landed is known to nobody, and all later ones are refused too, until the store is opened anew.
   * After a commit of its own was rejected, a master ends.
   */
  commit(batch: StoreBatch): Promise<number>;
  /** Called after each commit with the writes under `prefix`, once they are visible, in order. The answer stops it. */
  watch(prefix: string, listener: (writes: readonly StoreWrite[], version: number) => void): () => void;
  /** Highest epoch seen. */
  readonly epoch: number;
  /**
   * Takes the store for a new leader: commits of older epochs are refused from now on, those of other processes too, also those that
   * are on their way. What others have committed before is visible when it resolves. Durable. Answers the new epoch, which is above all
   * that the store has seen. Rejects as `commit` does. Not while commits are under way.
   */
  startEpoch(): Promise<number>;
  /** What was accepted lands, what comes later is refused with STORE_CLOSED. May be called again. */
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

export interface StoreDriverOptions {
  /** A directory of this driver's own below the master's work directory, 0700, kept over restarts and upgrades. `restore` has the same. */
  readonly stateDir: string;
  readonly log: Logger;
}

/**
 * Brings the store of a master that is started with `--store_driver=DIRECTORY`, which names a package on the machine's own disk: what operators install is
 * recorded in the store, so the store cannot be among it. Such a package says `"process": "kernel"`, `"runsOn": ["master"]`, contributes one driver and
 * nothing else, and requires nothing; it has no CLUSTER. What it must know stands in its configuration (`--store_driver_config`), which is the
 * same for all masters of a cluster. `LoggedStore` of `@mezzo/sdk/store` is all of a store but where its log lies.
 */
export interface StoreDriver {
  /** kebab-case: logs and errors have it. */
  readonly name: string;
  /** Masters on several machines that have the same configuration have the same store, and `startEpoch` fences the others off. `--zk` asks for that. */
  readonly shared: boolean;
  /**
   * Called once: when this master is elected, or by `mezzo restore`. What it rejects with ends the master: STORE_LOCKED (another process
   * has it), STORE_TOO_NEW (a newer version wrote it), STORE_CORRUPT (it is damaged: say where), STORE_UNAVAILABLE, or anything else. It
   * changes nothing that another master may be using. It has 2 minutes, `commit` and `startEpoch` have 30 s, `restore` 5 minutes, `close` 10 s: a call that takes longer counts as
   * failed with STORE_UNAVAILABLE.
   */
  open(options: StoreDriverOptions): Promise<DurableStore>;
}

export const STORE_DRIVER = extensionPoint<StoreDriver>('store-driver.v1');
