import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createVolume, destroyVolume, linkVolume, removeDestroyed } from './volumes.js';

let root: string;
beforeEach(async () => (root = await mkdtemp(join(tmpdir(), 'volumes-'))));
afterEach(() => rm(root, { recursive: true, force: true }));

const volume = (containerPath = 'data', isMount = false) => ({
  ...{ directory: join(root, 'volumes/roles/web/v1'), containerPath, isMount, readOnly: false },
});

test('a volume keeps what is in it over restarts, and a new one of its name begins empty', async () => {
  const { directory } = volume();
  await createVolume(volume(), true);
  await writeFile(join(directory, 'f'), 'kept');
  await createVolume(volume(), false);
  expect(await readFile(join(directory, 'f'), 'utf8')).toBe('kept');
  await createVolume(volume(), true);
  expect(await readdir(directory)).toEqual([]);
});

test('a destroyed volume is gone; of a disk of its own, what was on it', async () => {
  const { directory } = volume();
  for (const isMount of [false, true]) {
    await createVolume(volume('data', isMount), false);
    await writeFile(join(directory, 'f'), '');
    await destroyVolume(volume('data', isMount));
    expect(await readdir(isMount ? directory : join(directory, '..'))).toEqual([]);
  }
});

test('what a crash left of a destroyed volume goes with the next, or when the agent starts', async () => {
  const left = join(root, 'volumes/destroyed/5/f');
  const leave = async () => {
    await mkdir(join(left, '..'), { recursive: true });
    await writeFile(left, '');
  };
  await leave();
  await createVolume(volume(), true);
  await destroyVolume(volume());
  expect(await readdir(join(root, 'volumes/destroyed'))).toEqual([]);
  await leave();
  await removeDestroyed(root);
  expect(await readdir(join(root, 'volumes/destroyed'))).toEqual([]);
  await removeDestroyed(join(root, 'none'));
});

test('in the sandbox a volume is where its container path says, and nowhere outside of the sandbox', async () => {
  const sandbox = join(root, 'sandbox');
  await mkdir(sandbox);
  await createVolume(volume(), true);
  await linkVolume(volume('a/b'), sandbox, sandbox, undefined);
  await writeFile(join(sandbox, 'a/b/f'), 'through');
  expect(await readFile(join(volume().directory, 'f'), 'utf8')).toBe('through');
  for (const path of ['', '.', '/etc/x', '../x', 'a/../../x', 'a/b'])
    await expect(linkVolume(volume(path), sandbox, sandbox, undefined), path).rejects.toThrow();
});

test('a link that something in the sandbox has put in the way is not followed', async () => {
  const [sandbox, elsewhere] = [join(root, 'sandbox'), join(root, 'elsewhere')];
  await mkdir(join(sandbox, 'containers/c'), { recursive: true });
  await mkdir(elsewhere);
  await createVolume(volume(), true);
  await linkVolume(volume('a/b'), sandbox, join(sandbox, 'containers/c'), undefined);
  expect(await readdir(join(sandbox, 'containers/c/a'))).toEqual(['b']);
  await symlink(elsewhere, join(sandbox, 'containers/c/x'));
  await symlink(elsewhere, join(sandbox, 'containers/d'));
  for (const [path, name] of [
    ['x/b', 'c'],
    ['b', 'd'],
  ] as const)
    await expect(linkVolume(volume(path), sandbox, join(sandbox, 'containers', name), undefined)).rejects.toThrow();
  expect(await readdir(elsewhere)).toEqual([]);
});
