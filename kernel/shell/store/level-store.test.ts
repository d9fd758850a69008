import { cp, mkdtemp, readdir, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DurableStore } from '@mezzo/sdk/points/store-driver';
import type { LoggedStoreOptions } from '@mezzo/sdk/store';
import { Level } from 'level';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openLevelStore } from './level-store.js';

let root: string;
let directory: string;
const open: DurableStore[] = [];
const start = async (at = directory, options: LoggedStoreOptions = {}): Promise<DurableStore> => {
  const store = await openLevelStore(at, options);
  open.push(store);
  return store;
};

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'mezzo-level-'));
  directory = join(root, 'store');
});
afterEach(async () => {
  for (const store of open.splice(0)) await store.close();
  await rm(root, { recursive: true });
});

const count = (n: number) => ({ op: 'put', key: `n/${n % 7}`, value: String(n) }) as const;
const commitPairs = async (store: DurableStore, from: number, to: number): Promise<void> => {
  const epoch = store.epoch;
  for (let n = from; n < to; n++) {
    const same = { op: 'put', key: 'same', value: String(n) } as const;
    await store.commit({ epoch, writes: [count(n), same, { ...same, key: 'again' }] });
  }
};

test('a crash at any byte of the log leaves a whole prefix of the batches', async () => {
  const store = await start();
  await store.startEpoch();
  await commitPairs(store, 0, 40);
  const copy = join(root, 'copy');
  const log = (await readdir(directory)).find((name) => name.endsWith('.log'))!;
  const { size } = await stat(join(directory, log));
  let last = 40;
  for (let length = size; length > 0; length -= 97) {
    await cp(directory, copy, { recursive: true, force: true });
    await truncate(join(copy, log), length);
    const torn = await openLevelStore(copy);
    const value = torn.get('same')?.value;
    expect(torn.get('again')?.value).toBe(value);
    const landed = value === undefined ? 0 : Number(value) + 1;
    expect(landed).toBeLessThanOrEqual(last);
    if (landed > 0) expect(torn.get(`n/${(landed - 1) % 7}`)?.value).toBe(value);
    last = landed;
    await torn.close();
    await rm(copy, { recursive: true });
  }
  expect(last).toBe(0);
});

test('a copy taken while commits run is a whole prefix too', async () => {
  const store = await start(directory, { snapshotEvery: 5 });
  await store.startEpoch();
  const writing = commitPairs(store, 0, 200);
  const copy = join(root, 'copy');
  await cp(directory, copy, { recursive: true, filter: (source) => !source.endsWith('LOCK') });
  await writing;
  const torn = await start(copy);
  expect(torn.get('again')?.value).toBe(torn.get('same')?.value);
});

test('a crash at any byte of a restore leaves what was there, or what was restored', async () => {
  const store = await start(directory, { snapshotEvery: 10 });
  await store.startEpoch();
  await commitPairs(store, 0, 30);
  const before = store.list('');
  const log = (await readdir(directory)).find((name) => name.endsWith('.log'))!;
  const { size: began } = await stat(join(directory, log));
  const entries = [{ key: 'restored', value: 'x'.repeat(2000), version: 1 }];
  await store.restore({ sequence: 1, epoch: 1, entries });
  const copy = join(root, 'copy');
  const { size } = await stat(join(directory, log));
  const left = new Set<string>();
  for (let length = size; length >= began; length -= 61) {
    await cp(directory, copy, { recursive: true, force: true });
    await truncate(join(copy, log), length);
    const torn = await openLevelStore(copy);
    const found = torn.list('');
    expect([before, entries]).toContainEqual(found);
    left.add(found.length === 1 ? 'restored' : 'before');
    await torn.close();
    await rm(copy, { recursive: true });
  }
  expect([...left]).toEqual(['restored', 'before']);
});

test('a snapshot takes the place of the log', async () => {
  const store = await start(directory, { snapshotEvery: 10 });
  await store.startEpoch();
  await commitPairs(store, 0, 95);
  const before = store.list('');
  await store.close();
  const db = new Level(directory);
  const keys = await db.keys().all();
  await db.close();
  expect(keys.filter((key) => key.startsWith('log/')).length).toBeLessThan(20);
  expect(keys.filter((key) => key.startsWith('chunk/'))).toHaveLength(1);
  expect((await start()).list('')).toEqual(before);
});

test('a snapshot that a crash cut short is ignored', async () => {
  const store = await start();
  await store.startEpoch();
  await commitPairs(store, 0, 5);
  await store.close();
  const db = new Level(directory);
  await db.put('chunk/0000000000000004/0000000000000000', 'half of someth');
  await db.close();
  expect((await start()).get('same')?.value).toBe('4');
});

test('a large store is written in many chunks', async () => {
  const store = await start(directory, { snapshotEvery: 1 });
  const epoch = await store.startEpoch();
  const writes = Array.from(
    { length: 3_000 },
    (_, n) => ({ op: 'put', key: `k/${n}`, value: 'v'.repeat(1_000) }) as const,
  );
  await store.commit({ epoch, writes });
  await store.close();
  const again = await start();
  expect(again.list('k/')).toHaveLength(3_000);
  expect(again.epoch).toBe(epoch);
});

test('one directory has one owner', async () => {
  await start();
  await expect(openLevelStore(directory)).rejects.toMatchObject({ code: 'STORE_LOCKED', blame: 'operator' });
});

test('a store of a newer version is refused and left alone', async () => {
  await (await start()).close();
  const db = new Level(directory);
  await db.put('format', '2');
  await db.close();
  await expect(openLevelStore(directory)).rejects.toMatchObject({
    code: 'STORE_TOO_NEW',
    details: { format: 2, readable: 1 },
  });
});

test('a damaged store is named, not guessed at', async () => {
  const store = await start();
  await store.startEpoch();
  await commitPairs(store, 0, 5);
  await store.close();
  const db = new Level(directory);
  await db.del('log/0000000000000003');
  await db.close();
  await expect(openLevelStore(directory)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
});

test('what cannot be opened says why', async () => {
  await writeFile(directory, 'a file');
  await expect(openLevelStore(directory)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
});
