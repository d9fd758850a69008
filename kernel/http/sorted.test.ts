import { expect, test } from 'vitest';
import { bitByBit } from './slices.js';
import { sorted } from './sorted.js';

test.each([0, 1, 999, 1000, 1001, 2000, 7777])('%i items are sorted as by sort()', async (count) => {
  const texts = Array.from({ length: count }, (_, i) => `${(i * 7919) % 10_007}/${i % 3}`);
  expect(await bitByBit(sorted(texts))).toEqual([...texts].sort());
  const items = Array.from({ length: count }, (_, i) => ({ i, rank: (i * 31) % 17 }));
  const byRank = (a: { rank: number }, b: { rank: number }): number => b.rank - a.rank;
  expect(await bitByBit(sorted(items, byRank))).toEqual([...items].sort(byRank));
});
