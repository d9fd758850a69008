import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addRanges,
  coalesce,
  containsRanges,
  parseAttributesText,
  parseResourcesText,
  printNamedValues,
  printValue,
  sizeOfRanges,
  subtractRanges,
  takeFromRanges,
  toMilli,
  type Ranges,
} from './values.js';

const numbers = fc.uniqueArray(fc.integer({ min: 0, max: 60 }));
const rangesOf = (list: Iterable<number>): Ranges => coalesce([...list].map((n): [number, number] => [n, n]));
const minus = (a: number[], b: number[]) => a.filter((n) => !b.includes(n));

describe('scalars', () => {
  it('half a thousandth rounds away from zero', () => {
    expect([0.0005, -0.0005, 0.1, 2.0004, 1.0015].map(toMilli)).toEqual([1, -1, 100, 2000, 1002]);
  });
});

describe('ranges behave as the sets of integers they stand for', () => {
  it('add, subtract and contain agree with sets', () => {
    fc.assert(
      fc.property(numbers, numbers, (a, b) => {
        const [x, y] = [rangesOf(a), rangesOf(b)];
        expect(addRanges(x, y)).toEqual(rangesOf([...a, ...b]));
        expect(subtractRanges(x, y)).toEqual(rangesOf(minus(a, b)));
        expect(containsRanges(x, y)).toBe(minus(b, a).length === 0);
        expect(sizeOfRanges(x)).toBe(a.length);
      }),
    );
  });

  it('taking gives so many of the lowest, or nothing', () => {
    expect(takeFromRanges([1, 3, 7, 9], 4)).toEqual([1, 3, 7, 7]);
    expect(takeFromRanges([1, 3], 4)).toBeUndefined();
    expect(takeFromRanges([1, 3], 0)).toEqual([]);
  });

  it('overlapping and touching pairs become one', () => {
    expect(
      coalesce([
        [5, 6],
        [1, 2],
        [3, 3],
        [6, 9],
      ]),
    ).toEqual([1, 3, 5, 9]);
  });
});

describe('text', () => {
  it('resources come with value and role', () => {
    const parsed = parseResourcesText('cpus:4.5; mem:1024;ports:[31000-31001,31005-31009];disk(a/b):10;x:{b,a}\n');
    expect(printNamedValues(parsed)).toBe('cpus:4.5;mem:1024;ports:[31000-31001, 31005-31009];disk(a/b):10;x:{a, b}');
    expect(parsed[3]).toEqual({ name: 'disk', role: 'a/b', value: { type: 'SCALAR', milli: 10_000 } });
  });

  it('an attribute may hold any text, colons too', () => {
    const parsed = parseAttributesText('rack:a:b;x:3;y:[1-5];z:{a,b};v:1.2.3');
    expect(parsed.map(({ value }) => value.type)).toEqual(['TEXT', 'SCALAR', 'RANGES', 'SET', 'TEXT']);
    expect(parsed.map(({ value }) => printValue(value))).toEqual(['a:b', '3', '[1-5]', '{a, b}', '1.2.3']);
  });

  it.each([
    ['cpus', "'cpus': ':' is missing between name and value"],
    ['cpus:4;mem:', "'': a value is missing"],
    ['ports:[1-2', "'[1-2': ranges must end with ']'"],
    ['ports:[2-1]', "'2-1': the range ends before it begins"],
    ['ports:[1-9007199254740992]', "'1-9007199254740992': the range goes beyond 2^53"],
    ['ports:[a-b]', "'a-b': a range is written 'begin-end'"],
    ['mem:many', "'mem:many': a resource is a number, [ranges] or a {set}"],
    ['cpus:-1', "'cpus:-1': a resource cannot be negative"],
    ['cpus():1', "'cpus():1': a resource is written 'name(role):value'"],
    ['cpus:1e300', "'1e300': the number is too large"],
  ])('%s is refused by name', (text, message) => {
    expect(() => parseResourcesText(text)).toThrow(message);
  });
});
