import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { readBackup, writeBackup } from '../backup/index.js';
import type { StoreEntry } from '../contract/index.js';
import type { DurableStore, Store, StoreSnapshot } from '../points/store-driver.js';
import type { Law } from './containerizer-suite.js';
import { del, lawsOfStores, Place, put, storeSuite, type StoreMedium } from './store-suite.js';

/** One place where the store of a driver lies. */
export interface StoreDriverMedium extends StoreMedium<DurableStore> {
  /**
   * A store on what is there at this moment, while others are open and write: what the next process finds after kill -9. On a copy, where only one may be
   * open at a time.
   */
  crashed(): Promise<DurableStore>;
}

export interface StoreDriverSuiteOptions {
  /** A place of its own for each call, where nothing was stored yet. */
  create(): Promise<StoreDriverMedium>;
  /** As the driver says of itself. */
  readonly shared: boolean;
  /** Places whose backups go into it besides its own, by their names. */
  readonly sources?: Readonly<Record<string, () => Promise<StoreMedium>>>;
}

type Check = (place: Place, medium: StoreDriverMedium) => Promise<void>;

/** What every driver of stores promises: the laws of `storeSuite`, and those of what outlives a process. The caller hands each law to its test runner. */
export function storeDriverSuite({ create, shared, sources = {} }: StoreDriverSuiteOptions): Law[] {
  const about = lawsOfStores(() => new Place());
  const law = (title: string, check: Check, skip?: string): Law =>
    about(title, async (place) => check(place, await place.medium(create)), skip);
  const exclusive = shared ? 'several may have it open' : undefined;
  const alone = shared ? undefined : 'one alone may have it open';
  return [
    ...storeSuite({ create }),
    law('a process that dies amid commits leaves what it has acknowledged, and whole batches', diesAmidCommits),
    law('while one has it open, others are refused, and leave it alone', lockedOut, exclusive),
    law('whoever starts an epoch has all that others have committed, and those commit no more', takenOver, alone),
    law('of two who start an epoch at once, the one with the lower number commits nothing', raced, alone),
    ...Object.entries({ 'its own': create, ...sources }).map(([name, source]) =>
      law(`a backup of ${name} goes into it whole`, (place, medium) => restored(place, medium, source)),
    ),
    law('a backup of its own goes back into it, and into it again', restoredAgain),
    law('a backup of nothing leaves nothing', nothingRestored),
    law('a process that dies amid a restore leaves what was there, or what is restored', diesAmidRestore),
  ];
}

async function fill(store: Store, epochs: number, ...keys: string[]): Promise<void> {
  for (let n = 0; n < epochs; n++) await store.startEpoch();
  for (const key of keys) await store.commit({ epoch: store.epoch, writes: [put(key)] });
}

/** A law that is broken before it waits for this has said enough. */
function heard<T>(work: Promise<T>): Promise<T> {
  work.catch(() => {});
  return work;
}

const keysOf = (store: Store): string[] => store.list('').map(({ key }) => key);

const diesAmidCommits: Check = async (place, medium) => {
  const store = await place.open(medium.open());
  const epoch = await store.startEpoch();
  let acknowledged = -1;
  const write = async (n: number, begin?: Promise<void>): Promise<void> => {
    await begin;
    await store.commit({ epoch, writes: [put('one', String(n)), put(`n/${n % 7}`), put('other', String(n))] });
    acknowledged = n;
  };
  const commits: Promise<void>[] = [];
  // A hundred are under way at any time.
  for (let n = 0; n < 300; n++) commits.push(heard(write(n, commits[n - 100])));
  for (const at of [0, 120, 250]) {
    await commits[at];
    const certain = acknowledged;
    const left = await place.open(medium.crashed());
    assert.equal(left.get('one')?.value, left.get('other')?.value);
    assert.ok(Number(left.get('one')?.value) >= certain, `${left.get('one')?.value}, and ${certain} was acknowledged`);
    assert.equal(left.get('one')?.version, left.snapshot().sequence);
  }
  await Promise.all(commits);
};

const lockedOut: Check = async (place, medium) => {
  const store = await place.open(medium.open());
  await fill(store, 1, 'a');
  await assert.rejects(medium.open(), { code: 'STORE_LOCKED' });
  await fill(store, 0, 'b');
  await store.close();
  assert.deepEqual(keysOf(await place.open(medium.open())), ['a', 'b']);
};

