import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { MezzoError, hasCode } from '../contract/index.js';

interface Owner {
  readonly pid: number;
  /** Clock ticks since boot at which the process began: a pid alone may have been given to another one. */
  readonly startTicks: string;
}

const ATTEMPTS = 5;

/**
 * Names the one process that may use a directory. A dead owner's lock is taken over. Two processes that do so in the same
 * instant are told apart by the lock of the database inside.
 */
export class LockFile {
  private constructor(
    private readonly path: string,
    private readonly text: string,
  ) {}

  /** Throws STORE_LOCKED, which names the owner's pid. */
  static async acquire(path: string): Promise<LockFile> {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const self: Owner = { pid: process.pid, startTicks: (await startTicks(process.pid)) ?? '' };
    const lock = new LockFile(path, JSON.stringify(self));
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await lock.create()) return lock;
      const text = await readIfThere(path);
      const owner = text === undefined ? undefined : ownerIn(text);
      if (owner && (await isAlive(owner))) throw locked(path, owner.pid);
      await rm(path, { force: true });
    }
    throw locked(path, undefined);
  }

  /** Leaves the lock of a successor alone. */
  async release(): Promise<void> {
    if ((await readIfThere(this.path)) === this.text) await rm(this.path, { force: true });
  }

  /** Linking a finished file into place fails if there is one, and nobody ever reads half a lock. */
  private async create(): Promise<boolean> {
    const draft = `${this.path}.${process.pid}`;
    await writeFile(draft, this.text, { mode: 0o600 });
    try {
      await link(draft, this.path);
      return true;
    } catch (error) {
      if (hasCode(error, 'EEXIST')) return false;
      throw error;
    } finally {
      await rm(draft, { force: true });
    }
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

function ownerIn(text: string): Owner | undefined {
  try {
    const { pid, startTicks: ticks } = JSON.parse(text) as Partial<Owner>;
    return typeof pid === 'number' && typeof ticks === 'string' ? { pid, startTicks: ticks } : undefined;
  } catch {
    return undefined;
  }
}

const isAlive = async (owner: Owner): Promise<boolean> => (await startTicks(owner.pid)) === owner.startTicks;

/** Undefined when there is no such process, or only its remains. */
async function startTicks(pid: number): Promise<string | undefined> {
  const stat = await readIfThere(`/proc/${pid}/stat`).catch(() => undefined);
  // The second field, the name, may hold spaces and brackets: count from behind it. The ticks are the 22nd of all.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields === undefined || fields[0] === 'Z' || fields[0] === 'X' ? undefined : fields[19];
}

const locked = (path: string, pid: number | undefined): MezzoError =>
  new MezzoError(
    'STORE_LOCKED',
    `${dirname(path)} is in use by ${pid === undefined ? 'another process' : `process ${pid}`}`,
    {
      blame: 'operator',
      next: 'Stop that process, or give this one a work directory of its own.',
      details: { directory: dirname(path), ...(pid !== undefined && { pid }) },
    },
  );
