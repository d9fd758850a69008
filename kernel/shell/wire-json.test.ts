import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fromWireJson, toWireJson } from './wire-json.js';

test('what JSON lacks survives: bigints, NaN, infinities', () => {
  const number = fc.double().map((n) => (Object.is(n, -0) ? 0 : n));
  const leaf = fc.oneof(fc.string(), fc.bigInt({ min: -(2n ** 64n), max: 2n ** 64n }), number, fc.boolean());
  fc.assert(fc.property(fc.array(leaf), (list) => void expect(fromWireJson(toWireJson({ list }))).toEqual({ list })));
});

test('a field that is undefined is left out', () => {
  expect(toWireJson({ a: undefined, b: 1n })).toBe('{"b":{"$number":"1n"}}');
});
