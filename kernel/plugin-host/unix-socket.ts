import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MezzoError } from '@mezzo/sdk/contract';

/** What a socket address holds on Linux, less the closing zero. */
const MAX_PATH_BYTES = 107;

/**
 * A directory for Unix sockets with names as long as this one: the given one, or, when their paths would be too long, one in a private
 * directory under the temporary one. The same for the same arguments, so that a restarted host finds what runs.
 */
export function socketDirectory(dir: string, name: string): string {
  if (Buffer.byteLength(join(dir, name)) <= MAX_PATH_BYTES) return dir;
  const hash = createHash('sha256').update(dir).digest('hex').slice(0, 24);
  return join(privateDirectory(join(tmpdir(), `mezzo-${process.getuid?.() ?? 0}`)), hash);
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
