import assert from 'node:assert/strict';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import type { PluginManifest } from '@mezzo/sdk/contract';
import { STORE_DRIVER, type DurableStore } from '@mezzo/sdk/points/store-driver';
import { LoggedStore } from '@mezzo/sdk/store';
import { PluginHarness, storeDriverSuite } from '@mezzo/sdk/testing';
import { FileLog } from './file-log.js';
import { lineOf } from './lines.js';
import plugin from './plugin.js';

const { mezzo: manifest } = JSON.parse(readFileSync('package.json', 'utf8')) as { mezzo: Partial<PluginManifest> };

let warned: unknown[];
const log = {
  debug() {},
  info() {},
  error() {},
  warn: (...words: unknown[]) => void warned.push(words),
  child: () => log,
};
const open = async (path: string, snapshotEvery?: number): Promise<DurableStore> =>
  LoggedStore.open(await FileLog.open(path, log), snapshotEvery === undefined ? {} : { snapshotEvery });

/** What every driver promises, in the words of the SDK. */
for (const snapshotEvery of [10_000, 2])
  describe(`the laws of drivers, with a snapshot after ${snapshotEvery} entries`, () => {
    const create = async () => {
      const at = mkdtempSync(join(tmpdir(), 'file-store-'));
      const path = join(at, 'below', 'store.jsonl');
      let copies = 0;
      return {
        open: () => open(path, snapshotEvery),
        crashed: () => {
          const copy = join(at, `${++copies}.jsonl`);
          copyFileSync(path, copy);
          return open(copy, snapshotEvery);
        },
        destroy: async () => rmSync(at, { recursive: true }),
      };
    };
    const laws = storeDriverSuite({ create, shared: false });
    for (const { title, timeoutMs, skip, run } of laws) test(title, { timeout: timeoutMs, skip: skip ?? false }, run);
  });

describe('the file', () => {
  let home: string;
  let path: string;
  let copy: string;
  beforeEach(() => {
    warned = [];
    home = mkdtempSync(join(tmpdir(), 'file-store-'));
    [path, copy] = [join(home, 'store.jsonl'), join(home, 'copy.jsonl')];
  });
  afterEach(() => rmSync(home, { recursive: true }));

  async function filled(snapshotEvery?: number): Promise<void> {
    const store = await open(path, snapshotEvery);
    const epoch = await store.startEpoch();
    for (let n = 0; n < 12; n++)
      await store.commit({ epoch, writes: ['one', 'other'].map((key) => ({ op: 'put', key, value: String(n) })) });
    await store.close();
  }
  const lines = () => readFileSync(path, 'utf8').split('\n');
  const write = (to: readonly string[]) => writeFileSync(path, to.join('\n'));
  const damaged = (message: RegExp) => assert.rejects(open(path), { code: 'STORE_CORRUPT', message });

  test('cut short at any byte of its log it has a whole prefix of the batches, and goes on', async () => {
    await filled();
    let last = 11;
    const begins = lines()[0]!.length + 1;
    for (let size = statSync(path).size; size >= begins; size -= 7) {
      copyFileSync(path, copy);
      truncateSync(copy, size);
      const store = await open(copy);
      const value = store.get('one')?.value;
      assert.equal(store.get('other')?.value, value);
      const found = value === undefined ? -1 : Number(value);
      assert.ok(found <= last);
      last = found;
      const epoch = await store.startEpoch();
      await store.commit({ epoch, writes: [{ op: 'put', key: 'next', value: '' }] });
      await store.close();
      const again = await open(copy);
      assert.deepEqual([again.get('one')?.value, again.get('next')?.value], [value, '']);
      await again.close();
    }
    assert.equal(last, -1);
    assert.ok(warned.length > 0);
  });

  test('damage before its end is named by its line, and nothing is guessed or changed', async () => {
    await filled();
    const whole = lines();
    write(whole.map((line, at) => (at === 5 ? line.replace('"one"', '"own"') : line)));
    const before = readFileSync(path);
    await damaged(/line 6, at byte \d+: its checksum is wrong/);
    assert.deepEqual(readFileSync(path), before);
    write(whole.filter((_, at) => at !== 5));
    await damaged(/line 6, at byte \d+: it begins with entry 6, and 5 is missing/);
    write(['an app', ...whole]);
    await damaged(/line 1, at byte 0: its checksum is wrong/);
    write([lineOf({ something: 1 }).trim(), '']);
    await damaged(/line 1, at byte 0: it does not begin as a store does/);
    write([]);
    await damaged(/its end: it does not begin as a store does/);
  });

  test('a snapshot that is not whole is damage, too', async () => {
    await filled(5);
    const whole = lines();
    write(whole.filter((line) => !line.includes('"entries"')));
    await damaged(/entries of the snapshot before it are missing/);
    write([...whole.slice(0, 2), '']);
    await damaged(/its end: 2 entries of the snapshot/);
  });

  test('a snapshot takes the place of the log, and a half-written one is thrown away', async () => {
    await filled(5);
    assert.ok(lines().length < 10);
    writeFileSync(`${path}.new`, 'half of someth');
    const store = await open(path);
    assert.equal(store.get('one')?.value, '11');
    assert.equal(existsSync(`${path}.new`), false);
    await store.close();
  });

  test('of a newer version it is refused and left alone', async () => {
    write([lineOf({ format: 2 }).trim(), '']);
    await assert.rejects(open(path), { code: 'STORE_TOO_NEW', details: { format: 2, readable: 1 } });
  });

  test('what cannot be opened says why', async () => {
    writeFileSync(join(home, 'file'), '');
    await assert.rejects(open(join(home, 'file', 'store.jsonl')), {
      code: 'STORE_UNAVAILABLE',
      message: /ENOTDIR|EEXIST/,
    });
  });
});

test('as a plugin it brings one driver, for one master alone', async () => {
  const home = mkdtempSync(join(tmpdir(), 'file-store-'));
  const harness = await PluginHarness.start(plugin, { manifest });
  const [driver, ...more] = harness.contributions(STORE_DRIVER);
  assert.deepEqual([driver?.name, driver?.shared, more], ['file-store', false, []]);
  const store = await driver!.open({ stateDir: home, log });
  await store.startEpoch();
  await store.close();
  assert.ok(existsSync(join(home, 'store.jsonl')));
  await harness.stop();
  rmSync(home, { recursive: true });
});
