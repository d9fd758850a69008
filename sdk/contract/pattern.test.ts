import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compilePattern } from './pattern.js';

const matches = (source: string, text: string) => compilePattern(source).matches(text);

/** Patterns of what all engines have in common, over few letters, so that texts often match. */
const { pattern } = fc.letrec<{ pattern: string; piece: string; atom: string }>((tie) => ({
  pattern: fc.oneof(
    { weight: 3, arbitrary: fc.array(tie('piece'), { maxLength: 4 }).map((parts) => parts.join('')) },
    { weight: 1, arbitrary: fc.tuple(tie('pattern'), tie('pattern')).map(([a, b]) => `${a}|${b}`) },
  ),
  piece: fc
    .tuple(tie('atom'), fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '{0,2}', '{2,}', '*?', '+?'))
    .map(([atom, bounds]) => atom + bounds),
  atom: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom('a', 'b', '-', '.', '[ab]', '[^a]', '[a-c]', '\\d', '\\w', '\\W', '[\\d-]', '\\.', '\\x61'),
    tie('pattern').map((inner) => `(?:${inner})`),
    tie('pattern').map((inner) => `(${inner})`),
  ),
}));
const texts = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c', '-', '1', '.'), maxLength: 8 }), {
  minLength: 5,
  maxLength: 5,
});

function isSmallEnough(source: string): boolean {
  try {
    compilePattern(source);
    return true;
  } catch (error) {
    expect(String(error)).toMatch(/more than 10000 steps|longer than 1024 characters/);
    return false;
  }
}

test('what it describes is what JavaScript says', () => {
  fc.assert(
    fc.property(pattern, texts, (source, all) => {
      // JavaScript tries them all out, one within the other: that can take minutes.
      fc.pre((source.match(/[*+?{]/g) ?? []).length <= 6);
      // Repetitions of repetitions may be more than what is refused for its size.
      fc.pre(isSmallEnough(source));
      const reference = new RegExp(`^(?:${source})$`);
      for (const text of all) expect(matches(source, text), `${source} on '${text}'`).toBe(reference.test(text));
    }),
    { numRuns: 2000 },
  );
});

test.each([
  ['', '', true],
  ['a', 'ab', false],
  ['^a$', 'a', true],
  ['a^b', 'ab', false],
  ['rack-[1-3]|rack-9', 'rack-9', true],
  ['(?P<row>r\\d+)', 'r12', true],
  ['\\Aa\\z', 'a', true],
  ['a\\bb', 'ab', false],
  ['a\\b.c', 'a c', true],
  ['.', '\n', false],
  ['.', '𝄞', true],
  ['[^\\]]', ']', false],
  ['\\x{1D11E}', '𝄞', true],
  ['a{,3}', 'a{,3}', true],
  ['a{x', 'a{x', true],
  ['(|a)*b', 'aaab', true],
])('%s on %j: %s', (source, text, expected) => {
  expect(matches(source, text)).toBe(expected);
});

test.each([
  ['(', 'a group that nothing closes'],
  [')', 'nothing opened'],
  ['[a', 'a class that nothing closes'],
  ['[]', 'a class of nothing'],
  ['[[:alpha:]]', 'escape it'],
  ['[b-a]', 'ends before it begins'],
  ['*a', 'a repetition of nothing'],
  ['a**', 'a repetition of a repetition'],
  ['a{3,2}', 'counts must be in order'],
  ['a{9999}', 'at most 1000'],
  ['(?i)a', 'not supported'],
  ['(?=a)', 'not supported'],
  ['(a)\\1', '\\1 is not supported'],
  ['a\\', 'a backslash at the end'],
  ['\\xg', 'needs digits'],
  ['((a{1000}){1000}){1000}', 'more than 10000 steps'],
  ['('.repeat(60) + ')'.repeat(60), 'nested deeper than 50'],
  ['a'.repeat(2000), 'longer than 1024'],
])('%s is refused: %s', (source, why) => {
  expect(() => compilePattern(source)).toThrow(why);
});

test('patterns that stop other engines are work in proportion', () => {
  const text = `${'a'.repeat(2000)}!`;
  for (const source of ['(a+)+', '(a|a)*', '(a|aa)+', '(.*a){12}', '(a*)*b']) expect(matches(source, text)).toBe(false);
});
