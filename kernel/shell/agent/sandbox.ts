import { chown, lchown, mkdir, readdir, rename, rm, symlink, utimes } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { UnixUser } from './users.js';

/** Makes the directory of a run, owned by its user, and points `latest` beside it to it. */
export async function makeSandbox(directory: string, user: UnixUser | undefined): Promise<void> {
  await mkdir(dirname(directory), { recursive: true, mode: 0o755 });
  await mkdir(directory, { mode: 0o750 });
  if (user !== undefined) await chown(directory, user.uid, user.gid);
  const link = join(dirname(directory), 'latest');
  const temporary = `${link}.${basename(directory)}`;
  await symlink(basename(directory), temporary);
  await rename(temporary, link);
}

/** Gives all that was fetched to the user; links themselves, never what they point at. */
export async function giveSandbox(directory: string, user: UnixUser): Promise<void> {
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true }))
    await lchown(join(entry.parentPath, entry.name), user.uid, user.gid);
}

/** A sandbox ages from the moment its run is over: collection goes by the time of the directory. */
export async function retireSandbox(directory: string, atMs: number): Promise<void> {
  const at = new Date(atMs);
  await utimes(directory, at, at).catch(() => {});
}

export interface OldSandbox {
  readonly directory: string;
  readonly ageMs: number;
}

/** Removes a sandbox, and the directories above it that are left empty. */
export async function removeSandbox(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  const runs = dirname(directory);
  const left = await readdir(runs).catch(() => ['?']);
  // executors/<id>/runs with nothing but a dangling `latest` goes as a whole.
  if (left.every((name) => name === 'latest')) await rm(dirname(runs), { recursive: true, force: true });
}
