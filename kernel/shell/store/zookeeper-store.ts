import { hasCode, messageOf, MezzoError, type Logger } from '@mezzo/sdk/contract';
import type { DurableStore, StoreBatch, StoreSnapshot } from '@mezzo/sdk/points/store-driver';
import { after, fenced, ViewedStore, WriteQueue, type LogEntry, type StoreView } from '@mezzo/sdk/store';
import { ZookeeperLog } from './zookeeper-log.js';
import { ZookeeperNodes, type NodeSession } from './zookeeper-nodes.js';

export interface ZookeeperStoreOptions {
  /** Entries of the log after which a snapshot takes their place. Default 10000. */
  readonly snapshotEvery?: number;
  /** Bytes of the log after which a snapshot takes its place. Default 32 MiB: ZooKeeper keeps them in memory. */
  readonly snapshotEveryBytes?: number;
  /** Told of snapshots that fail: the log grows until one does not. */
  readonly log?: Pick<Logger, 'warn'>;
}

const MAX_STARTS = 20;
const RETRY_MS = 10_000;
/** Whoever reads the log lists its nodes: with more of them the list would be too long for one answer. */
const MAX_ENTRIES = 30_000;

/**
 * The driver for several masters. A group of commits is one node that only one writer can create, through the session that
 * holds its leadership: once another leads, what an old one writes cannot land. When that session is over, nothing can be
 * written any more: STORE_UNAVAILABLE.
 */
export class ZookeeperStore extends ViewedStore implements DurableStore {
  private queue: WriteQueue;
  private snapshotting: Promise<void> | undefined;
  private bytesInLog = 0;
  private nextSnapshotMs = 0;
  /** Of the snapshot too: until then another leader may be writing one. */
  private hasTakenOver = false;

  private constructor(
    private readonly nodes: ZookeeperNodes,
    private readonly log: ZookeeperLog,
    private readonly options: ZookeeperStoreOptions,
  ) {
    super();
    this.queue = this.newQueue();
  }

  /** `path` is made where it is missing, its parent is not. Rejects with STORE_TOO_NEW, STORE_CORRUPT or as the session does. */
  static async open(session: NodeSession, path: string, options: ZookeeperStoreOptions = {}): Promise<ZookeeperStore> {
    const nodes = new ZookeeperNodes(session);
    return new ZookeeperStore(nodes, await ZookeeperLog.open(nodes, path), options);
  }

  /** What watches it watches a store that has started its epoch, or will not. */
  protected get view(): StoreView {
    return this.log.view;
  }

  commit(batch: StoreBatch): Promise<number> {
    return this.queue.commit(batch);
  }

  /** Not while commits are under way. */
  async startEpoch(): Promise<number> {
    this.hasTakenOver = false;
    for (let tries = 1; tries <= MAX_STARTS; tries++) {
      await this.settle();
      await this.log.follow();
      this.queue = this.newQueue();
      try {
        const epoch = await this.queue.startEpoch();
        if (!(await this.log.takeOver())) continue;
        this.hasTakenOver = true;
        return epoch;
      } catch (error) {
        if (!hasCode(error, 'STORE_FENCED')) throw error;
      }
    }
    throw fenced(this.epoch, this.epoch + 1);
  }

  async restore(snapshot: StoreSnapshot): Promise<void> {
    await this.settle();
    const next = after(this.log.view, snapshot);
    if (!this.hasTakenOver || !(await this.log.restore(next))) throw fenced(this.epoch, next.epoch);
  }

  /** What was accepted lands, as long as there is a connection. */
  close(): Promise<void> {
    this.nodes.close();
    return this.settle();
  }

  private async settle(): Promise<void> {
    await this.queue.close();
    await this.snapshotting;
  }

  private newQueue(): WriteQueue {
    return new WriteQueue((group) => this.write(group), this.log.view.epoch);
  }

  private async write(group: readonly LogEntry[]): Promise<number> {
    const appended = await this.log.append(group).catch((error: unknown) => {
      throw hasCode(error, 'ZOOKEEPER_SESSION_OVER') ? sessionOver(error) : error;
    });
    if (appended === undefined) throw fenced(group[0]!.epoch, this.epoch + 1);
    this.bytesInLog += appended.bytes;
    this.snapshotWhenLong();
    return appended.first;
  }

  private snapshotWhenLong(): void {
    const { snapshotEvery = 10_000, snapshotEveryBytes = 32 * 1024 * 1024 } = this.options;
    if (!this.hasTakenOver || this.snapshotting) return;
    // A large one is not written again for a few changes.
    const entries = Math.min(Math.max(snapshotEvery, this.log.view.size / 4), MAX_ENTRIES);
    const bytes = Math.max(snapshotEveryBytes, this.log.snapshotBytes);
    if (this.log.length < entries && this.bytesInLog < bytes) return;
    if (performance.now() < this.nextSnapshotMs) return;
    const { bytesInLog } = this;
    // One that fails leaves the log as it is, which is complete.
    this.snapshotting = this.log
      .snapshot()
      .then(() => void (this.bytesInLog -= bytesInLog))
      .catch((error: unknown) => {
        this.nextSnapshotMs = performance.now() + RETRY_MS;
        this.options.log?.warn('no snapshot could be written', { reason: messageOf(error) });
      })
      .finally(() => (this.snapshotting = undefined));
  }
}

const sessionOver = (cause: unknown): MezzoError =>
  new MezzoError('STORE_UNAVAILABLE', 'The session with ZooKeeper is over', {
    blame: 'environment',
    next: 'Another master may lead by now: start this one again, and it follows.',
    cause,
  });
