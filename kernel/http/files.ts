import { open, readdir, realpath, stat, type FileHandle } from 'node:fs/promises';
import type { Stats } from 'node:fs';
import { posix, sep } from 'node:path';
import { MezzoError } from '@mezzo/sdk/contract';

/** Most that one read answers: 16 memory pages. */
export const MAX_READ_BYTES = 65_536;

export interface FileEntry {
  /** The virtual path. */
  readonly path: string;
  readonly nlink: number;
  readonly size: number;
  readonly mtimeMs: number;
  /** File type and permissions, as in stat. */
  readonly mode: number;
  readonly uid: string;
  readonly gid: string;
}

export const notFound = (path: string): MezzoError =>
  new MezzoError('FILE_NOT_FOUND', `No file is known as '${path}'`, { blame: 'user' });

/** A forest of virtual paths over files and directories of the host; what is not attached cannot be reached. */
export class FileTree {
  private readonly roots = new Map<string, string>();

  /** Makes a file or directory reachable; answers how to take that back. */
  attach(virtual: string, real: string): () => void {
    this.roots.set(virtual, real);
    return () => this.roots.delete(virtual);
  }

  attached(): Record<string, string> {
    return Object.fromEntries(this.roots);
  }

  /** The entries of a directory, none for a file. Rejects with FILE_NOT_FOUND. */
  async browse(virtual: string): Promise<FileEntry[]> {
    const path = posix.normalize(virtual).replace(/(?<=.)\/$/, '');
    const { real, facts } = await this.find(path);
    if (!facts.isDirectory()) return [];
    const names = (await readdir(real)).sort();
    const entries = names.map(async (name) => {
      const facts = await stat(`${real}${sep}${name}`).catch(() => undefined);
      return facts && entryOf(posix.join(path, name), facts);
    });
    return (await Promise.all(entries)).filter((entry) => entry !== undefined);
  }

  /** At most `length` and MAX_READ_BYTES bytes from `offset`, and the whole size. Rejects also with FILE_IS_DIRECTORY. */
  async read(virtual: string, offset: number, length = MAX_READ_BYTES): Promise<{ size: number; data: Buffer }> {
    const { handle, size } = await this.open(virtual);
    try {
      const wanted = Math.max(0, Math.min(length, MAX_READ_BYTES, size - offset));
      const { bytesRead, buffer } = await handle.read(Buffer.alloc(wanted), 0, wanted, offset);
      return { size, data: buffer.subarray(0, bytesRead) };
    } finally {
      await handle.close();
    }
  }

  /** The caller closes it. */
  async open(virtual: string): Promise<{ handle: FileHandle; size: number }> {
    const path = posix.normalize(virtual);
    const { real, facts } = await this.find(path);
    if (facts.isDirectory()) {
      throw new MezzoError('FILE_IS_DIRECTORY', `'${path}' is a directory`, { blame: 'user' });
    }
    return { handle: await open(real), size: facts.size };
  }

  /** The longest attached path wins. Links are followed, but never out of what is attached: tasks make links. */
  private async find(path: string): Promise<{ real: string; facts: Stats }> {
    const root = [...this.roots.keys()]
      .filter((virtual) => path === virtual || path.startsWith(virtual.endsWith('/') ? virtual : `${virtual}/`))
      .sort((a, b) => b.length - a.length)[0];
    if (root === undefined) throw notFound(path);
    try {
      const base = await realpath(this.roots.get(root)!);
      const real = await realpath(`${base}${sep}${path.slice(root.length)}`.replace(/\/$/, ''));
      if (real === base || real.startsWith(base.endsWith(sep) ? base : base + sep))
        return { real, facts: await stat(real) };
    } catch {
      // falls through: what cannot be seen is not there
    }
    throw notFound(path);
  }
}

const entryOf = (path: string, facts: Stats): FileEntry => ({
  path,
  nlink: facts.nlink,
  size: facts.size,
  mtimeMs: facts.mtimeMs,
  mode: facts.mode,
  uid: String(facts.uid),
  gid: String(facts.gid),
});
