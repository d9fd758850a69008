import { expect, test } from 'vitest';
import { productFiles, textOf } from './sources.js';

const FORBIDDEN: readonly [RegExp, string][] = [
  [/\bDate\b(?!\w)/, 'time arrives in events'],
  [/\bMath\.random\b/, 'randomness arrives in events or comes from a counter in the state'],
  [/\b(setTimeout|setInterval|setImmediate|queueMicrotask)\b/, 'timers are effects'],
  [/\b(async|await|Promise)\b/, 'the core does not wait'],
  [/\b(process|console|Buffer|globalThis|performance)\b[.(]|(?<![.\w])fetch\(/, 'the core does no I/O'],
];

/** Comments and strings speak of such things freely; what a template computes is code. */
const code = (text: string): string =>
  text
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/\/\/.*$/gm, '')
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''")
    .replace(/`(?:[^`\\]|\\.)*`/g, (template) => (template.match(/\$\{[^}]*\}/g) ?? []).join(' '));

test('the pure rooms hold no clock, no randomness, no promises and no I/O', () => {
  const rooms = /^(kernel\/core|sdk\/framework\/core|plugins\/[^/]+\/core)\//;
  const broken = productFiles()
    .filter((file) => rooms.test(file))
    .flatMap((file) =>
      FORBIDDEN.filter(([pattern]) => pattern.test(code(textOf(file)))).map(
        ([pattern, why]) => `${file}: ${pattern.source}: ${why}`,
      ),
    );
  expect(broken).toEqual([]);
});

/** docs/adr/0005: what the bounds are, and why they are not the first ones. */
test('the kernel stays small: under 31,500 lines, its core under 13,250', () => {
  const lines = (room: string) =>
    productFiles()
      .filter((file) => file.startsWith(room))
      .reduce((sum, file) => sum + textOf(file).split('\n').length, 0);
  expect(lines('kernel/core/')).toBeLessThan(13_250);
  expect(lines('kernel/')).toBeLessThan(31_500);
});

test("the kernel knows no plugin's name", () => {
  const names = /['"`](marathon|metronome|dns|ensemble|router|containerizer-mesos|containerizer-docker)['"`]/;
  const broken = productFiles().filter((file) => file.startsWith('kernel/') && names.test(textOf(file)));
  expect(broken).toEqual([]);
});
