import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { MasterInfo } from '@mezzo/sdk/api';
import type { Leadership } from '../../ports/coordination.js';
import { EmbeddedCoordination } from './embedded.js';

const self: MasterInfo = { id: 'm', ip: 16777343, port: 5050 };
let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mezzo-lock-'));
});
afterEach(() => rm(directory, { recursive: true }));

test('who contends is elected, until it closes', async () => {
  const coordination = new EmbeddedCoordination(directory);
  const seen: Leadership[] = [];
  coordination.watch((leadership) => seen.push(leadership));
  let afterStop = 0;
  coordination.watch(() => afterStop++)();
  await coordination.contend(self);
  await coordination.close();
  const nobody = { leader: undefined, elected: false };
  expect(seen).toEqual([nobody, { leader: self, elected: true }, nobody]);
  expect(afterStop).toBe(1);
  expect(await readdir(directory)).toEqual([]);
});

test('a second master in the same directory is told the pid of the first', async () => {
  const first = new EmbeddedCoordination(directory);
  const second = new EmbeddedCoordination(directory);
  await first.contend(self);
  await expect(second.contend(self)).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    message: expect.stringContaining(`process ${process.pid}`) as string,
    details: { pid: process.pid },
  });
  await second.close();
  expect(await readdir(directory)).toEqual(['master.lock']);
  await first.close();
  await second.contend(self);
  await second.close();
});

test('the lock of a dead master is taken over', async () => {
  const dead = spawn('/bin/true');
  await once(dead, 'exit');
  for (const text of [
    JSON.stringify({ pid: dead.pid, startTicks: '1' }),
    'torn {',
    JSON.stringify({ pid: 1, startTicks: '-' }),
  ]) {
    await writeFile(join(directory, 'master.lock'), text);
    const coordination = new EmbeddedCoordination(directory);
    await coordination.contend(self);
    expect(JSON.parse(await readFile(join(directory, 'master.lock'), 'utf8'))).toMatchObject({ pid: process.pid });
    await coordination.close();
  }
});
