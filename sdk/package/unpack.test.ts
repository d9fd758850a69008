import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Header } from 'tar';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { inspectPackage, integrityOf, unpackPackage } from './unpack.js';

interface Entry {
  readonly path: string;
  readonly body?: string;
  readonly type?: 'File' | 'SymbolicLink' | 'Link' | 'CharacterDevice' | 'Directory' | 'FIFO';
  readonly linkpath?: string;
  /** What the header claims, when that is not the truth. */
  readonly size?: number;
  readonly mode?: number;
}

/** A tarball with any headers one likes: the real tools refuse to write most of these. */
function tarball(...entries: Entry[]): Buffer {
  const blocks = entries.flatMap(({ path, body = '', type = 'File', linkpath, size, mode = 0o644 }) => {
    const content = Buffer.from(body);
    const header = new Header({ path, type, linkpath, mode, size: size ?? content.length, mtime: new Date(0) });
    header.encode();
    return [header.block!, content, Buffer.alloc((512 - (content.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

const packageJson = (id = 'p') =>
  JSON.stringify({ name: id, version: '1.0.0', mezzo: { id, sdk: '*', runsOn: ['master'], entry: 'plugin.js' } });
const good: Entry[] = [
  { path: 'package/package.json', body: packageJson() },
  { path: 'package/plugin.js', body: 'export default 1', mode: 0o4777 },
];

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), 'mezzo-unpack-'))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const unpack = async (bytes: Buffer, integrity = integrityOf(bytes)) =>
  unpackPackage(join(dir, 'plugins'), await inspectPackage(tarball(...good)), bytes, integrity);

test('a good package is unpacked under its id and version, with plain permissions', async () => {
  const target = await unpack(tarball(...good));
  expect(target).toBe(join(dir, 'plugins', 'p', '1.0.0'));
  expect(readFileSync(join(target, 'plugin.js'), 'utf8')).toBe('export default 1');
  expect(statSync(join(target, 'plugin.js')).mode & 0o7777).toBe(0o755);
  expect(readdirSync(join(dir, 'plugins'))).toEqual(['p']);
});

test('the same bytes are unpacked once; other bytes of the same version replace them', async () => {
  const bytes = tarball(...good);
  const before = lstatSync(await unpack(bytes)).ino;
  expect(lstatSync(await unpack(bytes)).ino).toBe(before);
  const target = await unpack(tarball(...good, { path: 'package/more.txt', body: 'more' }));
  expect(lstatSync(target).ino).not.toBe(before);
  expect(existsSync(join(target, 'more.txt'))).toBe(true);
});

const hostile: [string, Entry, RegExp][] = [
  ['a path that climbs out', { path: 'package/../../evil', body: 'x' }, /leaves the package/],
  ['a path that climbs out at once', { path: '../evil', body: 'x' }, /leaves the package/],
  ['an absolute path', { path: '/tmp/evil', body: 'x' }, /leaves the package/],
  ['a path with a backslash', { path: 'package\\..\\evil', body: 'x' }, /leaves the package/],
  ['a file beside the package', { path: 'evil', body: 'x' }, /outside of the package/],
  ['a symbolic link', { path: 'package/l', type: 'SymbolicLink', linkpath: '/etc/passwd' }, /is a SymbolicLink/],
  ['a hard link', { path: 'package/l', type: 'Link', linkpath: '/etc/passwd' }, /is a Link/],
  ['a device', { path: 'package/d', type: 'CharacterDevice' }, /is a CharacterDevice/],
  ['a fifo', { path: 'package/f', type: 'FIFO' }, /is a FIFO/],
  ['a claim of too many bytes', { path: 'package/big', size: 300 * 1024 * 1024 }, /more than \d+ bytes/],
  ['an SDK of its own', { path: 'package/node_modules/@mezzo/sdk/x.js', body: '' }, /must not be packed/],
];
test.each(hostile)('refused: %s', async (_, entry, reason) => {
  for (const entries of [
    [...good, entry],
    [entry, ...good],
  ]) {
    await expect(unpack(tarball(...entries))).rejects.toMatchObject({
      code: 'PLUGIN_PACKAGE_INVALID',
      message: expect.stringMatching(reason),
    });
  }
  expect(readdirSync(dir)).toEqual([]);
});

test('refused: too many entries', async () => {
  const many = Array.from({ length: 10_000 }, (_, i) => ({ path: `package/${i}` }));
  await expect(unpack(tarball(...good, ...many))).rejects.toMatchObject({ message: expect.stringMatching(/entries/) });
});

test('refused: a bomb that unpacks to far more than it is', async () => {
  const bomb = tarball(...good, { path: 'package/zeros', body: '\0'.repeat(100 * 1024 * 1024) });
  expect(bomb.length).toBeLessThan(200_000);
  await expect(unpack(bomb)).rejects.toMatchObject({ code: 'PLUGIN_PACKAGE_INVALID' });
});

test('refused: bytes that are not those that were announced, before they are looked into', async () => {
  const announced = integrityOf(tarball(...good));
  await expect(unpack(Buffer.from('not even a tarball'), announced)).rejects.toMatchObject({
    code: 'PLUGIN_INTEGRITY_MISMATCH',
  });
  const md5 = `md5-${createHash('md5')
    .update(tarball(...good))
    .digest('base64')}`;
  await expect(unpack(tarball(...good), md5)).rejects.toMatchObject({ code: 'PLUGIN_INTEGRITY_MISMATCH' });
});

test('refused: garbage, a torn package, one without manifest or entry, and one of another plugin', async () => {
  const torn = tarball(...good, { path: 'package/x', body: 'y'.repeat(10_000) });
  for (const bytes of [
    Buffer.from('garbage'),
    Buffer.alloc(0),
    torn.subarray(0, 60),
    tarball(good[1]!),
    tarball(good[0]!),
    tarball({ path: 'package/package.json', body: '{' }, good[1]!),
    tarball({ path: 'package/package.json', body: packageJson('other') }, good[1]!),
  ])
    await expect(unpack(bytes)).rejects.toMatchObject({ code: 'PLUGIN_PACKAGE_INVALID' });
  mkdirSync(join(dir, 'plugins'), { recursive: true });
  expect(readdirSync(join(dir, 'plugins'))).toEqual([]);
});
