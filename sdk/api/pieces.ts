import { codecOf, Codec, typeOf, type MessageName } from './codec.js';
import { newWriter } from './compile-protobuf.js';
import type { MessageTypes } from './messages.js';
import type { FieldSchema, MessageSchema } from './schema.js';

export type Piece = string | Uint8Array;

/** A part of a list: items, and what each is in the list. */
export interface Run<T = unknown, M = unknown> {
  readonly items: readonly T[];
  readonly view: (item: T) => M;
  /** Done bit by bit before `view` is asked, for what would take long. */
  readonly prepare?: ((item: T) => Iterable<unknown>) | undefined;
  /** What the text of the items may be kept by, because all that see them see the same. */
  readonly keeper?: object | undefined;
  /** The same object for as long as the item looks the same. By default the item: it never changes. */
  readonly look?: ((item: T) => object) | undefined;
}

/** In the place of a list: its members are made when they are written. */
export class Lazy {
  constructor(readonly runs: readonly Run[]) {}
}

/** Writes members of lists that have a keeper: pieces in order, each of some members. `write` makes the text, or bytes, of one. */
export type WriteRun = (run: Run, write: (item: unknown) => Piece, separator: string) => Iterable<Piece>;

/** JSON text, or bytes of protobuf, in pieces: with `Lazy` lists what `messageToJson` and `encodeMessage` make with plain ones. */
export const messagePieces = <K extends MessageName>(
  format: 'json' | 'protobuf',
  name: K,
  message: MessageTypes[K],
  writeRun: WriteRun,
): Iterable<Piece> => {
  const [type, values] = [typeOf(name), message as Values];
  return format === 'json' ? jsonPieces(type, values, writeRun) : protobufPieces(type, values, writeRun);
};

type Values = Readonly<Record<string, unknown>>;

const isBig = (value: unknown): value is object =>
  value instanceof Lazy ||
  (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.values(value).some(isBig));

const hasLists = (member: object): boolean => Object.values(member).some((value) => value instanceof Lazy);

/** Members of a list without a keeper. */
export function* oneByOne(run: Run, pieces: (member: object) => Iterable<Piece>, separator: string): Generator<Piece> {
  let between = '';
  for (const item of run.items) {
    for (const _ of run.prepare?.(item) ?? []) yield '';
    yield between;
    yield* pieces(run.view(item) as object);
    between = separator;
  }
}

/** Fields are written one by one, each by a codec of its own. */
const fields = new Map<FieldSchema, Codec>();

function codecOfField(type: MessageSchema, field: FieldSchema): Codec {
  const codec = fields.get(field) ?? new Codec({ ...type, fields: [field] });
  fields.set(field, codec);
  return codec;
}

function* jsonPieces(type: MessageSchema, message: Values, writeRun: WriteRun): Generator<Piece> {
  let mark = '{';
  for (const field of type.fields) {
    const value = message[field.property];
    if (!isBig(value)) {
      const text = codecOfField(type, field).write(message).slice(1, -1);
      if (text === '') continue;
      yield mark + text;
    } else if (!(value instanceof Lazy)) {
      yield `${mark}"${field.name}":`;
      yield* jsonPieces(field.message!, value as Values, writeRun);
    } else if (value.runs.some(({ items }) => items.length > 0)) {
      yield `${mark}"${field.name}":`;
      const type = field.message!;
      const big = (member: object): Iterable<Piece> => jsonPieces(type, member as Values, writeRun);
      yield* jsonList(value, (member) => codecOf(type).write(member), writeRun, big);
    } else if (field.shownEmpty) yield `${mark}"${field.name}":[]`;
    else continue;
    mark = ',';
  }
  yield mark === '{' ? '{}' : '}';
}

/** A list as JSON text. Members that have lists themselves are `big`. */
export function* jsonList(
  { runs }: Lazy,
  write: (member: object) => Piece,
  writeRun: WriteRun,
  big?: (member: object) => Iterable<Piece>,
): Generator<Piece> {
  let mark = '[';
  for (const run of runs) {
    if (run.items.length === 0) continue;
    yield mark;
    if (run.keeper !== undefined) yield* writeRun(run, (item) => write(run.view(item) as object), ',');
    else yield* oneByOne(run, (member) => (big && hasLists(member) ? big(member) : [write(member)]), ',');
    mark = ',';
  }
  yield mark === '[' ? '[]' : ']';
}

function* protobufPieces(type: MessageSchema, message: Values, writeRun: WriteRun): Generator<Piece> {
  for (const field of [...type.fields].sort((a, b) => a.number - b.number)) {
    const value = message[field.property];
    const codec = codecOfField(type, field);
    if (!isBig(value)) yield encoded(codec, message);
    else if (value instanceof Lazy) {
      const one = (member: object): Uint8Array => encoded(codec, { [field.property]: [member] });
      const big = (member: object): Iterable<Piece> =>
        delimited(field, protobufPieces(field.message!, member as Values, writeRun));
      for (const run of value.runs)
        if (run.keeper !== undefined) yield* writeRun(run, (item) => one(run.view(item) as object), '');
        else yield* oneByOne(run, (member) => (hasLists(member) ? big(member) : [one(member)]), '');
    } else yield* delimited(field, protobufPieces(field.message!, value as Values, writeRun));
  }
}

/** The length comes first: what is below is held until it is known, while empty pieces tell that work goes on. */
function* delimited({ number }: FieldSchema, below: Iterable<Piece>): Generator<Piece> {
  const held: Piece[] = [];
  let length = 0;
  for (const piece of below) {
    held.push(piece);
    length += piece.length;
    yield '';
  }
  yield newWriter()
    .uint32((number << 3) | 2)
    .uint32(length)
    .finish();
  yield* held;
}

function encoded(codec: Codec, message: object): Uint8Array {
  const writer = newWriter();
  codec.encode(message, writer);
  return writer.finish();
}
