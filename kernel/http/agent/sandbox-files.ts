import { open, readdir, readFile, readlink, realpath, stat, type FileHandle } from 'node:fs/promises';
import { constants } from 'node:fs';
import { join, posix } from 'node:path';
import { MezzoError } from '@mezzo/sdk/contract';
import { FileTree, notFound, type FileEntry } from '../files.js';

const LAYOUT = ['slaves', '*', 'frameworks', '*', 'executors', '*', 'runs', '*'] as const;

interface Resolved {
  readonly real: string;
  /** The sandbox, all links resolved. */
  readonly sandbox: string;
}

/**
 * The sandboxes below a work directory, under their own paths and as `/frameworks/F/executors/E/runs/latest`, and what is
 * attached besides. What tasks write is hostile: a link that leads out of its sandbox leads nowhere here, and whatever is
 * read is checked once it is open, so that no link can be swapped in between.
 */
export class SandboxFiles extends FileTree {
  constructor(
    private readonly workDir: string,
    private readonly agentId: () => string | undefined,
    private readonly live: () => Iterable<{
      readonly frameworkId: string;
      readonly executorId: string;
      readonly directory: string;
    }>,
  ) {
    super();
  }

  override attached(): Record<string, string> {
    const attached: Record<string, string> = { ...super.attached() };
    for (const { frameworkId, executorId, directory } of this.live()) {
      attached[directory] = directory;
      attached[join(directory, '../latest')] = directory;
      attached[`/frameworks/${frameworkId}/executors/${executorId}/runs/latest`] = directory;
    }
    return attached;
  }

  override async browse(virtual: string): Promise<FileEntry[]> {
    if (this.isPlain(virtual)) return super.browse(virtual);
    const path = virtual.replace(/(?<=.)\/+$/, '');
    const { real } = await this.resolve(path);
    if (!(await stat(real)).isDirectory()) return [];
    const names = await ownerNames();
    const entries = (await readdir(real)).sort().map(async (name): Promise<FileEntry | undefined> => {
      // A link is shown as what it leads to, unless that is outside.
      const facts = await this.resolve(`${path}/${name}`)
        .then((inside) => stat(inside.real))
        .catch(() => undefined);
      if (facts === undefined) return undefined;
      const { nlink, size, mtimeMs, mode, uid, gid } = facts;
      const owner = { uid: names.users.get(uid) ?? String(uid), gid: names.groups.get(gid) ?? String(gid) };
      return { path: posix.join(path, name), nlink, size, mtimeMs, mode, ...owner };
    });
    return (await Promise.all(entries)).filter((entry) => entry !== undefined);
  }

  /** An open file that is known to lie in its sandbox. The caller closes it. */
  override async open(virtual: string): Promise<{ handle: FileHandle; size: number }> {
    if (this.isPlain(virtual)) return super.open(virtual);
    const { real, sandbox } = await this.resolve(virtual);
    // Without waiting for a writer, should it be a pipe.
    const handle = await open(real, constants.O_RDONLY | constants.O_NONBLOCK);
    try {
      const facts = await handle.stat();
      const opened = await readlink(`/proc/self/fd/${handle.fd}`);
      if (!isWithin(sandbox, opened)) throw inaccessible(virtual);
      if (facts.isDirectory()) throw new MezzoError('FILE_IS_DIRECTORY', 'Cannot read a directory', { blame: 'user' });
      if (!facts.isFile()) throw inaccessible(virtual);
      return { handle, size: facts.size };
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Attached by name, outside of any sandbox. */
  private isPlain(virtual: string): boolean {
    return Object.hasOwn(super.attached(), posix.normalize(virtual));
  }

  private async resolve(virtual: string): Promise<Resolved> {
    const parts = this.split(virtual);
    const [root, rest] = [join(this.workDir, ...parts.slice(0, LAYOUT.length)), parts.slice(LAYOUT.length)];
    // The layout's own directories are the agent's: links among them are not followed, but for `latest`.
    const sandbox = await realpath(root).catch(() => undefined);
    const runs = await realpath(join(root, '..')).catch(() => undefined);
    if (sandbox === undefined || runs === undefined || join(sandbox, '..') !== runs) throw notFound(virtual);
    const real = await realpath(join(sandbox, ...rest)).catch(() => undefined);
    if (real === undefined) throw notFound(virtual);
    if (!isWithin(sandbox, real)) throw inaccessible(virtual);
    return { real, sandbox };
  }

  /** The path below the work directory, cut at the slashes, as far as it names a sandbox or something in one. */
  private split(virtual: string): string[] {
    const written = this.expand(virtual);
    const parts = this.expand(posix.normalize(virtual));
    const fits = (path: string[] | undefined) =>
      path !== undefined && LAYOUT.every((name, i) => (name === '*' ? (path[i] ?? '') !== '' : path[i] === name));
    if (parts !== undefined && fits(parts)) return parts;
    throw fits(written) ? inaccessible(virtual) : notFound(virtual);
  }

  private expand(path: string): string[] | undefined {
    const clean = path.replace(/\/+$/, '');
    if (clean.startsWith(`${this.workDir}/`)) return clean.slice(this.workDir.length + 1).split('/');
    if (clean.startsWith('/frameworks/')) return ['slaves', this.agentId() ?? '', ...clean.slice(1).split('/')];
    return undefined;
  }
}

const isWithin = (directory: string, path: string): boolean => path === directory || path.startsWith(`${directory}/`);

const inaccessible = (path: string): MezzoError =>
  new MezzoError('FILE_FORBIDDEN', `'${path}' is inaccessible.`, { blame: 'user' });

interface OwnerNames {
  readonly users: ReadonlyMap<number, string>;
  readonly groups: ReadonlyMap<number, string>;
}
let known: { readonly names: Promise<OwnerNames>; readonly atMs: number } | undefined;
const NAMES_KEPT_MS = 60_000;

/** From the machine's own files; others are shown as numbers. */
function ownerNames(): Promise<OwnerNames> {
  if (known !== undefined && Date.now() - known.atMs < NAMES_KEPT_MS) return known.names;
  const read = async (file: string) => {
    const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').map((line) => line.split(':'));
    return new Map(lines.flatMap(([name = '', , id]) => (id === undefined ? [] : [[Number(id), name] as const])));
  };
  const names = Promise.all([read('/etc/passwd'), read('/etc/group')]).then(([users, groups]) => ({ users, groups }));
  known = { names, atMs: Date.now() };
  return names;
}
