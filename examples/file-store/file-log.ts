import { constants } from 'node:fs';
import { access, open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf, MezzoError, type Logger, type StoreEntry } from '@mezzo/sdk/contract';
import type { StoreSnapshot } from '@mezzo/sdk/points/store-driver';
import { LockFile } from '@mezzo/sdk/runtime';
import { STORE_FORMAT, tooNew, type LogEntry, type LogReader, type StoreLog } from '@mezzo/sdk/store';
import { lineOf, linesIn, valueOf } from './lines.js';

/** The first line says `format`; then come a snapshot, if there is one, with its entries, and the log, a group of entries a line. */
interface FileRecord {
  readonly format?: number;
  readonly snapshot?: { readonly sequence: number; readonly epoch: number; readonly count: number };
  readonly entries?: readonly StoreEntry[];
  readonly first?: number;
  readonly log?: readonly LogEntry[];
}

const ENTRIES_CHARS = 1 << 20;

/** The log of a store as one file, which only one process of this machine has. What it acknowledges is synced. */
export class FileLog implements StoreLog {
  /** The number of the last entry. */
  private last = 0;
  /** What is appended while the file is written anew. */
  private meanwhile: string[] | undefined;
  private broken: unknown;
  private turn: Promise<unknown> = Promise.resolve();

  private constructor(
    private readonly path: string,
    private file: FileHandle,
    private readonly lock: LockFile,
    private readonly log: Logger,
  ) {}

  /** Makes the file where there is none. Rejects with STORE_LOCKED or STORE_UNAVAILABLE. */
  static async open(path: string, log: Logger): Promise<FileLog> {
    const lock = await LockFile.acquire(`${path}.lock`).catch((error: unknown) =>
      Promise.reject(cannotOpen(path, error)),
    );
    try {
      // Of a process that died while it wrote it.
      await rm(`${path}.new`, { force: true });
      if (!(await isThere(path))) await create(path);
      return new FileLog(path, await open(path, 'a+', 0o600), lock, log);
    } catch (error) {
      await lock.release();
      throw cannotOpen(path, error);
    }
  }

  async load(reader: LogReader): Promise<void> {
    this.last = 0;
    const take = this.taking(reader);
    const lines = linesIn(this.file);
    let next = await lines.next();
    const isEmpty = next.done === true;
    for (; next.done !== true; next = await lines.next()) {
      const { number, byte, text } = next.value;
      this.naming(`line ${number}, at byte ${byte}`, () => take(valueOf(text), number));
    }
    this.naming('its end', () => take({}, isEmpty ? 1 : 0));
    await this.heal(next.value);
  }

  append(first: number, entries: readonly LogEntry[]): Promise<boolean> {
    return this.inTurn(async () => {
      if (this.broken !== undefined) throw this.broken;
      if (first !== this.last + 1) return false;
      const line = lineOf({ first, log: entries });
      await this.file.appendFile(line);
      await this.file.datasync();
      this.last += entries.length;
      this.meanwhile?.push(line);
      return true;
    });
  }

  async replace(snapshot: StoreSnapshot): Promise<boolean> {
    const meanwhile: string[] = (this.meanwhile = []);
    const temp = `${this.path}.new`;
    const file = await open(temp, 'a+', 0o600);
    try {
      for (const line of linesOf(snapshot)) await file.appendFile(line);
      await file.datasync();
      await this.inTurn(async () => {
        for (const line of meanwhile) await file.appendFile(line);
        await this.exchange(file);
        this.last = Math.max(this.last, snapshot.sequence);
      });
      return true;
    } catch (error) {
      if (this.file !== file) await file.close();
      await rm(temp, { force: true });
      throw error;
    } finally {
      this.meanwhile = undefined;
    }
  }

  async close(): Promise<void> {
    await this.file.close();
    await this.lock.release();
  }

  private async exchange(file: FileHandle): Promise<void> {
    await file.sync();
    await rename(`${this.path}.new`, this.path);
    const before = this.file;
    this.file = file;
    await before.close();
    // Until this has landed, the file of before may come back after a loss of power, without what is appended from now on.
    await syncDirectory(this.path).catch((error: unknown) => {
      this.broken = error;
      throw error;
    });
  }

  /** Takes the records of a file one after the other, and in the end `{}`. Throws what is wrong. */
  private taking(reader: LogReader): (record: FileRecord, number: number) => void {
    let head: FileRecord['snapshot'];
    const entries: StoreEntry[] = [];
    return ({ format, snapshot, entries: more, first, log }, number) => {
      if (number === 1) {
        if (typeof format !== 'number') throw new Error('it does not begin as a store does');
        if (format > STORE_FORMAT) throw tooNew(this.path, String(format));
        return;
      }
      if (snapshot) return void (head = snapshot);
      if (more) return more.forEach((entry) => entries.push(entry));
      if (head) {
        const { sequence, epoch, count } = head;
        if (entries.length !== count)
          throw new Error(`${count - entries.length} entries of the snapshot before it are missing`);
        reader.snapshot({ sequence, epoch, entries: entries.splice(0) });
        this.last = sequence;
        head = undefined;
      }
      if (log === undefined) return;
      if (first !== this.last + 1) throw new Error(`it begins with entry ${first}, and ${this.last + 1} is missing`);
      for (const entry of log) reader.entry(++this.last, entry);
    };
  }

  /** What was cut short was never acknowledged. */
  private async heal(end: number): Promise<void> {
    const torn = (await this.file.stat()).size - end;
    if (torn === 0) return;
    this.log.warn('the end of the store was cut short: it is left out', { path: this.path, bytes: torn });
    await this.file.truncate(end);
    await this.file.sync();
  }

  private inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.turn.then(act);
    this.turn = done.catch(() => {});
    return done;
  }

  /** Names the place of what is wrong. */
  private naming(where: string, act: () => void): void {
    try {
      act();
    } catch (cause) {
      if (cause instanceof MezzoError) throw cause;
      throw new MezzoError('STORE_CORRUPT', `The store ${this.path} is damaged: ${where}: ${messageOf(cause)}`, {
        blame: 'environment',
        next: 'Move the file away and put a backup in its place: mezzo restore FILE --store-driver=DIR, and its configuration as the master has it.',
        cause,
      });
    }
  }
}

function* linesOf({ sequence, epoch, entries }: StoreSnapshot): Generator<string> {
  yield lineOf({ format: STORE_FORMAT });
  yield lineOf({ snapshot: { sequence, epoch, count: entries.length } });
  let [from, chars] = [0, 0];
  for (const [at, { key, value }] of entries.entries()) {
    chars += key.length + value.length;
    if (chars < ENTRIES_CHARS && at < entries.length - 1) continue;
    yield lineOf({ entries: entries.slice(from, at + 1) });
    [from, chars] = [at + 1, 0];
  }
}

/** At once or not at all: a file that is there begins as it must. */
async function create(path: string): Promise<void> {
  const file = await open(`${path}.new`, 'wx', 0o600);
  try {
    await file.appendFile(lineOf({ format: STORE_FORMAT }));
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncDirectory(path);
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(dirname(path), constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? false : Promise.reject(error)),
  );

const cannotOpen = (path: string, cause: unknown): unknown =>
  cause instanceof MezzoError
    ? cause
    : new MezzoError('STORE_UNAVAILABLE', `The store ${path} cannot be opened: ${messageOf(cause)}`, {
        blame: 'environment',
        next: 'Look at the path, its owner and the disk.',
        cause,
      });
