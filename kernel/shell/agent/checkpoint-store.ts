import { createHash } from 'node:crypto';
import { mkdir, open, readFile, rename, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode, messageOf, type Logger } from '@mezzo/sdk/contract';
import type { CheckpointRecord } from '../../core/agent/events.js';
import { fromWireJson, toWireJson } from '../wire-json.js';

/** The journal is rewritten when it holds so much more than what is still true. */
const MIN_GARBAGE_BYTES = 4 * 1024 * 1024;

interface Batch {
  text: string;
  readonly done: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * The agent's memory: a journal of one line per change, each with its own checksum, so that a torn or damaged line costs that
 * line alone. Changes that come while the disk is busy share the next sync: a task's launch waits for a disk only a few times,
 * however many others are launched with it.
 */
export class JournalCheckpointStore {
  private readonly file: string;
  /** The last good line of each key. */
  private readonly lines = new Map<string, string>();
  private handle: FileHandle | undefined;
  private waiting: Batch | undefined;
  private writing: Promise<void> | undefined;
  private failure: unknown;
  private liveBytes = 0;
  private fileBytes = 0;

  constructor(
    private readonly directory: string,
    private readonly log: Logger,
  ) {
    this.file = join(directory, 'journal');
  }

  /** All that is there and whole. Before anything else, and once. */
  async load(): Promise<CheckpointRecord[]> {
    const isNew = (await mkdir(this.directory, { recursive: true, mode: 0o700 })) !== undefined;
    const text = await readFile(this.file, 'utf8').catch(absent);
    if (text === '' && !isNew)
      this.log.warn('there are no checkpoints: had this agent registered, what it ran is lost', { file: this.file });
    const records = new Map<string, CheckpointRecord>();
    for (const line of text.split('\n')) {
      const record = line === '' ? undefined : this.parse(line);
      if (record === undefined) continue;
      const { key, value } = record;
      this.remember(key, value === undefined ? undefined : `${line}\n`);
      if (value === undefined) records.delete(key);
      else records.set(key, { key, value });
    }
    await this.rewrite();
    return [...records.values()];
  }

  /** Durable when it resolves; the last value wins. */
  put(key: string, value: unknown): Promise<void> {
    return this.append(key, lineOf({ key, value }), false);
  }

  remove(key: string): Promise<void> {
    return this.append(key, lineOf({ key }), true);
  }

  /** Resolves when what was put is on disk. */
  async close(): Promise<void> {
    await this.writing?.catch(() => {});
    await this.handle?.close();
    this.handle = undefined;
  }

  private append(key: string, line: string, gone: boolean): Promise<void> {
    this.remember(key, gone ? undefined : line);
    this.waiting ??= newBatch();
    this.waiting.text += line;
    const { done } = this.waiting;
    this.writing ??= this.drain();
    return done;
  }

  private remember(key: string, line: string | undefined): void {
    this.liveBytes += (line?.length ?? 0) - (this.lines.get(key)?.length ?? 0);
    if (line === undefined) this.lines.delete(key);
    else this.lines.set(key, line);
  }

  private async drain(): Promise<void> {
    // All changes of one step make one batch.
    await Promise.resolve();
    for (let batch = this.waiting; batch !== undefined; batch = this.waiting) {
      this.waiting = undefined;
      try {
        // Behind a write that failed nothing can be trusted to be read back.
        if (this.failure !== undefined) throw this.failure;
        await this.write(batch.text);
        batch.resolve();
      } catch (error) {
        this.failure = error;
        batch.reject(error);
      }
    }
    this.writing = undefined;
  }

  private async write(text: string): Promise<void> {
    this.fileBytes += text.length;
    if (this.handle === undefined || this.fileBytes > 2 * this.liveBytes + MIN_GARBAGE_BYTES) return this.rewrite();
    await this.handle.appendFile(text);
    await this.handle.datasync();
  }

  /** What is still true, in a new file that takes the place of the old one. */
  private async rewrite(): Promise<void> {
    const text = [...this.lines.values()].join('');
    const temporary = `${this.file}.tmp`;
    const next = await open(temporary, 'w', 0o600);
    try {
      await next.appendFile(text);
      await next.sync();
      await rename(temporary, this.file);
      await syncDirectory(this.directory);
    } catch (error) {
      await next.close();
      throw error;
    }
    await this.handle?.close();
    this.handle = next;
    this.fileBytes = text.length;
  }

  private parse(line: string): { key: string; value?: unknown } | undefined {
    try {
      const end = line.indexOf(' ');
      if (end < 0 || digest(line.slice(end + 1)) !== line.slice(0, end)) throw new Error('its checksum is wrong');
      return fromWireJson(line.slice(end + 1)) as { key: string; value?: unknown };
    } catch (error) {
      this.log.warn('skipped a damaged checkpoint', { file: this.file, bytes: line.length, reason: messageOf(error) });
      return undefined;
    }
  }
}

function newBatch(): Batch {
  let [resolve, reject]: [() => void, (error: unknown) => void] = [() => {}, () => {}];
  const done = new Promise<void>((yes, no) => ([resolve, reject] = [yes, no]));
  return { text: '', done, resolve, reject };
}

function lineOf(record: { key: string; value?: unknown }): string {
  const text = toWireJson(record);
  return `${digest(text)} ${text}\n`;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

function absent(error: unknown): string {
  if (hasCode(error, 'ENOENT')) return '';
  throw error;
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
