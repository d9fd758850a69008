import assert from 'node:assert/strict';
import type { StoreWrite } from '../contract/index.js';
import type { Store } from '../points/store-driver.js';
import type { Law } from './containerizer-suite.js';

/** One place where a store lies. */
export interface StoreMedium<S extends Store = Store> {
  /** Each sees what earlier ones have committed there. */
  open(): Promise<S>;
  /** All that was opened is closed by then. */
  destroy(): Promise<void>;
}

export interface StoreSuiteOptions {
  /** A place of its own for each law, where nothing was stored yet. */
  create(): Promise<StoreMedium>;
}

export const put = (key: string, value = key): StoreWrite => ({ op: 'put', key, value });
export const del = (key: string): StoreWrite => ({ op: 'delete', key });

const LAW_TIMEOUT_MS = 60_000;

/** Makes laws about a place, which is cleared away with all that was opened there. */
export const lawsOfStores =
  <On extends Place>(on: () => On) =>
  (title: string, check: (on: On) => Promise<void>, skip?: string): Law => ({
    title,
    timeoutMs: LAW_TIMEOUT_MS,
    ...(skip !== undefined && { skip }),
    run: async () => {
      const place = on();
      try {
        await check(place);
      } finally {
        await place.clear();
      }
    },
  });

/** What one law makes and opens. */
export class Place {
  private readonly media: StoreMedium[] = [];
  private readonly opened: Store[] = [];

  async medium<M extends StoreMedium>(make: () => Promise<M>): Promise<M> {
    const medium = await make();
    this.media.push(medium);
    return medium;
  }

  /** Closed at the end, if not before. */
  async open<S extends Store>(opening: Promise<S>): Promise<S> {
    const store = await opening;
    this.opened.push(store);
    return store;
  }

  async clear(): Promise<void> {
    for (const store of this.opened) await store.close();
    for (const medium of this.media) await medium.destroy();
  }
}

/** One store that is written by one leader. */
class Bench extends Place {
  store!: Store;
  epoch!: number;
  private place!: StoreMedium;

  async begin(create: () => Promise<StoreMedium>): Promise<void> {
    this.place = await this.medium(create);
    this.store = await this.open(this.place.open());
    this.epoch = await this.store.startEpoch();
  }

  commit(...writes: StoreWrite[]): Promise<number> {
    return this.store.commit({ epoch: this.epoch, writes });
  }

  async reopen(): Promise<void> {
    await this.store.close();
    this.store = await this.open(this.place.open());
  }

  keys(prefix = ''): string[] {
    return this.store.list(prefix).map(({ key }) => key);
  }
}

/** What every `Store` promises. The caller hands each law to its test runner. */
export function storeSuite({ create }: StoreSuiteOptions): Law[] {
  const about = lawsOfStores(() => new Bench());
  return LAWS.map(([title, check]) =>
    about(title, async (bench) => {
      await bench.begin(create);
      await check(bench);
    }),
  );
}

