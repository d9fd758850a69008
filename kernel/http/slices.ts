import { Lazy, oneByOne, quote, stringifyJson, type Piece, type Run, type WriteRun } from '@mezzo/sdk/api';
import type { Body } from './answer-body.js';
import { asBuffer } from './fragments.js';

/** JSON text as it is. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** The items are those of now, what is told of them is what is true when it is written. */
export const lazily = <T>(items: readonly T[], view: (item: T) => unknown, keeper?: object): Lazy =>
  new Lazy([{ items, view, keeper } as Run]);

/** JSON text in pieces: members of `Lazy` lists, and what lies between. */
export function* jsonPieces(value: unknown, writeRun: WriteRun): Generator<Piece> {
  if (value instanceof Lazy) yield* listPieces(value, writeRun);
  else if (value instanceof JsonText) yield value.text;
  else if (isPlain(value) && Object.values(value).some((member) => member instanceof Lazy)) {
    let mark = '{';
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      yield `${mark}${quote(key)}:`;
      yield* jsonPieces(member, writeRun);
      mark = ',';
    }
    yield mark === '{' ? '{}' : '}';
  } else yield stringifyJson(value);
}

function* listPieces({ runs }: Lazy, writeRun: WriteRun): Generator<Piece> {
  let mark = '[';
  for (const run of runs) {
    if (run.items.length === 0) continue;
    yield mark;
    if (run.keeper !== undefined) yield* writeRun(run, (item) => textOf(run.view(item), writeRun), ',');
    else yield* oneByOne(run, (member) => jsonPieces(member, writeRun), ',');
    mark = ',';
  }
  yield mark === '[' ? '[]' : ']';
}

const textOf = (value: unknown, writeRun: WriteRun): string =>
  value instanceof JsonText ? value.text : [...jsonPieces(value, writeRun)].join('');

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const SLICE_MS = 4;
const CHUNK_CHARS = 256 * 1024;

/** Work that is done bit by bit, and what comes of it. */
export type Steps<T> = Generator<unknown, T>;

/** Puts a big answer together. */
export const inSlices = (pieces: Iterable<Piece>, nowMs?: () => number): Promise<Body> =>
  bitByBit(putTogether(pieces), nowMs);

/** A few milliseconds at a time: whoever else asks is answered in between. */
export async function bitByBit<T>(steps: Steps<T>, nowMs = (): number => performance.now()): Promise<T> {
  for (;;) {
    await turn();
    const untilMs = nowMs() + SLICE_MS;
    do {
      const { value, done } = steps.next();
      if (done) return value;
    } while (nowMs() < untilMs);
  }
}

function* putTogether(pieces: Iterable<Piece>): Steps<Body> {
  const body: Uint8Array[] = [];
  let text = '';
  const flush = (): void => {
    if (text !== '') body.push(asBuffer(text));
    text = '';
  };
  for (const piece of pieces) {
    if (typeof piece === 'string') text += piece;
    else if (piece.length > 0) {
      flush();
      body.push(piece);
    }
    if (text.length >= CHUNK_CHARS) flush();
    yield;
  }
  flush();
  return body;
}

const waiting: (() => void)[] = [];

/** However many answers are written at the same time: one slice of one of them, then all others who ask. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(nextTurn);
  });

function nextTurn(): void {
  waiting.shift()!();
  if (waiting.length > 0) setImmediate(nextTurn);
}

/** Runs one at a time; who asks while one is under way shares the next with all others who do. */
export class SharedRuns<T> {
  private last: Promise<unknown> = Promise.resolve();
  private next: Promise<T> | undefined;

  constructor(private readonly run: () => Promise<T>) {}

  ask(): Promise<T> {
    this.next ??= this.last.then(() => {
      this.next = undefined;
      const run = this.run();
      this.last = run.catch(() => undefined);
      return run;
    });
    return this.next;
  }
}
