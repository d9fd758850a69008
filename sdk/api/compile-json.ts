import { quote } from './json-text.js';
import { MAX_DEPTH, reading, slow } from './read-value.js';
import type { FieldSchema, MessageSchema } from './schema.js';
import { Source, type Codecs } from './source.js';

/**
 * One function per message type, written as source text: each access to a property is then a place of its own, which the
 * engine makes fast. A loop over descriptors is several times slower (bench: codec).
 */
export type JsonReader = (json: unknown, field: string | undefined, depth: number) => object;
export type JsonWriter = (message: object) => string;
export type ObjectWriter = (message: object) => Record<string, unknown>;

const INTS: Partial<Record<FieldSchema['kind'], string>> = {
  int32: `typeof v === 'number' && (v | 0) === v ? v : slow.int(v, F, -2147483648, 2147483647)`,
  sint32: `typeof v === 'number' && (v | 0) === v ? v : slow.int(v, F, -2147483648, 2147483647)`,
  uint32: `typeof v === 'number' && (v >>> 0) === v ? v : slow.int(v, F, 0, 4294967295)`,
  int64: `Number.isSafeInteger(v) ? v : slow.int64(v, F, true)`,
  sint64: `Number.isSafeInteger(v) ? v : slow.int64(v, F, true)`,
  uint64: `Number.isSafeInteger(v) && v >= 0 ? v : slow.int64(v, F, false)`,
};

/** Fields are read in the order of their names, so that of several faults the same one is named as by Mesos. */
export function compileReader(type: MessageSchema, codecs: Codecs): JsonReader {
  const source = new Source(codecs, { slow, reading });
  const fields = [...type.fields].sort((a, b) => (a.name < b.name ? -1 : 1));
  return source.compile<JsonReader>(
    'o, field, depth',
    `if (typeof o !== 'object' || o === null || Array.isArray(o)) slow.object(o, field);
    if (depth > ${MAX_DEPTH}) slow.tooDeep();
    const m = {}; let v, t;
    ${fields.map((f) => readField(f, source)).join('\n')}
    return m;`,
  );
}

function readField(field: FieldSchema, source: Source): string {
  const head = `if ((v = o.${field.name}) != null)`;
  const value = readValue(field, source);
  const into = `m.${field.property}`;
  switch (field.rule) {
    case 'repeated':
      return `${head} { const l = []; for (v of Array.isArray(v) ? v : [v]) if (v != null) { ${keep(field, value, 'l.push(t)', 'l.push($)')} }
        if (l.length > 0) ${into} = l; }`;
    case 'map':
      return `${head} { if (typeof v !== 'object' || Array.isArray(v)) slow.object(v, '${field.name}');
        const r = {}, all = v; let any = false;
        for (const k of Object.keys(all)) if ((v = all[k]) != null) { t = ${value}; any = true;
          if (k === '__proto__') Object.defineProperty(r, k, { value: t, enumerable: true, writable: true, configurable: true }); else r[k] = t; }
        if (any) ${into} = r; }`;
    case 'required':
      return `${head} { ${keep(field, value, `${into} = t`, `${into} = $`)} } else reading.missing = true;`;
    default:
      return `${head} { ${keep(field, value, `${into} = t`, `${into} = $`)} }`;
  }
}

/** An unknown enum name reads as undefined, and then nothing is kept. */
const keep = (field: FieldSchema, value: string, ifKnown: string, always: string): string =>
  field.kind === 'enum' ? `if ((t = ${value}) !== undefined) ${ifKnown};` : `${always.replace('$', () => value)};`;

function readValue(field: FieldSchema, source: Source): string {
  const name = `'${field.name}'`;
  switch (field.kind) {
    case 'message':
      return `${source.codec(field.message!)}.read(v, ${name}, depth + 1)`;
    case 'enum':
      return `${source.constant(field.enum!.numbers)}.has(v) ? v : slow.enumName(v, ${name}, ${field.rule === 'required'})`;
    case 'string':
      return `typeof v === 'string' ? v : slow.string(v, ${name})`;
    case 'bytes':
      return `slow.bytes(v, ${name})`;
    case 'bool':
      return `typeof v === 'boolean' ? v : slow.bool(v, ${name})`;
    case 'double':
    case 'float':
      return `typeof v === 'number' ? v : slow.double(v, ${name})`;
    default:
      return INTS[field.kind]!.replace('F', name);
  }
}

