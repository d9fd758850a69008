import { MezzoError, type StoreWrite } from '../contract/index.js';
import type { StoreBatch, StoreSnapshot } from '../points/store-driver.js';

/** Version of what the drivers write. A store of a newer version is refused, an older one would be converted upon opening. */
export const STORE_FORMAT = 1;

export const MAX_KEY_BYTES = 512;
export const MAX_BATCH_BYTES = 16 * 1024 * 1024;

/** One entry of the log. One without writes starts its epoch. */
export interface LogEntry {
  readonly epoch: number;
  readonly writes: readonly StoreWrite[];
}

/** Leaders that came after a backup was taken have had epochs too. */
const EPOCHS_BETWEEN = 1000;

/** As it must be to come after what is there already. */
export const after = (
  now: { readonly sequence: number; readonly epoch: number },
  old: StoreSnapshot,
): StoreSnapshot => ({
  sequence: Math.max(now.sequence, old.sequence) + 1,
  epoch: Math.max(now.epoch, old.epoch) + EPOCHS_BETWEEN,
  entries: old.entries,
});

export const encodeEntry = (entry: LogEntry): string => JSON.stringify(entry);
export const decodeEntry = (text: string): LogEntry => JSON.parse(text) as LogEntry;

/** Size of keys and values in UTF-8. Throws STORE_KEY_INVALID or STORE_BATCH_TOO_LARGE. */
export function checkBatch({ writes }: StoreBatch): number {
  let bytes = 0;
  for (const write of writes) {
    const keyBytes = Buffer.byteLength(write.key);
    if (keyBytes === 0 || keyBytes > MAX_KEY_BYTES) throw invalidKey(write.key, keyBytes);
    bytes += keyBytes + (write.op === 'put' ? Buffer.byteLength(write.value) : 0);
  }
  if (bytes > MAX_BATCH_BYTES) throw tooLarge(bytes);
  return bytes;
}

const invalidKey = (key: string, bytes: number): MezzoError =>
  new MezzoError('STORE_KEY_INVALID', `A key has 1 to ${MAX_KEY_BYTES} bytes, this one ${bytes}: ${key.slice(0, 80)}`, {
    blame: 'user',
    details: { bytes, maxKeyBytes: MAX_KEY_BYTES },
  });

const tooLarge = (bytes: number): MezzoError =>
  new MezzoError('STORE_BATCH_TOO_LARGE', `A batch holds at most ${MAX_BATCH_BYTES} bytes, this one ${bytes}`, {
    blame: 'user',
    next: 'Write less at once.',
    details: { bytes, maxBatchBytes: MAX_BATCH_BYTES },
  });

export const fenced = (epoch: number, current: number): MezzoError =>
  new MezzoError('STORE_FENCED', `Epoch ${epoch} is over: epoch ${current} writes now`, {
    blame: 'environment',
    next: 'Another master leads; this one must step down.',
    details: { epoch, current },
  });

export const closed = (): MezzoError => new MezzoError('STORE_CLOSED', 'The store is closed', { blame: 'kernel' });

/** `where`: a directory, or a path of nodes. */
export const tooNew = (where: string, format: string): MezzoError =>
  new MezzoError('STORE_TOO_NEW', `The store ${where} has format ${format}; this version reads ${STORE_FORMAT}`, {
    blame: 'operator',
    next: 'Start the newer version that wrote it.',
    details: { format: Number(format), readable: STORE_FORMAT },
  });
