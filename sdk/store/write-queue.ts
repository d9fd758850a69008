import { MezzoError } from '../contract/index.js';
import type { StoreBatch } from '../points/store-driver.js';
import { checkBatch, closed, fenced, type LogEntry } from './store-entry.js';

export interface QueuedEntry {
  readonly entry: LogEntry;
  readonly bytes: number;
  readonly resolve: (sequence: number) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Makes a group durable, applies it, and answers the sequence number of its first entry. `bytes`: of its keys and values. A throw breaks the
 * queue for good.
 */
export type WriteGroup = (group: readonly LogEntry[], bytes: number) => Promise<number>;

const MAX_GROUP_BYTES = 32 * 1024 * 1024;
const MAX_WAITING_BYTES = 256 * 1024 * 1024;

/** Group commit: while one group is being written, the next one gathers. Fencing is decided here, in the order of the calls. */
export class WriteQueue {
  private waiting: QueuedEntry[] = [];
  private waitingBytes = 0;
  private writing: Promise<void> | undefined;
  private refusal: MezzoError | undefined;

  constructor(
    private readonly write: WriteGroup,
    private epoch: number,
  ) {}

  async commit(batch: StoreBatch): Promise<number> {
    const bytes = checkBatch(batch);
    if (batch.epoch < this.epoch) throw fenced(batch.epoch, this.epoch);
    this.epoch = batch.epoch;
    return this.add({ epoch: batch.epoch, writes: [...batch.writes] }, bytes);
  }

  async startEpoch(): Promise<number> {
    const epoch = ++this.epoch;
    await this.add({ epoch, writes: [] }, 0);
    return epoch;
  }

  /** Resolves when what was accepted is written. */
  async close(): Promise<void> {
    this.refusal ??= closed();
    while (this.writing) await this.writing;
  }

  private add(entry: LogEntry, bytes: number): Promise<number> {
    if (this.refusal) return Promise.reject(this.refusal);
    if (this.waitingBytes + bytes > MAX_WAITING_BYTES) return Promise.reject(busy(this.waitingBytes));
    this.waitingBytes += bytes;
    return new Promise((resolve, reject) => {
      this.waiting.push({ entry, bytes, resolve, reject });
      this.writing ??= this.run();
    });
  }

  private async run(): Promise<void> {
    await Promise.resolve(); // so that the calls of this turn share the first group
    while (this.waiting.length > 0) await this.writeGroup(this.takeGroup());
    this.writing = undefined;
  }

  private takeGroup(): QueuedEntry[] {
    let bytes = 0;
    let count = 0;
    while (count < this.waiting.length && (count === 0 || bytes + this.waiting[count]!.bytes <= MAX_GROUP_BYTES)) {
      bytes += this.waiting[count++]!.bytes;
    }
    this.waitingBytes -= bytes;
    return this.waiting.splice(0, count);
  }

  private async writeGroup(group: readonly QueuedEntry[]): Promise<void> {
    try {
      if (this.refusal && this.refusal.code !== 'STORE_CLOSED') throw this.refusal;
      const entries = group.map(({ entry }) => entry);
      const first = await this.write(
        entries,
        group.reduce((sum, { bytes }) => sum + bytes, 0),
      );
      group.forEach(({ resolve }, index) => resolve(first + index));
    } catch (error) {
      this.refusal = error instanceof MezzoError ? error : unavailable(error);
      for (const { reject } of group) reject(this.refusal);
    }
  }
}

const busy = (bytes: number): MezzoError =>
  new MezzoError('STORE_BUSY', `${bytes} bytes wait for the store already`, { blame: 'environment', retryable: true });

/** Nobody knows whether the failed write landed: only opening the store anew can tell. */
const unavailable = (cause: unknown): MezzoError =>
  new MezzoError('STORE_UNAVAILABLE', `The store could not write: ${String((cause as Error).message ?? cause)}`, {
    blame: 'environment',
    next: 'Look at the disk (space, errors), then restart the master.',
    cause,
  });
