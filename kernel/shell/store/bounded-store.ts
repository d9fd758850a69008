import { hasCode, messageOf, type Logger, type StoreEntry, type StoreWrite } from '@mezzo/sdk/contract';
import type { DurableStore, StoreBatch, StoreSnapshot } from '@mezzo/sdk/points/store-driver';
import { withDeadline } from '@mezzo/sdk/runtime';

const WRITE_MS = 30_000;
const RESTORE_MS = 300_000;
const CLOSE_MS = 10_000;
/** Nothing has changed when one of these is said. */
const HARMLESS = ['STORE_KEY_INVALID', 'STORE_BATCH_TOO_LARGE', 'STORE_BUSY'];

/** A store that was written elsewhere: no call of it hangs for good, and after one that leaves open what landed nothing more is written. */
export class BoundedStore implements DurableStore {
  private refusal: unknown;

  /** `who`: as messages name it. */
  constructor(
    private readonly store: DurableStore,
    private readonly who: string,
    private readonly log: Logger,
  ) {}

  get epoch(): number {
    return this.store.epoch;
  }

  get(key: string): StoreEntry | undefined {
    return this.store.get(key);
  }

  list(prefix: string): readonly StoreEntry[] {
    return this.store.list(prefix);
  }

  snapshot(): StoreSnapshot {
    return this.store.snapshot();
  }

  watch(prefix: string, listener: (writes: readonly StoreWrite[], version: number) => void): () => void {
    return this.store.watch(prefix, listener);
  }

  commit(batch: StoreBatch): Promise<number> {
    return this.write('a commit', WRITE_MS, () => this.store.commit(batch));
  }

  startEpoch(): Promise<number> {
    return this.write('the start of an epoch', WRITE_MS, () => this.store.startEpoch());
  }

  restore(snapshot: StoreSnapshot): Promise<void> {
    return this.write('a restore', RESTORE_MS, () => this.store.restore(snapshot));
  }

  /** The process is about to end: it does so whatever comes of this. */
  async close(): Promise<void> {
    await this.within('close', CLOSE_MS, () => this.store.close()).catch((error: unknown) =>
      this.log.warn('the store was not closed in order', { reason: messageOf(error) }),
    );
  }

  private async write<T>(what: string, ms: number, call: () => Promise<T>): Promise<T> {
    if (this.refusal !== undefined) throw this.refusal;
    try {
      return await this.within(what, ms, call);
    } catch (error) {
      if (!HARMLESS.some((code) => hasCode(error, code))) this.refusal ??= error;
      throw error;
    }
  }

  private async within<T>(what: string, ms: number, call: () => Promise<T>): Promise<T> {
    return withDeadline(call(), ms, `${this.who}: ${what}`, 'STORE_UNAVAILABLE');
  }
}
