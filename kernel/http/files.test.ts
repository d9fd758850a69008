import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fileEndpoint, modeText } from './file-endpoints.js';
import { FileTree, MAX_READ_BYTES } from './files.js';

let dir: string;
let files: FileTree;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'mezzo-files-'));
  mkdirSync(join(dir, 'sandbox/sub'), { recursive: true });
  writeFileSync(join(dir, 'sandbox/stdout'), 'hello\n');
  writeFileSync(join(dir, 'secret'), 'hush');
  files = new FileTree();
  files.attach('/tasks/t', join(dir, 'sandbox'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

test('what is attached can be listed and read, by its virtual path', async () => {
  expect((await files.browse('/tasks/t')).map(({ path, size }) => [path, size])).toEqual([
    ['/tasks/t/stdout', 6],
    ['/tasks/t/sub', expect.any(Number)],
  ]);
  expect(await files.browse('/tasks/t/stdout')).toEqual([]);
  const { size, data } = await files.read('/tasks/t/stdout', 1, 3);
  expect([size, data.toString()]).toEqual([6, 'ell']);
  expect((await files.read('/tasks/t/stdout', 99)).data).toHaveLength(0);
});

test('nothing else can be reached: not by dots, not by a longer name, not by a link of a task', async () => {
  symlinkSync(join(dir, 'secret'), join(dir, 'sandbox/link'));
  symlinkSync('stdout', join(dir, 'sandbox/own'));
  writeFileSync(join(dir, 'sandbox-2'), 'x');
  for (const path of ['/tasks/t/../../secret', '/tasks/t/link', '/tasks/t-2', '/', '/etc/passwd', '/tasks']) {
    await expect(files.read(path, 0), path).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
  }
  expect((await files.read('/tasks/t/own', 0)).data.toString()).toBe('hello\n');
});

test('a directory is not read, a detached path is gone, a read has a bound', async () => {
  await expect(files.read('/tasks/t/sub', 0)).rejects.toMatchObject({ code: 'FILE_IS_DIRECTORY' });
  writeFileSync(join(dir, 'sandbox/big'), Buffer.alloc(MAX_READ_BYTES + 10));
  expect((await files.read('/tasks/t/big', 0, 1e9)).data).toHaveLength(MAX_READ_BYTES);
  const detach = files.attach('/log', join(dir, 'secret'));
  expect((await files.read('/log', 0)).data.toString()).toBe('hush');
  detach();
  await expect(files.read('/log', 0)).rejects.toMatchObject({ code: 'FILE_NOT_FOUND' });
});

test('an offset of -1, and none, ask for the size', async () => {
  const ask = async (query: string) => (await fileEndpoint(files, 'read', new URLSearchParams(query)))!.body;
  expect(await ask('path=/tasks/t/stdout&offset=-1')).toBe('{"data":"","offset":6}');
  expect(await ask('path=/tasks/t/stdout')).toBe('{"data":"","offset":6}');
  expect(await ask('path=/tasks/t/stdout&offset=2&length=2')).toBe('{"data":"ll","offset":2}');
});

test('modes are written as ls does', () => {
  expect(modeText(0o100644)).toBe('-rw-r--r--');
  expect(modeText(0o040755)).toBe('drwxr-xr-x');
});
