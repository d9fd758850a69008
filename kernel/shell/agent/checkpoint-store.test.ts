import { appendFile, mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@mezzo/sdk/contract';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { JournalCheckpointStore } from './checkpoint-store.js';

let directory: string;
let opened: JournalCheckpointStore[];
const warnings: unknown[] = [];
const log = { warn: (_: string, fields?: object) => void warnings.push(fields) } as unknown as Logger;

const open = async () => {
  const store = new JournalCheckpointStore(directory, log);
  opened.push(store);
  const records = new Map((await store.load()).map(({ key, value }) => [key, value]));
  return { store, records };
};
/** What the next life finds; the disk as it is now. */
const found = async () => {
  const { store, records } = await open();
  await store.close();
  return records;
};
const journal = () => join(directory, 'journal');

beforeEach(async () => {
  directory = join(await mkdtemp(join(tmpdir(), 'mezzo-meta-')), 'meta');
  opened = [];
  warnings.length = 0;
});
afterEach(async () => {
  for (const store of opened) await store.close();
  await rm(join(directory, '..'), { recursive: true });
});

test('what was put is there after a restart, the last value wins, what was removed is gone', async () => {
  const { store } = await open();
  await Promise.all([
    store.put('a', 1),
    store.put('a', { n: 2n, infinite: Infinity }),
    store.put('tasks/c/x\n\ud800', 'x\ny'),
    store.put('gone', 1),
    store.remove('gone'),
    store.remove('never'),
    store.put('back', 1),
    store.remove('back'),
    store.put('back', 2),
  ]);
  expect(await found()).toEqual(
    new Map<string, unknown>([
      ['a', { n: 2n, infinite: Infinity }],
      ['tasks/c/x\n\ud800', 'x\ny'],
      ['back', 2],
    ]),
  );
});

test('a journal that is missing or empty where there was an agent is warned of, by its name', async () => {
  const { store } = await open();
  await store.put('agent', 1);
  expect(warnings).toEqual([]);
  await truncate(journal(), 0);
  await found();
  await rm(journal());
  await found();
  expect(warnings).toEqual([{ file: journal() }, { file: journal() }]);
});

test('a write is durable when it resolves', async () => {
  const { store } = await open();
  const puts = Array.from({ length: 50 }, (_, n) => store.put('k', n));
  for (const [n, put] of puts.entries()) {
    await put;
    const last = (await readFile(journal(), 'utf8')).trimEnd().split('\n').at(-1)!;
    expect((JSON.parse(last.slice(last.indexOf(' '))) as { value: number }).value).toBeGreaterThanOrEqual(n);
  }
});

test('wherever the journal is torn, what was written before is whole', async () => {
  const { store } = await open();
  for (let n = 0; n < 5; n++) await store.put(`k${n}`, n);
  await store.close();
  const whole = await readFile(journal());
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: whole.length }), async (length) => {
      await writeFile(journal(), whole);
      await truncate(journal(), length);
      const lines = whole.subarray(0, length).toString().split('\n').length - 1;
      const records = await found();
      expect([...records.keys()]).toEqual(expect.arrayContaining(['k0', 'k1', 'k2', 'k3', 'k4'].slice(0, lines)));
      expect(records.size).toBeLessThanOrEqual(lines + 1);
    }),
    { numRuns: 40 },
  );
});

test('a damaged line costs that line alone, with a warning, and is not carried on', async () => {
  const { store } = await open();
  await store.put('a', 'first');
  await store.put('b', 'second');
  await store.put('c', 'third');
  await store.close();
  await writeFile(journal(), (await readFile(journal(), 'utf8')).replace('second', 'sec0nd'));
  await appendFile(journal(), 'garbage\n{"key":"x"}\nhalf a line');
  expect([...(await found()).keys()]).toEqual(['a', 'c']);
  expect(warnings).toHaveLength(4);
  expect([...(await found()).keys()]).toEqual(['a', 'c']);
  expect(warnings).toHaveLength(4);
});

test('a journal of mostly old news is rewritten, and a rewrite that never finished is ignored', async () => {
  const { store } = await open();
  const value = 'x'.repeat(100_000);
  for (let n = 0; n < 100; n++) await store.put('k', value + n);
  expect((await stat(journal())).size).toBeLessThan(6_000_000);
  await store.put('last', 1);
  await store.close();
  await writeFile(`${journal()}.tmp`, 'half');
  expect([...(await found())]).toEqual([
    ['k', `${value}99`],
    ['last', 1],
  ]);
});

test('the memory is private, and a disk that fails is told', async () => {
  const { store } = await open();
  expect((await stat(journal())).mode & 0o077).toBe(0);
  await store.close();
  await rm(directory, { recursive: true });
  await expect(store.put('a', 1)).rejects.toThrowError(/ENOENT/);
});
