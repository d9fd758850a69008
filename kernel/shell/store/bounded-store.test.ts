import { MezzoError, type Logger } from '@mezzo/sdk/contract';
import { MemoryStore } from '@mezzo/sdk/store';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { DurableStore } from '@mezzo/sdk/points/store-driver';
import { BoundedStore } from './bounded-store.js';

let warned: string[];
const log = { warn: (message: string) => void warned.push(message) } as unknown as Logger;
const BATCH = { epoch: 1, writes: [{ op: 'put', key: 'a', value: '1' }] } as const;
const never = () => new Promise<never>(() => {});

/** A store of which some calls go otherwise. */
function bounded(instead: Partial<DurableStore>): BoundedStore {
  const store = Object.assign(new MemoryStore(), { restore: never }, instead);
  return new BoundedStore(store, 'store driver x 1.0.0', log);
}

beforeEach(() => {
  warned = [];
  vi.useFakeTimers();
});
afterEach(() => vi.useRealTimers());

test('what is well passes through', async () => {
  const store = bounded({});
  const seen: unknown[] = [];
  store.watch('', (writes) => seen.push(...writes));
  expect(await store.startEpoch()).toBe(1);
  expect(await store.commit(BATCH)).toBe(2);
  expect([store.epoch, store.get('a')?.value, store.list('').length, store.snapshot().sequence]).toEqual([
    1,
    '1',
    1,
    2,
  ]);
  expect(seen).toEqual(BATCH.writes);
});

test('a commit that hangs fails, and no other is tried after it', async () => {
  const commit = vi.fn(never);
  const store = bounded({ commit });
  const refusal = { code: 'STORE_UNAVAILABLE', message: 'store driver x 1.0.0: a commit took longer than 30000 ms' };
  const outcome = expect(store.commit(BATCH)).rejects.toMatchObject(refusal);
  await vi.advanceTimersByTimeAsync(30_000);
  await outcome;
  await expect(store.commit(BATCH)).rejects.toMatchObject(refusal);
  await expect(store.startEpoch()).rejects.toMatchObject(refusal);
  expect(commit).toHaveBeenCalledTimes(1);
});

test.each([
  ['STORE_UNAVAILABLE', 1],
  ['STORE_FENCED', 1],
  ['STORE_BUSY', 2],
  ['STORE_BATCH_TOO_LARGE', 2],
])('after %s it is asked %i times in two', async (code, times) => {
  const commit = vi.fn(() => Promise.reject(new MezzoError(code, 'no', { blame: 'environment' })));
  const store = bounded({ commit });
  for (let n = 0; n < 2; n++) await expect(store.commit(BATCH)).rejects.toMatchObject({ code });
  expect(commit).toHaveBeenCalledTimes(times);
});

test('a bug of the driver, thrown at once, counts as a commit that failed', async () => {
  const store = bounded({
    commit: () => {
      throw new TypeError('x is not a function');
    },
  });
  await expect(store.commit(BATCH)).rejects.toThrow('x is not a function');
  await expect(store.startEpoch()).rejects.toThrow('x is not a function');
});

test('closing ends, whatever comes of it', async () => {
  const closing = bounded({ close: never }).close();
  await vi.advanceTimersByTimeAsync(10_000);
  await closing;
  await bounded({ close: () => Promise.reject(new Error('gone')) }).close();
  expect(warned).toEqual(['the store was not closed in order', 'the store was not closed in order']);
});
