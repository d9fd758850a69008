import fc from 'fast-check';
import { expect, test } from 'vitest';
import { base64Text } from './base64.js';

test('any text but NUL is had back from its base64; other bytes are no text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const isText = !text.includes('\0');
      expect(base64Text(Buffer.from(text).toString('base64'))).toBe(isText ? text : undefined);
    }),
  );
  expect(base64Text(Buffer.from([0xff, 0xfe]).toString('base64'))).toBeUndefined();
});
