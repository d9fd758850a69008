import { quote, stringifyJson } from '@mezzo/sdk/api';

/** A list of an answer whose members are made one by one, when they are written. */
export class Lazy {
  constructor(readonly members: () => Iterable<unknown>) {}
}

/** The items are those of now, what is told of them is what is true when it is written. */
export const lazily = <T>(items: readonly T[], view: (item: T) => unknown): Lazy =>
  new Lazy(function* () {
    for (const item of items) yield view(item);
  });

/** JSON text in pieces: each a member of a `Lazy` list, or what lies between. */
export function* jsonPieces(value: unknown): Generator<string> {
  if (value instanceof Lazy) {
    let mark = '[';
    for (const member of value.members()) {
      yield mark;
      yield* jsonPieces(member);
      mark = ',';
    }
    yield mark === '[' ? '[]' : ']';
  } else if (isPlain(value) && Object.values(value).some((member) => member instanceof Lazy)) {
    let mark = '{';
    for (const [key, member] of Object.entries(value)) {
      if (member === undefined) continue;
      yield `${mark}${quote(key)}:`;
      yield* jsonPieces(member);
      mark = ',';
    }
    yield mark === '{' ? '{}' : '}';
  } else yield stringifyJson(value);
}

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const SLICE_MS = 4;
const CHUNK_CHARS = 256 * 1024;

/** Puts a long text together a few milliseconds at a time: whoever else asks is answered in between. */
export async function inSlices(pieces: Iterator<string>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let text = '';
  for (;;) {
    const untilMs = performance.now() + SLICE_MS;
    do {
      const { value, done } = pieces.next();
      if (done) return Buffer.concat([...chunks, Buffer.from(text)]);
      text += value;
      if (text.length < CHUNK_CHARS) continue;
      chunks.push(Buffer.from(text));
      text = '';
    } while (performance.now() < untilMs);
    await new Promise((resolve) => setImmediate(resolve));
  }
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
