import { createHash } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Logger } from '@mezzo/sdk/contract';
import { messageOf } from '@mezzo/sdk/contract';
import type { CheckpointRecord } from '../../core/agent/events.js';
import { fromWireJson, toWireJson } from '../wire-json.js';

const SUFFIX = '.json';
const MAX_NAME_BYTES = 180;

/** One value on its way to disk; later values for the same key wait behind it and replace each other. */
interface Slot {
  next: { readonly value: unknown; readonly gone: boolean } | undefined;
  running: Promise<void>;
}

/**
 * The agent's memory: one file per key. A file is its checksum, a line feed, and JSON of key and value; it is written
 * beside its place, synced and renamed, so that a crash leaves the old file or the new one.
 */
export class FileCheckpointStore {
  private readonly slots = new Map<string, Slot>();

  constructor(
    private readonly directory: string,
    private readonly log: Logger,
  ) {}

  /** All that is there and whole; the rest is named in the log and left alone. */
  async load(): Promise<CheckpointRecord[]> {
    const entries = await readdir(this.directory, { recursive: true, withFileTypes: true }).catch(absent);
    const records: CheckpointRecord[] = [];
    for (const entry of entries) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      if (!entry.name.endsWith(SUFFIX)) await rm(file, { force: true });
      else records.push(...(await this.read(file)));
    }
    return records;
  }

  /** Durable when it resolves; the last value wins. */
  put(key: string, value: unknown): Promise<void> {
    return this.enqueue(key, { value, gone: false });
  }

  remove(key: string): Promise<void> {
    return this.enqueue(key, { value: undefined, gone: true });
  }

  /** Resolves when nothing is on its way to disk any more. */
  async close(): Promise<void> {
    await Promise.allSettled([...this.slots.values()].map((slot) => slot.running));
  }

  private async read(file: string): Promise<CheckpointRecord[]> {
    try {
      const text = await readFile(file, 'utf8');
      const end = text.indexOf('\n');
      if (end < 0 || digest(text.slice(end + 1)) !== text.slice(0, end)) throw new Error('its checksum is wrong');
      return [fromWireJson(text.slice(end + 1)) as CheckpointRecord];
    } catch (error) {
      this.log.warn('skipped a damaged checkpoint', { file, reason: messageOf(error) });
      return [];
    }
  }

  private enqueue(key: string, next: NonNullable<Slot['next']>): Promise<void> {
    const slot = this.slots.get(key);
    if (slot !== undefined) {
      const fresh = slot.next === undefined;
      slot.next = next;
      if (fresh) slot.running = slot.running.then(() => this.writeNext(key, slot));
      return slot.running;
    }
    const first: Slot = { next, running: Promise.resolve() };
    this.slots.set(key, first);
    first.running = this.writeNext(key, first);
    return first.running;
  }

  private async writeNext(key: string, slot: Slot): Promise<void> {
    const { next } = slot;
    slot.next = undefined;
    if (next === undefined) return;
    const file = this.fileOf(key);
    if (next.gone) await erase(file);
    else await write(file, toWireJson({ key, value: next.value }));
    if (slot.next === undefined) this.slots.delete(key);
  }

  private fileOf(key: string): string {
    return join(this.directory, ...key.split('/').map(nameOf)) + SUFFIX;
  }
}

/** Any text as one file name; what is too long is cut and told apart by its hash. The key itself is in the file. */
function nameOf(segment: string): string {
  const name = encodeURIComponent(Buffer.from(segment).toString()).replace(/^\.+/, (dots) => '%2E'.repeat(dots.length));
  return name.length <= MAX_NAME_BYTES ? name : `${name.slice(0, 100)}~${digest(segment).slice(0, 32)}`;
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

function absent(error: NodeJS.ErrnoException): [] {
  if (error.code === 'ENOENT') return [];
  throw error;
}

async function write(file: string, text: string): Promise<void> {
  const temporary = `${file}.tmp`;
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(`${digest(text)}\n${text}`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  await syncDirectory(dirname(file));
}

async function erase(file: string): Promise<void> {
  await rm(file, { force: true });
  await syncDirectory(dirname(file)).catch(absent);
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
