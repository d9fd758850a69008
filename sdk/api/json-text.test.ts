import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseJson, stringifyJson } from './json-text.js';

const failure = (text: string): string => {
  try {
    parseJson(text);
  } catch (error) {
    return (error as Error).message;
  }
  return 'no failure';
};

test('any JSON survives', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = stringifyJson(value);
      expect(text).toBe(JSON.stringify(value));
      if (!/\d{16}/.test(text)) expect(parseJson(text)).toEqual(JSON.parse(text));
    }),
  );
});

test('long integers outside of strings keep their digits', () => {
  expect(
    parseJson('{"a":1234567890123456789,"b":"\\"1234567890123456789","c":[-9223372036854775808,1.5e300]}'),
  ).toEqual({
    a: '1234567890123456789',
    b: '"1234567890123456789',
    c: ['-9223372036854775808', 1.5e300],
  });
  expect(stringifyJson({ a: 2n ** 64n - 1n, b: undefined, c: [Infinity, null] })).toBe(
    '{"a":18446744073709551615,"c":[Infinity,null]}',
  );
});

test('bare Infinity and NaN, which Mesos writes, are read', () => {
  expect(parseJson('{"a":Infinity,"b":[-Infinity,NaN],"c":"NaN, \\\\"}')).toEqual({
    a: 'Infinity',
    b: ['-Infinity', 'NaN'],
    c: 'NaN, \\',
  });
});

test('a syntax error is named as Mesos does', () => {
  expect(failure('')).toBe('syntax error at line 1 near: ');
  expect(failure('hello')).toBe('syntax error at line 1 near: hello');
  expect(failure('{"type": ')).toBe('syntax error at line 1 near: ');
  expect(failure('{\n"a": oops\n}')).toBe('syntax error at line 2 near: oops');
  expect(failure('{} x')).toBe('Parsed JSON included non-whitespace trailing characters:  x');
  expect(failure('[1,]')).toBe('syntax error at line 1 near: ]');
});

test('any text either parses or fails with INVALID_JSON', () => {
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:\\1e. -tNaInfinity\n') }), (text) => {
      try {
        parseJson(text);
      } catch (error) {
        expect(error).toMatchObject({ code: 'INVALID_JSON', blame: 'user' });
      }
    }),
  );
});
