import { MezzoError, assert } from '../contract/errors.js';
import {
  compileObjectWriter,
  compileReader,
  compileWriter,
  type JsonReader,
  type JsonWriter,
  type ObjectWriter,
} from './compile-json.js';
import {
  compileDecoder,
  compileEncoder,
  newReader,
  newWriter,
  type ProtobufDecoder,
  type ProtobufEncoder,
} from './compile-protobuf.js';
import { parseJson } from './json-text.js';
import type { MessageTypes } from './messages.js';
import { invalid, reading } from './read-value.js';
import { schema, type MessageSchema } from './schema.js';

export type MessageName = keyof MessageTypes;

/** The functions of one message type. Each is compiled when it is first called, and then takes its own place. */
export class Codec {
  constructor(private readonly type: MessageSchema) {}

  read: JsonReader = (json, field, depth) => (this.read = compileReader(this.type, codecOf))(json, field, depth);
  write: JsonWriter = (message) => (this.write = compileWriter(this.type, codecOf))(message);
  toObject: ObjectWriter = (message) => (this.toObject = compileObjectWriter(this.type, codecOf))(message);
  encode: ProtobufEncoder = (message, writer) => (this.encode = compileEncoder(this.type, codecOf))(message, writer);
  decode: ProtobufDecoder = (reader, end, depth) =>
    (this.decode = compileDecoder(this.type, codecOf))(reader, end, depth);
}

const codecs = new Map<string, Codec>();

export function codecOf(type: MessageSchema): Codec {
  let codec = codecs.get(type.fullName);
  if (codec === undefined) codecs.set(type.fullName, (codec = new Codec(type)));
  return codec;
}

export function typeOf(name: string): MessageSchema {
  const type = schema().messages.get(name);
  assert(type, `no message is called ${name}`);
  return type;
}

const named = (name: string): Codec => codecs.get(name) ?? codecOf(typeOf(name));

/**
 * Reads a parsed JSON value by the rules of the Mesos JSON format: unknown keys are ignored, null is unset, numbers and
 * booleans may be strings. Throws MezzoError INVALID_MESSAGE (blame user), which names the path and, in `details`, the type.
 */
export function parseMessage<K extends MessageName>(name: K, json: unknown): MessageTypes[K] {
  return checked(name, () => named(name).read(json, undefined, 0)) as MessageTypes[K];
}

/** The same from text; integers beyond 2^53 survive. Text that is no JSON throws INVALID_JSON (blame user). */
export const parseMessageText = <K extends MessageName>(name: K, text: string): MessageTypes[K] =>
  parseMessage(name, parseJson(text));

/** JSON text: snake_case names, unset fields with a default shown, int64 as bare numbers, NaN and Infinity bare. */
export const messageToJson = <K extends MessageName>(name: K, message: MessageTypes[K]): string =>
  named(name).write(message);

/** The same as a plain object, for embedding in other answers; bigints are kept (`stringifyJson` writes them). */
export const messageToObject = <K extends MessageName>(name: K, message: MessageTypes[K]): Record<string, unknown> =>
  named(name).toObject(message);

export function encodeMessage<K extends MessageName>(name: K, message: MessageTypes[K]): Uint8Array {
  const writer = newWriter();
  named(name).encode(message, writer);
  return writer.finish();
}

/** Throws MezzoError INVALID_MESSAGE (blame user). Unknown fields and unknown enum numbers are dropped. */
export function decodeMessage<K extends MessageName>(name: K, bytes: Uint8Array): MessageTypes[K] {
  return checked(name, () => named(name).decode(newReader(bytes), bytes.length, 0)) as MessageTypes[K];
}

function checked(name: string, read: () => object): object {
  reading.missing = false;
  reading.messages = 0;
  let message: object;
  try {
    message = read();
  } catch (error) {
    throw withType(error, name);
  }
  if (reading.missing) refuseMissing(name, message);
  return message;
}

function refuseMissing(name: string, message: object): void {
  const missing = [...firstOf(missingFields(typeOf(name), message, ''), MAX_NAMED)];
  throw invalid(`Missing required fields: ${missing.join(', ')}`, { type: name, missing });
}

/** Each missing field is a line of an error text: enough are named to mend them, however many there are. */
const MAX_NAMED = 30;

function* firstOf<T>(all: Iterable<T>, most: number): Iterable<T> {
  for (const one of all) {
    if (most-- === 0) return;
    yield one;
  }
}

/** Paths in the order in which protobuf names them: own fields first, then those of the parts. */
function* missingFields(type: MessageSchema, message: object, prefix: string): Iterable<string> {
  const values = message as Record<string, unknown>;
  for (const { rule, property, name } of type.fields)
    if (rule === 'required' && values[property] === undefined) yield prefix + name;
  for (const field of [...type.fields].sort((a, b) => a.number - b.number)) {
    const value = values[field.property];
    if (!field.message || value === undefined) continue;
    for (const [at, part] of parts(field.rule, value))
      yield* missingFields(field.message, part, `${prefix}${field.name}${at}.`);
  }
}

function* parts(rule: string, value: unknown): Iterable<readonly [string, object]> {
  if (rule === 'repeated') for (const [index, part] of (value as object[]).entries()) yield [`[${index}]`, part];
  else if (rule === 'map')
    for (const [key, part] of Object.entries(value as object)) yield [`[${key}]`, part as object];
  else yield ['', value as object];
}

/** What protobufjs throws of itself (RangeError, Error) is the sender's fault as well; the rest would be a bug of ours. */
function withType(error: unknown, type: string): MezzoError {
  if (error instanceof TypeError || error instanceof ReferenceError) throw error;
  const known = error instanceof MezzoError ? error : invalid('Not a protobuf message');
  const { blame, details } = known;
  return new MezzoError(known.code, known.message, { blame, details: { type, ...details }, cause: error });
}