const takenOver: Check = async (place, medium) => {
  const first = await place.open(medium.open());
  const next = await place.open(medium.open());
  await fill(first, 1, 'a', 'b');
  const under = Array.from({ length: 50 }, (_, n) =>
    heard(first.commit({ epoch: first.epoch, writes: [put(`n/${n}`)] }).then(() => `n/${n}`)),
  );
  await fill(next, 1, 'mine');
  const landed = (await Promise.allSettled(under)).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const keys = keysOf(next);
  for (const key of ['a', 'b', ...landed]) assert.ok(keys.includes(key), `${key} was acknowledged`);
  assert.ok(next.epoch > 1);
  for (let tries = 0; tries < 2; tries++)
    await assert.rejects(first.commit({ epoch: first.epoch, writes: [put('late')] }), { code: 'STORE_FENCED' });
  await fill(first, 1, 'back');
  assert.deepEqual(
    keysOf(first).filter((key) => !key.startsWith('n/')),
    ['a', 'b', 'back', 'mine'],
  );
  assert.ok(first.epoch > next.epoch);
  await assert.rejects(next.commit({ epoch: next.epoch, writes: [put('late')] }), { code: 'STORE_FENCED' });
};

const raced: Check = async (place, medium) => {
  const stores = await Promise.all(Array.from({ length: 3 }, () => place.open(medium.open())));
  const epochs = await Promise.all(stores.map((store) => store.startEpoch()));
  assert.equal(new Set(epochs).size, 3);
  const outcomes = await Promise.allSettled(
    stores.map((store, n) => store.commit({ epoch: epochs[n]!, writes: [put('who', String(epochs[n]))] })),
  );
  const highest = Math.max(...epochs);
  for (const [n, { status }] of outcomes.entries())
    assert.equal(status, epochs[n] === highest ? 'fulfilled' : 'rejected', `epoch ${epochs[n]} of ${epochs.join()}`);
  const after = await place.open(medium.open());
  await after.startEpoch();
  assert.equal(after.get('who')?.value, String(highest));
};

async function restored(place: Place, medium: StoreDriverMedium, newSource: () => Promise<StoreMedium>) {
  const source = await place.open((await place.medium(newSource)).open());
  await fill(source, 3, 'a', 'b', 'c', 'gone', 'b', 'ключ', 'x'.repeat(512));
  await source.commit({ epoch: source.epoch, writes: [del('gone'), put('big', 'y'.repeat(2_000_000))] });
  const backup = await throughFile(source.snapshot());

  const before = await place.open(medium.open());
  await fill(before, 2, 'a', 'mine', 'and mine');
  await before.restore(backup);
  await before.close();
  const after = await place.open(medium.open());
  assert.deepEqual(after.list(''), source.list(''));
  const epoch = await after.startEpoch();
  assert.ok(epoch > Math.max(source.epoch, before.epoch));
  const version = await after.commit({ epoch, writes: [put('next')] });
  assert.ok(version > Math.max(source.snapshot().sequence, before.snapshot().sequence));
  await after.close();
  assert.ok(keysOf(await place.open(medium.open())).includes('next'));
}

const restoredAgain: Check = async (place, medium) => {
  const first = await place.open(medium.open());
  await fill(first, 1, 'a', 'b');
  const backup = first.snapshot();
  await first.close();
  for (const later of ['c', 'd']) {
    const store = await place.open(medium.open());
    await fill(store, 1, later, 'a');
    await store.restore(backup);
    await store.close();
    const after = await place.open(medium.open());
    assert.deepEqual(after.list(''), backup.entries);
    await after.close();
  }
};

const nothingRestored: Check = async (place, medium) => {
  const store = await place.open(medium.open());
  await fill(store, 1, 'a');
  await store.restore({ sequence: 0, epoch: 0, entries: [] });
  await store.close();
  const after = await place.open(medium.open());
  assert.deepEqual(after.list(''), []);
  await fill(after, 1, 'b');
  assert.deepEqual(keysOf(after), ['b']);
};

const diesAmidRestore: Check = async (place, medium) => {
  const store = await place.open(medium.open());
  await fill(store, 1, 'a', 'b');
  const before = store.list('');
  const entries = Array.from({ length: 400 }, (_, n) => ({
    ...{ key: `r/${String(n).padStart(3, '0')}`, value: 'x'.repeat(10_000), version: 1 },
  }));
  let isDone = false;
  const restoring = heard(store.restore({ sequence: 1, epoch: 1, entries }).finally(() => (isDone = true)));
  const seen: (readonly StoreEntry[])[] = [];
  do {
    const left = await place.open(medium.crashed());
    seen.push(left.list(''));
    await left.close();
  } while (!isDone);
  await restoring;
  for (const found of seen) assert.deepEqual(found, found.length === before.length ? before : entries);
  assert.deepEqual((await place.open(medium.crashed())).list(''), entries);
};

/** As operators carry it from one store to the other. */
async function throughFile({ sequence, epoch, entries }: StoreSnapshot): Promise<StoreSnapshot> {
  const header = { mezzoBackup: 1, store: 1, epoch, sequence, time: '2026-01-02T03:04:05Z', count: entries.length };
  const read: StoreEntry[] = [];
  await readBackup(Readable.from(writeBackup(header, entries)), 'a backup', { entry: (entry) => read.push(entry) });
  return { sequence, epoch, entries: read };
}
