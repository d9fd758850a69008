import { constants } from 'node:fs';
import { chown, lchown, mkdir, open, readdir, rename, rm, symlink, utimes, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { hasCode } from '@mezzo/sdk/contract';
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

export interface InnerSandboxOptions {
  readonly user: UnixUser | undefined;
  /** `tasks/NAME`: where it is found as well. */
  readonly link: string | undefined;
}

/** Makes `<sandbox>/containers/<name>`. What runs in the sandbox may write to it: no link that it plants on the way is followed. */
export async function makeInnerSandbox(
  sandbox: string,
  name: string,
  { user, link }: InnerSandboxOptions,
): Promise<void> {
  await inDirectory(sandbox, async (outer) => {
    await makeIn(outer, 'containers', 0o755);
    await inDirectory(`${outer}/containers`, async (containers) => {
      // One whose launch failed, or that an earlier agent forgot, may have left it.
      await makeIn(containers, name, 0o750);
      await inDirectory(`${containers}/${name}`, (_, handle) =>
        user === undefined ? Promise.resolve() : handle.chown(user.uid, user.gid),
      );
    });
    if (link === undefined) return;
    await makeIn(outer, dirname(link), 0o755);
    const target = join('../containers', name);
    await inDirectory(`${outer}/${dirname(link)}`, async (links) => {
      await rm(`${links}/${basename(link)}`, { force: true });
      await symlink(target, `${links}/${basename(link)}`);
    });
  });
}

/** What is below `<sandbox>/containers/<name>`, though others may write to the sandbox. What is not there is removed. */
export async function removeInnerSandbox(sandbox: string, name: string): Promise<void> {
  await inDirectory(`${sandbox}/containers`, (containers) =>
    rm(`${containers}/${name}`, { recursive: true, force: true }),
  ).catch((error: unknown) => {
    if (!hasCode(error, 'ENOENT')) throw error;
  });
}

/** By a path that names the open directory, whatever becomes of its name. */
export async function inDirectory(
  path: string,
  act: (path: string, handle: FileHandle) => Promise<void>,
): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  try {
    await act(`/proc/self/fd/${handle.fd}`, handle);
  } finally {
    await handle.close();
  }
}

export const makeIn = (directory: string, name: string, mode: number): Promise<void> =>
  mkdir(`${directory}/${name}`, { mode }).catch((error: unknown) => {
    if (!hasCode(error, 'EEXIST')) throw error;
  });

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

/** Removes a sandbox, and the directories above it that are left empty. */
export async function removeSandbox(directory: string): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  const runs = dirname(directory);
  const left = await readdir(runs).catch(() => ['?']);
  // executors/<id>/runs with nothing but a dangling `latest` goes as a whole.
  if (left.every((name) => name === 'latest')) await rm(dirname(runs), { recursive: true, force: true });
}
