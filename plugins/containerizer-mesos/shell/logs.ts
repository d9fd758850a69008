import { constants } from 'node:fs';
import { chown, lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf } from '@mezzo/sdk/contract';
import type { RunAs } from '../core/run-script.js';
import { launchFailed } from '../core/spec-check.js';

/**
 * The task's stdout and stderr exist before it does, and are plain files: what was fetched into the sandbox may hold a link of that
 * name, through which root would write anywhere. A task's own user owns them and the sandbox.
 */
export async function prepareSandbox(sandbox: string, runAs: RunAs | undefined): Promise<void> {
  try {
    if (runAs !== undefined) await chown(sandbox, runAs.uid, runAs.gid);
    await Promise.all(['stdout', 'stderr'].map((name) => prepareLog(join(sandbox, name), runAs)));
  } catch (error) {
    throw launchFailed(`sandbox ${sandbox} cannot be used: ${messageOf(error)}`, 'environment', { cause: error });
  }
}

async function prepareLog(path: string, runAs: RunAs | undefined): Promise<void> {
  const found = await lstat(path).catch(() => undefined);
  if (found !== undefined && !found.isFile()) throw new Error(`${path} is not a plain file`);
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;
  const file = await open(path, flags, 0o644);
  try {
    if (runAs !== undefined) await file.chown(runAs.uid, runAs.gid);
  } finally {
    await file.close();
  }
}
