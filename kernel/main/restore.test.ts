import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeBackup } from '@mezzo/sdk/backup';
import type { DurableStore } from '@mezzo/sdk/points/store-driver';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { EmbeddedCoordination } from '../shell/coordination/embedded.js';
import { openLevelStore } from '../shell/store/level-store.js';
import { loadFlags } from './flags.js';
import { restore, restoreFlags } from './restore.js';

let dir: string;
let file: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-restore-'));
  file = join(dir, 'x.backup');
  await write({});
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const ENTRIES = [{ key: 'registry/agents/a', value: '{}', version: 3 }];

async function write(change: object): Promise<void> {
  const header = { mezzoBackup: 1, store: 1, epoch: 7, sequence: 3, time: '2026-01-02T03:04:05Z', count: 1, ...change };
  const parts: Buffer[] = [];
  for await (const part of writeBackup(header, ENTRIES)) parts.push(part);
  writeFileSync(file, Buffer.concat(parts));
}
const run = (...argv: string[]) =>
  restore(loadFlags(restoreFlags, { argv: [`--work_dir=${dir}`, `--from=${file}`, ...argv], env: {} }));
async function inStore<T>(act: (store: DurableStore) => T | Promise<T>): Promise<T> {
  const store = await openLevelStore(join(dir, 'store'));
  try {
    return await act(store);
  } finally {
    await store.close();
  }
}
const held = () => inStore((store) => store.list('').map(({ key }) => key));

test('an empty store takes a backup, and its next epoch is above that of the backup', async () => {
  expect(await run()).toMatchObject({ into: join(dir, 'store'), count: 1, replaced: 0 });
  expect(await held()).toEqual(['registry/agents/a']);
  expect(await inStore((store) => store.startEpoch())).toBeGreaterThan(7);
});

test('the same backup again, into a store that was lost again: it begins above those who led in between', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  try {
    await run();
    let last = 0;
    for (let i = 0; i < 3; i++) last = await inStore((store) => store.startEpoch());
    rmSync(join(dir, 'store'), { recursive: true });
    vi.advanceTimersByTime(60_000);
    await run();
    expect(await inStore((store) => store.startEpoch())).toBeGreaterThan(last);
  } finally {
    vi.useRealTimers();
  }
});

test('a store that holds something is left alone, unless that is said', async () => {
  await inStore(async (store) => {
    await store.commit({ epoch: await store.startEpoch(), writes: [{ op: 'put', key: 'mine', value: '' }] });
  });
  await expect(run()).rejects.toMatchObject({
    code: 'STORE_NOT_EMPTY',
    message: `The store ${join(dir, 'store')} holds 1 entries`,
    next: expect.stringContaining('--force') as string,
  });
  expect(await held()).toEqual(['mine']);
  expect(await run('--force')).toMatchObject({ replaced: 1 });
  expect(await held()).toEqual(['registry/agents/a']);
});

test('a store that a master uses is refused', async () => {
  const master = new EmbeddedCoordination(dir);
  await master.contend({ id: 'm', ip: 0, port: 5050 });
  await expect(run('--force')).rejects.toMatchObject({ code: 'STORE_LOCKED' });
  await master.close();
  await run();
});

test('a file that is not whole, too new or not there changes nothing', async () => {
  writeFileSync(file, readFileSync(file, 'utf8').replace('{}', '{ }'));
  await expect(run()).rejects.toMatchObject({ code: 'BACKUP_DAMAGED' });
  await write({ store: 2 });
  await expect(run()).rejects.toMatchObject({ code: 'STORE_TOO_NEW', details: { format: 2 } });
  await write({ mezzoBackup: 2 });
  await expect(run()).rejects.toMatchObject({ code: 'BACKUP_TOO_NEW' });
  rmSync(file);
  await expect(run()).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: expect.stringContaining(file) as string,
  });
  expect(await held()).toEqual([]);
});

test('what is missing is named', async () => {
  const none = loadFlags(restoreFlags, { argv: [], env: {} });
  await expect(restore(none)).rejects.toMatchObject({ code: 'INVALID_FLAG', message: 'flag --from is required' });
  const nowhere = loadFlags(restoreFlags, { argv: [`--from=${file}`], env: {} });
  await expect(restore(nowhere)).rejects.toMatchObject({ message: 'flag --work_dir is required' });
});
