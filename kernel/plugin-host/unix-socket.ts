import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MezzoError } from '@mezzo/sdk/contract';

/** What a socket address holds on Linux, less the closing zero. */
const MAX_PATH_BYTES = 107;

/**
 * Where a Unix socket of this directory lives: in it, or, when that path is too long for a socket, in a private directory under
 * the temporary one. The same for the same arguments, so that a restarted host finds what runs.
 */
export function socketPath(dir: string, name: string): string {
  const plain = join(dir, name);
  if (Buffer.byteLength(plain) <= MAX_PATH_BYTES) return plain;
  const hash = createHash('sha256').update(plain).digest('hex').slice(0, 24);
  return join(privateDirectory(join(tmpdir(), `mezzo-${process.getuid?.() ?? 0}`)), `${hash}.sock`);
}

function privateDirectory(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { uid, mode } = lstatSync(path);
  const ours = lstatSync(path).isDirectory() && uid === (process.getuid?.() ?? uid) && (mode & 0o077) === 0;
  if (ours) return path;
  throw new MezzoError('SOCKET_DIRECTORY_UNSAFE', `${path} is not a directory of ours alone`, {
    blame: 'environment',
    next: `remove ${path}, or use a work directory with a shorter path`,
  });
}
