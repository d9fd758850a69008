import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parsePrometheus } from './prometheus-text.js';

const parse = (text: string, max = 1000) => parsePrometheus(text, 1000, max);

test('samples with their labels, values, times and types', () => {
  const { samples, skipped } = parse(`# HELP up It is
# TYPE up gauge
up 1
# TYPE req histogram
req_bucket{le="0.5",path="/a\\\\b\\n\\"c\\""} 3 1700000000000
req_bucket{ le="+Inf", } 4
req_sum 1.5e-3
x:y{a="}"} NaN
low -Inf\t
high +Inf
`);
  expect(skipped).toBe(0);
  expect(samples.map(({ name, labels, value, type, timestampMs }) => [name, labels, value, type, timestampMs])).toEqual(
    [
      ['up', {}, 1, 'gauge', 1000],
      ['req_bucket', { le: '0.5', path: '/a\\b\n"c"' }, 3, 'histogram', 1_700_000_000_000],
      ['req_bucket', { le: '+Inf' }, 4, 'histogram', 1000],
      ['req_sum', {}, 0.0015, 'histogram', 1000],
      ['x:y', { a: '}' }, NaN, 'untyped', 1000],
      ['low', {}, -Infinity, 'untyped', 1000],
      ['high', {}, Infinity, 'untyped', 1000],
    ],
  );
});

test('lines that make no sense are counted, the others stand', () => {
  const bad = [
    '1up 1',
    'up',
    'up x',
    'up{a="b" 1',
    'up{a=b} 1',
    'up{a="b}',
    'up 1 2 3',
    'up 1 soon',
    '{} 1',
    '<html>',
    'up{',
  ];
  const { samples, skipped } = parse(`${bad.join('\n')}\nup 7\n`);
  expect([samples.map(({ value }) => value), skipped]).toEqual([[7], bad.length]);
});

test('no name of a label reaches the prototype', () => {
  const [sample] = parse('up{__proto__="x"} 1').samples;
  expect(Object.getPrototypeOf(sample!.labels)).toBe(Object.prototype);
  expect(Object.entries(sample!.labels)).toEqual([['__proto__', 'x']]);
});

test('more samples, and more labels, than are taken are left out', () => {
  expect(parse('up 1\n'.repeat(50), 10)).toMatchObject({ skipped: 40, samples: { length: 10 } });
  expect(parse(`up{${'a="b",'.repeat(100)}} 1`)).toMatchObject({ skipped: 1, samples: [] });
});

test('junk of any length takes no time to speak of, and throws nothing', () => {
  for (const junk of [' ', '{', '"', '\\', 'a', '=', ',', '}', '# TYPE ', 'a{b="', '\t']) {
    const before = performance.now();
    for (const head of ['', 'up', 'up{', 'up{a="']) parse(head + junk.repeat(1_000_000 / junk.length));
    expect(performance.now() - before, JSON.stringify(junk)).toBeLessThan(3000);
  }
  fc.assert(fc.property(fc.string({ unit: fc.constantFrom(...'up{a="b"} 1\\\n#,.eNI') }), (text) => void parse(text)));
});
