import { expect, test } from 'vitest';
import { Timing } from './timings.js';

test('a timing tells its latest, its number and the spread of what it keeps', () => {
  const timing = new Timing();
  for (let i = 1; i <= 2000; i++) timing.record(i);
  const told = new Map<string, number>();
  timing.tell('t', (name, value) => told.set(name, value));
  expect(told.get('t')).toBe(2000);
  expect(told.get('t/count')).toBe(2000);
  expect([told.get('t/min'), told.get('t/max')]).toEqual([977, 2000]);
  expect(told.get('t/p50')).toBe(1488);
});
