import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { chown, rm, symlink } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve } from 'node:path';
import type { PersistentVolume } from '../../core/agent/effects.js';
import { inDirectory, makeIn } from './sandbox.js';
import type { UnixUser } from './users.js';

/** Synchronous up to its first await, so that the volume is there before anything that follows begins. */
export async function createVolume({ directory, isMount }: PersistentVolume, fresh: boolean): Promise<void> {
  if (fresh)
    for (const path of isMount ? contents(directory) : [directory]) rmSync(path, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
}

/** Out of the way at once: a volume of the same name may be made while a large one is still being removed. */
export async function destroyVolume({ directory, isMount }: PersistentVolume): Promise<void> {
  if (isMount) return removeContents(directory);
  const grave = graveOf(dirname(dirname(dirname(directory))));
  mkdirSync(grave, { recursive: true, mode: 0o700 });
  renameSync(directory, join(grave, String(process.hrtime.bigint())));
  await removeContents(grave);
}

/** What a crash left of volumes that were being removed. */
export async function removeDestroyed(workDir: string): Promise<void> {
  const grave = graveOf(join(workDir, 'volumes'));
  if (existsSync(grave)) await removeContents(grave);
}

/** Beside the roles, so that no volume has the name of a destroyed one. */
const graveOf = (volumes: string): string => join(volumes, 'destroyed');

const removeContents = async (directory: string): Promise<void> =>
  void (await Promise.all(contents(directory).map((path) => rm(path, { recursive: true, force: true }))));

const contents = (directory: string): string[] => readdirSync(directory).map((name) => join(directory, name));

/**
 * As `<directory>/<container path>`, where what runs in `sandbox`, which holds the directory, may have put links: none is followed. Rejects
 * when the path would lie outside of the directory, or something is there already.
 */
export async function linkVolume(
  volume: PersistentVolume,
  sandbox: string,
  directory: string,
  user: UnixUser | undefined,
): Promise<void> {
  const path = relative(directory, resolve(directory, volume.containerPath));
  if (path === '' || path.split('/')[0] === '..')
    throw new Error(`the container path '${volume.containerPath}' of a persistent volume is not within the sandbox`);
  if (user !== undefined) await chown(volume.directory, user.uid, user.gid);
  const parents = join(relative(sandbox, directory), dirname(path)).split('/');
  await below(
    sandbox,
    parents.filter((name) => name !== '.'),
    (parent) => symlink(volume.directory, `${parent}/${basename(path)}`),
  );
}

async function below(directory: string, names: readonly string[], act: (path: string) => Promise<void>): Promise<void> {
  const [first, ...rest] = names;
  if (first === undefined) return inDirectory(directory, act);
  await inDirectory(directory, async (path) => {
    await makeIn(path, first, 0o755);
    await below(`${path}/${first}`, rest, act);
  });
}
