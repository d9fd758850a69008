import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Agenda } from './agenda.js';

const KEYS = ['a', 'b', 'c', 'd', 'e'];

it('gives back what is due in order, whatever was moved or taken out before', () => {
  const operations = fc.array(
    fc.tuple(fc.constantFrom('set', 'delete', 'take'), fc.constantFrom(...KEYS), fc.integer({ min: 0, max: 20 })),
    { maxLength: 300 },
  );
  fc.assert(
    fc.property(operations, (list) => {
      const agenda = new Agenda();
      const model = new Map<string, number>();
      const first = () =>
        [...model].map(([key, atMs]) => ({ key, atMs })).sort((a, b) => a.atMs - b.atMs || (a.key < b.key ? -1 : 1))[0];
      for (const [what, key, atMs] of list) {
        if (what === 'set') {
          agenda.set(key, atMs);
          model.set(key, atMs);
        } else if (what === 'delete') {
          agenda.delete(key);
          model.delete(key);
        } else {
          const next = first();
          const due = next !== undefined && next.atMs <= atMs ? next : undefined;
          expect(agenda.takeDue(atMs)).toEqual(due);
          if (due) model.delete(due.key);
        }
        expect([agenda.nextMs, agenda.size]).toEqual([first()?.atMs, model.size]);
      }
    }),
  );
});

it('forgets what was moved a thousand times', () => {
  const agenda = new Agenda();
  for (let n = 0; n < 100_000; n++) agenda.set('a', n);
  expect(agenda.takeDue(1e9)).toEqual({ key: 'a', atMs: 99_999 });
  expect(agenda.takeDue(1e9)).toBeUndefined();
});
