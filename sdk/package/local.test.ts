import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readLocalPackage } from './local.js';
import { inspectPackage, integrityOf, unpackPackage } from './unpack.js';

let home: string;
let pkg: string;
const MEZZO = { id: 'mine', sdk: '*', runsOn: ['master'], entry: 'plugin.js' };

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'mezzo-local-'));
  pkg = join(home, 'some/way/pkg');
  mkdirSync(join(pkg, 'deep'), { recursive: true, mode: 0o755 });
  const files = { 'package.json': JSON.stringify({ name: 'mine', version: '1.0.0', mezzo: MEZZO }), 'plugin.js': '1' };
  for (const [name, text] of Object.entries({ ...files, 'deep/file.js': '2' }))
    writeFileSync(join(pkg, name), text, { mode: 0o644 });
});
afterEach(() => rmSync(home, { recursive: true }));

const untrusted = (path: string, what: string, at = pkg) =>
  expect(readLocalPackage(at)).rejects.toMatchObject({
    code: 'PLUGIN_NOT_TRUSTED',
    message: expect.stringContaining(`${path} ${what}`) as string,
    details: { path },
  });

test('a directory is a package like any other, and the same files are the same bytes', async () => {
  const bytes = await readLocalPackage(pkg);
  const manifest = await inspectPackage(bytes);
  expect(manifest).toMatchObject({ id: 'mine', version: '1.0.0' });
  expect(integrityOf(await readLocalPackage(pkg))).toBe(integrityOf(bytes));
  expect(await unpackPackage(join(home, 'to'), manifest, bytes, integrityOf(bytes))).toBe(join(home, 'to/mine/1.0.0'));
});

test.each(['', 'deep', 'deep/file.js', '..', '../..'])('nobody else may write %j of it', async (name) => {
  const path = join(pkg, name);
  for (const bits of [0o020, 0o002]) {
    chmodSync(path, 0o755 | bits);
    await untrusted(path, 'can be written by others than its owner');
  }
  chmodSync(path, 0o755);
  await readLocalPackage(pkg);
});

test('above it a directory may be as /tmp is; it must not be so itself', async () => {
  chmodSync(join(home, 'some'), 0o1777);
  await readLocalPackage(pkg);
  chmodSync(pkg, 0o1777);
  await untrusted(pkg, 'can be written by others than its owner (mode 1777)');
});

test('both ways count, that of a link and that to what it names', async () => {
  mkdirSync(join(home, 'links'));
  const link = join(home, 'links/pkg');
  symlinkSync(pkg, link);
  await readLocalPackage(link);
  chmodSync(join(home, 'some'), 0o777);
  await untrusted(join(home, 'some'), 'can be written', link);
  chmodSync(join(home, 'some'), 0o755);
  chmodSync(join(home, 'links'), 0o777);
  await untrusted(join(home, 'links'), 'can be written', link);
});

test.skipIf(process.getuid?.() !== 0)("what is another user's is not taken, whoever may write there", async () => {
  for (const path of [join(pkg, 'plugin.js'), pkg, join(home, 'some')]) {
    chownSync(path, 4711, 4711);
    await untrusted(path, 'belongs to user 4711');
    chownSync(path, 0, 0);
  }
});

test('what is no directory, or not there, is said to be so, with the way to one', async () => {
  const refusal = { code: 'PLUGIN_PACKAGE_INVALID', next: expect.stringContaining('tar -xzf') as string };
  await expect(readLocalPackage(join(pkg, 'plugin.js'))).rejects.toMatchObject(refusal);
  await expect(readLocalPackage(join(pkg, 'nothing'))).rejects.toMatchObject(refusal);
});
