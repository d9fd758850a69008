import type { Piece, Run, WriteRun } from '@mezzo/sdk/api';
import { assert } from '@mezzo/sdk/contract';

/** Records of a list that lie side by side, as they were written. */
interface Chunk {
  readonly records: readonly unknown[];
  /** Where each ends in the bytes. */
  readonly ends: readonly number[];
  readonly bytes: Buffer;
}

const MAX_RECORDS = 64;
const MIN_RECORDS = MAX_RECORDS / 2;
const PER_STEP = 8;
const MAX_BYTES_OF_CHAR = 3;
const KEPT_MS = 5 * 60_000;

/**
 * What was written of lists whose records are replaced when they change, in one format: so each is written once, and not
 * for each who polls. It is as much as the last answer, and forgotten when nobody has asked for five minutes.
 */
export class Fragments {
  private kept = new WeakMap<object, readonly Chunk[]>();
  private forgetting: NodeJS.Timeout | undefined;

  readonly writeRun: WriteRun = (run, write, separator) => {
    assert(run.keeper, 'what has no keeper is not kept');
    this.forgetting ??= setTimeout(() => this.forget(), KEPT_MS).unref();
    this.forgetting.refresh();
    return this.writeKept(run, run.keeper, write, separator);
  };

  private forget(): void {
    this.kept = new WeakMap();
    this.forgetting = undefined;
  }

  private *writeKept(
    { items, look }: Run,
    keeper: object,
    write: (item: unknown) => Piece,
    separator: string,
  ): Generator<Piece> {
    const before = this.kept.get(keeper) ?? [];
    const heads = new Map(before.map((chunk, index) => [chunk.records[0], index]));
    const chunks: Chunk[] = [];
    let near = 0;
    for (let at = 0; at < items.length;) {
      const next = items.slice(at, at + MAX_RECORDS);
      const records = look === undefined ? next : next.map(look);
      near = heads.get(records[0]) ?? near;
      const known = before[near];
      const chunk =
        known !== undefined && isCurrent(known, records, at + known.records.length === items.length)
          ? known
          : yield* makeChunk(upToKnown(records, heads), next, before.slice(near, near + 2), write, separator);
      if (at > 0) yield separator;
      yield chunk.bytes;
      chunks.push(chunk);
      at += chunk.records.length;
      near++;
    }
    this.kept.set(keeper, chunks);
  }
}

/** Small chunks are joined with what follows, so that they do not get ever more. */
const isCurrent = ({ records }: Chunk, next: readonly unknown[], isLast: boolean): boolean =>
  (records.length >= MIN_RECORDS || isLast) &&
  records.length <= next.length &&
  records.every((record, i) => record === next[i]);

/** Up to where a known chunk begins, so that those behind a change stay. */
function upToKnown(records: readonly unknown[], heads: ReadonlyMap<unknown, number>): readonly unknown[] {
  const end = records.findIndex((record, i) => i >= MIN_RECORDS && heads.has(record));
  return end < 0 ? records : records.slice(0, end);
}

/** Chunks are put together here, and take just the room that they need. */
let desk = Buffer.allocUnsafeSlow(1024 * 1024);

/** Says after each few that work goes on: while V8 marks what it collects, each takes a millisecond. */
function* makeChunk(
  records: readonly unknown[],
  items: readonly unknown[],
  before: readonly Chunk[],
  write: (item: unknown) => Piece,
  separator: string,
): Generator<Piece, Chunk> {
  const pieces: Piece[] = [];
  for (const [i, record] of records.entries()) {
    pieces.push(written(record, before, separator.length) ?? write(items[i]));
    // What is written of an item that changes is of the moment in which it was looked at.
    if (record === items[i] && pieces.length % PER_STEP === 0) yield '';
  }
  const ends: number[] = [];
  let length = 0;
  for (const [i, piece] of pieces.entries()) {
    if (i > 0) length += desk.write(separator, length);
    length += put(piece, length);
    ends.push(length);
  }
  const bytes = Buffer.allocUnsafeSlow(length);
  desk.copy(bytes, 0, 0, length);
  return { records, ends, bytes };
}

/** Answers how many bytes it takes. */
function put(piece: Piece, at: number): number {
  const most = at + piece.length * (typeof piece === 'string' ? MAX_BYTES_OF_CHAR : 1) + 1;
  if (most > desk.length) desk = Buffer.concat([desk], 2 * most);
  if (typeof piece === 'string') return desk.write(piece, at);
  desk.set(piece, at);
  return piece.length;
}

/** A record that has not changed, while its neighbours have. */
function written(record: unknown, chunks: readonly Chunk[], separatorLength: number): Buffer | undefined {
  for (const { records, ends, bytes } of chunks) {
    const index = records.indexOf(record);
    if (index >= 0) return bytes.subarray(index === 0 ? 0 : ends[index - 1]! + separatorLength, ends[index]);
  }
  return undefined;
}

export const asBuffer = (piece: Piece): Buffer =>
  typeof piece === 'string' ? Buffer.from(piece) : Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
