import {
  closeSync,
  copyFileSync,
  createReadStream,
  createWriteStream,
  openSync,
  readSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { stat, truncate } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';

export const MAX_LOG_BYTES = 16 * 1024 * 1024;
const LAST_WORDS_BYTES = 8 * 1024;

/** Opens a plugin's log for appending, an overlong one moved to `<file>.1` first. */
export function openLog(file: string): number {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > MAX_LOG_BYTES) {
    copyFileSync(file, `${file}.1`);
    truncateSync(file, 0);
  }
  return openSync(file, 'a', 0o600);
}

/**
 * The same while the plugin writes: it appends, so that after the cut it goes on at the start. Of one that writes faster than it is cut only
 * the end is kept.
 */
export async function trimLog(file: string, maxBytes = MAX_LOG_BYTES): Promise<void> {
  try {
    const { size } = await stat(file);
    if (size <= maxBytes) return;
    const end = createReadStream(file, { start: Math.max(0, size - maxBytes), end: size - 1 });
    await pipeline(end, createWriteStream(`${file}.1`, { mode: 0o600 }));
    await truncate(file, 0);
  } catch {
    // no log, or no room for the copy: the next attempt comes
  }
}

/** The end of a log, from the start of a line on. */
export function endOfLog(file: string, bytes: number): string {
  const text = tail(file, Math.min(bytes, MAX_LOG_BYTES));
  return Buffer.byteLength(text) < bytes ? text : text.slice(text.indexOf('\n') + 1);
}

/** What a plugin wrote last, for people: messages of its log lines, or plain text such as a stack trace. */
export function lastWords(file: string, lines = 3): string {
  const text = tail(file, LAST_WORDS_BYTES).trimEnd().split('\n').slice(-lines);
  return text.map(messageIn).join(' | ').slice(0, 400);
}

function messageIn(line: string): string {
  try {
    const { msg } = JSON.parse(line) as { msg?: unknown };
    return typeof msg === 'string' ? msg : line;
  } catch {
    return line.trim();
  }
}

function tail(file: string, bytes: number): string {
  try {
    const fd = openSync(file, 'r');
    try {
      const { size } = statSync(file);
      const buffer = Buffer.alloc(Math.min(size, bytes));
      readSync(fd, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8');
    } finally {
      closeSync(fd);
    }
  } catch {
    return '';
  }
}