/** JSON text, fields in the order of declaration. */
export function compileWriter(type: MessageSchema, codecs: Codecs): JsonWriter {
  const source = new Source(codecs, { quote });
  // Behind the first field that is always there, a comma goes before each field; up to it, after each.
  const anchor = type.fields.findIndex((f) => isAlwaysShown(f));
  const body = type.fields.map((field, index) => {
    const key = JSON.stringify(field.name) + ':';
    if (anchor < 0) return writeField(field, source, (value) => `s += (s === '{' ? '' : ',') + '${key}' + ${value};`);
    if (index < anchor) return writeField(field, source, (value) => `s += '${key}' + ${value} + ',';`);
    return writeField(field, source, (value) => `s += '${index === anchor ? '' : ','}${key}' + ${value};`);
  });
  return source.compile<JsonWriter>('m', `let v, s = '{';\n${body.join('\n')}\nreturn s + '}';`);
}

const isAlwaysShown = (field: FieldSchema): boolean =>
  field.rule === 'required' || field.shownDefault !== undefined || field.shownEmpty === true;

function writeField(field: FieldSchema, source: Source, add: (value: string) => string): string {
  const one = writeValue(field, source);
  const load = `v = m.${field.property};`;
  switch (field.rule) {
    case 'repeated':
      return `${load} ${field.shownEmpty ? '' : 'if (v !== undefined && v.length > 0)'} { let l = ''; for (v of v ?? []) l += (l === '' ? '' : ',') + ${one}; ${add("'[' + l + ']'")} }`;
    case 'map':
      return `${load} if (v !== undefined) { let l = ''; const r = v; for (const k of Object.keys(r)) { v = r[k]; l += (l === '' ? '' : ',') + quote(k) + ':' + ${one}; }
        if (l !== '') { ${add("'{' + l + '}'")} } }`;
    case 'required':
      return `${load} ${unset(field)} ${add(one)}`;
    default:
      return field.shownDefault === undefined
        ? `${load} if (v !== undefined) { ${add(one)} }`
        : `${load} ${add(`(v === undefined ? ${JSON.stringify(JSON.stringify(field.shownDefault))} : ${one})`)}`;
  }
}

const unset = (field: FieldSchema): string =>
  `if (v === undefined) throw new Error("assertion failed: required field '${field.name}' is unset");`;

function writeValue(field: FieldSchema, source: Source): string {
  switch (field.kind) {
    case 'message':
      return `${source.codec(field.message!)}.write(v)`;
    case 'string':
      return 'quote(v)';
    case 'enum':
    case 'bytes':
      return `'"' + v + '"'`;
    default:
      return `('' + v)`;
  }
}

/** The same as a plain object. */
export function compileObjectWriter(type: MessageSchema, codecs: Codecs): ObjectWriter {
  const source = new Source(codecs, {});
  return source.compile<ObjectWriter>(
    'm',
    `const o = {}; let v;\n${type.fields.map((f) => objectField(f, source)).join('\n')}\nreturn o;`,
  );
}

function objectField(field: FieldSchema, source: Source): string {
  const one = field.message ? `${source.codec(field.message)}.toObject(v)` : 'v';
  const load = `v = m.${field.property};`;
  const into = `o.${field.name}`;
  switch (field.rule) {
    case 'repeated':
      return `${load} ${field.shownEmpty ? '' : 'if (v !== undefined && v.length > 0)'} ${into} = (v ?? []).map((v) => ${one});`;
    case 'map':
      return `${load} if (v !== undefined && Object.keys(v).length > 0) ${into} = Object.fromEntries(Object.entries(v).map(([k, v]) => [k, ${one}]));`;
    case 'required':
      return `${load} ${unset(field)} ${into} = ${one};`;
    default:
      return field.shownDefault === undefined
        ? `${load} if (v !== undefined) ${into} = ${one};`
        : `${load} ${into} = v === undefined ? ${JSON.stringify(field.shownDefault)} : ${one};`;
  }
}
