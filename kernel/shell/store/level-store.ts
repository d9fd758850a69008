import { mkdir } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MezzoError, hasCode, messageOf, type StoreEntry } from '@mezzo/sdk/contract';
import type { DurableStore, StoreSnapshot } from '@mezzo/sdk/points/store-driver';
import {
  decodeEntry,
  encodeEntry,
  LoggedStore,
  STORE_FORMAT,
  tooNew,
  type LogEntry,
  type LoggedStoreOptions,
  type LogReader,
  type StoreLog,
} from '@mezzo/sdk/store';
import { Level, type BatchOperation } from 'level';

type Database = Level<string, string>;
type Operation = BatchOperation<Database, string, string>;

const FORMAT = 'format';
const HEAD = 'snapshot';
const CHUNK_CHARS = 900_000;

const padded = (sequence: number): string => String(sequence).padStart(16, '0');
const logKey = (sequence: number): string => `log/${padded(sequence)}`;
const chunkKey = (sequence: number, index: number): string => `chunk/${padded(sequence)}/${padded(index)}`;

/** Points at the chunks of the snapshot that counts. */
interface Head {
  readonly sequence: number;
  readonly epoch: number;
  readonly chunks: number;
}

/**
 * The embedded driver: a LevelDB of one process. Each group of commits is one synced batch, which LevelDB's own checksummed log
 * makes all or nothing, also when the tail of that log is torn. Rejects with STORE_LOCKED, STORE_TOO_NEW, STORE_CORRUPT or
 * STORE_UNAVAILABLE.
 */
export async function openLevelStore(directory: string, options?: LoggedStoreOptions): Promise<DurableStore> {
  const db = await openDatabase(directory).catch((error: unknown) => {
    throw cannotOpen(directory, error);
  });
  return LoggedStore.open(new LevelLog(db, directory), options);
}

class LevelLog implements StoreLog {
  constructor(
    private readonly db: Database,
    private readonly directory: string,
  ) {}

  async load(reader: LogReader): Promise<void> {
    const { db, directory } = this;
    await checkFormat(db, directory);
    try {
      const text = await db.get(HEAD);
      const head = text === undefined ? undefined : (JSON.parse(text) as Head);
      if (head) reader.snapshot({ ...head, entries: await readChunks(db, head) });
      await dropUnfinished(db, head);
      for await (const [key, value] of db.iterator({ gte: logKey((head?.sequence ?? 0) + 1), lt: 'log0' }))
        reader.entry(Number(key.slice('log/'.length)), decodeEntry(value));
    } catch (error) {
      throw corrupt(directory, error);
    }
  }

  /** Nobody else can have the database open. */
  async append(first: number, entries: readonly LogEntry[]): Promise<boolean> {
    const puts = entries.map((entry, index) => put(logKey(first + index), encodeEntry(entry)));
    await this.db.batch(puts, { sync: true });
    return true;
  }

  /** Chunks first, while commits go on; then the head and the trimming of the log, in one synced batch. */
  async replace(snapshot: StoreSnapshot): Promise<boolean> {
    const { sequence, epoch } = snapshot;
    let chunks = 0;
    for (const chunk of chunksOf(snapshot)) {
      await this.db.put(chunkKey(sequence, chunks++), chunk);
      await nextTurn();
    }
    const head: Head = { sequence, epoch, chunks };
    const outdated = await keysBetween(this.db, 'chunk/', chunkKey(sequence, 0));
    const logged = await keysBetween(this.db, 'log/', logKey(sequence + 1));
    await this.db.batch([put(HEAD, JSON.stringify(head)), ...[...outdated, ...logged].map(del)], { sync: true });
    return true;
  }

  close(): Promise<void> {
    return this.db.close();
  }
}

async function openDatabase(directory: string): Promise<Database> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const db: Database = new Level(directory, { valueEncoding: 'utf8' });
  await db.open();
  return db;
}

const put = (key: string, value: string) => ({ type: 'put', key, value }) satisfies Operation;
const del = (key: string) => ({ type: 'del', key }) satisfies Operation;

/** JSON arrays of entries. */
function* chunksOf({ entries }: StoreSnapshot): Generator<string, void, undefined> {
  let texts: string[] = [];
  let chars = 0;
  for (const entry of entries) {
    const text = JSON.stringify(entry);
    texts.push(text);
    chars += text.length;
    if (chars < CHUNK_CHARS) continue;
    yield `[${texts.join()}]`;
    texts = [];
    chars = 0;
  }
  if (texts.length > 0) yield `[${texts.join()}]`;
}

const keysBetween = (db: Database, from: string, to: string): Promise<string[]> => db.keys({ gte: from, lt: to }).all();

async function checkFormat(db: Database, directory: string): Promise<void> {
  const format = await db.get(FORMAT);
  if (format === undefined) return db.put(FORMAT, String(STORE_FORMAT), { sync: true });
  if (Number(format) > STORE_FORMAT) throw tooNew(directory, format);
}

async function readChunks(db: Database, { sequence, chunks }: Head): Promise<StoreEntry[]> {
  const entries: StoreEntry[] = [];
  for (let index = 0; index < chunks; index++) {
    const text = await db.get(chunkKey(sequence, index));
    if (text === undefined) throw new Error(`chunk ${index} of ${chunks} of snapshot ${sequence} is missing`);
    for (const entry of JSON.parse(text) as StoreEntry[]) entries.push(entry);
  }
  return entries;
}

/** Chunks of a snapshot that a crash cut short. */
async function dropUnfinished(db: Database, head: Head | undefined): Promise<void> {
  const chunks = await keysBetween(db, 'chunk/', 'chunk0');
  const kept = head && `chunk/${padded(head.sequence)}/`;
  await db.batch(chunks.filter((key) => !kept || !key.startsWith(kept)).map(del));
}

function cannotOpen(directory: string, error: unknown): MezzoError {
  const cause = (error as { cause?: unknown }).cause ?? error;
  const options = { blame: 'operator', cause } as const;
  if (hasCode(cause, 'LEVEL_LOCKED')) {
    return new MezzoError('STORE_LOCKED', `Another process has the store ${directory} open`, {
      ...options,
      next: 'Stop the other master, or give this one a work directory of its own.',
    });
  }
  return new MezzoError('STORE_UNAVAILABLE', `The store ${directory} cannot be opened: ${messageOf(cause)}`, {
    ...options,
    blame: 'environment',
  });
}

const corrupt = (directory: string, cause: unknown): MezzoError =>
  new MezzoError('STORE_CORRUPT', `The store ${directory} is damaged: ${messageOf(cause)}`, {
    blame: 'environment',
    next: 'Move the directory away and put a backup in its place: mezzo restore FILE --work-dir DIR.',
    cause,
  });
