import { closeSync, constants, fchownSync, fstatSync, open } from 'node:fs';
import { chown } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '@mezzo/sdk/contract';
import type { RunAs } from '../core/run-script.js';
import { launchFailed } from '../core/spec-check.js';

const openFile = promisify(open);

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
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = await openFile(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o644);
  try {
    if (!fstatSync(file).isFile()) throw new Error(`${path} is not a plain file`);
    if (runAs !== undefined) fchownSync(file, runAs.uid, runAs.gid);
  } finally {
    closeSync(file);
  }
}
