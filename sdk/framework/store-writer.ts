import { MezzoError } from '../contract/errors.js';
import type { Logger, PluginStore, StoreWrite } from '../contract/services.js';
import { systemClock, type Clock } from './clock.js';

const RETRY_FIRST_MS = 50;
const RETRY_MAX_MS = 2000;
/** Well below what the store takes at once. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const MAX_BATCH_WRITES = 5000;

interface Waiting {
  readonly writes: readonly StoreWrite[];
  readonly landed: () => void;
}

/**
 * Writes in order, one commit at a time; what comes meanwhile goes together into the next. While the store is away it tries
 * again: puts and deletes may be repeated. Any other failure is fatal, for then what is believed is not what is stored.
 */
export class StoreWriter {
  private readonly waiting: Waiting[] = [];
  private writing = false;
  private stopped = false;

  constructor(
    private readonly store: PluginStore,
    private readonly log: Logger | undefined,
    private readonly onFatal: (error: unknown) => void,
    private readonly clock: Clock = systemClock,
  ) {}

  /** `landed` is called when the writes are durable, in the order of the calls. */
  write(writes: readonly StoreWrite[], landed: () => void): void {
    this.waiting.push({ writes, landed });
    if (!this.writing) void this.drain();
  }

  get pending(): number {
    return this.waiting.length;
  }

  dispose(): void {
    this.stopped = true;
  }

  private async drain(): Promise<void> {
    this.writing = true;
    while (this.waiting.length > 0 && !this.stopped) {
      const group = this.takeGroup();
      if (!(await this.commitAll(merge(group)))) break;
      for (const { landed } of group) if (!this.stopped) landed();
    }
    this.writing = false;
  }

  private takeGroup(): Waiting[] {
    let [bytes, writes, count] = [0, 0, 0];
    for (const waiting of this.waiting) {
      bytes += waiting.writes.reduce((sum, write) => sum + sizeOf(write), 0);
      writes += waiting.writes.length;
      if (count > 0 && (bytes > MAX_BATCH_BYTES || writes > MAX_BATCH_WRITES)) break;
      count += 1;
    }
    return this.waiting.splice(0, count);
  }

  /** In parts when one step wrote more than a batch holds: what is missing after a crash is worked out anew. */
  private async commitAll(writes: readonly StoreWrite[]): Promise<boolean> {
    for (const part of parts(writes)) if (!(await this.commit(part))) return false;
    return true;
  }

  private async commit(writes: readonly StoreWrite[]): Promise<boolean> {
    for (let delayMs = RETRY_FIRST_MS; !this.stopped; delayMs = Math.min(delayMs * 2, RETRY_MAX_MS)) {
      try {
        await this.store.commit(writes);
        return true;
      } catch (error) {
        if (!(error instanceof MezzoError && error.retryable)) {
          this.dispose();
          this.onFatal(error);
          return false;
        }
        this.log?.warn('the store is away, trying again', { delayMs, error: error.message });
        await new Promise<void>((resolve) => this.clock.after(delayMs, resolve));
      }
    }
    return false;
  }
}

const sizeOf = (write: StoreWrite): number =>
  write.key.length + (write.op === 'put' ? Buffer.byteLength(write.value) : 0);

function parts(writes: readonly StoreWrite[]): StoreWrite[][] {
  const all: StoreWrite[][] = [[]];
  let bytes = 0;
  for (const write of writes) {
    bytes += sizeOf(write);
    const last = all.at(-1);
    if (last && last.length < MAX_BATCH_WRITES && (bytes <= MAX_BATCH_BYTES || last.length === 0)) last.push(write);
    else {
      all.push([write]);
      bytes = sizeOf(write);
    }
  }
  return all;
}

/** The last write of a key wins. */
function merge(group: readonly Waiting[]): StoreWrite[] {
  const byKey = new Map<string, StoreWrite>();
  for (const { writes } of group) for (const write of writes) byKey.set(write.key, write);
  return [...byKey.values()];
}
