import { createHash, type Hash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MezzoError, type StoreEntry } from '../contract/index.js';

/** Version of the file. One of a newer version is refused. */
export const BACKUP_FORMAT = 1;

/** The first line of a backup. */
export interface BackupHeader {
  /** BACKUP_FORMAT of who wrote it. */
  readonly mezzoBackup: number;
  /** Format of the store that it is of. */
  readonly store: number;
  /** What `--cluster` names it. */
  readonly cluster?: string;
  /** Of the leader that wrote it. */
  readonly epoch: number;
  /** All batches up to this one are in it, and none after it. */
  readonly sequence: number;
  /** ISO 8601. */
  readonly time: string;
  /** Entries that follow. */
  readonly count: number;
}

const BATCH_BYTES = 256 * 1024;
/** A value has at most 16 MiB, and JSON makes six bytes of one at worst. */
const MAX_LINE_BYTES = 128 * 1024 * 1024;
const MAX_KEY_BYTES = 512;

/**
 * The bytes of a backup, in batches: a line of JSON for the header, `[key, value, version]` for each entry by the order of their
 * keys, and `{"sha256": ...}` of all before it. Holds no more than a batch and an entry at a time.
 */
export async function* writeBackup(
  header: BackupHeader,
  entries: Iterable<StoreEntry>,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash('sha256');
  let lines = [lineOf(header)];
  let bytes = 0;
  const batch = (): Buffer => {
    const whole = Buffer.concat(lines);
    hash.update(whole);
    [lines, bytes] = [[], 0];
    return whole;
  };
  for (const { key, value, version } of entries) {
    const line = lineOf([key, value, version]);
    lines.push(line);
    if ((bytes += line.length) < BATCH_BYTES) continue;
    yield batch();
    await nextTurn();
  }
  yield batch();
  yield lineOf({ sha256: hash.digest('hex') });
}

const lineOf = (value: unknown): Buffer => Buffer.from(`${JSON.stringify(value)}\n`);

export interface BackupReader {
  header?(header: BackupHeader): void;
  entry?(entry: StoreEntry): void;
}

/**
 * Reads a backup to its end and checks all of it: what it told before it resolves is worth nothing if it rejects. `where` names
 * the file. Rejects with BACKUP_TOO_NEW or BACKUP_DAMAGED.
 */
export async function readBackup(
  chunks: AsyncIterable<Buffer>,
  where: string,
  reader: BackupReader,
): Promise<BackupHeader & { readonly sha256: string }> {
  const check = new BackupCheck(where, reader);
  for await (const line of linesOf(chunks, where)) check.line(line);
  return check.end();
}

/** What a file must hold, line by line. */
class BackupCheck {
  private readonly hash: Hash = createHash('sha256');
  private header: BackupHeader | undefined;
  private sha256: string | undefined;
  private number = 0;
  private lastKey = '';

  constructor(
    private readonly where: string,
    private readonly reader: BackupReader,
  ) {}

  line(bytes: Buffer): void {
    this.number += 1;
    if (this.sha256 !== undefined) throw this.damaged('it goes on after its end');
    const value = this.parsed(bytes);
    if (this.header === undefined) this.begin(value);
    else if (this.number <= this.header.count + 1) this.reader.entry?.(this.entryIn(value, this.header));
    else return this.finish(value);
    this.hash.update(bytes).update('\n');
  }

  end(): BackupHeader & { readonly sha256: string } {
    if (this.header !== undefined && this.sha256 !== undefined) return { ...this.header, sha256: this.sha256 };
    const { count } = this.header ?? {};
    throw damaged(
      this.where,
      `it is cut off after line ${this.number}${count === undefined ? '' : ` of ${count + 2}`}`,
    );
  }

  private begin(value: unknown): void {
    const header = (value ?? {}) as BackupHeader;
    const { mezzoBackup, time } = header;
    if (!isCount(mezzoBackup) || mezzoBackup === 0)
      throw this.damaged('it is no backup of Mezzo: mezzoBackup is missing');
    if (mezzoBackup > BACKUP_FORMAT) throw tooNew(this.where, mezzoBackup);
    for (const field of ['store', 'epoch', 'sequence', 'count'] as const)
      if (!isCount(header[field])) throw this.damaged(`${field} is ${shown(header[field])}, not a number from 0 on`);
    if (typeof time !== 'string' || Number.isNaN(Date.parse(time)))
      throw this.damaged(`time is ${shown(time)}, no time`);
    this.header = header;
    this.reader.header?.(header);
  }

  private entryIn(value: unknown, { sequence }: BackupHeader): StoreEntry {
    const [key, text, version, ...more] = Array.isArray(value) ? (value as unknown[]) : [];
    if (typeof key !== 'string' || key === '' || Buffer.byteLength(key) > MAX_KEY_BYTES)
      throw this.damaged(`the key is ${shown(key)}, not a text of 1 to ${MAX_KEY_BYTES} bytes`);
    if (key <= this.lastKey) throw this.damaged(`the key ${shown(key)} comes after ${shown(this.lastKey)}`);
    if (typeof text !== 'string' || more.length > 0) throw this.damaged(`the value of ${shown(key)} is no text`);
    if (!isCount(version) || version > sequence)
      throw this.damaged(`the version of ${shown(key)} is ${shown(version)}, not a number up to ${sequence}`);
    this.lastKey = key;
    return { key, value: text, version };
  }

  private finish(value: unknown): void {
    const { sha256 } = (value ?? {}) as { sha256?: unknown };
    const found = this.hash.digest('hex');
    if (sha256 !== found) throw this.damaged(`sha256 is ${shown(sha256)}, and what precedes it has ${found}`);
    this.sha256 = found;
  }

  private parsed(bytes: Buffer): unknown {
    try {
      return JSON.parse(bytes.toString('utf8'));
    } catch {
      throw this.damaged('it is no JSON');
    }
  }

  private damaged(why: string): MezzoError {
    return damaged(this.where, `line ${this.number}: ${why}`);
  }
}

/** Without their ends, which each has. */
async function* linesOf(chunks: AsyncIterable<Buffer>, where: string): AsyncGenerator<Buffer, void, undefined> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      yield Buffer.concat([...parts, chunk.subarray(from, end)]);
      [parts, bytes, from] = [[], 0, end + 1];
    }
    if (from === chunk.length) continue;
    parts.push(chunk.subarray(from));
    if ((bytes += chunk.length - from) > MAX_LINE_BYTES)
      throw damaged(where, `a line has more than ${MAX_LINE_BYTES} bytes`);
  }
  if (bytes > 0) throw damaged(where, 'it is cut off amid a line');
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const shown = (value: unknown): string => (value === undefined ? 'missing' : JSON.stringify(value).slice(0, 80));

const damaged = (where: string, why: string): MezzoError =>
  new MezzoError('BACKUP_DAMAGED', `${where} is not a whole backup: ${why}`, {
    blame: 'user',
    next: 'Take another backup; nothing has been changed.',
    details: { file: where },
  });

const tooNew = (where: string, format: number): MezzoError =>
  new MezzoError('BACKUP_TOO_NEW', `${where} has format ${format}; this version reads ${BACKUP_FORMAT}`, {
    blame: 'operator',
    next: 'Restore it with the newer version that wrote it.',
    details: { file: where, mezzoBackup: format, readable: BACKUP_FORMAT },
  });
