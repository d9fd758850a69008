import { createRequire } from 'node:module';
import type protobuf from 'protobufjs';
import { MAX_DEPTH, MAX_MESSAGES, invalid, narrow, reading, slow } from './read-value.js';
import type { FieldSchema, MessageSchema } from './schema.js';
import { Source, type Codecs } from './source.js';

export type ProtobufEncoder = (message: object, writer: protobuf.Writer) => void;
export type ProtobufDecoder = (reader: protobuf.Reader, end: number, depth: number) => object;

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

const wireType = (kind: FieldSchema['kind']): number => {
  if (kind === 'string' || kind === 'bytes' || kind === 'message') return DELIMITED;
  if (kind === 'double') return FIXED64;
  return kind === 'float' ? FIXED32 : VARINT;
};

const tag = (field: FieldSchema, wire: number): number => ((field.number << 3) | wire) >>> 0;
const isWide = (field: FieldSchema): boolean => field.kind.endsWith('64');

/** protobufjs takes 64-bit values in halves. */
const halves = (wide: bigint): { low: number; high: number; unsigned: boolean } => ({
  low: Number(BigInt.asIntN(32, wide)),
  high: Number(BigInt.asIntN(32, wide >> 32n)),
  unsigned: wide >= 0n,
});

const toBytes = (base64: string): Uint8Array => Buffer.from(base64, 'base64');
const toBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');

type Long = { readonly low: number; readonly high: number };
const signed = (long: Long): number | bigint => narrow((BigInt(long.high) << 32n) | BigInt(long.low >>> 0));
const unsigned = (long: Long): number | bigint => narrow((BigInt(long.high >>> 0) << 32n) | BigInt(long.low >>> 0));

/** The length of what follows, as the index behind it. */
function endOf(reader: protobuf.Reader, end: number): number {
  const length = reader.uint32();
  if (length > end - reader.pos) throw invalid('A field ends behind its message');
  return reader.pos + length;
}

function atEnd(reader: protobuf.Reader, end: number): void {
  if (reader.pos !== end) throw invalid('A field ends behind its message');
}

export function compileEncoder(type: MessageSchema, codecs: Codecs): ProtobufEncoder {
  const source = new Source(codecs, { halves, toBytes });
  // In the order of numbers, as protobuf's own writers do.
  const fields = [...type.fields].sort((a, b) => a.number - b.number);
  return source.compile('m, w', `let v;\n${fields.map((field) => encodeField(field, source)).join('\n')}`);
}

function encodeField(field: FieldSchema, source: Source): string {
  const load = `if ((v = m.${field.property}) !== undefined)`;
  const one = encodeValue(field, tag(field, wireType(field.kind)), source);
  switch (field.rule) {
    case 'repeated':
      return `${load} for (v of v) { ${one} }`;
    case 'map': {
      const value = encodeValue(field, (2 << 3) | wireType(field.kind), source);
      return `${load} for (const k of Object.keys(v)) { w.uint32(${tag(field, DELIMITED)}).fork().uint32(10).string(k); { const r = v; v = r[k]; ${value} v = r; } w.ldelim(); }`;
    }
    case 'required':
      return `${load} { ${one} } else throw new Error("assertion failed: required field '${field.name}' is unset");`;
    default:
      return `${load} { ${one} }`;
  }
}

function encodeValue(field: FieldSchema, tagNumber: number, source: Source): string {
  const put = `w.uint32(${tagNumber})`;
  if (field.kind === 'message') return `${put}.fork(); ${source.codec(field.message!)}.encode(v, w); w.ldelim();`;
  if (field.kind === 'enum') return `${put}.int32(${source.constant(field.enum!.numbers)}.get(v));`;
  if (field.kind === 'bytes') return `${put}.bytes(toBytes(v));`;
  if (isWide(field)) return `${put}.${field.kind}(typeof v === 'bigint' ? halves(v) : v);`;
  return `${put}.${field.kind}(v);`;
}

export function compileDecoder(type: MessageSchema, codecs: Codecs): ProtobufDecoder {
  const source = new Source(codecs, { slow, reading, signed, unsigned, toBase64, endOf, atEnd });
  const required = type.fields.filter((field) => field.rule === 'required');
  return source.compile(
    'r, end, depth',
    `if (depth > ${MAX_DEPTH}) slow.tooDeep();
    if (++reading.messages > ${MAX_MESSAGES}) slow.tooMany();
    const m = {}; let v;
    while (r.pos < end) {
      const t = r.uint32();
      switch (t) {
        ${type.fields.map((field) => decodeField(field, source)).join('\n')}
        default: if (t >>> 3 === 0) slow.noField(); r.skipType(t & 7, 0, t >>> 3);
      }
    }
    atEnd(r, end);
    ${required.length === 0 ? '' : `if (${required.map((f) => `m.${f.property} === undefined`).join(' || ')}) reading.missing = true;`}
    return m;`,
  );
}

function decodeField(field: FieldSchema, source: Source): string {
  const into = `m.${field.property}`;
  const wire = wireType(field.kind);
  const one = decodeValue(field, source);
  const known = field.kind === 'enum' ? 'if (v !== undefined) ' : '';
  switch (field.rule) {
    case 'map':
      return `case ${tag(field, DELIMITED)}: { ${decodeEntry(field, one)} break; }`;
    case 'repeated': {
      const add = `v = ${one}; ${known}(${into} ??= []).push(v);`;
      const packed = `case ${tag(field, DELIMITED)}: { const e = endOf(r, end); while (r.pos < e) { ${add} } break; }`;
      return `case ${tag(field, wire)}: ${add} break; ${wire === DELIMITED ? '' : packed}`;
    }
    default:
      return `case ${tag(field, wire)}: v = ${one}; ${known}${into} = v; break;`;
  }
}

function decodeEntry(field: FieldSchema, value: string): string {
  const entry = (2 << 3) | wireType(field.kind);
  return `const e = endOf(r, end); let k = '', x;
    { const end = e; while (r.pos < end) { const t = r.uint32(); if (t === 10) k = r.string(); else if (t === ${entry}) x = ${value}; else r.skipType(t & 7, 0, t >>> 3); } atEnd(r, end); }
    if (x !== undefined) Object.defineProperty(m.${field.property} ??= {}, k, { value: x, enumerable: true, writable: true, configurable: true });`;
}

function decodeValue(field: FieldSchema, source: Source): string {
  if (field.kind === 'message') return `${source.codec(field.message!)}.decode(r, endOf(r, end), depth + 1)`;
  if (field.kind === 'enum') return `${source.constant(field.enum!.names)}.get(r.int32())`;
  if (field.kind === 'bytes') return 'toBase64(r.bytes())';
  if (isWide(field)) return `${field.kind === 'uint64' ? 'unsigned' : 'signed'}(r.${field.kind}())`;
  return `r.${field.kind}()`;
}

const load = (): typeof protobuf => createRequire(import.meta.url)('protobufjs') as typeof protobuf;
let loaded: typeof protobuf | undefined;

export const newWriter = (): protobuf.Writer => (loaded ??= load()).Writer.create();
export const newReader = (bytes: Uint8Array): protobuf.Reader => (loaded ??= load()).Reader.create(bytes);
