import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from '@mezzo/sdk/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { FileCheckpointStore } from './checkpoint-store.js';

let directory: string;
const warnings: unknown[] = [];
const log = { warn: (_: string, fields?: object) => void warnings.push(fields) } as unknown as Logger;
const store = () => new FileCheckpointStore(directory, log);
const files = async () =>
  (await readdir(directory, { recursive: true, withFileTypes: true })).filter((e) => e.isFile());
const loaded = async () => new Map((await store().load()).map(({ key, value }) => [key, value]));

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mezzo-meta-'));
  warnings.length = 0;
});
afterEach(() => rm(directory, { recursive: true }));

test('what was put is there after a restart, the last value wins, what was removed is gone', async () => {
  const first = store();
  await Promise.all([
    first.put('a', 1),
    first.put('a', { n: 2n, infinite: Infinity }),
    first.put('tasks/c/x', 'x'),
    first.remove('tasks/c/x'),
    first.remove('never'),
    first.put('gone/and/back', 1),
    first.remove('gone/and/back'),
    first.put('gone/and/back', 2),
  ]);
  expect(await loaded()).toEqual(
    new Map<string, unknown>([
      ['a', { n: 2n, infinite: Infinity }],
      ['gone/and/back', 2],
    ]),
  );
});

test('a write is durable only when its own value or a later one is on disk', async () => {
  const writer = store();
  const puts = Array.from({ length: 20 }, (_, n) => writer.put('k', n));
  for (const [n, put] of puts.entries()) {
    await put;
    expect((await loaded()).get('k')).toBeGreaterThanOrEqual(n);
  }
});

test('any key becomes a file inside the directory', async () => {
  const keys = ['tasks/c/..', 'tasks/c/.hidden', `tasks/c/${'ü'.repeat(300)}`, 'tasks/c/a b%2F*', 'tasks/c/\ud800'];
  const writer = store();
  await Promise.all(keys.map((key) => writer.put(key, key)));
  expect([...(await loaded()).keys()].sort()).toEqual(keys.sort());
});

test('torn, empty and foreign files are skipped with a warning, unfinished ones cleared away', async () => {
  const writer = store();
  await Promise.all([writer.put('good', 1), writer.put('torn', 'x'.repeat(100)), writer.put('empty', 1)]);
  await truncate(join(directory, 'torn.json'), 90);
  await truncate(join(directory, 'empty.json'), 0);
  await writeFile(join(directory, 'foreign.json'), '{"key":"foreign","value":1}');
  await writeFile(join(directory, 'good.json.tmp'), 'half');
  expect(await loaded()).toEqual(new Map([['good', 1]]));
  expect(warnings).toHaveLength(3);
  expect((await files()).map((f) => f.name)).not.toContain('good.json.tmp');
});

test('a directory that is not there holds nothing', async () => {
  await rm(directory, { recursive: true });
  expect(await store().load()).toEqual([]);
  await store().put('a', 1);
  expect((await readFile(join(directory, 'a.json'), 'utf8')).split('\n')).toHaveLength(2);
});
