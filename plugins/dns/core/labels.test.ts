import fc from 'fast-check';
import { expect, test } from 'vitest';
import { domainFragment, rfc1123Label, rfc952Label } from './labels.js';

const a = (count: number): string => 'a'.repeat(count);

test.each([
  ['hello', 'hello'],
  ['Hello.World_1', 'hello-world-1'],
  ['a!@#$%b', 'ab'],
  ['--web--', 'web'],
  ['.web.', 'web'],
  ['9lives', '9lives'],
  ['', ''],
  ['___', ''],
  ['é', ''],
  [a(70), a(63)],
  [`${a(62)}-b`, `${a(62)}b`],
  [`${a(61)}---bcd`, `${a(61)}bc`],
  [`${a(61)}--`, a(61)],
  [`${a(60)}---b-c`, `${a(60)}b-c`],
])('RFC 1123: %s is %s', (text, label) => {
  expect(rfc1123Label(text)).toBe(label);
});

test.each([
  ['9lives', 'lives'],
  ['-4-a', 'a'],
  ['42', ''],
  [a(30), a(24)],
  ['fd%gsf---gs7-f$gs--d7fddg-123', 'fdgsf---gs7-fgs--d7fddg1'],
])('RFC 952: %s is %s', (text, label) => {
  expect(rfc952Label(text)).toBe(label);
});

test('a fragment keeps its dots and loses parts that vanish', () => {
  expect(domainFragment('Prod.__.my_Framework', rfc1123Label)).toBe('prod.my-framework');
});

test('a label is always valid, and a valid label stays as it is', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 150 }), (text) => {
      const label = rfc1123Label(text);
      expect(label).toMatch(/^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)?$/);
      expect(rfc1123Label(label)).toBe(label);
    }),
  );
});
