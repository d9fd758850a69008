import { chownSync, closeSync, constants, fchownSync, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '@mezzo/sdk/contract';
import type { RunAs } from '../core/run-script.js';
import { launchFailed } from '../core/spec-check.js';

/**
 * The task's stdout and stderr exist before it does, and are plain files: what was fetched into the sandbox may hold a link of that
 * name, through which root would write anywhere. A task's own user owns them and the sandbox.
 */
export function prepareSandbox(sandbox: string, runAs: RunAs | undefined): void {
  try {
    if (runAs !== undefined) chownSync(sandbox, runAs.uid, runAs.gid);
    for (const name of ['stdout', 'stderr']) prepareLog(join(sandbox, name), runAs);
  } catch (error) {
    throw launchFailed(`sandbox ${sandbox} cannot be used: ${messageOf(error)}`, 'environment', { cause: error });
  }
}

function prepareLog(path: string, runAs: RunAs | undefined): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found !== undefined && !found.isFile()) throw new Error(`${path} is not a plain file`);
  const { O_WRONLY, O_CREAT, O_APPEND, O_NOFOLLOW, O_NONBLOCK } = constants;
  const file = openSync(path, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_NONBLOCK, 0o644);
  try {
    if (runAs !== undefined) fchownSync(file, runAs.uid, runAs.gid);
  } finally {
    closeSync(file);
  }
}
