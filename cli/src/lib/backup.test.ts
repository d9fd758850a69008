import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeBackup } from '@mezzo/sdk/backup';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { takeBackup } from './backup.js';
import { Cluster } from './cluster.js';
import { WorkDir } from './workdir.js';

let dir: string;
let file: string;
const servers: Server[] = [];
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-backup-'));
  file = join(dir, 'x.backup');
});
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
  rmSync(dir, { recursive: true, force: true });
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  servers.push(server);
  await new Promise((resolve) => server.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
const take = async (url: string, to = file) =>
  takeBackup(await Cluster.find({ url, token: 'secret', workDir: new WorkDir(dir) }), to, {});

async function bytesOf(): Promise<Buffer> {
  const header = { mezzoBackup: 1, store: 1, epoch: 1, sequence: 2, time: '2026-01-02T03:04:05Z', count: 1 };
  const parts: Buffer[] = [];
  for await (const part of writeBackup(header, [{ key: 'a', value: 'x'.repeat(100_000), version: 2 }]))
    parts.push(part);
  return Buffer.concat(parts);
}

test('whoever is not the leader sends on to it, where the same token is shown', async () => {
  const bytes = await bytesOf();
  const asked: (string | undefined)[] = [];
  const leader = await serve(({ url, headers }, response) => {
    asked.push(url, headers.authorization);
    response.end(bytes);
  });
  const follower = await serve(({ url }, response) =>
    response.writeHead(307, { location: `${leader.replace('http:', '')}/master${url?.replace('/mesos', '')}` }).end(),
  );
  expect(await take(follower)).toMatchObject({ file, bytes: bytes.length, count: 1, sequence: 2 });
  expect(asked).toEqual(['/master/store/v1/backup', 'Bearer secret']);
  expect(readFileSync(file)).toEqual(bytes);
  expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('followers that name each other are not asked for ever', async () => {
  const url: string = await serve((_request, response) => response.writeHead(307, { location: '/mesos/again' }).end());
  await expect(take(url)).rejects.toMatchObject({ code: 'NO_LEADER', message: expect.stringContaining(url) as string });
});

test.each([
  ['breaks off', 'BACKUP_CUT_OFF', (bytes: Buffer) => bytes.subarray(0, 50_000)],
  ['is damaged', 'BACKUP_DAMAGED', (bytes: Buffer) => Buffer.from(bytes.toString().replace('xx', 'xy'))],
])('one that %s leaves the file of before, and no other', async (_how, code, sent) => {
  const bytes = await bytesOf();
  writeFileSync(file, 'of before');
  const url = await serve((_request, response) => {
    response.writeHead(200, { 'content-length': bytes.length }).write(sent(bytes), () => response.destroy());
  });
  await expect(take(url)).rejects.toMatchObject({ code });
  expect(readFileSync(file, 'utf8')).toBe('of before');
  expect(readdirSync(dir)).toEqual(['x.backup']);
});

test('who may not have it is told who may; a file that cannot be written is named first', async () => {
  const url = await serve((_request, response) => response.writeHead(401).end('the token is not valid here'));
  await expect(take(url)).rejects.toMatchObject({
    code: 'HTTP_401',
    next: expect.stringContaining('cluster.key') as string,
  });
  await expect(take('http://127.0.0.1:1', join(dir, 'no/x'))).rejects.toMatchObject({ code: 'FILE_UNWRITABLE' });
  expect(existsSync(file)).toBe(false);
});
