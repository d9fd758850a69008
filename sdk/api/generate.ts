import type { EnumSchema, FieldSchema, MessageSchema, Schema } from './schema.js';

const HEAD = `// Generated from proto/ by generate.ts: do not edit. \`node sdk/dist/api/write-messages.js\` writes it anew.

/** 64-bit integers: a bigint where a number would lose digits. */
export type Int64 = number | bigint;
`;

const TYPES: Record<string, string> = {
  string: 'string',
  bytes: 'string',
  bool: 'boolean',
  int64: 'Int64',
  uint64: 'Int64',
  sint64: 'Int64',
};

/** The text of messages.ts. */
export function generateMessages(schema: Schema): string {
  const messages = sorted(schema.messages);
  const enums = sorted(schema.enums);
  refuseCollisions([...messages, ...enums]);
  return [
    HEAD,
    ...enums.map(enumType),
    ...messages.map(messageType),
    '/** Full protobuf name -> message, for the codec. */',
    `export interface MessageTypes {\n${messages.map((m) => `  '${m.fullName}': ${m.typeName};\n`).join('')}}\n`,
  ].join('\n');
}

const sorted = <T extends { fullName: string }>(types: ReadonlyMap<string, T>): T[] =>
  [...types.values()].sort((a, b) => (a.fullName < b.fullName ? -1 : 1));

function refuseCollisions(types: readonly { fullName: string; typeName: string }[]): void {
  const seen = new Map<string, string>();
  for (const { fullName, typeName } of types) {
    const other = seen.get(typeName);
    if (other) throw new Error(`${fullName} and ${other} would both be called ${typeName}`);
    seen.set(typeName, fullName);
  }
}

const enumType = (type: EnumSchema): string => {
  const names = [...type.numbers.keys()].map((name) => `'${name}'`);
  const line = `export type ${type.typeName} = ${names.join(' | ')};\n`;
  return line.length <= 121 ? line : `export type ${type.typeName} =\n${names.map((n) => `  | ${n}`).join('\n')};\n`;
};

function messageType(type: MessageSchema): string {
  if (type.fields.length === 0) return `export type ${type.typeName} = Record<never, never>;\n`;
  return `export interface ${type.typeName} {\n${type.fields.map(property).join('')}}\n`;
}

function property(field: FieldSchema): string {
  const one = field.message?.typeName ?? field.enum?.typeName ?? TYPES[field.kind] ?? 'number';
  const type = field.rule === 'repeated' ? `${one}[]` : field.rule === 'map' ? `Record<string, ${one}>` : one;
  const note = field.kind === 'bytes' ? '  /** base64 */\n' : '';
  return `${note}  ${field.property}${field.rule === 'required' ? '' : '?'}: ${type};\n`;
}
