import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { shortHash } from './hash.js';

test('the known answer', () => {
  expect(shortHash('test')).toBe('iffe9');
});

test('the hash is the head of the SHA-1 of the text as UTF-8', () => {
  const alphabet = 'ybndrfg8ejkmcpqxot1uwisza345h769';
  const reference = (text: string): string => {
    const head = createHash('sha1').update(text).digest().readUInt32BE(0);
    return [27, 22, 17, 12, 7].map((shift) => alphabet[(head >>> shift) & 31]).join('');
  };
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 200 }), (text) => {
      expect(shortHash(text)).toBe(reference(text));
    }),
  );
});
