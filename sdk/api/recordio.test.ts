import fc from 'fast-check';
import { expect, test } from 'vitest';
import { RecordDecoder, encodeRecord } from './recordio.js';

test('records survive any cutting into chunks', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 })),
      fc.array(fc.integer({ min: 1, max: 400 }), { minLength: 1 }),
      (records, cuts) => {
        const stream = Buffer.concat(records.map((record) => encodeRecord(record)));
        const decoder = new RecordDecoder();
        const seen: Uint8Array[] = [];
        for (let at = 0, cut = 0; at < stream.length; cut++) {
          const size = cuts[cut % cuts.length]!;
          seen.push(...decoder.push(stream.subarray(at, at + size)));
          at += size;
        }
        expect(seen.map((record) => Buffer.from(record))).toEqual(records.map((record) => Buffer.from(record)));
        expect(decoder.atBorder).toBe(true);
      },
    ),
  );
});

test('the length counts bytes, not characters', () => {
  expect(encodeRecord('é').toString('hex')).toBe(Buffer.from('2\né').toString('hex'));
});

test('a stream that was cut off is not at a border', () => {
  const decoder = new RecordDecoder();
  expect(decoder.push(Buffer.from('5\nab'))).toEqual([]);
  expect(decoder.atBorder).toBe(false);
});

test('a stream without lengths is refused', () => {
  for (const text of ['hello', '\n', '0\n', '-1\n', '9'.repeat(21)]) {
    expect(() => new RecordDecoder().push(Buffer.from(text)), text).toThrow(
      expect.objectContaining({ code: 'INVALID_RECORDIO' }) as Error,
    );
  }
});

test('a record beyond the bound is refused before it is stored', () => {
  expect(() => new RecordDecoder(10).push(Buffer.from('11\n'))).toThrow(/11 bytes is larger than the 10 bytes allowed/);
});
