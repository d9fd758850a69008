import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';

const CHUNK_BYTES = 1 << 20;
const SUM_CHARS = 16;
const BEFORE_SUM = '{"sum":"';
const AFTER_SUM = '","is":';
const BODY_AT = BEFORE_SUM.length + SUM_CHARS + AFTER_SUM.length;

const sumOf = (body: string): string => createHash('sha256').update(body).digest('hex').slice(0, SUM_CHARS);

/** `{"sum": S, "is": BODY}`, whose sum is over the body's text as it stands there. */
export function lineOf(value: object): string {
  const body = JSON.stringify(value);
  return `${BEFORE_SUM}${sumOf(body)}${AFTER_SUM}${body}}\n`;
}

/** Throws what is wrong with it. */
export function valueOf(line: string): object {
  const body = line.slice(BODY_AT, -1);
  if (line !== `${BEFORE_SUM}${sumOf(body)}${AFTER_SUM}${body}}`) throw new Error('its checksum is wrong');
  return JSON.parse(body) as object;
}

export interface Line {
  /** From 1 on. */
  readonly number: number;
  /** Where it begins in the file. */
  readonly byte: number;
  readonly text: string;
}

/** All whole lines of a file from its beginning. Answers where the last one ends: what follows was cut short. */
export async function* linesIn(file: FileHandle): AsyncGenerator<Line, number> {
  const buffer = Buffer.alloc(CHUNK_BYTES);
  let parts: Buffer[] = [];
  let [number, byte, at] = [1, 0, 0];
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, CHUNK_BYTES, at);
    if (bytesRead === 0) return byte;
    at += bytesRead;
    let from = 0;
    for (let end = buffer.indexOf(10); end >= 0 && end < bytesRead; end = buffer.indexOf(10, from)) {
      const text = Buffer.concat([...parts, buffer.subarray(from, end)]);
      parts = [];
      from = end + 1;
      yield { number: number++, byte, text: text.toString('utf8') };
      byte += text.length + 1;
    }
    parts.push(Buffer.from(buffer.subarray(from, bytesRead)));
  }
}
