import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { create } from 'tar';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Fetcher } from './fetcher.js';

let base: string;
let sandbox: string;
let server: Server;
let url: string;
let fetcher: Fetcher;

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'mezzo-fetch-'));
  sandbox = join(base, 'sandbox');
  await mkdir(sandbox);
  fetcher = new Fetcher({ maxBytes: 100_000, stallTimeoutMs: 300 });
  server = createServer((request, response) => {
    const path = request.url ?? '';
    if (path.startsWith('/moved')) response.writeHead(302, { Location: '/files/a.txt' }).end();
    else if (path.startsWith('/files')) response.end('hello');
    else if (path.startsWith('/large')) for (let i = 0; i < 20; i++) response.write('x'.repeat(10_000));
    else if (path.startsWith('/stall')) response.write('never the rest');
    else response.writeHead(404).end('nope');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterEach(async () => {
  await fetcher.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await rm(base, { recursive: true });
});

const fetch = (value: string, more: object = {}) => fetcher.fetchAll([{ value, ...more }], sandbox, undefined);
const content = (name: string) => readFile(join(sandbox, name), 'utf8');
const file = async (name: string, text = 'local') => {
  await writeFile(join(base, name), text);
  return join(base, name);
};

test('files come from the web, through redirects, and from the machine', async () => {
  await fetch(`${url}/files/a.txt?query=1`);
  await fetch(`${url}/moved`, { outputFile: 'deep/b.txt' });
  await fetch(await file('c.txt'));
  await fetch(`file://${await file('d e.txt')}`, { executable: true });
  expect([await content('a.txt'), await content('deep/b.txt'), await content('c.txt')]).toEqual([
    'hello',
    'hello',
    'local',
  ]);
  expect((await stat(join(sandbox, 'd e.txt'))).mode & 0o777).toBe(0o755);
});

test('archives are extracted unless they are executable or must not be', async () => {
  await file('inside.txt');
  await create({ cwd: base, gzip: true, file: join(base, 'x.tgz') }, ['inside.txt']);
  await fetch(join(base, 'x.tgz'), { extract: false });
  expect(await readdir(sandbox)).toEqual(['x.tgz']);
  await fetch(join(base, 'x.tgz'));
  expect(await content('inside.txt')).toBe('local');
  await writeFile(join(base, 'plain.gz'), gzipSync('zipped'));
  await fetch(join(base, 'plain.gz'));
  expect(await content('plain')).toBe('zipped');
});

test('an archive cannot reach out of the sandbox, by name or by link', async () => {
  await file('evil.txt', 'evil');
  const inner = join(base, 'inner');
  await mkdir(inner);
  execFileSync('tar', ['-C', inner, '-P', '-cf', join(base, 'up.tar'), '../evil.txt']);
  await fetch(join(base, 'up.tar')).catch(() => {});
  await symlink(base, join(inner, 'link'));
  execFileSync('tar', ['-C', inner, '-cf', join(base, 'link.tar'), 'link']);
  await writeFile(join(inner, 'planted'), 'planted');
  execFileSync('tar', [
    '-C',
    inner,
    '--transform',
    's,planted,link/planted,',
    '-rf',
    join(base, 'link.tar'),
    'planted',
  ]);
  await fetch(join(base, 'link.tar')).catch(() => {});
  expect((await readdir(base)).sort()).toEqual(['evil.txt', 'inner', 'link.tar', 'sandbox', 'up.tar']);
});

test.each([
  ['missing on the server', () => `${url}/nope`, /answered 404/],
  ['larger than the bound', () => `${url}/large`, /larger than 100000 bytes/],
  ['stalled', () => `${url}/stall`, /Timeout/],
  ['of an unknown scheme', () => 's3://bucket/x', /scheme 's3' is not supported yet/],
  ['relative', () => 'x/y', /must begin with/],
  ['missing on the machine', () => '/no/such/file', /No such file/],
  ['a zip that is none', () => `${url}/files/broken.zip`, /unzip/],
])('what is %s fails with a reason and leaves nothing half done', async (_, uri, reason) => {
  await expect(fetch(uri())).rejects.toThrowError(reason);
  expect((await readdir(sandbox)).filter((name) => name.endsWith('.partial'))).toEqual([]);
});

test.each(['../out', '/etc/x', 'a/../../b', '.'])('an output file %s is refused', async (outputFile) => {
  await expect(fetch(`${url}/files/a`, { outputFile })).rejects.toMatchObject({ code: 'FETCH_FAILED' });
});

test('a reason shows no password of the URI', async () => {
  const secret = url.replace('http://', 'http://joe:hush@');
  await expect(fetch(`${secret}/nope?token=hush`)).rejects.toThrowError(/^(?!.*hush)/);
});

test('an archive that unpacks to more than the bound is refused', async () => {
  await file('big.txt', 'x'.repeat(200_000));
  await create({ cwd: base, gzip: true, file: join(base, 'bomb.tgz') }, ['big.txt']);
  await expect(fetch(join(base, 'bomb.tgz'))).rejects.toThrowError(/more than 100000 bytes/);
});