const LAWS: readonly (readonly [string, (bench: Bench) => Promise<void>])[] = [
  [
    'a committed batch is visible and carries its version',
    async (on) => {
      assert.equal(on.store.get('a'), undefined);
      const version = await on.commit(put('a', '1'), put('b', '2'));
      assert.deepEqual(on.store.get('a'), { key: 'a', value: '1', version });
      assert.equal(await on.commit(put('a', '3'), del('b')), version + 1);
      assert.deepEqual(on.store.get('a'), { key: 'a', value: '3', version: version + 1 });
      assert.equal(on.store.get('b'), undefined);
    },
  ],
  [
    'later writes of one batch win',
    async (on) => {
      await on.commit(put('a', '1'), del('a'), put('a', '2'), put('b'), del('b'));
      assert.deepEqual(
        on.store.list('').map(({ key, value }) => [key, value]),
        [['a', '2']],
      );
    },
  ],
  [
    'a list is sorted and holds the keys under its prefix only',
    async (on) => {
      await on.commit(put('b/2'), put('a/1'), put('b/10'), put('b'), put('c/1'));
      await on.commit(put('b/1'), del('b/10'));
      assert.deepEqual(on.keys('b/'), ['b/1', 'b/2']);
      assert.deepEqual(on.keys(), ['a/1', 'b', 'b/1', 'b/2', 'c/1']);
      await on.commit(put('b/10'), del('a/1'), del('never'));
      assert.deepEqual(on.keys(), ['b', 'b/1', 'b/10', 'b/2', 'c/1']);
    },
  ],
  [
    'any text is kept as it is, over a restart too',
    async (on) => {
      const odd = ['ключ/é', 'a"b\\c', 'x\ny', '\u{1f680}', 'a'.repeat(512)];
      await on.commit(...odd.map((key) => put(key, `${key}\u0000`)), put('empty', ''));
      await on.reopen();
      for (const key of odd) assert.equal(on.store.get(key)?.value, `${key}\u0000`);
      assert.equal(on.store.get('empty')?.value, '');
    },
  ],
  [
    'concurrent commits land in the order of the calls',
    async (on) => {
      const versions = await Promise.all(Array.from({ length: 200 }, (_, n) => on.commit(put('last', String(n)))));
      assert.deepEqual(
        versions,
        versions.map((_, n) => versions[0]! + n),
      );
      assert.equal(on.store.get('last')?.value, '199');
      await on.reopen();
      assert.deepEqual(on.store.get('last'), { key: 'last', value: '199', version: versions.at(-1) });
    },
  ],
  [
    'all survives a restart: values, deletions, versions and the epoch',
    async (on) => {
      const first = await on.commit(put('a'), put('b'));
      const second = await on.commit(del('a'), put('c'));
      await on.reopen();
      assert.deepEqual(on.store.list(''), [
        { key: 'b', value: 'b', version: first },
        { key: 'c', value: 'c', version: second },
      ]);
      assert.equal(on.store.epoch, on.epoch);
      assert.equal(await on.commit(put('d')), second + 1);
    },
  ],
  [
    'a new epoch fences off the old one, over a restart too',
    async (on) => {
      await on.commit(put('a', 'old'));
      const next = await on.store.startEpoch();
      assert.ok(next > on.epoch);
      assert.equal(on.store.epoch, next);
      await assert.rejects(on.commit(put('a', 'late')), {
        code: 'STORE_FENCED',
        details: { epoch: on.epoch, current: next },
      });
      await on.reopen();
      await assert.rejects(on.commit(put('a', 'late')), { code: 'STORE_FENCED' });
      await on.store.commit({ epoch: next, writes: [put('b')] });
      assert.equal(on.store.get('a')?.value, 'old');
    },
  ],
  [
    'a watch sees the writes under its prefix, in order, once they are visible',
    async (on) => {
      const seen: unknown[] = [];
      const stop = on.store.watch('a/', (writes, version) => {
        seen.push([version, writes, on.store.get('a/1')?.value]);
      });
      const first = await on.commit(put('a/1', '1'), put('b', '1'));
      await on.commit(put('b', '2'));
      on.epoch = await on.store.startEpoch();
      const second = await on.commit(del('a/1'));
      stop();
      await on.commit(put('a/1', '3'));
      assert.deepEqual(seen, [
        [first, [put('a/1', '1')], '1'],
        [second, [del('a/1')], undefined],
      ]);
    },
  ],
  [
    'a snapshot is sorted, and stays as it is whatever comes after it',
    async (on) => {
      const version = await on.commit(put('b'), put('a'));
      const snapshot = on.store.snapshot();
      await on.commit(put('a', 'later'), del('b'), put('c'));
      const entries = [
        { key: 'a', value: 'a', version },
        { key: 'b', value: 'b', version },
      ];
      assert.deepEqual(snapshot, { sequence: version, epoch: on.epoch, entries });
    },
  ],
  [
    'what is too large is refused and leaves no trace',
    async (on) => {
      const before = await on.commit(put('a'));
      await assert.rejects(on.commit(put('b'), put('x'.repeat(513))), { code: 'STORE_KEY_INVALID' });
      await assert.rejects(on.commit(put('')), { code: 'STORE_KEY_INVALID' });
      const huge = 'x'.repeat(16 * 1024 * 1024);
      await assert.rejects(on.commit(put('b', huge)), { code: 'STORE_BATCH_TOO_LARGE', blame: 'user' });
      assert.equal(on.store.get('b'), undefined);
      assert.equal(await on.commit(put('b', huge.slice(8))), before + 1);
      await on.reopen();
      assert.equal(on.store.get('b')?.value.length, huge.length - 8);
    },
  ],
  [
    'closing lands what was accepted and refuses the rest',
    async (on) => {
      const last = on.commit(put('a', 'landed'));
      await Promise.all([last, on.store.close()]);
      await assert.rejects(on.commit(put('a', 'late')), { code: 'STORE_CLOSED' });
      await on.reopen();
      assert.equal(on.store.get('a')?.value, 'landed');
    },
  ],
];
