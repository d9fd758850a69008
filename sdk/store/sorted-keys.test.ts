import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SortedKeys } from './sorted-keys.js';

const key = fc.string({ unit: fc.constantFrom('a', 'b', '/', 'é', '\u{1f680}'), minLength: 1, maxLength: 4 });
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ key }) },
  { weight: 1, arbitrary: fc.record({ prefix: key }) },
);

test('scans agree with sorting everything, whatever was added and deleted before', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const keys = new SortedKeys();
      const model = new Set<string>();
      for (const one of steps) {
        if ('key' in one) {
          if (model.delete(one.key)) keys.delete(one.key);
          else (keys.add(one.key), model.add(one.key));
        } else {
          const wanted = [...model].filter((k) => k.startsWith(one.prefix)).sort((a, b) => (a < b ? -1 : 1));
          expect([...keys.scan(one.prefix)]).toEqual(wanted);
        }
      }
      expect([...keys.scan('')]).toEqual([...model].sort((a, b) => (a < b ? -1 : 1)));
    }),
  );
});
