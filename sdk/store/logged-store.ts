import { hasCode, messageOf, type Logger } from '../contract/index.js';
import type { DurableStore, StoreBatch, StoreSnapshot } from '../points/store-driver.js';
import { after, fenced, type LogEntry } from './store-entry.js';
import type { StoreLog } from './store-log.js';
import { StoreView } from './store-view.js';
import { ViewedStore } from './viewed-store.js';
import { WriteQueue } from './write-queue.js';

export interface LoggedStoreOptions {
  /** Entries of the log after which a snapshot takes their place. Default 10,000. */
  readonly snapshotEvery?: number;
  /** Bytes of keys and values in the log after which a snapshot takes its place. Default 64 MiB. */
  readonly snapshotEveryBytes?: number;
  /** Told of snapshots that fail: the log grows until one does not. */
  readonly log?: Pick<Logger, 'warn'>;
}

const MAX_STARTS = 20;
const RETRY_MS = 10_000;

/**
 * A store on a log that lies anywhere: what is in memory, the order and the grouping of commits, epochs, and when a snapshot is due.
 * A driver brings the `StoreLog`.
 */
export class LoggedStore extends ViewedStore implements DurableStore {
  private queue: WriteQueue;
  private snapshotting: Promise<void> | undefined;
  private closing: Promise<void> | undefined;
  private bytesInLog = 0;
  private nextSnapshotMs = 0;

  private constructor(
    private readonly storeLog: StoreLog,
    private loaded: Loaded,
    private readonly options: LoggedStoreOptions,
  ) {
    super();
    this.queue = this.newQueue();
  }

  /** Owns the log from now on; rejects as its `load` does, and closes it then. */
  static async open(log: StoreLog, options: LoggedStoreOptions = {}): Promise<LoggedStore> {
    try {
      return new LoggedStore(log, await load(log), options);
    } catch (error) {
      await log.close();
      throw error;
    }
  }

  protected get view(): StoreView {
    return this.loaded.view;
  }

  commit(batch: StoreBatch): Promise<number> {
    return this.queue.commit(batch);
  }

  async startEpoch(): Promise<number> {
    for (let tries = 1; tries <= MAX_STARTS; tries++) {
      try {
        return await this.queue.startEpoch();
      } catch (error) {
        if (!hasCode(error, 'STORE_FENCED')) throw error;
      }
      // Others have written since it was read.
      await this.settle();
      this.loaded = await load(this.storeLog);
      this.queue = this.newQueue();
    }
    throw fenced(this.epoch, this.epoch + 1);
  }

  async restore(snapshot: StoreSnapshot): Promise<void> {
    await this.settle();
    const next = after(this.view, snapshot);
    if (!(await this.storeLog.replace(next))) throw fenced(this.epoch, next.epoch);
  }

  close(): Promise<void> {
    this.closing ??= this.settle().then(() => this.storeLog.close());
    return this.closing;
  }

  private async settle(): Promise<void> {
    await this.queue.close();
    await this.snapshotting;
  }

  private newQueue(): WriteQueue {
    return new WriteQueue((group, bytes) => this.write(group, bytes), this.view.epoch);
  }

  private async write(group: readonly LogEntry[], bytes: number): Promise<number> {
    const first = this.view.sequence + 1;
    if (!(await this.storeLog.append(first, group))) throw fenced(group[0]!.epoch, this.epoch + 1);
    group.forEach((entry, index) => this.view.apply(first + index, entry));
    this.bytesInLog += bytes;
    this.snapshotWhenLong();
    return first;
  }

  private snapshotWhenLong(): void {
    const { snapshotEvery = 10_000, snapshotEveryBytes = 64 * 1024 * 1024 } = this.options;
    const entries = this.view.sequence - this.loaded.snapshotted;
    if (this.snapshotting || (entries < snapshotEvery && this.bytesInLog < snapshotEveryBytes)) return;
    if (performance.now() < this.nextSnapshotMs) return;
    const { bytesInLog } = this;
    const snapshot = this.view.snapshot();
    const taken = (): void => {
      this.loaded.snapshotted = snapshot.sequence;
      this.bytesInLog -= bytesInLog;
    };
    // One that fails leaves the log as it is, which is complete. Where another leads, the next commit finds out.
    this.snapshotting = this.storeLog
      .replace(snapshot)
      .then((isTaken) => (isTaken ? taken() : undefined))
      .catch((error: unknown) => {
        this.nextSnapshotMs = performance.now() + RETRY_MS;
        this.options.log?.warn('no snapshot of the store could be written', { reason: messageOf(error) });
      })
      .finally(() => (this.snapshotting = undefined));
  }
}

interface Loaded {
  readonly view: StoreView;
  /** What the log begins after. */
  snapshotted: number;
}

async function load(log: StoreLog): Promise<Loaded> {
  const loaded: Loaded = { view: new StoreView(), snapshotted: 0 };
  await log.load({
    snapshot: (snapshot) => {
      loaded.view.restore(snapshot);
      loaded.snapshotted = snapshot.sequence;
    },
    entry: (number, entry) => loaded.view.apply(number, entry),
  });
  return loaded;
}
