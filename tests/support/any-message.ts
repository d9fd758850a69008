import fc, { type Arbitrary } from 'fast-check';
import type { MessageName, MessageTypes } from '@mezzo/sdk/api';
import { schema, type FieldSchema, type MessageSchema } from '../../sdk/api/schema.js';

const int64 = (min: bigint, max: bigint) =>
  fc.bigInt({ min, max }).map((wide) => (Number.isSafeInteger(Number(wide)) ? Number(wide) : wide));

const SCALARS: Record<string, Arbitrary<unknown>> = {
  string: fc.string({ unit: 'grapheme', maxLength: 12 }),
  bytes: fc.uint8Array({ maxLength: 9 }).map((bytes) => Buffer.from(bytes).toString('base64')),
  bool: fc.boolean(),
  double: fc.double({ noNaN: true }).map((n) => (n === 0 ? 0 : n)),
  int32: fc.integer(),
  uint32: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
  int64: int64(-(2n ** 63n), 2n ** 63n - 1n),
  uint64: int64(0n, 2n ** 64n - 1n),
};

/** What stands for all values of a message or a kind of field: `mesos.v1.TaskID`, `double`. */
export type Instead = Readonly<Record<string, Arbitrary<unknown>>>;

/** Messages of a type with any of its fields, three levels deep. */
export const anyMessage = <K extends MessageName>(name: K, instead: Instead = {}): Arbitrary<MessageTypes[K]> =>
  message(schema().messages.get(name)!, 0, instead) as Arbitrary<MessageTypes[K]>;

function message(type: MessageSchema, depth: number, instead: Instead): Arbitrary<unknown> {
  const named = instead[type.fullName];
  if (named !== undefined) return named;
  const wanted = type.fields.filter((f) => f.rule === 'required' || depth < 3);
  const model = Object.fromEntries(wanted.map((field) => [field.property, anyField(field, depth, instead)]));
  const requiredKeys = wanted.filter((field) => field.rule === 'required').map((field) => field.property);
  return fc.record(model, { requiredKeys, noNullPrototype: true } as never);
}

function anyField(field: FieldSchema, depth: number, instead: Instead): Arbitrary<unknown> {
  const one = field.message
    ? message(field.message, depth + 1, instead)
    : field.enum
      ? fc.constantFrom(...field.enum.numbers.keys())
      : (instead[field.kind] ?? SCALARS[field.kind]!);
  if (field.rule === 'repeated') return fc.array(one, { minLength: 1, maxLength: 2 });
  if (field.rule === 'map')
    return fc.dictionary(fc.string({ maxLength: 4 }), one, { minKeys: 1, maxKeys: 2, noNullPrototype: true });
  return one;
}
