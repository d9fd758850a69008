import { MezzoError, type PluginStore, type StoreEntry, type StoreWrite } from '@mezzo/sdk/contract';

/** What the host needs of the kernel's store. `commit` rejects with STORE_UNAVAILABLE where this master does not lead. */
export interface HostStore {
  get(key: string): StoreEntry | undefined;
  list(prefix: string): readonly StoreEntry[];
  commit(writes: readonly StoreWrite[]): Promise<number>;
}

const MAX_KEY_BYTES = 512;
const MAX_BATCH_BYTES = 16 * 1024 * 1024;
const MAX_WRITES = 10_000;

/** The part of the store below `plugins/<id>/`, as that plugin sees it. */
export function scopedStore(store: HostStore, pluginId: string): PluginStore {
  const root = `plugins/${pluginId}/`;
  const inside = ({ key, value, version }: StoreEntry): StoreEntry => ({ key: key.slice(root.length), value, version });
  return {
    get: async (key) => {
      const entry = store.get(root + checkedKey(key));
      return entry && inside(entry);
    },
    list: async (prefix) => store.list(root + checkedPrefix(prefix)).map(inside),
    commit: async (batch) =>
      store.commit(checkedBatch(batch).map((write): StoreWrite => ({ ...write, key: root + write.key }))),
  };
}

/** For hosts without a store. */
export const noStore: HostStore = {
  get: () => unavailable(),
  list: () => unavailable(),
  commit: async () => unavailable(),
};

function unavailable(): never {
  throw new MezzoError('STORE_UNAVAILABLE', 'agents have no store for plugins yet: only masters do', {
    blame: 'kernel',
  });
}

function checkedBatch(batch: unknown): readonly StoreWrite[] {
  if (!Array.isArray(batch) || batch.length > MAX_WRITES)
    throw invalid(`a batch is a list of at most ${MAX_WRITES} writes`);
  let bytes = 0;
  const writes = batch.map((write: unknown): StoreWrite => {
    const { op, key, value } = (write ?? {}) as Record<string, unknown>;
    checkedKey(key);
    if (op === 'delete') return { op, key: key as string };
    if (op !== 'put' || typeof value !== 'string')
      throw invalid('a write is a put with a text as its value, or a delete');
    bytes += Buffer.byteLength(value);
    return { op, key: key as string, value };
  });
  if (bytes > MAX_BATCH_BYTES) throw invalid(`the values of a batch have more than ${MAX_BATCH_BYTES} bytes`);
  return writes;
}

function checkedKey(key: unknown): string {
  if (typeof key === 'string' && key !== '' && checkedPrefix(key) !== undefined) return key;
  throw invalid('a key is a text that is not empty');
}

function checkedPrefix(prefix: unknown): string {
  if (typeof prefix === 'string' && Buffer.byteLength(prefix) <= MAX_KEY_BYTES && !/[\u0000-\u001f]/.test(prefix))
    return prefix;
  throw invalid(`a key has at most ${MAX_KEY_BYTES} bytes and no control characters`);
}

const invalid = (problem: string): MezzoError => new MezzoError('STORE_REQUEST_INVALID', problem, { blame: 'plugin' });
