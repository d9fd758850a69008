import { lstatSync, readdirSync, realpathSync, type Stats } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { MezzoError, messageOf } from '../contract/index.js';
import { create } from 'tar';
import { MAX_ENTRIES, MAX_UNPACKED_BYTES } from './unpack.js';

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/**
 * A package that lies unpacked on this machine, as the bytes of a tarball, for `inspectPackage` and `unpackPackage`. Who can write there can run
 * what they like as us: all of it, and each directory on the way to it, must belong to root or to the user of this process, and nobody else may write
 * there. A directory above may be one as /tmp is, where nobody takes away what belongs to others.
 *
 * Rejects with PLUGIN_NOT_TRUSTED, which names the path and what is wrong with it, or with PLUGIN_PACKAGE_INVALID.
 */
export async function readLocalPackage(dir: string): Promise<Buffer> {
  let real: string;
  try {
    real = realpathSync(dir);
    if (!lstatSync(real).isDirectory()) throw new Error('it is no directory');
    for (const path of new Set([...above(resolve(dir)), ...above(real)])) requireSafe(path, lstatSync(path), STICKY);
    requireAllSafe(real);
  } catch (error) {
    throw error instanceof MezzoError ? error : unreadable(dir, messageOf(error));
  }
  const chunks: Buffer[] = [];
  for await (const chunk of create({ cwd: real, prefix: 'package', portable: true, mtime: new Date(0) }, ['.']))
    chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** The directories that lead to a path. */
function above(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...above(parent), parent];
}

function requireAllSafe(dir: string): void {
  let [entries, bytes] = [0, 0];
  const visit = (path: string): void => {
    const stat = lstatSync(path);
    requireSafe(path, stat, 0);
    bytes += stat.size;
    if (++entries > MAX_ENTRIES || bytes > MAX_UNPACKED_BYTES)
      throw new Error(`it holds more than ${MAX_ENTRIES} files, or ${MAX_UNPACKED_BYTES} bytes`);
    if (stat.isDirectory()) for (const name of readdirSync(path)) visit(join(path, name));
  };
  visit(dir);
}

/** Where a link leads to is looked at for itself. */
function requireSafe(path: string, stat: Stats, pardon: number): void {
  const uid = process.geteuid?.();
  if (stat.uid !== 0 && stat.uid !== uid) throw untrusted(path, `belongs to user ${stat.uid}`);
  if (stat.isSymbolicLink() || (stat.mode & WRITABLE_BY_OTHERS) === 0 || (stat.mode & pardon) !== 0) return;
  throw untrusted(path, `can be written by others than its owner (mode ${(stat.mode & 0o7777).toString(8)})`);
}

const untrusted = (path: string, problem: string): MezzoError =>
  new MezzoError('PLUGIN_NOT_TRUSTED', `${path} ${problem}: code from there is not run`, {
    blame: 'operator',
    next: `put the package where root, or the user of this process (${process.geteuid?.()}), alone can write: chown it, and chmod go-w`,
    details: { path },
  });

const unreadable = (dir: string, problem: string): MezzoError =>
  new MezzoError('PLUGIN_PACKAGE_INVALID', `there is no unpacked package at ${dir}: ${problem}`, {
    blame: 'operator',
    next: 'name the directory that holds its package.json; of a .tgz: mkdir DIR && tar -xzf FILE -C DIR --strip-components=1',
  });
