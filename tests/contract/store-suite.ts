import { Readable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { StoreEntry, StoreWrite } from '../../sdk/contract/index.js';
import { readBackup, writeBackup } from '../../sdk/backup/index.js';
import type { DurableStore, Store, StoreSnapshot } from '../../kernel/ports/store.js';

/** One durable medium: every `open` sees what earlier stores on it have committed. */
export interface StoreMedium<S extends Store = Store> {
  open(): Promise<S>;
  destroy(): Promise<void>;
}

const put = (key: string, value = key): StoreWrite => ({ op: 'put', key, value });
const del = (key: string): StoreWrite => ({ op: 'delete', key });

/** What every Store driver promises. */
export function storeSuite(name: string, newMedium: () => Promise<StoreMedium>): void {
  describe(`${name} is a Store`, () => {
    let medium: StoreMedium;
    let store: Store;
    let epoch: number;
    const commit = (...writes: StoreWrite[]): Promise<number> => store.commit({ epoch, writes });
    const reopen = async (): Promise<void> => {
      await store.close();
      store = await medium.open();
    };

    beforeEach(async () => {
      medium = await newMedium();
      store = await medium.open();
      epoch = await store.startEpoch();
    });
    afterEach(async () => {
      await store.close();
      await medium.destroy();
    });

    test('a committed batch is visible and carries its version', async () => {
      expect(store.get('a')).toBeUndefined();
      const version = await commit(put('a', '1'), put('b', '2'));
      expect(store.get('a')).toEqual({ key: 'a', value: '1', version });
      expect(await commit(put('a', '3'), del('b'))).toBe(version + 1);
      expect(store.get('a')).toEqual({ key: 'a', value: '3', version: version + 1 });
      expect(store.get('b')).toBeUndefined();
    });

    test('later writes of one batch win', async () => {
      await commit(put('a', '1'), del('a'), put('a', '2'), put('b'), del('b'));
      expect(store.list('').map(({ key, value }) => [key, value])).toEqual([['a', '2']]);
    });

    test('a list is sorted and holds the keys under its prefix only', async () => {
      await commit(put('b/2'), put('a/1'), put('b/10'), put('b'), put('c/1'));
      await commit(put('b/1'), del('b/10'));
      expect(store.list('b/').map(({ key }) => key)).toEqual(['b/1', 'b/2']);
      expect(store.list('').map(({ key }) => key)).toEqual(['a/1', 'b', 'b/1', 'b/2', 'c/1']);
      await commit(put('b/10'), del('a/1'), del('never'));
      expect(store.list('').map(({ key }) => key)).toEqual(['b', 'b/1', 'b/10', 'b/2', 'c/1']);
    });

    test('any text is kept as it is, over a restart too', async () => {
      const odd = ['ключ/é', 'a"b\\c', 'x\ny', '\u{1f680}', 'a'.repeat(512)];
      await commit(...odd.map((key) => put(key, `${key}\u0000`)), put('empty', ''));
      await reopen();
      for (const key of odd) expect(store.get(key)?.value).toBe(`${key}\u0000`);
      expect(store.get('empty')?.value).toBe('');
    });

    test('concurrent commits land in the order of the calls', async () => {
      const versions = await Promise.all(Array.from({ length: 200 }, (_, n) => commit(put('last', String(n)))));
      expect(versions).toEqual(versions.map((_, n) => versions[0]! + n));
      expect(store.get('last')?.value).toBe('199');
      await reopen();
      expect(store.get('last')).toEqual({ key: 'last', value: '199', version: versions.at(-1) });
    });

    test('all survives a restart: values, deletions, versions and the epoch', async () => {
      const first = await commit(put('a'), put('b'));
      const second = await commit(del('a'), put('c'));
      await reopen();
      expect(store.list('')).toEqual([
        { key: 'b', value: 'b', version: first },
        { key: 'c', value: 'c', version: second },
      ]);
      expect(store.epoch).toBe(epoch);
      expect(await commit(put('d'))).toBe(second + 1);
    });

    test('a new epoch fences off the old one, over a restart too', async () => {
      await commit(put('a', 'old'));
      const next = await store.startEpoch();
      expect(next).toBeGreaterThan(epoch);
      expect(store.epoch).toBe(next);
      const late = store.commit({ epoch, writes: [put('a', 'late')] });
      await expect(late).rejects.toMatchObject({ code: 'STORE_FENCED', details: { epoch, current: next } });
      await reopen();
      await expect(commit(put('a', 'late'))).rejects.toMatchObject({ code: 'STORE_FENCED' });
      await store.commit({ epoch: next, writes: [put('b')] });
      expect(store.get('a')?.value).toBe('old');
    });

    test('a watch sees the writes under its prefix, in order, once they are visible', async () => {
      const seen: unknown[] = [];
      const stop = store.watch('a/', (writes, version) => {
        seen.push([version, writes, store.get('a/1')?.value]);
      });
      const first = await commit(put('a/1', '1'), put('b', '1'));
      await commit(put('b', '2'));
      await store.startEpoch().then((next) => (epoch = next));
      const second = await commit(del('a/1'));
      stop();
      await commit(put('a/1', '3'));
      expect(seen).toEqual([
        [first, [put('a/1', '1')], '1'],
        [second, [del('a/1')], undefined],
      ]);
    });

    test('a snapshot is sorted, and stays as it is whatever comes after it', async () => {
      const version = await commit(put('b'), put('a'));
      const snapshot = store.snapshot();
      await commit(put('a', 'later'), del('b'), put('c'));
      expect(snapshot).toEqual({
        ...{ sequence: version, epoch },
        entries: [
          { key: 'a', value: 'a', version },
          { key: 'b', value: 'b', version },
        ],
      });
    });

    test('what is too large is refused and leaves no trace', async () => {
      const before = await commit(put('a'));
      await expect(commit(put('b'), put('x'.repeat(513)))).rejects.toMatchObject({ code: 'STORE_KEY_INVALID' });
      await expect(commit(put(''))).rejects.toMatchObject({ code: 'STORE_KEY_INVALID' });
      const huge = 'x'.repeat(16 * 1024 * 1024);
      await expect(commit(put('b', huge))).rejects.toMatchObject({ code: 'STORE_BATCH_TOO_LARGE', blame: 'user' });
      expect(store.get('b')).toBeUndefined();
      expect(await commit(put('b', huge.slice(8)))).toBe(before + 1);
      await reopen();
      expect(store.get('b')?.value.length).toBe(huge.length - 8);
    });

    test('closing lands what was accepted and refuses the rest', async () => {
      const last = commit(put('a', 'landed'));
      await Promise.all([last, store.close()]);
      await expect(commit(put('a', 'late'))).rejects.toMatchObject({ code: 'STORE_CLOSED' });
      store = await medium.open();
      expect(store.get('a')?.value).toBe('landed');
    });
  });
}

export type NewMedium = () => Promise<StoreMedium<DurableStore>>;

/** What every driver promises whose store outlives its process: backups of each driver go into it. */
export function durableSuite(name: string, newMedium: NewMedium, sources: Readonly<Record<string, NewMedium>>): void {
  describe(`${name} is a DurableStore`, () => {
    const opened: { close(): Promise<void> }[] = [];
    const media: StoreMedium[] = [];
    afterEach(async () => {
      for (const one of opened.splice(0)) await one.close();
      for (const one of media.splice(0)) await one.destroy();
    });
    const made = async (make: NewMedium) => {
      const medium = await make();
      media.push(medium);
      return medium;
    };
    const open = async (medium: StoreMedium<DurableStore>) => {
      const store = await medium.open();
      opened.push(store);
      return store;
    };
    const close = async (store: DurableStore) => {
      opened.splice(opened.indexOf(store), 1);
      await store.close();
    };
    const fill = async (store: DurableStore, epochs: number, ...keys: string[]) => {
      for (let n = 0; n < epochs; n++) await store.startEpoch();
      for (const key of keys) await store.commit({ epoch: store.epoch, writes: [put(key)] });
    };

    test.each(Object.entries(sources))('a backup of a %s goes into it whole', async (_source, newSource) => {
      const source = await open(await made(newSource));
      await fill(source, 3, 'a', 'b', 'c', 'gone', 'b', 'ключ', 'x'.repeat(512));
      await source.commit({ epoch: source.epoch, writes: [del('gone'), put('big', 'y'.repeat(2_000_000))] });
      const backup = await throughFile(source.snapshot());

      const medium = await made(newMedium);
      const before = await open(medium);
      await fill(before, 2, 'a', 'mine', 'and mine');
      await before.restore(backup);
      await close(before);
      const after = await open(medium);
      expect(after.list('')).toEqual(source.list(''));
      const epoch = await after.startEpoch();
      expect(epoch).toBeGreaterThan(Math.max(source.epoch, before.epoch));
      const version = await after.commit({ epoch, writes: [put('next')] });
      expect(version).toBeGreaterThan(Math.max(source.snapshot().sequence, before.snapshot().sequence));
      await close(after);
      expect((await open(medium)).list('').map(({ key }) => key)).toContain('next');
    });

    test('a backup of its own goes back into it, and into it again', async () => {
      const medium = await made(newMedium);
      const first = await open(medium);
      await fill(first, 1, 'a', 'b');
      const backup = first.snapshot();
      await close(first);
      for (const later of ['c', 'd']) {
        const store = await open(medium);
        await fill(store, 1, later, 'a');
        await store.restore(backup);
        await close(store);
        const after = await open(medium);
        expect(after.list('')).toEqual(backup.entries);
        await close(after);
      }
    });

    test('a backup of nothing leaves nothing', async () => {
      const medium = await made(newMedium);
      const store = await open(medium);
      await fill(store, 1, 'a');
      await store.restore({ sequence: 0, epoch: 0, entries: [] });
      await close(store);
      const after = await open(medium);
      expect(after.list('')).toEqual([]);
      await fill(after, 1, 'b');
      expect(after.list('').map(({ key }) => key)).toEqual(['b']);
    });
  });
}

/** As operators carry it from one store to the other. */
async function throughFile({ sequence, epoch, entries }: StoreSnapshot): Promise<StoreSnapshot> {
  const header = { mezzoBackup: 1, store: 1, epoch, sequence, time: '2026-01-02T03:04:05Z', count: entries.length };
  const read: StoreEntry[] = [];
  await readBackup(Readable.from(writeBackup(header, entries)), 'a backup', { entry: (entry) => read.push(entry) });
  return { sequence, epoch, entries: read };
}
